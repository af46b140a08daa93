"""How the sandbox gateway misbehaves: set at start, changed while it runs.

An outage is `"FROM..TO"`, in seconds from the moment that it is set. A latency is in milliseconds:
`"30"`, `"20-50"` (uniform) or `"lognormal:30:0.5"` (median and sigma).
"""

import random
from collections.abc import Callable
from enum import StrEnum, auto
from itertools import cycle
from math import log
from typing import Annotated, Any, TypeAlias

import msgspec

Share: TypeAlias = Annotated[float, msgspec.Meta(ge=0, le=1)]
_MOST_MS = 600_000.0


class Decision(StrEnum):
    """What became of a request."""

    ACCEPTED = auto()
    REPEATED = auto()  # idempotent: the same answer as when it was taken
    REFUSED = auto()  # not what the contract says
    FAILED = auto()  # 500, not taken
    THROTTLED = auto()  # 429, not taken
    GARBAGE = auto()  # taken or not: the answer doesn't tell
    HUNG = auto()  # taken or not: the answer never comes
    OUTAGE = auto()  # cut off, not taken


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What can be set. The shares are parts of all requests, and together one at most."""

    is_idempotent: bool = False
    latency_ms: str = "0"
    fail_share: Share = 0.0
    throttle_share: Share = 0.0
    retry_after_s: Annotated[int, msgspec.Meta(ge=1, le=900)] = 1  # is what throttled ones ask for
    garbage_share: Share = 0.0
    hang_share: Share = 0.0
    outage: str | None = None

    def __post_init__(self) -> None:
        if self.fail_share + self.throttle_share + self.garbage_share + self.hang_share > 1:
            message = "the shares are more than 1 together"
            raise ValueError(message)
        latency(self.latency_ms, random.Random(0))  # noqa: S311 - only checked
        outage(self.outage)


def latency(text: str, draw: random.Random) -> Callable[[], float] | None:
    """Return what draws latencies in seconds; None: there is none.

    Raises:
        ValueError: it is none of the three forms, or longer than ten minutes.
    """
    try:
        if text.startswith("lognormal:"):
            _, median, sigma = text.split(":")
            mu, width = log(float(median) / 1000), float(sigma)
            _check(0 < float(median) <= _MOST_MS and 0 <= width <= 3)  # noqa: PLR2004 - wide enough
            return lambda: min(draw.lognormvariate(mu, width), _MOST_MS / 1000)
        low, _, high = text.partition("-")
        start, end = float(low) / 1000, float(high or low) / 1000
        _check(0 <= start <= end <= _MOST_MS / 1000)
    except ValueError:
        message = "a latency is '30', '20-50' or 'lognormal:30:0.5', in ms"
        raise ValueError(message) from None
    return (lambda: draw.uniform(start, end)) if end else None


def outage(text: str | None) -> tuple[float, float]:
    """Return `[from, to)` in seconds from now; nothing lies in it when there is none.

    Raises:
        ValueError: it is not `FROM..TO`.
    """
    if text is None:
        return 0.0, 0.0
    try:
        low, _, high = text.partition("..")
        start, end = float(low), float(high)
        _check(0 <= start < end)
    except ValueError:
        message = "an outage is 'FROM..TO', in seconds from now"
        raise ValueError(message) from None
    return start, end


class Misbehavior:
    """Draws what happens to each request; the same seed draws the same."""

    def __init__(self, faults: Faults, seed: int, now: Callable[[], float]) -> None:
        self._draw = random.Random(seed)  # noqa: S311 - faults to play with, not secrets
        self._now = now
        self._garbage = cycle(range(7))
        self._set(faults, is_outage_new=True)

    def change(self, patch: bytes) -> None:
        """Set some of the faults anew, from a JSON object.

        Raises:
            msgspec.DecodeError: it is no JSON, or one of its fields is unknown or wrong.
        """
        fields = msgspec.json.decode(patch, type=dict[str, Any])
        faults = msgspec.convert(msgspec.structs.asdict(self.faults) | fields, Faults)
        self._set(faults, is_outage_new="outage" in fields)

    def decide(self) -> Decision:
        """Draw what becomes of a request that is as it should be."""
        if self._outage[1] and self._outage[0] <= self._now() < self._outage[1]:
            return Decision.OUTAGE
        drawn = self._draw.random()
        for end, decision in self._ends:
            if drawn < end:
                return decision
        return Decision.ACCEPTED

    def latency_s(self) -> float:
        """Draw how long an answer takes."""
        return self._latency() if self._latency else 0.0

    def is_taken_anyway(self) -> bool:
        """Draw whether a message is taken although the answer will not tell."""
        return self._draw.random() < 0.5  # noqa: PLR2004 - a coin

    def garbage(self) -> int:
        """Return the number of the next kind of garbage: they take turns."""
        return next(self._garbage)

    def _set(self, faults: Faults, *, is_outage_new: bool) -> None:
        self.faults = faults
        self._latency = latency(faults.latency_ms, self._draw)
        if is_outage_new:
            start, end = outage(faults.outage)
            now = self._now()
            self._outage = (now + start, now + end) if end else (0.0, 0.0)
        self._ends: list[tuple[float, Decision]] = []
        end = 0.0
        for share, decision in (
            (faults.fail_share, Decision.FAILED),
            (faults.throttle_share, Decision.THROTTLED),
            (faults.garbage_share, Decision.GARBAGE),
            (faults.hang_share, Decision.HUNG),
        ):
            end += share
            if share:
                self._ends.append((end, decision))


def _check(is_right: bool) -> None:  # noqa: FBT001
    if not is_right:
        raise ValueError

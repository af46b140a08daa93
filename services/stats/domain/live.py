"""The rules of what is shown live: how fast a mailing goes, and when it will be done."""

from collections import deque
from collections.abc import Hashable
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Generic, TypeVar

from shared.event import Instant

K = TypeVar("K", bound=Hashable)

WINDOW_S = 10.0
KNOWN_AFTER_S = 2.0  # of watching: before that nobody can say how fast it goes
LARGEST_WAIT = timedelta(days=365)


@dataclass(slots=True)
class Pace(Generic[K]):
    """How many messages of each mailing become final in a second, over the last ten seconds."""

    _since: float | None = None
    _seen: dict[K, deque[tuple[float, int]]] = field(default_factory=dict)

    def begin(self) -> None:
        """Forget what was seen: there was nobody to look for a while."""
        self._since = None
        self._seen.clear()

    def see(self, key: K, final: int, at: float) -> None:
        """Note how many messages were final at a moment of a clock that only grows."""
        self._since = at if self._since is None else self._since
        seen = self._seen.setdefault(key, deque())
        if not seen and self._since < at:
            seen.append((at, final))  # it may have had all of them before
        elif not seen or seen[-1][1] != final:
            seen.append((at, final))
        while len(seen) > 1 and seen[1][0] <= at - WINDOW_S:
            seen.popleft()

    def rate(self, key: K, at: float) -> float | None:
        """Return messages a second, to three digits; None while that is not known."""
        if self._since is None or at - self._since < KNOWN_AFTER_S:
            return None
        seen = self._seen.get(key)
        if not seen:
            return 0.0
        while len(seen) > 1 and seen[1][0] <= at - WINDOW_S:
            seen.popleft()
        began = max(seen[0][0], at - WINDOW_S)
        grown = seen[-1][1] - seen[0][1]
        if grown <= 0:
            return 0.0
        return float(f"{grown / max(at - began, KNOWN_AFTER_S):.3g}")

    def forget(self, key: K) -> None:
        """Drop what was seen of a mailing that is over."""
        self._seen.pop(key, None)

    def moving(self) -> list[K]:
        """Return the mailings whose messages have become final in the window."""
        return [key for key, seen in self._seen.items() if len(seen) > 1]


def expected_end(left: int, rate: float | None, now: Instant) -> Instant | None:
    """Return when all is done at this rate; None if that is not known or too far away."""
    if not left or not rate:
        return None
    wait = timedelta(seconds=round(left / rate))
    return (now + wait).replace(microsecond=0) if wait < LARGEST_WAIT else None


def too_late(left: int, rate: float | None, now: Instant, ends_at: Instant | None) -> int | None:
    """Return how many messages won't be done before the end at this rate; None: not known."""
    if not rate or ends_at is None:
        return None
    remaining_s = max((ends_at - now).total_seconds(), 0.0)
    return max(left - int(rate * remaining_s), 0)

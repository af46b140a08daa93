"""A breaker: keeps messages from a gateway that fails, and lets them through bit by bit. Pure.

It opens on what is seen of answers (`Samples`, in each process) and is shared by all replicas:
closed, open until its next probe, then half-open: rounds of 1, 2, 4, … messages, each at least
half of which must be processed for the next one to begin, until it is closed again.

A message that failed before may fail for what it is, at a gateway that works. So those that were
never tried are judged by if there are enough, and probe first; while some wait or are under way,
others do not open it; and while only others fail, it is not open for long.

Instants are seconds of business time since the epoch.
"""

from enum import StrEnum, auto

import msgspec
from msgspec.structs import replace

from services.dispatcher.domain.outcome import Outcome, Verdict

# When it opens. Source: promises.md 3.2, as Hystrix and resilience4j have them, but for faults.
WINDOW_S, ENOUGH, SHARE = 30.0, 10, 0.5
UNREACHABLE_IN_A_ROW = 5
FORGETS_S = 60.0  # after it was closed for so long, it begins with the shortest time again
JITTER = 0.25  # of its time, at most, it is open longer: so many breakers do not probe at once
LAST_ROUND = 64  # messages; what follows it is all that there is
REPEATS_AFTER_S = 0.5  # in a round, so much later, messages probe that failed before


class BreakerState(StrEnum):
    """Whether messages go to the gateway."""

    CLOSED = auto()  # all of them
    OPEN = auto()  # none
    HALF_OPEN = auto()  # as many as the round has


class Cause(StrEnum):
    """Why a breaker opened."""

    FAULT = auto()  # login, address, name or certificate: any message would fail
    UNREACHABLE = auto()  # no connection, some times in a row
    FAILURES = auto()  # more than a share of what was sent of late
    PROBES = auto()  # those failed that were to show that it works again


class OpenFor(msgspec.Struct, frozen=True):
    """How long a breaker is open, in seconds: twice as long each time in succession."""

    first_s: float = 5.0
    longest_s: float = 120.0
    longest_of_repeats_s: float = 15.0  # for messages that had failed before

    def after(self, openings: int, jitter: float, *, is_new: bool) -> float:
        """Return how long, after so many openings, for a message that `is_new` or was tried.

        `jitter` is in `[0, 1)`.
        """
        longest_s = self.longest_s if is_new else min(self.longest_s, self.longest_of_repeats_s)
        return min(self._doubled_s(openings), longest_s) * (1 + JITTER * jitter)

    def counted(self, openings: int, *, is_new: bool) -> int:
        """Return how many openings there are with one more.

        For messages that had failed before they count up to their own longest time only.
        """
        is_counted = is_new or self._doubled_s(openings) < self.longest_of_repeats_s
        return openings + is_counted

    def _doubled_s(self, openings: int) -> float:
        return float(self.first_s * 2.0 ** min(openings, 30))


class Trip(msgspec.Struct, frozen=True):
    """What a breaker opens for."""

    cause: Cause
    reason: str  # of the last verdict
    is_new: bool = True  # messages that were never tried have failed

    @property
    def is_of_repeats(self) -> bool:
        """Whether it is for messages that had failed before, and perhaps for what they are."""
        return self.cause is Cause.FAILURES and not self.is_new


class Breaker(msgspec.Struct, frozen=True):
    """A gateway's breaker, as all replicas share it."""

    state: BreakerState = BreakerState.CLOSED
    reason: str | None = None  # of the verdict that opened it last
    changed_at: float = 0.0  # when it opened, began to probe or closed
    next_probe_at: float = 0.0  # of an open one; of a half-open one, when probes count as lost
    openings: int = 0  # in succession
    round: int = 0  # grows: what is reported of an earlier one is void
    size: int = 0  # of the round
    granted: int = 0
    processed: int = 0
    failed: int = 0

    def allows(self, now: float) -> bool:
        """Return whether messages for it may be claimed."""
        return self.state is not BreakerState.OPEN or now >= self.next_probe_at

    @property
    def repeats_at(self) -> float:
        """When messages that failed before may probe: others have had the time to be first."""
        is_open = self.state is BreakerState.OPEN
        return (self.next_probe_at if is_open else self.changed_at) + REPEATS_AFTER_S


def tripped(breaker: Breaker, trip: Trip, now: float, open_for: OpenFor, jitter: float) -> Breaker:
    """Return the breaker open; one that is not closed stays as it is."""
    if breaker.state is not BreakerState.CLOSED:
        return breaker
    is_again = breaker.openings > 0 and now - breaker.changed_at < FORGETS_S
    openings = breaker.openings if is_again else 0
    return _opened(replace(breaker, openings=openings), trip, now, open_for, jitter)


def _opened(breaker: Breaker, trip: Trip, now: float, open_for: OpenFor, jitter: float) -> Breaker:
    is_new = trip.is_new
    return Breaker(
        state=BreakerState.OPEN,
        reason=trip.reason,
        changed_at=now,
        next_probe_at=now + open_for.after(breaker.openings, jitter, is_new=is_new),
        openings=open_for.counted(breaker.openings, is_new=is_new),
        round=breaker.round + 1,
    )


def granted(breaker: Breaker, wanted: int, now: float, probe_s: float) -> tuple[Breaker, int]:
    """Return the breaker, and how many of `wanted` messages may go, each for `probe_s` at most.

    What was granted and is not reported by then was with a process that died: it is granted anew.
    """
    if breaker.state is BreakerState.CLOSED:
        return breaker, wanted
    if now >= breaker.next_probe_at:
        size = 1 if breaker.state is BreakerState.OPEN else breaker.size
        breaker = _round(breaker, size, now)
    if breaker.state is BreakerState.OPEN:
        return breaker, 0
    number = max(min(wanted, breaker.size - breaker.granted), 0)
    if not number:
        return breaker, 0
    until = now + probe_s
    return replace(breaker, granted=breaker.granted + number, next_probe_at=until), number


def _round(breaker: Breaker, size: int, now: float) -> Breaker:
    return replace(
        breaker,
        state=BreakerState.HALF_OPEN,
        changed_at=now,
        next_probe_at=float("inf"),
        round=breaker.round + 1,
        size=size,
        granted=0,
        processed=0,
        failed=0,
    )


class Probes(msgspec.Struct, frozen=True):
    """What became of probes of one round."""

    round: int
    processed: int = 0
    failed: int = 0
    returned: int = 0  # not sent, or nothing is known by them
    reason: str = ""  # of the last that failed
    is_new: bool = False  # one that failed was never tried before

    def plus(self, later: "Probes") -> "Probes":
        """Return both together, as of the later one's round."""
        return Probes(
            later.round,
            self.processed + later.processed,
            self.failed + later.failed,
            self.returned + later.returned,
            later.reason or self.reason,
            later.is_new or self.is_new,
        )

    def minus(self, shared: "Probes") -> "Probes":
        """Return what is left when some are shared."""
        left = replace(
            self,
            processed=self.processed - shared.processed,
            failed=self.failed - shared.failed,
            returned=self.returned - shared.returned,
        )
        return left if left.processed or left.failed or left.returned else NO_PROBES


NO_PROBES = Probes(0)


def probed(
    breaker: Breaker, probes: Probes, now: float, open_for: OpenFor, jitter: float
) -> Breaker:
    """Return the breaker after probes: open again, in its next round, or closed."""
    if breaker.state is not BreakerState.HALF_OPEN or probes.round != breaker.round:
        return breaker
    breaker = replace(
        breaker,
        granted=breaker.granted - probes.returned,
        processed=breaker.processed + probes.processed,
        failed=breaker.failed + probes.failed,
    )
    if breaker.failed * 2 >= breaker.size:
        trip = Trip(Cause.PROBES, probes.reason, is_new=probes.is_new)
        return _opened(breaker, trip, now, open_for, jitter)
    if breaker.processed + breaker.failed < breaker.size:
        return breaker
    if breaker.size < LAST_ROUND:
        return _round(breaker, breaker.size * 2, now)
    return Breaker(
        reason=breaker.reason,
        changed_at=now,
        openings=breaker.openings,
        round=breaker.round + 1,
    )


def is_failure(verdict: Verdict) -> bool:
    """Return whether a verdict says that the gateway does not work."""
    return not verdict.is_of_message and verdict.outcome in (
        Outcome.UNKNOWN,
        Outcome.NOT_PROCESSED,
    )


class Samples:
    """What was seen of a gateway of late, in this process."""

    __slots__ = ("_earlier", "_slices", "_unreachable", "processed")

    SLICE_S = WINDOW_S / 10

    def __init__(self) -> None:
        self.processed = 0  # since the last slice
        self._earlier = 0  # the same, before that
        self._unreachable = 0  # in a row
        # When; how many were processed, failed, and failed without having been tried before.
        self._slices: list[tuple[float, int, int, int]] = []

    @property
    def total(self) -> int:
        """How many messages were ever processed."""
        return self._earlier + self.processed

    def works(self) -> None:
        """Take a message that was processed: nearly all of them, so this does next to nothing."""
        self.processed += 1
        self._unreachable = 0

    def failed(self, verdict: Verdict, now: float, *, is_new: bool) -> Trip | None:
        """Take a verdict that is a failure; return what the breaker is to open for, if it is.

        `is_new`: its message was never tried before.
        """
        self.turn(now, failed=1, new=int(is_new))
        if verdict.fault:
            return Trip(Cause.FAULT, verdict.reason, is_new=is_new)
        is_unreachable = verdict.outcome is Outcome.NOT_PROCESSED and verdict.status_code is None
        self._unreachable = self._unreachable + 1 if is_unreachable else 0
        if self._unreachable >= UNREACHABLE_IN_A_ROW:
            return Trip(Cause.UNREACHABLE, verdict.reason, is_new=is_new)
        _, processed, failed, new = map(sum, zip(*self._slices, strict=True))
        is_enough = processed + new >= ENOUGH
        counted = new if is_enough else failed
        number = processed + counted
        if number >= ENOUGH and counted >= SHARE * number:
            return Trip(Cause.FAILURES, verdict.reason, is_new=is_enough)
        return None

    def turn(self, now: float, failed: int = 0, new: int = 0) -> None:
        """Let what is too old leave, and put what was counted since into its slice."""
        slices, processed = self._slices, self.processed
        while slices and slices[0][0] <= now - WINDOW_S:
            del slices[0]
        if not (processed or failed):
            return
        self._earlier, self.processed = self.total, 0
        if slices and now - slices[-1][0] < self.SLICE_S:
            began, *numbers = slices[-1]
            numbers[0] += processed
            slices[-1] = (began, numbers[0], numbers[1] + failed, numbers[2] + new)
        else:
            slices.append((now, processed, failed, new))

    def clear(self) -> None:
        """Begin anew: the gateway is another than it was."""
        self._slices.clear()
        self._earlier, self.processed, self._unreachable = self.total, 0, 0

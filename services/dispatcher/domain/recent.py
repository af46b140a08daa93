"""What a gateway answered of late, as one process saw it: by outcome, and after how long.

Durations are counted in classes, so those of several processes can be added up.
"""

from bisect import bisect_left
from collections import Counter, deque
from collections.abc import Sequence
from itertools import accumulate
from typing import NamedTuple

import msgspec

from services.dispatcher.domain.attempt import Attempt
from services.dispatcher.domain.breaker import is_failure
from services.dispatcher.domain.outcome import NOT_STARTED, Outcome

WINDOW_S, SLICE_S = 300.0, 15.0
GROWTH = 1.2  # so a percentile is at most a fifth too large
# Where classes of durations end, in seconds: from a millisecond to beyond any deadline.
BOUNDS_S = tuple(0.001 * GROWTH**number for number in range(72))


class LastFailure(msgspec.Struct, frozen=True):
    """The last answer, or silence, that says that the gateway does not work."""

    at: float
    reason: str
    status_code: int | None


class Seen(NamedTuple):
    """What was answered in the last minutes."""

    outcomes: Counter[Outcome]
    durations: tuple[int, ...]  # attempts by class; the last one is above all bounds


class _Slice(NamedTuple):
    began_at: float
    outcomes: Counter[Outcome]
    durations: Counter[int]


class RecentAnswers:
    """The answers of the last five minutes."""

    def __init__(self) -> None:
        self._slices: deque[_Slice] = deque()
        self.last_failure: LastFailure | None = None

    def add(self, attempts: Sequence[Attempt], now: float) -> None:
        """Count a batch of attempts; those that were not started are none of the gateway's."""
        answered = [each for each in attempts if each.verdict is not NOT_STARTED]
        if not answered:
            return
        part = self._part(now)
        part.outcomes.update([each.verdict.outcome for each in answered])
        part.durations.update([
            bisect_left(BOUNDS_S, each.ended_at - each.started_at) for each in answered
        ])  # fmt: skip
        failed = [each for each in answered if is_failure(each.verdict)]
        if failed:
            last = max(failed, key=lambda each: each.ended_at)
            verdict = last.verdict
            self.last_failure = LastFailure(last.ended_at, verdict.reason, verdict.status_code)

    def _part(self, now: float) -> _Slice:
        if not self._slices or now - self._slices[-1].began_at >= SLICE_S:
            self._slices.append(_Slice(now, Counter(), Counter()))
        return self._slices[-1]

    def seen(self, now: float) -> Seen:
        """Return what was answered in the last minutes, and forget what is older."""
        while self._slices and self._slices[0].began_at <= now - WINDOW_S:
            self._slices.popleft()
        outcomes: Counter[Outcome] = Counter()
        durations: Counter[int] = Counter()
        for part in self._slices:
            outcomes.update(part.outcomes)
            durations.update(part.durations)
        return Seen(outcomes, tuple(durations[each] for each in range(len(BOUNDS_S) + 1)))


def percentile(durations: Sequence[int], share: float) -> float | None:
    """Return by when such a share was answered, in seconds; None: nothing was.

    It is the end of a class: a fifth too much at most, but for what is beyond the last bound.
    """
    sums = list(accumulate(durations))
    if not sums or not sums[-1]:
        return None
    place = bisect_left(sums, share * sums[-1])
    return BOUNDS_S[min(place, len(BOUNDS_S) - 1)]

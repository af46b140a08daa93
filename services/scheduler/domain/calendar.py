"""The calendar of a recurring mailing: what is due, what of it runs, and what comes next.

What came due while nothing fired it (a stopped scheduler, a database that was away) is decided
by the mailing's own rules, occurrence by occurrence: each runs, or is missed with its reason.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice

from shared.contracts.schedule import Missed, Schedule
from shared.contracts.scheduler import MissedReason
from shared.event import Instant
from shared.schedule import Occurrence, end_of, end_of_run, occurrences

INSTANT = timedelta(microseconds=1)
PUNCTUAL = timedelta(minutes=1)  # an occurrence so late is on time: nobody was away


@dataclass(frozen=True, slots=True, kw_only=True)
class Calendar:
    """When a mailing recurs: its schedule, and the window `[starts_at, ends_at)` for all runs."""

    schedule: Schedule
    starts_at: Instant
    ends_at: Instant

    def recurs_like(self, other: "Calendar | None") -> bool:
        """Return whether the other has the same occurrences, as far as both windows reach."""
        return other is not None and all(
            getattr(self.schedule, name) == getattr(other.schedule, name)
            for name in ("entries", "count", "except_dates")
        )

    def first_after(self, at: Instant) -> Occurrence | None:
        """Return the first occurrence later than `at`; None if none is left."""
        return next(self.following(at), None)

    def following(self, at: Instant) -> Iterator[Occurrence]:
        """Yield the occurrences later than `at`, in the order of time."""
        return self._between(at, end_of(self.schedule, self.starts_at, self.ends_at))

    def end_of_run(self, occurrence: Occurrence) -> Instant:
        """Return when the window of an occurrence's run ends."""
        return end_of_run(self.schedule, occurrence.at, self.ends_at)

    def due(self, first: Instant, now: Instant, *, limit: int) -> "list[Due]":
        """Return what is due from `first` until `now`, the earliest `limit` of it at most."""
        until = min(now + INSTANT, end_of(self.schedule, self.starts_at, self.ends_at))
        found = list(islice(self._between(first - INSTANT, until), limit))
        if not found:
            return []
        # However many are due after these: so many as could run in their place are enough.
        later = list(islice(self._between(found[-1].at, until), self._kept))
        place = len(found) + len(later) - self._kept  # of the first that runs
        return [
            Due(occurrence=each, missed=self._missed(each, now, is_superseded=number < place))
            for number, each in enumerate(found)
        ]

    def _between(self, after: Instant, until: Instant) -> Iterator[Occurrence]:
        return occurrences(self.schedule, after=max(after, self.starts_at - INSTANT), until=until)

    @property
    def _kept(self) -> int:
        """Return how many of those that are due together run at most."""
        return self.schedule.missed_max if self.schedule.missed is Missed.RUN_ALL else 1

    def _missed(
        self, occurrence: Occurrence, now: Instant, *, is_superseded: bool
    ) -> MissedReason | None:
        late, schedule = now - occurrence.at, self.schedule
        if now >= self.end_of_run(occurrence):
            return MissedReason.WINDOW_OVER
        if schedule.catch_up_s is not None and late > timedelta(seconds=schedule.catch_up_s):
            return MissedReason.TOO_LATE
        if schedule.missed is Missed.SKIP:
            return MissedReason.TOO_LATE if late > PUNCTUAL else None
        return MissedReason.SUPERSEDED if is_superseded else None


@dataclass(frozen=True, slots=True, kw_only=True)
class Due:
    """An occurrence whose time has come."""

    occurrence: Occurrence
    missed: MissedReason | None  # why it does not run; None: it does

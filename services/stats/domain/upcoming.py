"""When a recurring mailing runs next, by its schedule."""

from dataclasses import dataclass, field
from datetime import timedelta
from functools import lru_cache

import msgspec

from shared.contracts.schedule import Schedule
from shared.event import Instant
from shared.schedule import end_of, mistakes, occurrences

KEPT = 4_096  # mailings
INSTANT = timedelta(microseconds=1)


@dataclass(slots=True)
class Upcoming:
    """The occurrences of a mailing. The next one is computed once, and anew when it has come."""

    schedule: Schedule
    starts_at: Instant
    ends_at: Instant  # of the occurrences: no more than the schedule's count are before it
    _asked_at: Instant | None = field(init=False, default=None)
    _next: Instant | None = field(init=False, default=None)

    def after(self, now: Instant) -> Instant | None:
        """Return the first occurrence later than `now`; None if none is left."""
        is_known = self._asked_at is not None and self._asked_at <= now
        if not is_known or (self._next is not None and self._next <= now):
            # One at the very start is the first.
            after = now if self.starts_at <= now else self.starts_at - INSTANT
            found = occurrences(self.schedule, after=after, until=self.ends_at)
            self._next = next((each.at for each in found), None)
            self._asked_at = now
        return self._next


@lru_cache(KEPT)
def upcoming(schedule: str, starts_at: Instant, ends_at: Instant) -> Upcoming | None:
    """Return the occurrences of a mailing, whose schedule is JSON; None: they cannot be computed.

    As of one in a zone that only the tzdata of a newer catalog has: what is unknown of one mailing
    must not keep all others from being shown.
    """
    try:
        read = msgspec.json.decode(schedule, type=Schedule)
    except msgspec.MsgspecError:
        return None
    if mistakes(read, ""):
        return None
    return Upcoming(read, starts_at, end_of(read, starts_at, ends_at))

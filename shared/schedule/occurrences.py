"""The occurrences of a schedule between two instants, one after the other."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from functools import lru_cache
from heapq import merge
from itertools import islice

from shared.contracts.schedule import Entry, Schedule
from shared.schedule.instants import FIRST_YEAR, LAST_YEAR, Occurrence, local_time, resolve
from shared.schedule.rules import walls_of
from shared.schedule.zones import load_zone

FIRST = datetime(FIRST_YEAR, 1, 1, tzinfo=UTC)
LAST = datetime(LAST_YEAR, 12, 1, tzinfo=UTC)
KEPT = 1024
INSTANT = timedelta(microseconds=1)


def occurrences(schedule: Schedule, *, after: datetime, until: datetime) -> Iterator[Occurrence]:
    """Yield what is due after an instant and before another, ascending, each instant once.

    What several local times give for one instant has the name of the earliest of them, of the
    first entry if that one is in several. The schedule's count is not looked at: `end_of` is.

    Raises:
        ValueError: The schedule has `mistakes`.
    """
    excluded = frozenset(map(date.fromisoformat, schedule.except_dates))
    after, until = min(max(after, FIRST), LAST), min(until, LAST)
    found = [_of_entry(entry, excluded, after, until) for entry in schedule.entries]
    last = None
    # Of equal ones `merge` yields that of the first entry first.
    for each in merge(*found, key=lambda each: (each.at, each.wall)):
        if each.at != last:
            yield each
        last = each.at


@lru_cache(KEPT)  # it is asked for whenever the mailing is looked at
def end_of_run(schedule: Schedule, at: datetime, ends_at: datetime) -> datetime:
    """Return when the window of the run ends that begins `at`: never past the mailing's end."""
    return min(ends_at, at + timedelta(seconds=schedule.window_s))


def end_of(schedule: Schedule, starts_at: datetime, ends_at: datetime) -> datetime:
    """Return the end of a schedule from `starts_at` on: before it are no more than its count.

    It is the instant of the first occurrence beyond the count, or `ends_at` if that is earlier.
    """
    if schedule.count is None:
        return ends_at
    before_start = max(starts_at, FIRST) - INSTANT
    counted = occurrences(schedule, after=before_start, until=ends_at)
    beyond = next(islice(counted, schedule.count, None), None)
    return ends_at if beyond is None else beyond.at


def _of_entry(
    entry: Entry, excluded: frozenset[date], after: datetime, until: datetime
) -> Iterator[Occurrence]:
    """Yield an entry's occurrences. Later local times never come earlier, so the first ends it."""
    zone = load_zone(entry.zone)
    for wall in walls_of(entry, local_time(after, zone), excluded):
        found = resolve(wall, zone)
        if found.at >= until:
            return
        if found.at > after:  # where clocks were set back, later local times were before
            yield found

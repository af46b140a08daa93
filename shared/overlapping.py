"""Overlaps: whether a mailing's occurrences come due while the run before them may be going on.

Then, unless its schedule says otherwise, they are declined. That is seen before anything runs.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from itertools import islice, pairwise

from shared.contracts.schedule import Overlap, Schedule
from shared.contracts.timing import AlreadyPassed, Clock, TimePolicy
from shared.event import Instant
from shared.schedule import Occurrence, end_of, load_zone, occurrence_of, occurrences, resolve
from shared.timing import local_time_of

LOOKED_AT = 20  # occurrences
INSTANT = timedelta(microseconds=1)
DAY = timedelta(days=1)
LAST_ZONE = "Etc/GMT+12"  # no clock is behind it
DETAIL = (
    "a run may still be going on when the next occurrence is due, which then does not run"
    " (overlap): make the runs' window shorter, or let overlap be allow or queue"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Recurring:
    """When a mailing recurs, and by whose clock."""

    schedule: Schedule
    starts_at: Instant
    ends_at: Instant
    time_policy: TimePolicy | None


def overlaps(mailing: Recurring, now: Instant) -> bool:
    """Return whether one of the next occurrences may be declined for the run before it.

    Where all messages are due at once, a window that is as long as the distance is long enough.
    """
    if mailing.schedule.overlap is not Overlap.SKIP:
        return False
    policy, window = mailing.time_policy, timedelta(seconds=mailing.schedule.window_s)
    for each, following in pairwise(islice(_following(mailing, now), LOOKED_AT)):
        distance = _distance(each, following)
        if policy is None and window > distance:
            return True
        if policy is not None and min(window, _last_due(mailing, policy, each)) >= distance:
            return True
    return False


def _following(mailing: Recurring, now: Instant) -> Iterator[Occurrence]:
    schedule, starts_at = mailing.schedule, mailing.starts_at
    until = end_of(schedule, starts_at, mailing.ends_at)
    return occurrences(schedule, after=max(now, starts_at) - INSTANT, until=until)


def _distance(each: Occurrence, following: Occurrence) -> timedelta:
    """Return how far apart two are: a day that clocks make shorter is a day."""
    apart = following.at - each.at
    return max(apart, following.wall - each.wall) if each.zone == following.zone else apart


def _last_due(mailing: Recurring, policy: TimePolicy, each: Occurrence) -> timedelta:
    """Return how long after its beginning the last message of a run may be due."""
    if policy.kind is Clock.PREFERRED_TIMES:
        return timedelta(seconds=mailing.schedule.window_s)
    run = Recurring(
        schedule=mailing.schedule,
        starts_at=each.at,
        ends_at=mailing.ends_at,
        time_policy=policy,
    )
    local = local_time_of(run, each.nominal) or each.nominal
    last = resolve(occurrence_of(local).wall, load_zone(LAST_ZONE)).at
    if policy.already_passed is AlreadyPassed.NEXT_DAY_IF_INSIDE_WINDOW:
        last += DAY
    return last - each.at

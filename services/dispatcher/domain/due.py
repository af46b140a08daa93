"""When each message of a run is due: by the clock of its client, fixed when the run is expanded.

Local times become instants by the release's own time zones, never by the database's.
"""

from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from functools import cache
from typing import NamedTuple, TypeAlias

import msgspec

from services.dispatcher.domain.window import LAST_START_S
from shared.contracts.dispatcher import SuppressedReason
from shared.contracts.timing import (
    AlreadyPassed,
    Clock,
    NoZone,
    Otherwise,
    QuietHours,
    TimePolicy,
)
from shared.event import Instant
from shared.preferred import DAYS, parse_preferred
from shared.schedule import load_zone, local_time, occurrence_of, read_time, resolve

DAY = timedelta(days=1)

When: TypeAlias = Instant | SuppressedReason  # when a message is due, or why it is not sent


class Quiet(msgspec.Struct, frozen=True):
    """Quiet hours on a client's clock, and whose clock it is where no zone is known."""

    begins: str
    ends: str
    zone: str

    def after(self, at: datetime, zone: str | None) -> datetime:
        """Return `at`, or the end of the quiet hours if it is in them on the clock there.

        Where a clock is set back at their end, they end the first time.
        """
        place = load_zone(known(zone) or self.zone)
        wall, begins, ends = local_time(at, place), _time(self.begins), _time(self.ends)
        if not _is_between(wall.time(), begins, ends):
            return at
        is_next_day = wall.time() >= ends
        day = wall.date() + DAY if is_next_day else wall.date()
        return max(at, resolve(datetime.combine(day, ends), place).at)


@cache
def _time(text: str) -> time:
    return read_time(text)


def _is_between(at: time, begins: time, ends: time) -> bool:
    return begins <= at < ends if begins <= ends else at >= begins or at < ends


def quiet_of(hours: QuietHours | None, zone: str) -> Quiet | None:
    """Return the quiet hours of a run; None if it has none, which equal ends say too."""
    if hours is None or hours.begins == hours.ends:
        return None
    return Quiet(hours.begins, hours.ends, zone)


@dataclass(frozen=True, slots=True)
class PlatformTimes:
    """What holds where a mailing says nothing."""

    quiet_hours: QuietHours | None = None
    zone: str = "UTC"  # of mailings that name none


USUAL = PlatformTimes()


class Local(NamedTuple):
    """The local time of a run, and the zone of its mailing."""

    wall: datetime
    zone: str


def local_of(text: str | None, starts_at: Instant, zone: str) -> Local:
    """Return the local time that a run names; else that of its start, in `zone`."""
    if text is None:
        return Local(local_time(starts_at, load_zone(zone)), zone)
    found = occurrence_of(text)
    return Local(found.wall, found.zone)


@cache
def known(zone: str | None) -> str | None:
    """Return a zone's name if this release knows it; a newer one may know more."""
    if zone is None:
        return None
    try:
        return load_zone(zone).key
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Timing:
    """When messages of a run are due, in the run's window."""

    starts_at: Instant
    ends_at: Instant
    local: Local
    policy: TimePolicy | None
    quiet: Quiet | None
    _due: dict[tuple[str | None, str | None], When] = field(default_factory=dict)
    _next: dict[tuple[str, str], Instant] = field(default_factory=dict)
    _loud: dict[tuple[str, Instant], Instant] = field(default_factory=dict)
    _last_start: datetime = field(init=False)

    def __post_init__(self) -> None:
        last_start = self.ends_at - timedelta(seconds=LAST_START_S)
        object.__setattr__(self, "_last_start", last_start)

    def due(self, zone: str | None, preferred: str | None) -> When:
        """Return when a message is due to a client in a zone that prefers some times."""
        key = (zone, preferred)
        found = self._due.get(key)
        if found is None:
            found = self._due[key] = self._computed(known(zone), preferred)
        return found

    def _computed(self, zone: str | None, preferred: str | None) -> When:
        policy = self.policy
        if policy is not None and zone is None and policy.no_zone is NoZone.SKIP:
            return SuppressedReason.NO_ZONE
        place = zone or self.local.zone
        found = self.starts_at if policy is None else self._by(policy, place, preferred)
        if self.quiet is None or isinstance(found, SuppressedReason):
            return found
        after = self._loud.get((place, found))
        if after is None:
            after = self._loud[place, found] = self.quiet.after(found, place)
        if after != found and after >= self._last_start:
            return SuppressedReason.QUIET_HOURS
        return after

    def _by(self, policy: TimePolicy, place: str, preferred: str | None) -> When:
        if policy.kind is Clock.PREFERRED_TIMES:
            found = self._next_preferred(place, preferred)
            if found is not None:
                return found
            if policy.otherwise is Otherwise.MAILING_ZONE:
                return self.starts_at
        return self._at_local_time(policy, place)

    def _at_local_time(self, policy: TimePolicy, place: str) -> When:
        zone, wall = load_zone(place), self.local.wall
        at = resolve(wall, zone).at
        if at >= self.starts_at:
            return at
        if policy.already_passed is AlreadyPassed.SEND_NOW:
            return self.starts_at
        if policy.already_passed is AlreadyPassed.SKIP:
            return SuppressedReason.TIME_PASSED
        passed = local_time(self.starts_at, zone).date() - wall.date()
        next_day = wall + max(passed, DAY)
        while (at := resolve(next_day, zone).at) < self.starts_at:
            next_day += DAY
        return at if at < self._last_start else SuppressedReason.TIME_PASSED

    def _next_preferred(self, place: str, preferred: str | None) -> Instant | None:
        """Return the first preferred time inside the window, if there is one."""
        if preferred is None:
            return None
        try:
            at = min(self._next_of(place, each) for each in preferred.split(", "))
        except ValueError:
            return None  # of a newer release, which knows other times
        return at if at < self._last_start else None

    def _next_of(self, place: str, entry: str) -> Instant:
        """Return when a preferred time comes next; each is looked for once in each zone."""
        key = (place, entry)
        if (found := self._next.get(key)) is None:
            found = self._next[key] = self._found(place, entry)
        return found

    def _found(self, place: str, entry: str) -> Instant:
        zone = load_zone(place)
        first = local_time(self.starts_at, zone).date()
        [time_] = parse_preferred(entry)
        at, weekdays = read_time(time_.at), {DAYS.index(day) for day in time_.days}
        days = (first + DAY * n for n in range(len(DAYS) + 2))
        walls = [datetime.combine(day, at) for day in days if day.weekday() in weekdays]
        return next(each for wall in walls if (each := resolve(wall, zone).at) >= self.starts_at)

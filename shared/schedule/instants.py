"""The instants at which local times come.

The rule of the house: a local time comes at the first instant at which a clock there shows it, or
a later one. So what a change of the clock skips comes once, right after it; what comes twice
comes the first time. And of two local times in one zone the earlier never comes later.
"""

import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Literal, TypeAlias, cast
from zoneinfo import ZoneInfo

from shared.schedule.zones import load_zone

Remark: TypeAlias = Literal["gap", "fold"]

NOMINAL = re.compile(r"(\d{4}-\d\d-\d\dT\d\d:\d\d)\[([^\[\]]+)\]", re.ASCII)
# Nothing is computed beyond: there are no instants to shift a local time by a day.
FIRST_YEAR, LAST_YEAR = 1900, 9998


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One time of a schedule: what a clock on the wall is to show, and the instant."""

    wall: datetime  # local, in whole minutes
    zone: str
    at: datetime  # in UTC
    remark: Remark | None  # gap: no such local time, it is the first moment after; fold: it
    # comes twice, this is the first

    @property
    def nominal(self) -> str:
        """Return its name, which no change of a zone's rules changes."""
        return f"{wall_text(self.wall)}[{self.zone}]"


def wall_text(wall: datetime) -> str:
    """Write a local time in whole minutes, as in `2026-03-01T09:00`."""
    return wall.isoformat(timespec="minutes")


def read_wall(text: str) -> datetime:
    """Return the local time that is written as in `2026-03-01T09:00`.

    Raises:
        ValueError: It is not, or there is no such day or minute.
    """
    wall = datetime.fromisoformat(text)
    is_plain = wall.tzinfo is None and wall_text(wall) == text
    if not is_plain or not FIRST_YEAR <= wall.year <= LAST_YEAR:
        raise ValueError("no local time as in 2026-03-01T09:00")
    return wall


def occurrence_of(nominal: str) -> Occurrence:
    """Return the occurrence of this name, at the instant that today's rules give it.

    Raises:
        ValueError: With what is wrong with the name.
    """
    parts = NOMINAL.fullmatch(nominal)
    if parts is None:
        raise ValueError(
            "a local time and a zone are needed, as in 2026-03-01T09:00[Europe/Moscow]"
        )
    try:
        wall = read_wall(parts[1])
    except ValueError:
        raise ValueError("its date or time does not exist in any calendar") from None
    return resolve(wall, load_zone(parts[2]))


def resolve(wall: datetime, zone: ZoneInfo) -> Occurrence:
    """Return the occurrence of a local time."""
    first, second = _offset(wall, zone), _offset(wall.replace(fold=1), zone)
    at = (wall - first).replace(tzinfo=UTC)
    if first == second:
        return Occurrence(wall, zone.key, at, None)
    if first > second:
        return Occurrence(wall, zone.key, at, "fold")
    before = at - (second - first)
    return Occurrence(wall, zone.key, _end_of_gap(before, at, wall, zone), "gap")


def _offset(wall: datetime, zone: ZoneInfo) -> timedelta:
    """Return the offset at a local time: before a change of the clock, with fold=1 after it."""
    return cast("timedelta", zone.utcoffset(wall))


def local_time(at: datetime, zone: ZoneInfo) -> datetime:
    """Return what a clock there shows at an instant."""
    return at.astimezone(zone).replace(tzinfo=None, fold=0)


def _end_of_gap(before: datetime, after: datetime, wall: datetime, zone: ZoneInfo) -> datetime:
    """Return the first second from which on a clock shows more than `wall`, by halving."""
    low, high = 0, int((after - before).total_seconds())
    while high - low > 1:
        middle = (low + high) // 2
        if local_time(before + timedelta(seconds=middle), zone) > wall:
            high = middle
        else:
            low = middle
    return before + timedelta(seconds=high)

"""The local times of an entry: which days have it, and at which minutes.

Whether a month has a day depends on its number, its length and the weekday of its first, so what
was found for one holds for all that look like it.
"""

from bisect import bisect_right
from calendar import monthrange
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, time
from functools import lru_cache
from typing import TypeAlias

from shared.contracts.schedule import (
    Cron,
    Daily,
    DayOfMonth,
    Entry,
    LastDay,
    Missing,
    Monthly,
    NthWeekday,
    Once,
    Weekday,
    Weekly,
)
from shared.schedule.cron import NeverDue, parse_cron
from shared.schedule.instants import LAST_YEAR, read_wall

DAYS = tuple(Weekday)  # Monday is 0
WEEK = 7
# Each of the fourteen kinds of years comes within so many, also around 2100 (no leap year).
ALL_KINDS_OF_YEARS = 40
KEPT = 4096  # rules: what a process computes in a while
NONE: frozenset[date] = frozenset()

IsDay: TypeAlias = Callable[[date], bool]
Shape: TypeAlias = tuple[int, int, int]  # number of the month, weekday of its first, length


@dataclass(frozen=True, slots=True)
class Rule:
    """Days without end, each with the same times."""

    is_day: IsDay
    times: tuple[time, ...]  # ascending
    months: frozenset[int] = frozenset(range(1, 13))
    _days: dict[Shape, tuple[int, ...]] = field(default_factory=dict)

    def walls(self, after: datetime, excluded: frozenset[date] = NONE) -> Iterator[datetime]:
        """Yield the local times after one, ascending; it ends if there will never be another."""
        first = after.date()
        for day in self._dates(first):
            if day in excluded:
                continue
            begun = bisect_right(self.times, after.time()) if day == first else 0
            for at in self.times[begun:]:
                yield datetime.combine(day, at)

    def _dates(self, first: date) -> Iterator[date]:
        last_found = first.year
        for year, month in _months(first):
            if year - last_found > ALL_KINDS_OF_YEARS:
                return
            for number in self._days_of(year, month) if month in self.months else ():
                last_found = year
                day = date(year, month, number)
                if day >= first:
                    yield day

    def _days_of(self, year: int, month: int) -> tuple[int, ...]:
        weekday, length = monthrange(year, month)
        shape = (month, weekday, length)
        found = self._days.get(shape)
        if found is None:
            days = (date(year, month, number) for number in range(1, length + 1))
            found = self._days[shape] = tuple(each.day for each in days if self.is_day(each))
        return found


def _months(first: date) -> Iterator[tuple[int, int]]:
    yield from ((first.year, month) for month in range(first.month, 13))
    for year in range(first.year + 1, LAST_YEAR + 1):
        yield from ((year, month) for month in range(1, 13))


def walls_of(
    entry: Entry, after: datetime, excluded: frozenset[date] = NONE
) -> Iterator[datetime]:
    """Return an entry's local times after one, ascending, without those of excluded days.

    Raises:
        ValueError: It is not as `mistakes` wants it.
    """
    if isinstance(entry, Once):
        wall = read_wall(entry.at)
        return iter([wall] if wall > after and wall.date() not in excluded else [])
    return _rule(entry).walls(after, excluded)


@lru_cache(KEPT)
def _rule(entry: Daily | Weekly | Monthly | Cron) -> Rule:
    match entry:
        case Daily():
            return Rule(lambda _: True, (read_time(entry.at),))
        case Weekly():
            numbers = {DAYS.index(each) for each in entry.days}
            return Rule(lambda day: day.weekday() in numbers, (read_time(entry.at),))
        case Monthly():
            return Rule(_is_monthly(entry), (read_time(entry.at),))
        case Cron():
            return _cron(entry.expression)


def _cron(expression: str) -> Rule:
    try:
        parsed = parse_cron(expression)
    except NeverDue:
        return Rule(lambda _: False, ())
    hours, minutes = sorted(parsed.hours), sorted(parsed.minutes)
    times = tuple(time(hour, minute) for hour in hours for minute in minutes)
    return Rule(parsed.match_day, times, frozenset(parsed.months))


def read_time(text: str) -> time:
    """Return the time of day that is written as in `09:00`.

    Raises:
        ValueError: It is not.
    """
    found = time.fromisoformat(text)
    if found.tzinfo is not None or found.isoformat(timespec="minutes") != text:
        raise ValueError("no time of day as in 09:00")
    return found


def _is_monthly(entry: Monthly) -> IsDay:
    is_skipped = entry.missing is Missing.SKIP
    match entry.on:
        case LastDay():
            return lambda day: day.day == _length(day)
        case DayOfMonth(day=number):
            if is_skipped:
                return lambda day: day.day == number
            return lambda day: day.day == min(number, _length(day))
        case NthWeekday(weekday=weekday, nth="last"):
            number = DAYS.index(weekday)
            return lambda day: day.weekday() == number and _is_last_week(day)
        case NthWeekday(weekday=weekday, nth=nth):
            number = DAYS.index(weekday)
            return lambda day: (
                day.weekday() == number
                and (
                    _week(day) == nth
                    or (not is_skipped and _week(day) < int(nth) and _is_last_week(day))
                )
            )


def _length(day: date) -> int:
    return monthrange(day.year, day.month)[1]


def _week(day: date) -> int:
    """Return the how manieth of its weekdays it is in its month."""
    return (day.day - 1) // WEEK + 1


def _is_last_week(day: date) -> bool:
    return day.day + WEEK > _length(day)

"""An independent model of schedules: it steps through the minutes, and asks of each if it matches.

It imports nothing of the project and no library of schedules, only zoneinfo. Its rules are read
from the documentation: a local time that is skipped is due at the first minute after, one that
comes twice the first time; what falls on one minute is due once, under its earliest name.
"""

import calendar
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from functools import cache
from importlib.resources import files
from typing import Any, TypeAlias
from zoneinfo import ZoneInfo

MINUTE, DAY = timedelta(minutes=1), timedelta(days=1)
LEAD = timedelta(hours=26)  # clocks were set back by less; what they showed before is known then
BEYOND = timedelta(hours=6)  # what comes twice comes again by then
WEEK = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")
CRON_DAYS = ("SUN", "MON", "TUE", "WED", "THU", "FRI", "SAT")
CRON_MONTHS = ("", *(name.upper() for name in calendar.month_abbr[1:]))

Json: TypeAlias = Mapping[str, Any]
Time: TypeAlias = tuple[int, int]  # hour and minute
Due: TypeAlias = tuple[datetime, str, str | None]  # instant, name, gap or fold


@cache
def zone_of(name: str) -> ZoneInfo:
    """Return a zone from the package of tzdata."""
    with (files("tzdata") / "zoneinfo").joinpath(*name.split("/")).open("rb") as file:
        return ZoneInfo.from_file(file, key=name)


@dataclass
class Minutes:
    """The local minutes that a clock passes within some days: when it does, and how."""

    zone: str
    passed: dict[date, dict[Time, datetime]] = field(default_factory=dict)
    skipped: set[datetime] = field(default_factory=set)
    repeated: set[datetime] = field(default_factory=set)


def step_through(name: str, after: datetime, until: datetime) -> Minutes:
    """Look at a clock once a minute."""
    zone, found = zone_of(name), Minutes(name)
    at = after - LEAD
    latest = at.astimezone(zone).replace(tzinfo=None)
    while at < until + BEYOND:
        at += MINUTE
        shown = at.astimezone(zone).replace(tzinfo=None, fold=0)
        if shown <= latest:
            found.repeated.add(shown)
        while latest < shown:
            latest += MINUTE
            found.passed.setdefault(latest.date(), {})[latest.hour, latest.minute] = at
            if latest < shown:
                found.skipped.add(latest)
    return found


def due(schedule: Json, minutes: Minutes, after: datetime, until: datetime) -> list[Due]:
    """Return what of a schedule in this one zone is due between two instants."""
    first: dict[datetime, tuple[datetime, int]] = {}
    for number, entry in enumerate(schedule["entries"]):
        for local, at in matching(entry, minutes, set(schedule.get("except_dates", ()))):
            if after < at < until:
                first[at] = min(first.get(at, (local, number)), (local, number))
    return [
        (at, f"{local:%Y-%m-%dT%H:%M}[{minutes.zone}]", how(local, minutes))
        for at, (local, _) in sorted(first.items())
    ]


def how(local: datetime, minutes: Minutes) -> str | None:
    """Return whether a local minute is skipped or comes twice."""
    if local in minutes.skipped:
        return "gap"
    return "fold" if local in minutes.repeated else None


def matching(
    entry: Json, minutes: Minutes, excepted: set[str]
) -> Iterator[tuple[datetime, datetime]]:
    """Yield each local minute that matches an entry, and when it is passed."""
    is_day, times = days_of(entry), times_of(entry)
    for day, passed in minutes.passed.items():
        if is_day(day) and str(day) not in excepted:
            for hour, minute in times & passed.keys():
                yield datetime(day.year, day.month, day.day, hour, minute), passed[hour, minute]  # noqa: DTZ001 - local


def times_of(entry: Json) -> set[Time]:
    """Return the hours and minutes of an entry's days."""
    if entry["kind"] != "cron":
        hour, minute = entry["at"][-5:].split(":")
        return {(int(hour), int(minute))}
    minutes, hours, *_ = entry["expression"].split()
    of_hour = [minute for minute in range(60) if in_field(minutes, minute, (0, 59))]
    return {(hour, of) for hour in range(24) if in_field(hours, hour, (0, 23)) for of in of_hour}


def days_of(entry: Json) -> Callable[[date], bool]:
    """Return whether a day is one of an entry's."""
    match entry:
        case {"kind": "once", "at": at}:
            return lambda day: str(day) == at[:10]
        case {"kind": "daily"}:
            return lambda _: True
        case {"kind": "weekly", "days": days}:
            return lambda day: WEEK[day.weekday()] in days
        case {"kind": "monthly", "on": on}:
            is_skipped = entry.get("missing") == "skip"
            return lambda day: day == chosen(on, day.year, day.month, is_skipped=is_skipped)
        case {"expression": expression}:
            return lambda day: in_cron(expression, day)
        case _:
            raise ValueError(entry)


def chosen(on: Json, year: int, month: int, *, is_skipped: bool) -> date | None:
    """Return the day of a month."""
    days = days_of_month(year, month)
    match on:
        case {"kind": "last_day"}:
            return days[-1]
        case {"kind": "day", "day": number}:
            wanted = int(number) - 1
        case {"weekday": weekday, "nth": nth}:
            days = [day for day in days if WEEK[day.weekday()] == weekday]
            wanted = len(days) - 1 if nth == "last" else int(nth) - 1
        case _:
            raise ValueError(on)
    if wanted < len(days):
        return days[wanted]
    return None if is_skipped else days[-1]


@cache
def days_of_month(year: int, month: int) -> list[date]:
    """Return the days of a month."""
    days = [date(year, month, 1) + DAY * number for number in range(31)]
    return [day for day in days if day.month == month]


# Cron. Source: crontab(5) of Debian, and the documentation of cronsim for L, LW and #.


def in_cron(expression: str, day: date) -> bool:
    """Return whether a day matches an expression."""
    _, _, days, months, weekdays = expression.upper().split()
    if not in_field(months, day.month, (1, 12), CRON_MONTHS):
        return False
    is_day = any(in_days(term, day) for term in days.split(","))
    is_weekday = any(in_weekdays(term, day) for term in weekdays.split(","))
    if days[0] == "*" or weekdays[0] == "*":
        return is_day and is_weekday
    return is_day or is_weekday


def in_days(term: str, day: date) -> bool:
    """Return whether a day matches a term of the days of the month."""
    last = (day.replace(day=28) + 4 * DAY).replace(day=1) - DAY
    if term == "L":
        return day == last
    if term == "LW":
        while last.weekday() > 4:
            last -= DAY
        return day == last
    return in_field(term, day.day, (1, 31))


def in_weekdays(term: str, day: date) -> bool:
    """Return whether a day matches a term of the days of the week."""
    is_last = (day + 7 * DAY).month != day.month
    nth = (day.day + 6) // 7
    number = day.isoweekday() % 7
    term, _, wanted = term.partition("#")
    if wanted and int(wanted) != nth:
        return False
    if term.endswith("L"):
        return is_last and in_weekdays(term[:-1], day)
    sunday = not number and in_field(term, 7, (0, 7), CRON_DAYS)
    return sunday or in_field(term, number, (0, 7), CRON_DAYS)


def in_field(text: str, value: int, bounds: tuple[int, int], names: tuple[str, ...] = ()) -> bool:
    """Return whether a number matches a field: a list of numbers, names and ranges, with steps."""
    return value in numbers_of(text, bounds, names)


@cache
def numbers_of(text: str, bounds: tuple[int, int], names: tuple[str, ...]) -> set[int]:
    """Return the numbers of a field."""

    def number(text: str) -> int:
        return names.index(text) if text in names else int(text)

    found: set[int] = set()
    for term in text.split(","):
        of, _, step = term.partition("/")
        low, _, high = of.partition("-")
        if of == "*":
            first, last = bounds
        elif high or not step:
            first, last = number(low), number(high or low)
        else:
            first, last = number(low), bounds[1]
        found.update(range(first, last + 1, int(step or 1)))
    return found

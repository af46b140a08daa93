"""The times at which a client prefers messages: weekdays and a local time, any number of them.

Their one text is the form in which events, tables and files have them: `mon-fri 09:00, sat 11:30`.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from shared.contracts.schedule import Weekday

MOST = 50  # of a client
DAYS = tuple(Weekday)
SHORT = tuple(day[:3] for day in DAYS)
DAILY = "daily"
NAMES = {
    **dict(zip(SHORT, DAYS, strict=True)),
    **{day.value: day for day in DAYS},
    **dict(zip(("пн", "вт", "ср", "чт", "пт", "сб", "вс"), DAYS, strict=True)),  # noqa: RUF001 - Cyrillic is meant
}
EVERY_DAY = {DAILY, "ежедневно"}
PARTS = re.compile(r"[,;|\n]")
TIME = re.compile(r"([01]?\d|2[0-3])[:.]([0-5]\d)", re.ASCII)
EXAMPLE = "mon-fri 09:00, sat 11:30"


class PreferredTime(NamedTuple):
    """A local time on some days of the week."""

    days: tuple[Weekday, ...]  # in their order, one at least
    at: str  # 09:00


def parse_preferred(text: str) -> tuple[PreferredTime, ...]:
    """Return the times that a text names, in English or Russian; none of an empty one.

    Raises:
        ValueError: With what cannot be understood, and how it is written.
    """
    found: list[PreferredTime] = []
    days: list[Weekday] = []
    rest = ""
    for part in PARTS.split(text.lower()):
        *names, last = part.split() or [""]
        is_time = TIME.fullmatch(last)
        for name in names if is_time else [*names, last]:
            days += _days(name)
        rest = "" if is_time else rest + last
        if is_time:
            at = f"{int(is_time[1]):02}:{is_time[2]}"
            found.append(PreferredTime(_in_order(days or DAYS), at))
            days = []
    if rest:
        raise ValueError(f"days are followed by a time, as in {EXAMPLE}")
    times = canonical_preferred(found)
    if len(times) > MOST:
        raise ValueError(f"at most {MOST} times are kept of a client")
    return times


def _days(name: str) -> list[Weekday]:
    if not name:
        return []
    if name in EVERY_DAY:
        return list(DAYS)
    first, dash, last = name.partition("-")
    if first not in NAMES or (dash and last not in NAMES):
        raise ValueError(f"a day of the week is needed, as in {EXAMPLE}")
    begin = DAYS.index(NAMES[first])
    end = DAYS.index(NAMES[last]) if dash else begin
    length = (end - begin) % len(DAYS) + 1  # sat-mon goes over the week's end
    return [DAYS[(begin + n) % len(DAYS)] for n in range(length)]


def canonical_preferred(times: Iterable[PreferredTime]) -> tuple[PreferredTime, ...]:
    """Return times in the one order in which they are kept, each day and time once."""
    by_time: dict[str, set[Weekday]] = {}
    for each in times:
        by_time.setdefault(each.at, set()).update(each.days)
    found = [PreferredTime(_in_order(days), at) for at, days in by_time.items()]
    return tuple(sorted(found, key=lambda each: ([DAYS.index(day) for day in each.days], each.at)))


def _in_order(days: Iterable[Weekday]) -> tuple[Weekday, ...]:
    wanted = set(days)
    return tuple(day for day in DAYS if day in wanted)


def format_preferred(times: Iterable[PreferredTime]) -> str | None:
    """Return the text of times, as `parse_preferred` reads it; None if there are none."""
    return ", ".join(f"{_name(each.days)} {each.at}" for each in times) or None


def _name(days: tuple[Weekday, ...]) -> str:
    if days == DAYS:
        return DAILY
    first, last = DAYS.index(days[0]), DAYS.index(days[-1])
    if last - first == len(days) - 1 and len(days) > 2:  # noqa: PLR2004 (a range of two is a list)
        return f"{SHORT[first]}-{SHORT[last]}"
    return ",".join(SHORT[DAYS.index(day)] for day in days)

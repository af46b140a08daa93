"""What is wrong with a schedule that somebody sends, and the one form in which it is kept."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any

import msgspec

from shared.contracts.schedule import (
    Cron,
    DayOfMonth,
    Entry,
    Monthly,
    NthWeekday,
    Once,
    Schedule,
    Weekly,
)
from shared.errors import FieldError
from shared.schedule.cron import cron_mistakes
from shared.schedule.instants import read_wall
from shared.schedule.rules import DAYS, read_time, walls_of
from shared.schedule.zones import canonical_zone, why_refused

MOST_ENTRIES = 20
MOST_EXCEPT_DATES = 366
LONGEST_S = 366 * 86_400  # a window, and how late a run may be: a year
MOST_MISSED = 100
MOST_DAYS, MOST_NTH = 31, 5
SOME_TIME = datetime(2000, 1, 1)  # noqa: DTZ001 - it is local
MOST_COUNT = 10_000  # daily for 27 years; they are counted when a mailing is saved


def mistakes(schedule: Schedule, path: str) -> list[FieldError]:
    """Return what is wrong with a schedule that stands at `path`, a JSON pointer."""
    return [
        each._replace(pointer=f"{path}{each.pointer}")
        for each in (*_in_entries(schedule), *_in_limits(schedule))
    ]


def canonical(schedule: Schedule) -> Schedule:
    """Return the one form of a schedule without mistakes: today's zones, days in order, once each.

    Entries keep their order, and times theirs: what was saved goes on under the same names.
    """
    entries = tuple(dict.fromkeys(map(_canonical_entry, schedule.entries)))
    dates = tuple(sorted(set(schedule.except_dates)))
    return msgspec.structs.replace(schedule, entries=entries, except_dates=dates)


def _canonical_entry(entry: Entry) -> Entry:
    changes: dict[str, Any] = {"zone": canonical_zone(entry.zone)}
    match entry:
        case Weekly(days=days):
            changes["days"] = tuple(each for each in DAYS if each in days)
        case Cron(expression=expression):
            changes["expression"] = " ".join(expression.upper().split())
        case _:
            pass
    return msgspec.structs.replace(entry, **changes)


def _in_limits(schedule: Schedule) -> Iterator[FieldError]:
    count, dates = schedule.count, schedule.except_dates
    if count is not None and not 1 <= count <= MOST_COUNT:
        detail = f"it is 1 to {MOST_COUNT:,}; leave it out for no limit"
        yield FieldError("/count", "count", detail, (1, MOST_COUNT))
    if not 1 <= schedule.window_s <= LONGEST_S:
        detail = f"seconds are needed, 1 to {LONGEST_S:,}"
        yield FieldError("/window_s", "window", detail, (1, LONGEST_S))
    if not 1 <= schedule.missed_max <= MOST_MISSED:
        yield FieldError(
            "/missed_max", "missed_max", f"it is 1 to {MOST_MISSED}", (1, MOST_MISSED)
        )
    if schedule.catch_up_s is not None and not 0 <= schedule.catch_up_s <= LONGEST_S:
        detail = f"seconds are needed, 0 to {LONGEST_S:,}"
        yield FieldError("/catch_up_s", "catch_up", detail, (0, LONGEST_S))
    if len(dates) > MOST_EXCEPT_DATES:
        detail = f"at most {MOST_EXCEPT_DATES} are allowed"
        yield FieldError("/except_dates", "too_long", detail, (MOST_EXCEPT_DATES,))
        return
    for number, text in enumerate(dates):
        if not _is_date(text):
            detail = "a date is needed, as in 2026-12-31"
            yield FieldError(f"/except_dates/{number}", "date", detail)


def _in_entries(schedule: Schedule) -> Iterator[FieldError]:
    if not 1 <= len(schedule.entries) <= MOST_ENTRIES:
        yield FieldError(
            "/entries", "entries", f"1 to {MOST_ENTRIES} are needed", (1, MOST_ENTRIES)
        )
        return
    for number, entry in enumerate(schedule.entries):
        for each in _in_entry(entry):
            yield each._replace(pointer=f"/entries/{number}{each.pointer}")


def _in_entry(entry: Entry) -> Iterator[FieldError]:
    found = list(_in_fields(entry))
    yield from found
    if not (found or isinstance(entry, Once)) and next(walls_of(entry, SOME_TIME), None) is None:
        name = "/expression" if isinstance(entry, Cron) else "/on"
        yield FieldError(name, "never_due", "there is no such date: it is never due")
    if refusal := why_refused(entry.zone):
        yield FieldError("/zone", "time_zone", refusal)


def _in_fields(entry: Entry) -> Iterator[FieldError]:
    match entry:
        case Cron():
            for found in cron_mistakes(entry.expression):
                detail = f"{found.detail}, at character {found.character}"
                yield FieldError("/expression", "cron", detail)
        case Weekly(days=()):
            detail = "one day at least is needed, monday to sunday"
            yield FieldError("/days", "days", detail)
        case Monthly():
            yield from _in_month_day(entry)
        case _:
            pass
    if not _is_time(entry):
        example = "2026-03-01T09:00, without an offset" if isinstance(entry, Once) else "09:00"
        yield FieldError(
            "/at", "time", f"a local time in whole minutes is needed, as in {example}"
        )


def _in_month_day(entry: Monthly) -> Iterator[FieldError]:
    match entry.on:
        case DayOfMonth(day=day) if not 1 <= day <= MOST_DAYS:
            detail = f"it is 1 to {MOST_DAYS}; or take the last_day"
            yield FieldError("/on/day", "day", detail, (1, MOST_DAYS))
        case NthWeekday(nth=int(nth)) if not 1 <= nth <= MOST_NTH:
            yield FieldError("/on/nth", "nth", f"it is 1 to {MOST_NTH}, or last", (1, MOST_NTH))
        case _:
            pass


def _is_time(entry: Entry) -> bool:
    try:
        match entry:
            case Once():
                read_wall(entry.at)
            case Cron():
                pass
            case _:
                read_time(entry.at)
    except ValueError:
        return False
    return True


def _is_date(text: str) -> bool:
    try:
        return date.fromisoformat(text).isoformat() == text
    except ValueError:
        return False

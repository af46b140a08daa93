"""When a mailing's occurrences are due, as events and requests have it.

Times are local times in whole minutes, never UTC: a zone's rules may change before one comes.
"""

from enum import StrEnum, auto
from typing import Literal, TypeAlias

import msgspec


class Weekday(StrEnum):
    """A day of the week, in the order of ISO 8601."""

    MONDAY = auto()
    TUESDAY = auto()
    WEDNESDAY = auto()
    THURSDAY = auto()
    FRIDAY = auto()
    SATURDAY = auto()
    SUNDAY = auto()


class Missing(StrEnum):
    """What becomes of a month that does not have the day."""

    LAST_DAY = auto()  # its last day, or its last such weekday
    SKIP = auto()


class Missed(StrEnum):
    """What becomes of occurrences that came due while nothing fired them."""

    RUN_LATEST = auto()  # the latest runs, those before it do not
    RUN_ALL = auto()  # the latest `missed_max` run, in their order
    SKIP = auto()


class Overlap(StrEnum):
    """What becomes of an occurrence while a run before it is going on."""

    SKIP = auto()
    QUEUE = auto()  # it begins when that one has ended, if its window is not over then
    ALLOW = auto()


# The day of a month


class DayOfMonth(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="day"):
    """The day with this number."""

    day: int  # 1 to 31


class LastDay(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="last_day"):
    """The last day, whatever its number."""


class NthWeekday(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="weekday"):
    """The first to fifth, or the last, of such weekdays."""

    weekday: Weekday
    nth: int | Literal["last"]  # 1 to 5


MonthDay: TypeAlias = DayOfMonth | LastDay | NthWeekday


# The entries of a schedule


class Once(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="once"):
    """At one local time."""

    at: str  # 2026-03-01T09:00
    zone: str  # of IANA


class Daily(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="daily"):
    """Every day."""

    at: str  # 09:00
    zone: str


class Weekly(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="weekly"):
    """Every week, on some days."""

    days: tuple[Weekday, ...]  # one at least
    at: str
    zone: str


class Monthly(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="monthly"):
    """Every month, on one day."""

    on: MonthDay
    at: str
    zone: str
    missing: Missing = Missing.LAST_DAY


class Cron(msgspec.Struct, frozen=True, kw_only=True, tag_field="kind", tag="cron"):
    """In each local minute that matches an expression."""

    expression: str  # minute, hour, day of month, month, day of week
    zone: str


Entry: TypeAlias = Once | Daily | Weekly | Monthly | Cron


class Schedule(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """When a mailing's occurrences are due, between its start and its end."""

    entries: tuple[Entry, ...]  # 1 to 20
    count: int | None = None  # no more occurrences than that, from the start on
    except_dates: tuple[str, ...] = ()  # 2026-12-31: none on this local date, in each entry's zone
    window_s: int = 86_400  # of a run, in seconds from its occurrence on
    missed: Missed = Missed.RUN_LATEST
    missed_max: int = 10  # where all run
    catch_up_s: int | None = None  # later than that none runs; None: while its window lasts
    overlap: Overlap = Overlap.SKIP

"""Schedules in bodies: how requests say when a mailing recurs, and how answers show it."""

from typing import Annotated, Any, Literal, TypeAlias

import msgspec
from pydantic import Field

from shared.contracts.schedule import Missed, Missing, Overlap, Schedule, Weekday
from shared.http.bodies import Body, View
from shared.schedule.checks import (
    LONGEST_S,
    MOST_COUNT,
    MOST_ENTRIES,
    MOST_EXCEPT_DATES,
    MOST_MISSED,
)

DAY_S = 86_400

At: TypeAlias = Annotated[
    str,
    Field(pattern=r"^([01]\d|2[0-3]):[0-5]\d$", description="Local time.", examples=["09:00"]),
]
Zone: TypeAlias = Annotated[
    str, Field(max_length=100, description="Of IANA.", examples=["Europe/Moscow"])
]


class OnceBody(Body):
    """One local time."""

    kind: Literal["once"]
    at: str = Field(
        pattern=r"^\d{4}-\d\d-\d\dT([01]\d|2[0-3]):[0-5]\d$", examples=["2026-03-01T09:00"]
    )
    zone: Zone


class DailyBody(Body):
    """Every day."""

    kind: Literal["daily"]
    at: At
    zone: Zone


class WeeklyBody(Body):
    """Every week, on some days."""

    kind: Literal["weekly"]
    days: tuple[Weekday, ...] = Field(min_length=1, max_length=7, examples=[["monday", "friday"]])
    at: At
    zone: Zone


class DayOfMonthBody(Body):
    """The day with this number."""

    kind: Literal["day"]
    day: int = Field(ge=1, le=31, examples=[15])


class LastDayBody(Body):
    """The last day, whatever its number."""

    kind: Literal["last_day"]


class NthWeekdayBody(Body):
    """The first to fifth, or the last, of such weekdays."""

    kind: Literal["weekday"]
    weekday: Weekday = Field(examples=["monday"])
    nth: Annotated[int, Field(ge=1, le=5)] | Literal["last"] = Field(examples=[1])


MonthDayBody: TypeAlias = Annotated[
    DayOfMonthBody | LastDayBody | NthWeekdayBody, Field(discriminator="kind")
]


class MonthlyBody(Body):
    """Every month, on one day."""

    kind: Literal["monthly"]
    on: MonthDayBody = Field(examples=[{"kind": "last_day"}])
    at: At
    zone: Zone
    missing: Missing = Field(Missing.LAST_DAY, description="In months without the day.")


class CronBody(Body):
    """In each local minute that matches an expression."""

    kind: Literal["cron"]
    expression: str = Field(
        max_length=200,
        description="Minute, hour, day of month, month, day of week.",
        examples=["0 9 * * 1-5"],
    )
    zone: Zone


EntryBody: TypeAlias = Annotated[
    OnceBody | DailyBody | WeeklyBody | MonthlyBody | CronBody, Field(discriminator="kind")
]
Date: TypeAlias = Annotated[str, Field(pattern=r"^\d{4}-\d\d-\d\d$", examples=["2026-12-31"])]
EntriesBody: TypeAlias = Annotated[
    tuple[EntryBody, ...],
    Field(
        min_length=1,
        max_length=MOST_ENTRIES,
        examples=[[{"kind": "daily", "at": "09:00", "zone": "Europe/Moscow"}]],
    ),
]
Count: TypeAlias = Annotated[
    int | None,
    Field(ge=1, le=MOST_COUNT, description="At most so many occurrences, from the start on."),
]
ExceptDates: TypeAlias = Annotated[
    tuple[Date, ...],
    Field(max_length=MOST_EXCEPT_DATES, description="Local dates without occurrence."),
]
WindowS: TypeAlias = Annotated[
    int,
    Field(
        ge=1,
        le=LONGEST_S,
        description="Of a run, in seconds from its occurrence on; never past ends_at.",
    ),
]
MissedMax: TypeAlias = Annotated[
    int, Field(ge=1, le=MOST_MISSED, description="How many run_all runs, the latest.")
]
CatchUpS: TypeAlias = Annotated[
    int | None,
    Field(ge=0, le=LONGEST_S, description="Later than that, in seconds, none runs."),
]


class ScheduleBody(Body):
    """When a mailing recurs between its start and its end; each occurrence is a run of its own."""

    entries: EntriesBody
    count: Count = None
    except_dates: ExceptDates = ()
    window_s: WindowS = DAY_S
    missed: Missed = Field(
        Missed.RUN_LATEST, description="Of what came due while nothing fired it."
    )
    missed_max: MissedMax = 10
    catch_up_s: CatchUpS = None
    overlap: Overlap = Field(Overlap.SKIP, description="While a run before is going on.")


class ScheduleChanges(Body):
    """A part of a schedule: what it does not name stays, null is the default."""

    entries: EntriesBody | None = None
    count: Count = None
    except_dates: ExceptDates | None = None
    window_s: WindowS | None = None
    missed: Missed | None = None
    missed_max: MissedMax | None = None
    catch_up_s: CatchUpS = None
    overlap: Overlap | None = None


def schedule_from(body: ScheduleBody) -> Schedule:
    """Return the schedule that a body describes."""
    return msgspec.convert(body.model_dump(mode="json"), Schedule)


class RecurrenceView(View):
    """When a mailing recurs, of any release, also one that knows more than this."""

    entries: list[dict[str, Any]] = Field(description="As they are sent.")
    count: int | None = None
    except_dates: list[str] = Field([])
    window_s: int = DAY_S
    missed: str = Missed.RUN_LATEST
    missed_max: int = 10
    catch_up_s: int | None = None
    overlap: str = Overlap.SKIP

    @property
    def first_zone(self) -> str:
        """Return the zone of its first entry, in which nominal times are written by default."""
        return str(self.entries[0]["zone"])

"""The occurrences of each kind of entry, of several together, and the laws of all."""

from datetime import UTC, date, datetime, timedelta
from operator import sub
from typing import Any

import msgspec
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

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
    Schedule,
    Weekday,
    Weekly,
)
from shared.schedule import Occurrence, end_of, occurrence_of, occurrences
from shared.schedule.rules import ALL_KINDS_OF_YEARS
from tests.proof.known import KNOWN

BERLIN = "Europe/Berlin"
DAILY = {"kind": "daily", "at": "09:00", "zone": BERLIN}
WEEKLY = {"kind": "weekly", "at": "09:00", "zone": "UTC"}
SATURDAY = date(2026, 1, 10)
EVERY_DAY = [f"{SATURDAY + timedelta(days=number):%m-%d}" for number in range(81)]


def schedule(*entries: dict[str, Any], **more: Any) -> Schedule:
    return msgspec.convert({"entries": entries, **more}, Schedule)


def cron(expression: str, zone: str = BERLIN) -> dict[str, Any]:
    return {"kind": "cron", "expression": expression, "zone": zone}


def monthly(missing: str = "last_day", **on: Any) -> dict[str, Any]:
    return {"kind": "monthly", "on": on, "at": "09:00", "zone": "UTC", "missing": missing}


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def walls(of: Schedule, after: str, until: str) -> list[str]:
    found = occurrences(of, after=utc(after), until=utc(until))
    return [f"{each.wall:%m-%d %H:%M}" for each in found]


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        ({"kind": "once", "at": "2026-02-14T09:00", "zone": "UTC"}, ["02-14"]),
        ({"kind": "once", "at": "2026-08-14T09:00", "zone": "UTC"}, []),
        (DAILY | {"zone": "UTC"}, EVERY_DAY),
        (WEEKLY | {"days": ["saturday"]}, EVERY_DAY[0::7]),
        (WEEKLY | {"days": ["saturday", "sunday"]}, sorted(EVERY_DAY[0::7] + EVERY_DAY[1::7])),
        (cron("0 9 * * SAT", "UTC"), EVERY_DAY[0::7]),
        # A range of one has no step to the next. (cronsim takes it for one without an end.)
        (cron("0 9-9/2 10-10/2 * *", "UTC"), ["01-10", "02-10", "03-10"]),
        (cron("0 9 * * 0,6-7", "UTC"), sorted(EVERY_DAY[0::7] + EVERY_DAY[1::7])),
        (monthly(kind="day", day=15), ["01-15", "02-15", "03-15"]),
        (monthly(kind="day", day=31), ["01-31", "02-28", "03-31"]),
        (monthly("skip", kind="day", day=31), ["01-31", "03-31"]),
        (monthly("skip", kind="last_day"), ["01-31", "02-28", "03-31"]),
        (monthly(kind="weekday", weekday="friday", nth=1), ["02-06", "03-06"]),
        (monthly(kind="weekday", weekday="friday", nth=5), ["01-30", "02-27", "03-27"]),
        (monthly("skip", kind="weekday", weekday="friday", nth=5), ["01-30"]),
        (
            monthly("skip", kind="weekday", weekday="tuesday", nth="last"),
            ["01-27", "02-24", "03-31"],
        ),
        (cron("0 9 1,15 * *", "UTC"), ["01-15", "02-01", "02-15", "03-01", "03-15"]),
        (cron("0 9 L * *", "UTC"), ["01-31", "02-28", "03-31"]),
        (cron("0 9 LW * *", "UTC"), ["01-30", "02-27", "03-31"]),
        (cron("0 9 * * FRI#2", "UTC"), ["02-13", "03-13"]),
        (cron("0 9 * 2 0L", "UTC"), ["02-22"]),
        # Both days are restricted: either is enough. One begins with a star: both are needed.
        (cron("0 9 13 3 FRI", "UTC"), ["03-06", "03-13", "03-20", "03-27"]),
        (cron("0 9 */12 3 FRI", "UTC"), ["03-13"]),
    ],
)
def test_an_entry_has_its_days(entry: dict[str, Any], expected: list[str]) -> None:
    found = walls(schedule(entry), "2026-01-10T00:00", "2026-04-01T00:00")

    assert found == [f"{day} 09:00" for day in expected]


def test_what_is_due_at_the_first_instant_is_before_and_at_the_last_beyond() -> None:
    daily = schedule(DAILY | {"zone": "UTC"})

    assert walls(daily, "2026-01-01T09:00", "2026-01-03T09:00") == ["01-02 09:00"]
    assert walls(daily, "2026-01-01T08:59", "2026-01-03T09:01") == [
        "01-01 09:00",
        "01-02 09:00",
        "01-03 09:00",
    ]


def test_wall_time_stays_where_clocks_change() -> None:
    found = occurrences(
        schedule(DAILY), after=utc("2026-03-28T00:00"), until=utc("2026-03-31T00:00")
    )

    assert [f"{each.at:%d %H:%M}" for each in found] == ["28 08:00", "29 07:00", "30 07:00"]


def test_minutes_that_are_skipped_are_one_occurrence_at_their_end() -> None:
    found = list(
        occurrences(
            schedule(cron("*/20 * * * *")),
            after=utc("2026-03-29T00:30"),
            until=utc("2026-03-29T01:30"),
        )
    )

    assert [(each.nominal, f"{each.at:%H:%M}", each.remark) for each in found] == [
        ("2026-03-29T01:40[Europe/Berlin]", "00:40", None),
        ("2026-03-29T02:00[Europe/Berlin]", "01:00", "gap"),
        ("2026-03-29T03:20[Europe/Berlin]", "01:20", None),
    ]


def test_minutes_that_come_twice_are_due_the_first_time_only() -> None:
    every_half_hour = schedule(cron("*/30 * * * *"))

    found = list(
        occurrences(every_half_hour, after=utc("2026-10-24T23:30"), until=utc("2026-10-25T02:31"))
    )

    assert [(f"{each.at:%H:%M}", each.remark) for each in found] == [
        ("00:00", "fold"),
        ("00:30", "fold"),
        ("02:00", None),
        ("02:30", None),
    ]


@pytest.mark.parametrize("after", ["2026-10-25T01:00", "2026-10-25T01:45"])
def test_whoever_begins_in_the_second_pass_sees_nothing_again(after: str) -> None:
    found = walls(schedule(cron("*/30 * * * *")), after, "2026-10-25T02:31")

    assert found == ["10-25 03:00", "10-25 03:30"]


def test_a_day_that_is_skipped_is_one_occurrence_at_its_end() -> None:
    found = list(
        occurrences(
            schedule(cron("0 9,18 * * *", "Pacific/Apia")),
            after=utc("2011-12-29T12:00"),
            until=utc("2011-12-31T00:00"),
        )
    )

    assert [(each.nominal, each.at) for each in found] == [
        ("2011-12-29T09:00[Pacific/Apia]", utc("2011-12-29T19:00")),
        ("2011-12-29T18:00[Pacific/Apia]", utc("2011-12-30T04:00")),
        ("2011-12-30T09:00[Pacific/Apia]", utc("2011-12-30T10:00")),
        ("2011-12-31T09:00[Pacific/Apia]", utc("2011-12-30T19:00")),
    ]


def test_entries_that_are_due_at_once_are_one_occurrence_with_the_first_name() -> None:
    several = schedule(
        DAILY | {"at": "12:00", "zone": "Europe/Moscow"},
        DAILY | {"at": "10:00", "zone": "Europe/Berlin"},
        DAILY | {"at": "10:00", "zone": "Europe/Vienna"},
        DAILY | {"at": "11:00", "zone": "Europe/Moscow"},
    )

    found = occurrences(several, after=utc("2026-01-01T00:00"), until=utc("2026-01-02T00:00"))

    assert [each.nominal for each in found] == [
        "2026-01-01T11:00[Europe/Moscow]",
        "2026-01-01T10:00[Europe/Berlin]",  # the earliest wall, then the first entry
    ]


def test_what_a_gap_brings_together_has_the_earliest_name() -> None:
    several = schedule(*(DAILY | {"at": at} for at in ("03:00", "02:45", "02:15")))

    found = occurrences(several, after=utc("2026-03-29T00:00"), until=utc("2026-03-30T00:00"))

    assert [each.nominal for each in found] == ["2026-03-29T02:15[Europe/Berlin]"]


def test_an_excepted_date_is_a_local_one_of_its_entry() -> None:
    both = schedule(
        DAILY | {"at": "01:00", "zone": "Asia/Tokyo"},
        DAILY | {"at": "23:00", "zone": "America/New_York"},
        except_dates=["2026-05-02"],
    )

    found = occurrences(both, after=utc("2026-05-01T12:00"), until=utc("2026-05-03T12:00"))

    assert [each.nominal for each in found] == [
        "2026-05-01T23:00[America/New_York]",
        "2026-05-03T01:00[Asia/Tokyo]",
    ]


# The end


def test_the_end_is_the_first_occurrence_beyond_the_count() -> None:
    start, end = utc("2026-01-01T08:00"), utc("2026-02-01T00:00")
    counted = schedule(DAILY, count=3)

    found = end_of(counted, start, end)

    assert found == utc("2026-01-04T08:00")
    before = start - timedelta(microseconds=1)
    assert len(list(occurrences(counted, after=before, until=found))) == 3


@pytest.mark.parametrize("count", [None, 31, 10_000])
def test_a_count_that_is_not_reached_ends_nothing(count: int | None) -> None:
    start, end = utc("2026-01-01T08:00"), utc("2026-02-01T00:00")

    assert end_of(schedule(DAILY, count=count), start, end) == end


# What never comes, and what comes rarely


def test_every_kind_of_year_comes_within_the_years_that_are_looked_at() -> None:
    def kind(year: int) -> tuple[int, bool]:
        first = datetime(year, 1, 1, tzinfo=UTC)
        return first.weekday(), (datetime(year + 1, 1, 1, tzinfo=UTC) - first).days > 365

    for year in range(1900, 2500):
        kinds = {kind(each) for each in range(year, year + ALL_KINDS_OF_YEARS)}
        assert len(kinds) == 14, year


@pytest.mark.parametrize(
    ("expression", "first"),
    [
        ("0 0 29 2 *", "2104-02-29T00:00"),  # 2100 has none
        ("0 0 */28 2 0#5", "2128-02-29T00:00"),
        ("0 0 */16 * 5#5", None),
        ("0 0 31 2 *", None),
    ],
)
def test_the_rarest_day_is_found_and_the_one_that_never_comes_ends(
    expression: str, first: str | None
) -> None:
    found = occurrences(
        schedule(cron(expression, "UTC")),
        after=utc("2096-03-01T00:00"),
        until=utc("9999-12-31T00:00"),
    )

    assert next((f"{each.wall:%Y-%m-%dT%H:%M}" for each in found), None) == first


FIRST_INSTANT, LAST_INSTANT = utc("0001-01-01T00:00"), utc("9999-12-31T23:59")


@pytest.mark.parametrize(("after", "has_some"), [(FIRST_INSTANT, True), (LAST_INSTANT, False)])
def test_the_ends_of_time_are_no_error(after: datetime, *, has_some: bool) -> None:
    everything = schedule(DAILY, cron("* * * * *", "Pacific/Apia"))

    found = next(occurrences(everything, after=after, until=LAST_INSTANT), None)

    assert (found is not None) is has_some


# The laws

ZONES = (
    *("Europe/Berlin", "Pacific/Apia", "Australia/Lord_Howe", "America/Sao_Paulo", "UTC"),
    *("Antarctica/Troll", "Africa/Casablanca", "America/Caracas", "Asia/Gaza", "Europe/Moscow"),
)
TIMES = st.times().map(lambda each: each.isoformat(timespec="minutes"))
DAYS = (
    st.integers(1, 31).map(lambda day: DayOfMonth(day=day))
    | st.just(LastDay())
    | st.builds(
        NthWeekday, weekday=st.sampled_from(Weekday), nth=st.integers(1, 5) | st.just("last")
    )
)
EXPRESSIONS = ["*/15 * * * *", "30 2 * * *", "0 0,1,2,3 * * *", "*/7 1-3 */3 * *", "0 12 29 2 *"]
IN_ZONE = st.sampled_from(ZONES)
FIRST, LAST = datetime(2009, 1, 1), datetime(2020, 1, 1)  # noqa: DTZ001 - bounds
MOMENTS = st.datetimes(FIRST, LAST).map(lambda each: each.replace(second=0, microsecond=0))
CHANGES = [utc(at) for _, at, remark in KNOWN if remark]
INSTANTS = MOMENTS.map(lambda each: each.replace(tzinfo=UTC)) | st.builds(
    sub, st.sampled_from(CHANGES), st.timedeltas(timedelta(0), timedelta(days=2))
)
ENTRIES = (
    st.builds(
        Once,
        at=MOMENTS.map(lambda each: each.isoformat(timespec="minutes")),
        zone=IN_ZONE,
    )
    | st.builds(Daily, at=TIMES, zone=IN_ZONE)
    | st.builds(
        Weekly,
        days=st.sets(st.sampled_from(Weekday), min_size=1).map(tuple),
        at=TIMES,
        zone=IN_ZONE,
    )
    | st.builds(Monthly, on=DAYS, at=TIMES, zone=IN_ZONE, missing=st.sampled_from(Missing))
    | st.builds(Cron, expression=st.sampled_from(EXPRESSIONS), zone=IN_ZONE)
)
SCHEDULES = st.builds(
    Schedule,
    entries=st.lists(ENTRIES, min_size=1, max_size=4).map(tuple),
    except_dates=st.sets(MOMENTS.map(lambda each: str(each.date())), max_size=5).map(tuple),
)
LENGTHS = st.timedeltas(timedelta(seconds=1), timedelta(days=15))
APIA = Schedule(entries=(Cron(expression="*/15 * * * *", zone="Pacific/Apia"),))
SKIPPED = utc("2011-12-30T10:00")


def between(of: Schedule, after: datetime, until: datetime) -> list[Occurrence]:
    return list(occurrences(of, after=after, until=until))


@given(SCHEDULES, INSTANTS, LENGTHS)
def test_occurrences_ascend_within_their_bounds_and_have_names_that_lead_to_them(
    of: Schedule, after: datetime, length: timedelta
) -> None:
    found = between(of, after, after + length)

    instants = [each.at for each in found]
    assert instants == sorted(set(instants))
    assert all(after < each < after + length for each in instants)
    assert [occurrence_of(each.nominal) for each in found] == found
    assert len({each.nominal for each in found}) == len(found)
    assert not [each for each in found if str(each.wall.date()) in of.except_dates]


@given(SCHEDULES, INSTANTS, LENGTHS, st.floats(0, 1))
@example(APIA, SKIPPED - timedelta(hours=1), timedelta(hours=2), 0.5)
def test_an_interval_that_is_split_has_the_same_occurrences(
    of: Schedule, after: datetime, length: timedelta, share: float
) -> None:
    instant = timedelta(microseconds=1)
    until, middle = after + length, after + max(instant, length * share)

    whole = between(of, after, until)

    assert between(of, after, middle) + between(of, middle - instant, until) == whole
    for each in whole[:20]:
        assert next(occurrences(of, after=each.at - instant, until=until)) == each


@given(SCHEDULES, INSTANTS, LENGTHS)
def test_the_occurrences_of_a_schedule_are_those_of_its_entries(
    of: Schedule, after: datetime, length: timedelta
) -> None:
    def alone(entry: Entry) -> Schedule:
        return msgspec.structs.replace(of, entries=(entry,))

    apart = [each for entry in of.entries for each in between(alone(entry), after, after + length)]

    together = between(of, after, after + length)

    first: dict[datetime, Occurrence] = {}
    for each in sorted(apart, key=lambda each: each.wall):  # stable: the first entry's first
        first.setdefault(each.at, each)
    assert together == [first[at] for at in sorted(first)]


@given(SCHEDULES, INSTANTS, LENGTHS, st.integers(1, 50))
def test_before_the_end_are_no_more_than_the_count(
    of: Schedule, start: datetime, length: timedelta, count: int
) -> None:
    counted = msgspec.structs.replace(of, count=count)
    before, ends_at = start - timedelta(microseconds=1), start + length

    end = end_of(counted, start, ends_at)

    assert end <= ends_at
    assert between(counted, before, end) == between(of, before, ends_at)[:count]

"""What is wrong with a schedule, and the form in which it is kept."""

from contextlib import suppress
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.schedule import Schedule
from shared.schedule import canonical, mistakes
from shared.schedule.cron import NeverDue, cron_mistakes, parse_cron

DAILY = {"kind": "daily", "at": "09:00", "zone": "Europe/Moscow"}
CRON = {"kind": "cron", "expression": "0 9 * * MON", "zone": "Europe/Moscow"}
WEEKLY = {"kind": "weekly", "days": ["monday"], "at": "09:00", "zone": "Europe/Moscow"}
ONCE = {"kind": "once", "at": "2026-03-01T09:00", "zone": "Europe/Moscow"}
MONTHLY = {"kind": "monthly", "on": {"kind": "last_day"}, "at": "09:00", "zone": "UTC"}


def schedule(*entries: dict[str, Any], **more: Any) -> Schedule:
    return msgspec.convert({"entries": entries or (DAILY,), **more}, Schedule)


def on(**day: Any) -> dict[str, Any]:
    return MONTHLY | {"on": day}


GOOD = [
    schedule(ONCE, DAILY, WEEKLY, MONTHLY, CRON, count=1, except_dates=["2026-12-31"]),
    schedule(*[DAILY] * 20, count=10_000, except_dates=["2026-12-31"] * 366),
    schedule(on(kind="day", day=31), on(kind="weekday", weekday="friday", nth=5)),
    schedule(on(kind="day", day=31) | {"missing": "skip"}),
    schedule(on(kind="weekday", weekday="sunday", nth="last")),
    schedule(DAILY | {"at": "00:00", "zone": "Europe/Kiev"}, DAILY | {"at": "23:59"}),
    schedule(CRON | {"expression": "0 0 29 2 *"}, CRON | {"expression": "0 0 * 2 1#5"}),
    schedule(CRON | {"expression": " */5\t9-17 lw jan-mar  fri "}),
]


@pytest.mark.parametrize("each", GOOD, ids=range(len(GOOD)))
def test_what_can_be_kept_has_no_mistakes(each: Schedule) -> None:
    assert mistakes(each, "") == []


def wrong(pointer: str, code: str, detail: str, **changes: Any) -> Any:
    return pytest.param(changes, pointer, code, detail, id=f"{pointer} {changes}"[:60])


@pytest.mark.parametrize(
    ("changes", "pointer", "code", "detail"),
    [
        wrong("/zone", "time_zone", "is it Europe/Moscow?", zone="moscow"),
        wrong("/zone", "time_zone", "no zone of IANA", zone="localtime"),
        wrong("/zone", "time_zone", "an offset does not follow", zone="UTC+3"),
        wrong("/at", "time", "in whole minutes is needed, as in 09:00", at="9:00"),
        wrong("/at", "time", "in whole minutes is needed", at="09:00:30"),
        wrong("/at", "time", "in whole minutes is needed", at="09:00Z"),
        wrong("/at", "time", "in whole minutes is needed", at="09:00+03:00"),
        wrong("/at", "time", "in whole minutes is needed", at="24:00"),
        wrong("/at", "time", "in whole minutes is needed", at="0900"),
        wrong("/at", "time", "in whole minutes is needed", at="\ud800"),
        wrong(
            "/at", "time", "as in 2026-03-01T09:00, without an offset", **ONCE | {"at": "09:00"}
        ),
        wrong("/at", "time", "in whole minutes", **ONCE | {"at": "2026-02-30T09:00"}),
        wrong("/at", "time", "in whole minutes", **ONCE | {"at": "2026-03-01T09:00Z"}),
        wrong("/at", "time", "in whole minutes", **ONCE | {"at": "2026-03-01 09:00"}),
        wrong("/at", "time", "in whole minutes", **ONCE | {"at": "9999-03-01T09:00"}),
        wrong("/days", "days", "one day at least is needed", **WEEKLY | {"days": ()}),
        wrong("/on/day", "day", "it is 1 to 31", **on(kind="day", day=32)),
        wrong("/on/day", "day", "it is 1 to 31", **on(kind="day", day=0)),
        wrong("/on/nth", "nth", "1 to 5, or last", **on(kind="weekday", weekday="friday", nth=6)),
        wrong("/on/nth", "nth", "1 to 5, or last", **on(kind="weekday", weekday="friday", nth=-1)),
    ],
)
def test_a_mistake_of_an_entry_is_named_with_its_place(
    changes: dict[str, Any], pointer: str, code: str, detail: str
) -> None:
    found = mistakes(schedule(DAILY, DAILY | changes), "/schedule")

    assert [(each.pointer, each.code) for each in found] == [
        (f"/schedule/entries/1{pointer}", code)
    ]
    assert detail in found[0].detail


@pytest.mark.parametrize(
    ("changes", "pointer", "code"),
    [
        ({"entries": ()}, "/entries", "entries"),
        ({"entries": [DAILY] * 21}, "/entries", "entries"),
        ({"count": 0}, "/count", "count"),
        ({"count": -1}, "/count", "count"),
        ({"count": 10_001}, "/count", "count"),
        ({"except_dates": ["2026-12-31"] * 367}, "/except_dates", "too_long"),
        ({"except_dates": ["2026-12-31", "2026-02-29"]}, "/except_dates/1", "date"),
        ({"except_dates": ["20261231"]}, "/except_dates/0", "date"),
        ({"except_dates": ["2026-12-31T00:00"]}, "/except_dates/0", "date"),
    ],
)
def test_a_mistake_of_a_limit_is_named_with_its_place(
    changes: dict[str, Any], pointer: str, code: str
) -> None:
    found = mistakes(msgspec.convert({"entries": (DAILY,)} | changes, Schedule), "")

    assert [(each.pointer, each.code) for each in found] == [(pointer, code)]


@pytest.mark.parametrize(
    ("expression", "places"),
    [
        ("", [(1, "five fields are needed")]),
        ("0 9 * *", [(8, "five fields are needed")]),
        ("0 0 9 * * MON", [(11, "five fields are needed")]),
        ("@daily", [(7, "five fields are needed")]),
        ("60 9 * * *", [(1, "a minute is 0 to 59")]),
        ("0 24 * * *", [(3, "an hour is 0 to 23")]),
        ("0 9,x,10 * * *", [(5, "an hour is 0 to 23")]),
        ("0 9 0 * *", [(5, "a day of the month is 1 to 31")]),
        ("0 9 * 13 *", [(7, "a month is 1 to 12")]),
        ("0 9 * * 8", [(9, "a day of the week is 0 to 7")]),
        ("0 9 * * 1#6", [(9, "a day of the week is 0 to 7")]),
        ("0 9 * * L", [(9, "a day of the week is 0 to 7")]),
        ("0 17-9 * * *", [(3, "an hour is 0 to 23")]),
        ("*/0 9 * * *", [(1, "a minute is 0 to 59")]),
        ("60 24,5 * * MON,XX", [(1, "minute"), (4, "hour"), (17, "day of the week")]),
        ("0 9 ß * *", [(1, "characters of ASCII")]),
        ("0" * 250 + " 9 * * *", [(1, "at most 200 characters")]),
    ],
)
def test_a_mistake_of_an_expression_is_named_with_its_place(
    expression: str, places: list[tuple[int, str]]
) -> None:
    found = list(cron_mistakes(expression))

    assert [each.character for each in found] == [character for character, _ in places]
    assert all(detail in each.detail for each, (_, detail) in zip(found, places, strict=True))
    assert [each.code for each in mistakes(schedule(CRON | {"expression": expression}), "")] == [
        "cron"
    ] * len(places)
    with pytest.raises(ValueError, match=f"at character {places[0][0]}$"):
        parse_cron(expression)


@pytest.mark.parametrize(
    "expression", ["0 9 31 2 *", "0 9 31 2,4,6 *", "0 0 */16 * 5#5", "0 0 */31 * 1#2"]
)
def test_what_is_never_due_is_a_mistake(expression: str) -> None:
    found = mistakes(schedule(CRON | {"expression": expression}), "")

    assert [(each.pointer, each.code) for each in found] == [
        ("/entries/0/expression", "never_due")
    ]


@given(st.text() | st.from_regex(r"([0-9*/,#LW-]{1,6} ){4}[0-9*/,#LW-]{1,6}", fullmatch=True))
def test_every_text_is_an_expression_or_has_mistakes(text: str) -> None:
    found = list(cron_mistakes(text))

    with suppress(NeverDue) if not found else pytest.raises(ValueError, match="at character"):
        assert parse_cron(text).minutes


def test_what_is_kept_is_one_form_of_what_was_meant() -> None:
    given_one = schedule(
        WEEKLY | {"days": ["friday", "monday", "friday"], "zone": "Europe/Kiev"},
        CRON | {"expression": " 0   9 * *\tmon", "zone": "W-SU"},
        DAILY,
        DAILY,
        except_dates=["2026-12-31", "2026-01-01", "2026-12-31"],
    )

    kept = canonical(given_one)

    assert kept == schedule(
        WEEKLY | {"days": ["monday", "friday"], "zone": "Europe/Kyiv"},
        CRON,
        DAILY,
        except_dates=["2026-01-01", "2026-12-31"],
    )
    assert canonical(kept) == kept


@pytest.mark.parametrize("each", GOOD, ids=range(len(GOOD)))
def test_a_schedule_is_read_as_it_was_written(each: Schedule) -> None:
    written = msgspec.json.encode(each)

    assert msgspec.json.decode(written, type=Schedule) == each
    assert b'"kind"' in written


def test_what_a_newer_release_adds_is_not_read() -> None:
    data = {"entries": [DAILY | {"new": 1}], "newer": True}

    assert msgspec.convert(data, Schedule) == schedule(DAILY)

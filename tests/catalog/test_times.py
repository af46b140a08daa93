"""When clients get what: the policy of a mailing, its quiet hours, and the times they prefer."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient

from services.catalog.domain.mailing import mailing
from services.catalog.domain.mailing_commands import BeginRun, CreateMailing, StartMailing
from services.catalog.domain.plan import Plan
from shared.contracts.catalog import Filter, RunBegun
from shared.contracts.schedule import Daily, Schedule
from shared.contracts.scheduler import ONCE
from shared.contracts.timing import Clock, QuietHours, TimePolicy
from shared.preferred import MOST, format_preferred, parse_preferred
from shared.testing import Scenario
from shared.timing import local_time_of
from tests.catalog.test_routes_clients import registered
from tests.catalog.test_routes_mailings import SPRING, created

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
POLICY = {
    "kind": "recipient_local",
    "zone": "Europe/Moscow",
    "at": "2026-01-01T18:30",
    "already_passed": "skip",
    "no_zone": "skip",
    "otherwise": "recipient_local",
}
QUIET = {"begins": "21:00", "ends": "09:00"}
DAILY = {"entries": [{"kind": "daily", "at": "09:00", "zone": "Europe/Moscow"}]}


# Of mailings


async def test_a_mailing_has_a_time_policy_and_quiet_hours(http: AsyncClient) -> None:
    fields = {"time_policy": POLICY, "quiet_hours": QUIET}

    mailing = await created(http, **fields)

    path = f"/mailings/{mailing['mailing_id']}"
    assert mailing.items() >= fields.items()
    assert (await http.get(path)).json() == mailing


async def test_an_old_name_of_a_zone_becomes_todays(http: AsyncClient) -> None:
    mailing = await created(http, time_policy=POLICY | {"zone": "Europe/Kiev"})

    assert mailing["time_policy"]["zone"] == "Europe/Kyiv"


@pytest.mark.parametrize(
    ("changes", "after"),
    [
        ({"time_policy": None}, {"time_policy": None}),
        ({"time_policy": {}}, {}),
        ({"time_policy": {"no_zone": "mailing_zone", "at": None}},
         {"time_policy": POLICY | {"no_zone": "mailing_zone", "at": None}}),
        ({"quiet_hours": None}, {"quiet_hours": None}),
        ({"quiet_hours": {"begins": "22:00", "ends": "22:00"}},
         {"quiet_hours": {"begins": "22:00", "ends": "22:00"}}),
    ],
)  # fmt: skip
async def test_a_part_of_a_policy_can_be_changed_and_null_removes(
    http: AsyncClient, changes: dict[str, Any], after: dict[str, Any]
) -> None:
    mailing = await created(http, time_policy=POLICY, quiet_hours=QUIET)

    response = await http.patch(f"/mailings/{mailing['mailing_id']}", json=changes)

    assert response.status_code == 200, response.text
    assert response.json() == mailing | after | {"version": 2 if after else 1}


@pytest.mark.parametrize(
    ("fields", "pointer", "code"),
    [
        ({"time_policy": {"kind": "recipient_local"}}, "/time_policy/zone", "required"),
        ({"time_policy": POLICY | {"zone": "UTC+3"}}, "/time_policy/zone", "time_zone"),
        ({"time_policy": POLICY | {"at": "2026-02-30T09:00"}}, "/time_policy/at", "time"),
        ({"time_policy": POLICY | {"at": "9:00"}}, "/time_policy/at", "string_pattern_mismatch"),
        ({"time_policy": POLICY, "schedule": DAILY}, "/time_policy/at", "of_schedule"),
        ({"time_policy": POLICY | {"kind": "lunar"}}, "/time_policy/kind", "enum"),
        ({"time_policy": POLICY | {"no_zone": None}}, "/time_policy/no_zone", "enum"),
        ({"time_policy": {"zone": "Europe/Moscow"}}, "/time_policy/kind", "missing"),
        ({"quiet_hours": {"begins": "21:00"}}, "/quiet_hours/ends", "missing"),
        ({"quiet_hours": QUIET | {"ends": "24:00"}}, "/quiet_hours/ends",
         "string_pattern_mismatch"),
    ],
)  # fmt: skip
async def test_what_is_wrong_with_a_policy_is_named(
    http: AsyncClient, fields: dict[str, Any], pointer: str, code: str
) -> None:
    body = SPRING | {"ends_at": "2026-01-02T14:00:00Z"} | fields

    response = await http.post("/mailings", json=body)

    assert response.status_code == 422
    [error] = response.json()["errors"]
    assert (error["pointer"], error["code"]) == (pointer, code)


async def test_a_policy_cannot_begin_with_a_part(http: AsyncClient) -> None:
    mailing = await created(http)

    changes = {"time_policy": {"no_zone": "skip"}}
    response = await http.patch(f"/mailings/{mailing['mailing_id']}", json=changes)

    [error] = response.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/time_policy/kind", "required")


ID = UUID(int=1)
LOCAL = TimePolicy(kind=Clock.RECIPIENT_LOCAL, zone="Asia/Tokyo")
PLAN = Plan(
    name="spring",
    body="Hello",
    subject=None,
    filter=Filter(),
    starts_at=NOW,
    ends_at=NOW + timedelta(days=30),
    gateway="http",
)
EVERY_DAY = Schedule(entries=(Daily(at="09:00", zone="Europe/Moscow"),))


@pytest.mark.parametrize(
    ("plan", "nominal", "local"),
    [
        (PLAN, ONCE, None),
        (replace(PLAN, time_policy=LOCAL), ONCE, "2026-01-01T21:00[Asia/Tokyo]"),
        (
            replace(PLAN, time_policy=TimePolicy(
                kind=Clock.RECIPIENT_LOCAL, zone="Asia/Tokyo", at="2026-01-02T10:00"
            )),
            ONCE,
            "2026-01-02T10:00[Asia/Tokyo]",
        ),
        (
            replace(PLAN, time_policy=TimePolicy(
                kind=Clock.RECIPIENT_LOCAL, zone="Asia/Tokyo", at="02:00"
            )),
            ONCE,
            "2026-01-02T02:00[Asia/Tokyo]",  # at noon in UTC it is two o'clock on Kiritimati
        ),
        (
            replace(PLAN, schedule=EVERY_DAY, time_policy=TimePolicy(
                kind=Clock.RECIPIENT_LOCAL, at="01:59"
            )),
            "2026-01-01T15:00[Europe/Moscow]",
            "2026-01-03T01:59[Europe/Moscow]",
        ),
        (replace(PLAN, schedule=EVERY_DAY), "by-hand/2026", "2026-01-01T15:00[Europe/Moscow]"),
        (
            replace(PLAN, schedule=EVERY_DAY),
            "2026-01-05T09:00[Europe/Moscow]",
            "2026-01-05T09:00[Europe/Moscow]",
        ),
    ],
)  # fmt: skip
def test_a_run_has_the_local_time_of_its_occurrence_else_of_its_start(
    plan: Plan, nominal: str, local: str | None
) -> None:
    assert local_time_of(plan, nominal) == local


def test_a_run_begins_with_what_its_mailing_says_of_times() -> None:
    quiet = QuietHours(begins="21:00", ends="09:00")
    plan = replace(PLAN, time_policy=LOCAL, quiet_hours=quiet)
    history = Scenario(mailing)

    [event] = history.when(CreateMailing(mailing_id=ID, plan=plan, now=NOW))
    command = BeginRun(
        mailing_id=ID,
        run_id=UUID(int=2),
        nominal=ONCE,
        is_last=True,
        starts_at=NOW,
        proposed_at=NOW,
        now=NOW,
    )
    [run] = history.given(event).when(command)

    assert isinstance(run, RunBegun)
    assert (run.time_policy, run.quiet_hours) == (LOCAL, quiet)
    assert run.local_time == "2026-01-01T21:00[Asia/Tokyo]"


def test_a_run_of_a_recurring_mailing_by_hand_has_the_local_time_of_its_start() -> None:
    plan = replace(PLAN, schedule=EVERY_DAY, time_policy=TimePolicy(kind=Clock.RECIPIENT_LOCAL))
    history = Scenario(mailing)

    [event] = history.when(CreateMailing(mailing_id=ID, plan=plan, now=NOW))
    [run] = history.given(event).when(StartMailing(mailing_id=ID, now=NOW))

    assert isinstance(run, RunBegun)
    assert run.local_time == "2026-01-01T15:00[Europe/Moscow]"


# Of clients

WEEKDAYS = ["monday", "tuesday", "wednesday", "thursday", "friday"]


async def test_a_client_has_preferred_times(http: AsyncClient) -> None:
    times = [{"days": ["saturday"], "at": "11:30"}, {"days": WEEKDAYS, "at": "09:00"}]

    client = await registered(http, preferred_times=times)

    shown = [
        {"id": "mon-fri_09:00", "days": WEEKDAYS, "at": "09:00"},
        {"id": "sat_11:30", "days": ["saturday"], "at": "11:30"},
    ]
    assert client["preferred_times"] == shown
    path = f"/clients/{client['client_id']}"
    assert (await http.get(path)).json() == client
    removed = await http.patch(path, json={"preferred_times": None})
    assert removed.json()["preferred_times"] == []


async def test_preferred_times_are_added_listed_and_deleted_one_by_one(http: AsyncClient) -> None:
    client = await registered(http)
    path = f"/clients/{client['client_id']}/preferred-times"

    first = await http.post(path, json={"days": ["monday"], "at": "09:00"})
    second = await http.post(path, json={"days": ["tuesday"], "at": "09:00"})
    again = await http.post(path, json={"days": ["monday"], "at": "09:00"})
    await http.post(path, json={"days": ["sunday"], "at": "12:00"})
    listed = await http.get(path)
    gone = await http.delete(f"{path}/mon,tue_09:00")
    missing = await http.delete(f"{path}/mon,tue_09:00")

    assert [each["id"] for each in first.json()["items"]] == ["mon_09:00"]
    assert [each["id"] for each in second.json()["items"]] == ["mon,tue_09:00"]
    assert (second.headers["etag"], again.headers["etag"]) == ('"3"', '"3"')
    assert [each["id"] for each in listed.json()["items"]] == ["mon,tue_09:00", "sun_12:00"]
    assert (gone.status_code, missing.json()["type"]) == (204, "PreferredTimeUnknown")
    left = (await http.get(path)).json()["items"]
    assert [each["id"] for each in left] == ["sun_12:00"]


async def test_a_client_prefers_no_more_times_than_fifty(http: AsyncClient) -> None:
    times = [{"days": ["monday"], "at": f"{n // 60:02}:{n % 60:02}"} for n in range(MOST)]
    client = await registered(http, preferred_times=times)
    path = f"/clients/{client['client_id']}/preferred-times"

    response = await http.post(path, json={"days": ["monday"], "at": "23:00"})

    [error] = response.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/preferred_times", "preferred_times")


@pytest.mark.parametrize(
    ("text", "canonical"),
    [
        ("mon-fri 09:00, sat 11:30", "mon-fri 09:00, sat 11:30"),
        ("пн-пт 9:00; сб 11.30", "mon-fri 09:00, sat 11:30"),  # noqa: RUF001
        ("Monday, Wednesday 09:00", "mon,wed 09:00"),
        ("mon 09:00 | tue 09:00", "mon,tue 09:00"),
        ("09:00", "daily 09:00"),
        ("ежедневно 18:00", "daily 18:00"),
        ("sat-mon 08:15", "mon,sat,sun 08:15"),
        ("daily 10:00, mon 10:00", "daily 10:00"),
        ("  ", None),
    ],
)
def test_preferred_times_have_one_text(text: str, canonical: str | None) -> None:
    times = parse_preferred(text)

    assert format_preferred(times) == canonical
    assert parse_preferred(canonical or "") == times


@pytest.mark.parametrize("text", ["mon", "someday 09:00", "mon 24:00", "mon- 09:00", "mon 9"])
def test_what_is_no_preferred_time_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="as in mon-fri 09:00, sat 11:30"):
        parse_preferred(text)

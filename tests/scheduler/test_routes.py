"""The scheduler's HTTP door, before a real database."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from httpx import ASGITransport, AsyncClient

from services.scheduler.routes import routers
from shared import database, ids
from shared.http import create_app
from tests.reading import reads, statements
from tests.scheduler.world import HOUR, Mailing, Scheduler


@pytest.fixture
async def http(scheduler: Scheduler) -> AsyncIterator[AsyncClient]:
    clock = database.business_clock(scheduler.pool)
    app = create_app("scheduler", routers, scheduler.pool, clock, scheduler.store)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://scheduler/v1") as client:
        yield client


def stamp(instant: Any) -> str:
    return str(instant.isoformat().replace("+00:00", "Z"))


async def pages(http: AsyncClient, path: str, limit: int) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await http.get(path, params={"limit": limit, **cursor})).json()
        assert 1 <= len(page["items"]) <= limit
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        cursor = {"cursor": page["next_cursor"]}


async def test_a_schedule_shows_when_its_mailing_is_due_and_then_that_it_was_fired(
    scheduler: Scheduler, later: Mailing, http: AsyncClient
) -> None:
    await scheduler.hear(later.created())
    before = (await http.get(f"/schedules/{later.id}")).json()
    await scheduler.pass_time(HOUR)
    await scheduler.fire()

    after = (await http.get(f"/schedules/{later.id}")).json()

    (event,) = await scheduler.events()
    assert before == {
        "mailing_id": str(later.id),
        "revision": 1,
        "starts_at": stamp(later.starts_at),
        "ends_at": stamp(later.ends_at),
        "schedule": None,
        "next_nominal": None,
        "next_fire_at": stamp(later.starts_at),
        "fired_at": None,
        "missed_reason": None,
        "tzdata": None,
    }
    assert after == before | {"next_fire_at": None, "fired_at": stamp(event.scheduled_at)}


async def test_a_run_shows_when_it_was_fired(
    scheduler: Scheduler, due: Mailing, http: AsyncClient
) -> None:
    await scheduler.hear(due.created())
    await scheduler.fire()

    run = (await http.get(f"/runs/{ids.run_id(due.id, 'once')}")).json()

    (event,) = await scheduler.events()
    assert run == {
        "run_id": str(event.run_id),
        "mailing_id": str(due.id),
        "nominal": "once",
        "starts_at": stamp(due.starts_at),
        "ends_at": stamp(due.ends_at),
        "fired_at": stamp(event.scheduled_at),
        "late_s": (event.scheduled_at - due.starts_at).total_seconds(),
        "missed_at": None,
        "missed_reason": None,
    }


async def test_a_missed_run_shows_why(
    scheduler: Scheduler, due: Mailing, http: AsyncClient
) -> None:
    await scheduler.hear(due.created())
    await scheduler.pass_time(HOUR)
    await scheduler.fire()

    run = (await http.get(f"/runs/{ids.run_id(due.id, 'once')}")).json()
    schedule = (await http.get(f"/schedules/{due.id}")).json()

    (event,) = await scheduler.events()
    assert (run["missed_reason"], run["fired_at"]) == ("window_over", None)
    assert run["missed_at"] == stamp(event.missed_at)
    assert (schedule["missed_reason"], schedule["next_fire_at"]) == ("window_over", None)


@pytest.mark.parametrize("limit", [2, 7, 100])
async def test_pages_show_everything_once(
    scheduler: Scheduler, due: Mailing, http: AsyncClient, limit: int
) -> None:
    for number in range(7):
        await scheduler.hear(Mailing(due.starts_at, due.ends_at, number).created())
    await scheduler.fire()

    schedules = await pages(http, "/schedules", limit)
    runs = await pages(http, "/runs", limit)

    mailings = {str(Mailing(due.starts_at, due.ends_at, number).id) for number in range(7)}
    for found in (schedules, runs):
        assert len(found) == 7
        assert {each["mailing_id"] for each in found} == mailings


async def test_a_schedule_is_found_by_mailing(
    scheduler: Scheduler, due: Mailing, http: AsyncClient
) -> None:
    others = [Mailing(due.starts_at, due.ends_at, number) for number in range(3)]
    for each in others:
        await scheduler.hear(each.created())

    found = (await http.get("/schedules", params={"mailing_id": str(others[1].id)})).json()
    none = (await http.get("/schedules", params={"mailing_id": str(UUID(int=9))})).json()

    assert [each["mailing_id"] for each in found["items"]] == [str(others[1].id)]
    assert (found["next_cursor"], none["items"]) == (None, [])


async def test_runs_are_found_by_mailing(
    scheduler: Scheduler, due: Mailing, http: AsyncClient
) -> None:
    for number in (1, 2):
        await scheduler.hear(Mailing(due.starts_at, due.ends_at, number).created())
    await scheduler.fire()

    page = (await http.get("/runs", params={"mailing_id": str(due.id)})).json()
    none = (await http.get("/runs", params={"mailing_id": str(UUID(int=5))})).json()

    assert [each["mailing_id"] for each in page["items"]] == [str(due.id)]
    assert none == {"items": [], "next_cursor": None}


READS = (
    "/v1/runs",
    "/v1/runs?mailing_id={mailing_id}",
    "/v1/runs/{run_id}",
    "/v1/schedules",
    "/v1/schedules/{mailing_id}",
)


def test_every_read_stands_in_the_table() -> None:
    assert {path.partition("?")[0] for path in READS} == reads(routers)


@pytest.mark.parametrize("path", READS)
async def test_a_read_takes_one_round_trip(
    scheduler: Scheduler, due: Mailing, http: AsyncClient, path: str
) -> None:
    await scheduler.hear(due.created())
    await scheduler.fire()
    named = path.format(mailing_id=due.id, run_id=ids.run_id(due.id, "once")).removeprefix("/v1")

    with statements(scheduler.pool) as sent:
        answer = await http.get(named)

    assert answer.status_code == 200, answer.text
    assert sent == [False]


NONSENSE = [
    (f"/schedules/{UUID(int=9)}", 404, "ScheduleUnknown"),
    (f"/runs/{UUID(int=9)}", 404, "RunUnknown"),
    ("/runs/nonsense", 422, ""),
    ("/schedules?cursor=nonsense", 422, "BadCursor"),
    ("/runs?cursor=bm9uc2Vuc2U=", 422, "BadCursor"),
    ("/runs?limit=0", 422, ""),
    ("/runs?limit=1001", 422, ""),
    ("/runs?mailing=1", 422, ""),
]


async def test_what_makes_no_sense_gets_a_clear_answer(http: AsyncClient) -> None:
    for path, status, kind in NONSENSE:
        response = await http.get(path)

        assert response.status_code == status, (path, response.text)
        assert response.headers["content-type"] == "application/problem+json"
        assert kind in response.json()["type"], path


async def test_instants_that_the_driver_stores_as_infinities_stop_no_list(
    scheduler: Scheduler, http: AsyncClient
) -> None:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    mailing = Mailing(first, last)
    await scheduler.hear(mailing.created())
    await scheduler.fire()

    (schedule,) = (await http.get("/schedules")).json()["items"]
    (run,) = (await http.get("/runs")).json()["items"]

    for shown in (schedule, run):
        assert shown["starts_at"] == "0001-01-01T00:00:00Z"
        assert shown["ends_at"] == "9999-12-31T23:59:59.999999Z"


# Previews


async def test_a_preview_shows_what_changes_of_clocks_do(http: AsyncClient) -> None:
    body = {
        "schedule": {"entries": [{"kind": "daily", "at": "02:30", "zone": "Europe/Berlin"}]},
        "starts_at": "2030-03-30T00:00:00Z",
        "ends_at": "2030-04-02T00:00:00Z",
    }

    shown = (await http.post("/schedule-previews", json=body)).json()

    assert [(each["nominal"], each["at"], each["remark"]) for each in shown["occurrences"]] == [
        ("2030-03-30T02:30[Europe/Berlin]", "2030-03-30T01:30:00Z", None),
        ("2030-03-31T02:30[Europe/Berlin]", "2030-03-31T01:00:00Z", "gap"),
        ("2030-04-01T02:30[Europe/Berlin]", "2030-04-01T00:30:00Z", None),
    ]
    assert shown["words"]["en"] == ["Every day at 02:30 (Europe/Berlin)."]
    assert shown["is_whole"]


async def test_a_preview_of_what_is_no_schedule_says_where(http: AsyncClient) -> None:
    entry = {"kind": "cron", "expression": "0 9 * *", "zone": "UTC"}
    body = {"schedule": {"entries": [entry]}, "ends_at": "2030-04-02T00:00:00Z"}

    refused = await http.post("/schedule-previews", json=body)

    assert (refused.status_code, refused.json()["type"]) == (422, "ScheduleInvalid")
    assert [each["pointer"] for each in refused.json()["errors"]] == [
        "/schedule/entries/0/expression"
    ]


@pytest.mark.parametrize(
    ("more", "codes"),
    [
        ({}, []),
        ({"time_policy": {"kind": "preferred_times"}}, ["overlap"]),
        ({"window_s": 86_401}, ["overlap"]),
        ({"window_s": 86_401, "overlap": "queue"}, []),
    ],
)
async def test_a_preview_says_that_occurrences_may_be_declined(
    http: AsyncClient, more: dict[str, Any], codes: list[str]
) -> None:
    entry = {"kind": "daily", "at": "09:00", "zone": "UTC"}
    policy = more.pop("time_policy", None)
    body = {"schedule": {"entries": [entry]} | more, "ends_at": "2099-04-02T00:00:00Z"}

    shown = (await http.post("/schedule-previews", json=body | {"time_policy": policy})).json()

    assert [each["code"] for each in shown["remarks"]] == codes


async def test_a_preview_of_what_is_no_policy_says_where(http: AsyncClient) -> None:
    entry = {"kind": "daily", "at": "09:00", "zone": "UTC"}
    policy = {"kind": "recipient_local", "zone": "Nowhere"}
    body = {"schedule": {"entries": [entry]}, "ends_at": "2099-04-02T00:00:00Z"}

    refused = await http.post("/schedule-previews", json=body | {"time_policy": policy})

    assert [each["pointer"] for each in refused.json()["errors"]] == ["/time_policy/zone"]


async def test_a_preview_is_bounded(http: AsyncClient) -> None:
    entry = {"kind": "cron", "expression": "* * * * *", "zone": "UTC"}
    body = {"schedule": {"entries": [entry]}, "ends_at": "2099-04-02T00:00:00Z", "limit": 3}

    shown = (await http.post("/schedule-previews", json=body)).json()

    assert (len(shown["occurrences"]), shown["is_whole"]) == (3, False)

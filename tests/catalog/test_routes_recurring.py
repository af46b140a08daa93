"""Recurring mailings over HTTP: how a schedule is sent, shown, changed and refused."""

import json
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text

from shared import ids, outbox
from shared.database import Pool, transaction
from tests.catalog.test_routes_mailings import SPRING, created

DAILY: dict[str, Any] = {"entries": [{"kind": "daily", "at": "09:00", "zone": "Europe/Moscow"}]}
WHOLE = DAILY | {
    "count": None,
    "except_dates": [],
    "window_s": 86_400,
    "missed": "run_latest",
    "missed_max": 10,
    "catch_up_s": None,
    "overlap": "skip",
}
YEAR = {"starts_at": "2026-01-01T12:00:00Z", "ends_at": "2027-01-01T12:00:00Z"}


@pytest.mark.parametrize(
    "entry",
    [
        {"kind": "once", "at": "2026-05-01T09:00", "zone": "Europe/Moscow"},
        {"kind": "daily", "at": "09:00", "zone": "Europe/Moscow"},
        {"kind": "weekly", "days": ["monday", "friday"], "at": "09:00", "zone": "UTC"},
        {
            "kind": "monthly",
            "on": {"kind": "day", "day": 31},
            "at": "09:00",
            "zone": "UTC",
            "missing": "skip",
        },
        {
            "kind": "monthly",
            "on": {"kind": "weekday", "weekday": "monday", "nth": "last"},
            "at": "09:00",
            "zone": "UTC",
            "missing": "last_day",
        },
        {"kind": "cron", "expression": "0 9 * * 1-5", "zone": "Asia/Vladivostok"},
    ],
)
async def test_each_kind_of_entry_is_shown_as_it_was_sent(
    http: AsyncClient, entry: dict[str, Any]
) -> None:
    mailing = await created(http, **YEAR, schedule={"entries": [entry]})

    shown = (await http.get(f"/mailings/{mailing['mailing_id']}")).json()
    assert shown["schedule"] == WHOLE | {"entries": [entry]}


async def test_a_schedule_is_changed_in_parts_over_http(http: AsyncClient) -> None:
    mailing = await created(http, **YEAR, schedule=DAILY)
    path = f"/mailings/{mailing['mailing_id']}"

    changed = await http.patch(path, json={"schedule": {"overlap": "queue", "window_s": 60}})
    back = await http.patch(path, json={"schedule": {"overlap": None}})
    once = await http.patch(path, json={"schedule": None})

    assert changed.json()["schedule"] == WHOLE | {"overlap": "queue", "window_s": 60}
    assert back.json()["schedule"] == WHOLE | {"window_s": 60}
    assert once.json()["schedule"] is None


@pytest.mark.parametrize(
    ("schedule", "place"),
    [
        ({"entries": []}, "/schedule/entries"),
        ({"entries": [{"kind": "hourly"}]}, "/schedule/entries/0"),
        (
            {"entries": [{"kind": "daily", "at": "9", "zone": "UTC"}]},
            "/schedule/entries/0/daily/at",
        ),
        (
            {"entries": [{"kind": "daily", "at": "09:00", "zone": "Mars"}]},
            "/schedule/entries/0/zone",
        ),
        (
            {"entries": [{"kind": "cron", "expression": "61 * * * *", "zone": "UTC"}]},
            "/schedule/entries/0/expression",
        ),
        (DAILY | {"window_s": 0}, "/schedule/window_s"),
        ({"entries": [{"kind": "once", "at": "2025-05-01T09:00", "zone": "UTC"}]}, "/schedule"),
    ],
)
async def test_a_schedule_that_cannot_be_is_refused_at_its_place(
    http: AsyncClient, schedule: dict[str, Any], place: str
) -> None:
    response = await http.post("/mailings", json=SPRING | YEAR | {"schedule": schedule})

    assert response.status_code == 422
    assert [each["pointer"] for each in response.json()["errors"]][:1] == [place], response.text


# Runs by hand


async def test_a_run_by_hand_is_begun_once_under_its_nominal_time(http: AsyncClient) -> None:
    mailing_id = (await created(http, **YEAR, schedule=DAILY))["mailing_id"]
    path = f"/mailings/{mailing_id}/runs"

    first = await http.post(path, json={"nominal": "2026-01-05T09:00"})
    again = await http.post(path, json={"nominal": "2026-01-05T09:00[Europe/Moscow]"})
    other = await http.post(path, json={"nominal": "2026-01-06T09:00"})

    nominal = "2026-01-05T09:00[Europe/Moscow]"
    assert (first.status_code, again.status_code) == (202, 202)
    assert first.json() == {
        "run_id": str(ids.run_id(mailing_id, nominal)),
        "mailing_id": mailing_id,
        "nominal": nominal,
    }
    assert again.json() == first.json()
    assert (other.status_code, other.json()["type"]) == (409, "RunIsGoingOn")
    assert (await http.get(f"/mailings/{mailing_id}")).json()["status"] == "running"


async def test_a_run_by_hand_without_a_nominal_time_is_one_of_its_own(http: AsyncClient) -> None:
    schedule = DAILY | {"overlap": "allow"}
    mailing_id = (await created(http, **YEAR, schedule=schedule))["mailing_id"]

    response = await http.post(f"/mailings/{mailing_id}/runs")

    assert response.json()["nominal"] == "by-hand/2026-01-01T12:00:00+00:00"


async def test_who_creates_or_changes_a_mailing_is_told_that_occurrences_will_be_declined(
    http: AsyncClient,
) -> None:
    long = DAILY | {"window_s": 100_000}
    told = await created(http, **YEAR, schedule=long)
    plain = await created(http, **YEAR, schedule=DAILY)

    path = f"/mailings/{plain['mailing_id']}"
    changed = (await http.patch(path, json={"schedule": {"window_s": 100_000}})).json()
    allowed = (await http.patch(path, json={"schedule": {"overlap": "allow"}})).json()

    assert [each["code"] for each in told["remarks"]] == ["overlap"]
    assert [each["code"] for each in changed["remarks"]] == ["overlap"]
    assert "remarks" not in plain
    assert "remarks" not in allowed


async def test_a_change_says_that_a_run_which_is_going_on_keeps_what_it_began_with(
    http: AsyncClient,
) -> None:
    path = f"/mailings/{(await created(http, **YEAR, schedule=DAILY))['mailing_id']}"

    before = await http.patch(path, json={"body": "sooner"})
    await http.post(f"{path}/runs")
    changed = await http.patch(path, json={"body": "later"})

    assert "remarks" not in before.json()
    assert [each["code"] for each in changed.json()["remarks"]] == ["next_run"]


async def test_the_only_run_of_a_mailing_is_begun_by_hand_as_by_its_start(
    http: AsyncClient,
) -> None:
    mailing_id = (await created(http))["mailing_id"]

    response = await http.post(f"/mailings/{mailing_id}/runs")
    refused = await http.post(
        f"/mailings/{mailing_id}/runs", json={"nominal": "2026-01-05T09:00[UTC]"}
    )

    assert response.json()["run_id"] == str(ids.run_id(mailing_id, "once"))
    assert (await http.get(f"/mailings/{mailing_id}")).json()[
        "starts_at"
    ] == "2026-01-01T12:00:00Z"
    assert (refused.status_code, refused.json()["type"]) == (409, "MailingRunsOnce")


@pytest.mark.parametrize("nominal", ["tomorrow", "2026-02-30T09:00", "2026-01-05T09:00[Mars]", ""])
async def test_what_is_no_nominal_time_is_refused(http: AsyncClient, nominal: str) -> None:
    mailing_id = (await created(http, **YEAR, schedule=DAILY))["mailing_id"]

    response = await http.post(f"/mailings/{mailing_id}/runs", json={"nominal": nominal})

    assert response.status_code == 422
    assert [each["pointer"] for each in response.json()["errors"]] == ["/nominal"]


async def test_a_stream_keeps_the_text_of_a_recurring_mailing_once(
    http: AsyncClient, catalog_pool: Pool
) -> None:
    schedule = DAILY | {"overlap": "allow"}
    mailing_id = (await created(http, **YEAR, schedule=schedule))["mailing_id"]
    for day in (5, 6, 7):
        await http.post(f"/mailings/{mailing_id}/runs", json={"nominal": f"2026-01-0{day}T09:00"})

    again = await http.post(f"/mailings/{mailing_id}/runs", json={"nominal": "2026-01-05T09:00"})

    async with transaction(catalog_pool) as db:
        rows = await db.execute(text("SELECT type, data->>'body' AS body FROM events ORDER BY 1"))
        kept = [tuple(row) for row in rows]
        batches = [
            outbox.read(each) for each in await db.scalars(text("SELECT batches FROM outbox"))
        ]
    sent = [record.value or b"" for each in batches for batch in each for record in batch.records]
    assert again.status_code == 202
    assert kept == [("MailingCreated.v1", SPRING["body"]), *[("RunOpened.v1", None)] * 3]
    assert [json.loads(each)["body"] for each in sent] == [SPRING["body"]] * 4

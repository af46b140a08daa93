"""What happened to a mailing can be read, with what each event changed."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient

from services.catalog.domain.mailing_commands import BeginRun
from services.catalog.handlers import handle
from services.catalog.queries.history import BY_HAND, OF_CONTENT
from shared import ids
from shared.contracts.catalog import MailingChanged, MailingCreated, MailingRunRequested
from shared.event_store.postgres import PostgresEventStore
from shared.testing import FrozenClock

PLAN = {
    "name": "Spring",
    "body": "Hello",
    "starts_at": "2026-01-01T13:00:00Z",
    "ends_at": "2026-01-01T14:00:00Z",
    "gateway": "log",
}


@pytest.fixture
async def path(http: AsyncClient) -> str:
    answer = await http.post("/mailings", json=PLAN)
    return f"/mailings/{answer.json()['mailing_id']}"


async def history(http: AsyncClient, path: str, **params: Any) -> list[dict[str, Any]]:
    answer = await http.get(f"{path}/events", params=params)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


def changed(event: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    return {each["field"]: (each["before"], each["after"]) for each in event["changes"]}


async def test_a_history_begins_with_all_that_was_planned(http: AsyncClient, path: str) -> None:
    [created] = await history(http, path)

    assert (created["version"], created["type"]) == (1, "MailingCreated")
    assert created["recorded_at"] == "2026-01-01T12:00:00Z"
    assert changed(created) == {name: (None, value) for name, value in PLAN.items()} | {
        "filter": (None, {"operator_codes": [], "tags": []}),
        "priority": (None, "normal"),
        "message_class": (None, "marketing"),
    }


async def test_each_event_says_what_it_changed_and_who_moved_a_switch(
    http: AsyncClient, path: str, clock: FrozenClock
) -> None:
    await http.patch(path, json={"name": "Sale", "filter": {"tags": ["vip"]}, "topic": "news"})
    await http.post(f"{path}/pause", json={"by": "anna"})
    await http.post(f"{path}/resume")
    clock.now += timedelta(minutes=1)
    await http.post(f"{path}/start")
    await http.patch(path, json={"body": "Bye"})

    edited, started, resumed, paused, renamed, created = await history(http, path)

    assert created["version"] == 1
    no_tags: dict[str, list[str]] = {"operator_codes": [], "tags": []}
    assert changed(renamed) == {
        "name": ("Spring", "Sale"),
        "filter": (no_tags, no_tags | {"tags": ["vip"]}),
        "topic": (None, "news"),
    }
    assert (paused["type"], paused["by"], paused["changes"]) == ("MailingPaused", "anna", [])
    assert (resumed["type"], resumed["by"]) == ("MailingResumed", None)
    assert changed(started) == {"starts_at": (PLAN["starts_at"], "2026-01-01T12:01:00Z")}
    assert changed(edited) == {"body": ("Hello", "Bye")}


async def test_pages_say_the_same_as_a_whole_history(
    http: AsyncClient, path: str, clock: FrozenClock
) -> None:
    await http.patch(path, json={"name": "Sale"})
    clock.now += timedelta(minutes=1)
    await http.post(f"{path}/start")
    await http.post(f"{path}/pause")
    await http.patch(path, json={"starts_at": "2026-01-01T13:30:00Z"})
    whole, shown, cursor = await history(http, path), [], None
    while True:
        asked = {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = (await http.get(f"{path}/events", params=asked)).json()
        shown += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert shown == whole
    assert changed(whole[0]) == {"starts_at": ("2026-01-01T12:01:00Z", "2026-01-01T13:30:00Z")}


async def test_a_deleted_mailing_keeps_its_history(http: AsyncClient, path: str) -> None:
    await http.delete(path)

    assert [each["type"] for each in await history(http, path)] == [
        "MailingDeleted",
        "MailingCreated",
    ]
    assert (await http.get(path)).status_code == 404


async def test_of_what_there_never_was_there_is_no_history(http: AsyncClient, path: str) -> None:
    unknown = await http.get(f"/mailings/{UUID(int=1)}/events")
    bad = await http.get(f"{path}/events", params={"cursor": "LTE="})

    assert (unknown.status_code, unknown.json()["type"]) == (404, "MailingUnknown")
    assert (bad.status_code, bad.json()["type"]) == (422, "BadCursor")


async def test_long_texts_are_cut(http: AsyncClient, path: str) -> None:
    await http.patch(path, json={"body": "x" * 3_000})

    [edited, _] = await history(http, path)

    assert changed(edited)["body"] == ("Hello", "x" * 2_000)


async def test_runs_are_named_by_their_occurrence(
    http: AsyncClient, store: PostgresEventStore, clock: FrozenClock
) -> None:
    daily = {"entries": [{"kind": "daily", "at": "09:00", "zone": "UTC"}], "overlap": "queue"}
    year = {"ends_at": "2027-01-01T12:00:00Z", "schedule": daily}
    mailing_id = UUID((await http.post("/mailings", json=PLAN | year)).json()["mailing_id"])
    nominals = ("2026-01-02T09:00[UTC]", "2026-01-03T09:00[UTC]")
    for day, nominal in enumerate(nominals, 1):
        clock.now = clock.now.replace(day=day + 1, hour=9)
        command = BeginRun(
            mailing_id=mailing_id,
            run_id=ids.run_id(mailing_id, nominal),
            nominal=nominal,
            is_last=False,
            starts_at=clock.now,
            proposed_at=clock.now,
            now=clock.now,
        )
        await handle(store, command)

    queued, begun, _ = await history(http, f"/mailings/{mailing_id}")

    assert (begun["type"], queued["type"]) == ("RunOpened", "RunQueued")
    assert (begun["nominal"], queued["nominal"]) == nominals
    assert queued["run_id"] == str(ids.run_id(mailing_id, nominals[1]))
    assert (begun["changes"], queued["changes"]) == ([], [])


def test_the_events_that_have_content_are_named_as_they_are_stored() -> None:
    assert [MailingCreated.type_name(), MailingChanged.type_name()] == [*OF_CONTENT]
    assert MailingRunRequested.type_name() == BY_HAND

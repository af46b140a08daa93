"""Resends over HTTP."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from services.dispatcher.routes import routers
from shared import database
from shared.http import create_app
from tests.dispatcher.world import HOUR, REFUSED, FakeGateway, Run, World, alive, work


@pytest.fixture
async def http(world: World) -> AsyncIterator[AsyncClient]:
    app = create_app(
        "dispatcher", routers, world.pool, database.business_clock(world.pool), store=None
    )
    transport = ASGITransport(app)
    async with AsyncClient(transport=transport, base_url="http://dispatcher/v1") as found:
        yield found


async def failed(world: World) -> Run:
    """Return a finished run of three messages, two of which failed."""
    run = await world.plan(3)
    await work(await alive(world, FakeGateway({1: [REFUSED], 2: [REFUSED]})))
    await world.end()
    return run


async def test_a_dry_run_counts_and_makes_nothing(world: World, http: AsyncClient) -> None:
    run = await failed(world)
    body = {"statuses": ["failed"], "reasons": ["status_400"], "dry_run": True}

    answer = await http.post(f"/runs/{run.run_id}/resend", json=body)

    expected = {"resent_from": str(run.run_id), "clients": 2, "unreachable": 0, "run": None}
    assert (answer.status_code, answer.json()) == (200, expected)
    assert len((await http.get("/runs")).json()["items"]) == 1


async def test_a_resend_is_a_run_of_the_same_mailing_with_its_own_window(
    world: World, http: AsyncClient
) -> None:
    run = await failed(world)
    ends_at = await world.now() + 2 * HOUR
    body = {"statuses": ["failed", "expired"], "ends_at": ends_at.isoformat(), "by": "anna"}
    headers = {"Idempotency-Key": "spring-again"}

    first, second = [
        await http.post(f"/runs/{run.run_id}/resend", json=body, headers=headers) for _ in "12"
    ]

    made = first.json()["run"]
    assert (first.status_code, first.json()["clients"]) == (200, 2)
    assert second.json() == first.json()
    assert made["resent_from"] == str(run.run_id)
    assert made["mailing_id"] == str(run.mailing_id)
    listed = (await http.get("/runs", params={"mailing_id": str(run.mailing_id)})).json()["items"]
    assert {each["run_id"] for each in listed} == {made["run_id"], str(run.run_id)}


@pytest.mark.parametrize(
    ("changes", "kind", "pointer"),
    [
        ({"statuses": []}, "Invalid", "/statuses"),
        ({"statuses": ["delivered"]}, "Invalid", "/statuses/0"),
        ({"ends_at": None}, "ResendInvalid", "/ends_at"),
        ({"more": 1}, "Invalid", "/more"),
    ],
)
async def test_a_resend_says_what_and_until_when(
    world: World, http: AsyncClient, changes: dict[str, Any], kind: str, pointer: str
) -> None:
    run = await failed(world)
    ends_at = await world.now() + timedelta(hours=2)
    body = {"statuses": ["failed"], "ends_at": ends_at.isoformat()} | changes

    answer = await http.post(f"/runs/{run.run_id}/resend", json=body)

    assert (answer.status_code, answer.json()["type"]) == (422, kind)
    assert answer.json()["errors"][0]["pointer"] == pointer

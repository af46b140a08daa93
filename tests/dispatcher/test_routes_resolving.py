"""Resolving messages over HTTP."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from services.dispatcher.routes import routers
from shared import database, ids
from shared.http import create_app
from tests.dispatcher.world import UNKNOWN, FakeGateway, World, alive, client, work


@pytest.fixture
async def http(world: World) -> AsyncIterator[AsyncClient]:
    app = create_app(
        "dispatcher", routers, world.pool, database.business_clock(world.pool), store=None
    )
    transport = ASGITransport(app)
    async with AsyncClient(transport=transport, base_url="http://dispatcher/v1") as found:
        yield found


async def test_a_message_is_resolved_and_shown(world: World, http: AsyncClient) -> None:
    run = await world.plan(2)
    unknown = FakeGateway({1: [UNKNOWN]}, is_idempotent=False, resends_unknown=False)
    await work(await alive(world, unknown))
    path = f"/messages/{ids.message_id(run.run_id, client(1))}"
    body = {"outcome": "delivered", "reason": "their report", "by": "anna"}

    answer = await http.post(f"{path}/resolve", json=body)
    other = await http.post(f"{path}/resolve", json=body | {"outcome": "failed"})

    assert answer.status_code == 200
    assert (answer.json()["status"], answer.json()["reason"]) == ("delivered", "their report")
    assert (await http.get(path)).json() == answer.json()
    assert (other.status_code, other.json()["type"]) == (409, "NotUndetermined")


@pytest.mark.parametrize(
    ("changes", "pointer"),
    [
        ({"outcome": "planned"}, "/outcome"),
        ({"reason": ""}, "/reason"),
        ({"reason": "a\nb"}, "/reason"),
        ({"reason": "x" * 201}, "/reason"),
        ({"by": ""}, "/by"),
    ],
)
async def test_a_resolution_has_an_outcome_and_a_reason_in_one_line(
    http: AsyncClient, changes: dict[str, Any], pointer: str
) -> None:
    body = {"outcome": "failed", "reason": "their report"} | changes

    answer = await http.post(f"/messages/{'x' * 43}/resolve", json=body)

    assert (answer.status_code, answer.json()["errors"][0]["pointer"]) == (422, pointer)

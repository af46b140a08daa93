"""The switch of a run over HTTP."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from httpx import ASGITransport, AsyncClient

from services.dispatcher.routes import routers
from shared import database
from shared.http import create_app
from tests.dispatcher.world import World


@pytest.fixture
async def http(world: World) -> AsyncIterator[AsyncClient]:
    app = create_app(
        "dispatcher", routers, world.pool, database.business_clock(world.pool), store=None
    )
    transport = ASGITransport(app)
    async with AsyncClient(transport=transport, base_url="http://dispatcher/v1/runs") as found:
        yield found


async def test_a_run_is_paused_resumed_and_stopped_with_a_name_or_without(
    world: World, http: AsyncClient
) -> None:
    run = await world.plan(1)

    paused = await http.post(f"/{run.run_id}/pause", json={"by": "anna"})
    again = await http.post(f"/{run.run_id}/pause", json={"by": "bo"})
    resumed = await http.post(f"/{run.run_id}/resume")
    stopped = await http.post(f"/{run.run_id}/stop", json={})
    late = await http.post(f"/{run.run_id}/pause")

    (switch,) = paused.json()["paused"]
    assert (paused.status_code, switch["of"], switch["by"]) == (200, "run", "anna")
    assert again.json() == paused.json()
    assert (resumed.status_code, resumed.json()["paused"]) == (200, [])
    assert (stopped.status_code, stopped.json()["stopped"][0]["by"]) == (200, None)
    assert (late.status_code, late.json()["type"]) == (409, "RunIsStopped")


async def test_what_the_catalog_has_paused_is_not_resumed_here_and_is_said_where(
    world: World, http: AsyncClient
) -> None:
    run = await world.plan(1)
    await run.pause()

    refused = await http.post(f"/{run.run_id}/resume")

    assert (refused.status_code, refused.json()["type"]) == (409, "PausedByMailing")
    (mistake,) = refused.json()["errors"]
    assert mistake["detail"] == f"POST /v1/mailings/{run.mailing_id}/resume at the catalog"


async def test_an_ended_run_and_one_that_is_unknown_are_refused(
    world: World, http: AsyncClient
) -> None:
    run = await world.plan()
    await world.end()

    ended = await http.post(f"/{run.run_id}/stop")
    unknown = await http.post(f"/{UUID(int=7)}/pause")

    assert (ended.status_code, ended.json()["type"]) == (409, "RunEnded")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "RunUnknown")


@pytest.mark.parametrize("name", ["", "a\nb", "a\u0000", "x" * 101])
async def test_a_name_is_one_short_line(world: World, http: AsyncClient, name: str) -> None:
    run = await world.plan(1)

    refused = await http.post(f"/{run.run_id}/pause", json={"by": name})

    assert (refused.status_code, refused.json()["errors"][0]["pointer"]) == (422, "/by")

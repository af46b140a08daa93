"""Gateways over HTTP: described, shown, paused, deleted; and what is refused."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient

from services.dispatcher.handlers.gateways import Senders
from services.dispatcher.queue.gateways import project
from services.dispatcher.routes import routers
from shared import database
from shared.event_store.postgres import PostgresEventStore
from shared.http import create_app
from tests.dispatcher.described import HTTP, built
from tests.dispatcher.world import LIMITS, World


@pytest.fixture
async def senders(world: World) -> AsyncIterator[Senders]:
    found = Senders(world.pool, LIMITS, built, packs=True, traced_one_in=1)
    yield found
    for each in found.current().values():
        await each.stop(0)


@pytest.fixture
async def http(world: World, senders: Senders) -> AsyncIterator[AsyncClient]:
    clock = database.business_clock(world.pool)
    store = PostgresEventStore("dispatcher", world.pool, project)
    app = create_app("dispatcher", routers, world.pool, clock, store)
    app.state.senders = senders
    async with AsyncClient(transport=ASGITransport(app), base_url="http://dispatcher/v1") as found:
        yield found


async def put(http: AsyncClient, name: str, body: dict[str, Any], **headers: str) -> Any:
    return await http.put(f"/gateways/{name}", json=body, headers=headers)


async def test_a_gateway_is_described_and_shown_as_it_was_said(http: AsyncClient) -> None:
    description = HTTP | {"token": {"env": "SMS_TOKEN"}, "rate": 100.0, "burst": 20}

    made = await put(http, "sms", description)
    again = await put(http, "sms", description)
    shown = await http.get("/gateways/sms")
    listed = await http.get("/gateways")

    assert (made.status_code, again.status_code) == (200, 200), made.text
    assert made.json()["description"] == description
    assert made.json() == again.json() == shown.json()
    assert listed.json()["items"] == [shown.json()]
    assert made.headers["ETag"] == shown.headers["ETag"] == '"1"'
    assert {name: made.json()[name] for name in ("kind", "contact", "is_paused", "problem")} == {
        "kind": "http",
        "contact": "phone",
        "is_paused": False,
        "problem": None,
    }


async def test_a_change_is_refused_at_another_version_than_the_one_expected(
    http: AsyncClient,
) -> None:
    await put(http, "sms", HTTP)

    late = await put(http, "sms", HTTP | {"rate": 5}, **{"If-Match": '"2"'})
    timely = await put(http, "sms", HTTP | {"rate": 5}, **{"If-Match": '"1"'})

    assert (late.status_code, timely.status_code) == (412, 200)
    assert timely.headers["ETag"] == '"2"'


@pytest.mark.parametrize(
    ("name", "body", "pointer"),
    [
        ("SMS", HTTP, "/name"),
        ("sms_2", HTTP, "/name"),
        ("-sms", HTTP, "/name"),
        ("s" * 41, HTTP, "/name"),
        ("sms", HTTP | {"colour": "red"}, "/colour"),
        ("sms", {"kind": "fax"}, ""),
        ("sms", {"kind": "http"}, "/url"),
        ("sms", HTTP | {"url": "ftp://a"}, "/url"),
        ("sms", HTTP | {"max_connections": 0}, "/max_connections"),
        ("sms", HTTP | {"token": {}}, "/token"),
        ("sms", HTTP | {"burst": 5}, ""),
    ],
)
async def test_what_makes_no_sense_is_refused_with_its_place(
    http: AsyncClient, name: str, body: dict[str, Any], pointer: str
) -> None:
    answer = await put(http, name, body)

    assert answer.status_code == 422
    assert pointer in [each["pointer"] for each in answer.json()["errors"]]


async def test_a_gateway_is_paused_and_resumed(http: AsyncClient) -> None:
    await put(http, "sms", HTTP)

    paused = await http.post("/gateways/sms/pause")
    resumed = await http.post("/gateways/sms/resume")

    assert (paused.json()["is_paused"], resumed.json()["is_paused"]) == (True, False)
    assert (paused.headers["ETag"], resumed.headers["ETag"]) == ('"2"', '"3"')


async def test_a_gateway_is_deleted_and_may_be_described_anew(http: AsyncClient) -> None:
    await put(http, "sms", HTTP)
    await http.post("/gateways/sms/pause")

    gone = await http.delete("/gateways/sms")
    missing = await http.get("/gateways/sms")
    anew = await put(http, "sms", HTTP)

    assert (gone.status_code, missing.status_code) == (204, 404)
    assert not anew.json()["is_paused"]


async def test_a_gateway_is_not_deleted_as_long_as_a_run_uses_it(
    world: World, http: AsyncClient
) -> None:
    await put(http, "sms", HTTP)
    run = await world.plan(1, gateway="sms")

    refused = await http.delete("/gateways/sms")
    await run.stop()
    await world.end()
    gone = await http.delete("/gateways/sms")

    assert (refused.status_code, gone.status_code) == (409, 204)


@pytest.mark.parametrize("path", ["", "/pause", "/resume"])
async def test_what_is_not_there_is_not_found(http: AsyncClient, path: str) -> None:
    answer = await (http.post if path else http.get)(f"/gateways/sms{path}")

    assert answer.status_code == 404


async def test_what_keeps_a_dispatcher_from_using_a_gateway_is_shown(
    http: AsyncClient, senders: Senders, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    await put(http, "sms", HTTP | {"token": {"env": "SMS_TOKEN"}})

    await senders.refresh()
    broken = (await http.get("/gateways/sms")).json()
    monkeypatch.setenv("SMS_TOKEN", "abc")
    await senders.refresh()
    mended = (await http.get("/gateways/sms")).json()

    assert "SMS_TOKEN" in broken["problem"]
    assert (broken["free"], mended["free"], mended["problem"]) == (0, 64, None)

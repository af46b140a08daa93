"""Gateways over HTTP: described, shown, paused, deleted; and what is refused."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
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
from shared.telemetry.metrics import Recorded
from shared.testing import eventually
from tests.dispatcher.described import HTTP, built
from tests.dispatcher.world import LIMITS, World
from tests.recorded import shown


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
    await put(http, "sms", HTTP | {"token": {"env": "SMS_TOKEN"}, "rate": 5.0})
    await senders.refresh()
    broken = (await http.get("/gateways/sms")).json()
    monkeypatch.setenv("SMS_TOKEN", "abc")
    await senders.refresh()
    mended = (await http.get("/gateways/sms")).json()

    assert "SMS_TOKEN" in broken["problem"]
    assert (broken["free"], mended["free"], mended["problem"]) == (0, 64, None)


async def test_a_gateways_rate_is_shown_as_a_metric(
    http: AsyncClient, senders: Senders, recorded: Recorded
) -> None:
    found = []
    for rate in (5.0, None):
        await put(http, "sms", HTTP | {"rate": rate})
        await senders.refresh()
        found.append(shown(recorded)["dispatcher_gateway_rate", "sms"])

    assert found == [5.0, 0.0]


@asynccontextmanager
async def answering(
    status: bytes, body: bytes, may_answer: asyncio.Event | None = None
) -> AsyncIterator[tuple[int, list[bytes]]]:
    """Serve an HTTP gateway that always answers the same, as soon as it may."""
    taken: list[bytes] = []

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        length = int(head.partition(b"Content-Length: ")[2].split()[0])
        taken.append(await reader.readexactly(length))
        if may_answer is not None:
            await may_answer.wait()
        kind = b"Content-Type: application/json\r\nContent-Length: %d" % len(body)
        writer.write(b"HTTP/1.1 %b\r\n%b\r\n\r\n%b" % (status, kind, body))
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        yield server.sockets[0].getsockname()[1], taken


@pytest.mark.parametrize("is_paused", [False, True])
async def test_a_gateway_is_tried_with_one_message_that_is_on_nobodys_record(
    world: World, http: AsyncClient, senders: Senders, *, is_paused: bool
) -> None:
    async with answering(b"200 OK", b'{"id":"7","status":"accepted"}') as (port, taken):
        await put(http, "sms", HTTP | {"url": f"http://127.0.0.1:{port}/m"})
        await senders.refresh()
        if is_paused:
            await http.post("/gateways/sms/pause")

        tried = await http.post("/gateways/sms/test", json={"phone": "79161234567"})

    assert tried.status_code == 200, tried.text
    shown = tried.json()
    assert shown.pop("duration_s") >= 0
    assert shown == {
        "outcome": "accepted",
        "reason": "accepted",
        "status_code": 200,
        "gateway_message_id": "7",
        "answer": '{"id":"7","status":"accepted"}',
    }
    [sent] = taken
    assert b'"phone":"79161234567","text":"Test"' in sent
    assert await world.value("SELECT count(*) FROM attempts") == 0


async def test_a_test_is_under_way_as_others_are_and_uses_one_of_the_rate(
    world: World, http: AsyncClient, senders: Senders
) -> None:
    may_answer = asyncio.Event()
    accepted = b'{"id":"7","status":"accepted"}'
    async with answering(b"200 OK", accepted, may_answer) as (port, taken):
        limits = {"rate": 1.0, "max_connections": 2}
        await put(http, "sms", HTTP | limits | {"url": f"http://127.0.0.1:{port}/m"})
        await senders.refresh()
        body = {"phone": "79161234567"}
        tests = [asyncio.create_task(http.post("/gateways/sms/test", json=body)) for _ in "12"]

        async def are_under_way() -> bool:
            return len(taken) == len(tests)

        await eventually(are_under_way, within=120)
        shown = (await http.get("/gateways/sms")).json()
        one_more = await http.post("/gateways/sms/test", json=body)
        may_answer.set()
        answers = [(await each).status_code for each in tests]
        done = (await http.get("/gateways/sms")).json()

    assert (shown["in_flight"], shown["free"], one_more.status_code) == (2, 0, 503)
    assert (answers, done["in_flight"]) == ([200, 200], 0)
    now = await world.now()
    assert await world.value("SELECT drawn_until > :now FROM gateway_states", now=now)


async def test_a_gateway_that_cannot_be_used_or_is_not_there_is_not_tried(
    http: AsyncClient, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    await put(http, "sms", HTTP | {"token": {"env": "SMS_TOKEN"}})

    unusable = await http.post("/gateways/sms/test", json={"phone": "79161234567"})
    missing = await http.post("/gateways/mail/test", json={"email": "a@b.example"})

    assert (unusable.status_code, missing.status_code) == (409, 404)
    assert unusable.json()["type"] == "GatewayNotUsable"


async def test_a_gateway_that_lacks_a_contact_says_so(http: AsyncClient, senders: Senders) -> None:
    await put(http, "sms", HTTP)
    await senders.refresh()

    tried = (await http.post("/gateways/sms/test", json={"email": "a@b.example"})).json()

    assert (tried["outcome"], tried["reason"]) == ("refused", "no_phone")


@pytest.mark.parametrize(
    ("state", "code"),
    [
        ("missing", "gateway_unknown"),
        ("removed", "gateway_unknown"),
        ("paused", "gateway_paused"),
        ("misconfigured", "gateway_misconfigured"),
    ],
)
async def test_a_run_whose_gateway_cannot_be_used_says_why(
    world: World,
    http: AsyncClient,
    senders: Senders,
    state: str,
    code: str,
) -> None:
    await put(http, "other", HTTP)
    if state != "missing":
        broken = {"token": {"file": "/nowhere/token"}} if state == "misconfigured" else {}
        await put(http, "sms", HTTP | broken)
    if state == "removed":
        await http.delete("/gateways/sms")
    if state == "paused":
        await http.post("/gateways/sms/pause")
    await senders.refresh()
    run = await world.plan(1, gateway="sms")

    found = (await http.get(f"/runs/{run.run_id}/why")).json()

    assert found["code"] == code
    assert "'sms'" in found["sentence"]


async def test_a_private_address_is_refused_where_gateways_may_have_none(
    http: AsyncClient, senders: Senders
) -> None:
    private = HTTP | {"url": "http://10.0.0.1/messages"}
    metadata = HTTP | {"url": "http://169.254.169.254/latest"}

    allowed = await put(http, "sms", private)
    senders.allows_private = False
    refused = await put(http, "sms", private)
    always = await put(http, "sms", metadata)

    assert [each.status_code for each in (allowed, refused, always)] == [200, 422, 422]
    (error,) = refused.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/url", "address_refused")
    assert "DISPATCHER_PRIVATE_GATEWAYS" in error["detail"]

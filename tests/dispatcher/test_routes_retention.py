"""What is gone answers 410, what leaves can be seen and exported before, over HTTP."""

import csv
import json
from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from io import StringIO
from typing import Any
from uuid import UUID

import pytest
from fastapi import FastAPI
from httpx import ASGITransport, AsyncClient, RemoteProtocolError, Response
from msgspec.structs import replace

from services.dispatcher.domain.retention import MessagesDeleted
from services.dispatcher.handlers import archiving as handlers
from services.dispatcher.handlers.archiving import Emptying, Retention, archive
from services.dispatcher.queries import export
from services.dispatcher.queue import planning
from services.dispatcher.routes import routers
from shared import database, ids
from shared.database import autocommit
from shared.exported import ExportFormat
from shared.http import create_app
from tests.dispatcher.test_handlers_archiving import finished
from tests.dispatcher.world import REFUSED, FakeGateway, Run, World, alive, client, work
from tests.shared.test_http_server import served


@pytest.fixture
def app(world: World) -> FastAPI:
    clock = database.business_clock(world.pool)
    app = create_app("dispatcher", routers, world.pool, clock, store=None)
    app.state.retention = Retention(world.pool, None)
    return app


@pytest.fixture
async def http(app: FastAPI) -> AsyncIterator[AsyncClient]:
    transport = ASGITransport(app)
    async with AsyncClient(transport=transport, base_url="http://dispatcher/v1") as found:
        yield found


async def archived(world: World, *, is_empty: bool) -> Run:
    run = await finished(world)
    await archive(world.pool, await world.now())
    emptying = Emptying(world.pool)
    while is_empty and await emptying.delete_slice():
        pass
    return run


def gone(answer: Response, run: dict[str, Any]) -> bool:
    problem = answer.json()
    return (answer.status_code, problem["type"], problem["since"]) == (
        410,
        "MessagesDeleted",
        run["archived_at"],
    )


WHEN = pytest.mark.parametrize("is_empty", [False, True])


@WHEN
async def test_messages_of_an_archived_run_are_gone_and_the_answer_says_since_when(
    world: World, http: AsyncClient, *, is_empty: bool
) -> None:
    run = await archived(world, is_empty=is_empty)
    shown = (await http.get(f"/runs/{run.run_id}")).json()
    of_run, of_client = {"run_id": str(run.run_id)}, {"client_id": str(client(1))}

    for more in ({}, {"status": "failed"}, {"status": "delivered"}, of_client):
        assert gone(await http.get("/messages", params=of_run | more), shown)
    for number in (1, 5):
        message_id = ids.message_id(run.run_id, client(number))
        assert gone(await http.get(f"/messages/{message_id}"), shown)


@WHEN
async def test_an_archived_run_is_shown_with_its_figures_for_good(
    world: World, http: AsyncClient, *, is_empty: bool
) -> None:
    run = await archived(world, is_empty=is_empty)

    shown = (await http.get(f"/runs/{run.run_id}")).json()
    listed = (await http.get("/runs")).json()["items"]

    assert listed == [shown]
    assert (shown["state"], shown["planned"], shown["open"]) == ("archived", 6, 0)
    assert shown["totals"] == {"delivered": 4, "failed": 2}
    assert shown["attempts"] == 10
    assert shown["archived_at"] > shown["finished_at"]


async def test_a_run_that_is_kept_has_no_figures_for_good_yet(
    world: World, http: AsyncClient
) -> None:
    run = await finished(world)

    shown = (await http.get(f"/runs/{run.run_id}")).json()

    assert (shown["archived_at"], shown["totals"], shown["attempts"]) == (None, None, None)


@WHEN
async def test_a_list_of_a_client_leaves_out_what_is_gone(
    world: World, http: AsyncClient, *, is_empty: bool
) -> None:
    await archived(world, is_empty=is_empty)
    kept = [await finished(world) for _ in range(2)]
    params = {"client_id": str(client(1)), "limit": "1"}

    first = (await http.get("/messages", params=params)).json()
    more = {"cursor": first["next_cursor"]}
    second = (await http.get("/messages", params=params | more)).json()

    shown = {each["run_id"] for each in first["items"] + second["items"]}
    assert shown == {str(run.run_id) for run in kept}
    assert second["next_cursor"] is None


async def test_an_empty_list_of_a_run_that_is_kept_is_empty(
    world: World, http: AsyncClient
) -> None:
    run = await finished(world)
    params = {"run_id": str(run.run_id), "status": "expired"}

    assert (await http.get("/messages", params=params)).json()["items"] == []
    message_id = ids.message_id(run.run_id, client(99))
    assert (await http.get(f"/messages/{message_id}")).status_code == 404


# What leaves


async def retained(http: AsyncClient, **params: object) -> Any:
    answer = await http.get(
        "/retention", params={name: str(each) for name, each in params.items()}
    )
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
def month(app: FastAPI, world: World) -> timedelta:
    """Give how long runs are kept now: a month."""
    month = timedelta(days=30)
    app.state.retention = Retention(world.pool, month)
    return month


async def test_the_plan_shows_what_leaves_now_and_when_the_next_ones_do(
    world: World, http: AsyncClient, month: timedelta
) -> None:
    old = await finished(world)
    await world.pass_time(timedelta(days=31))
    newer, newest = await finished(world), await finished(world)

    shown = await retained(http, limit=2)

    assert (shown["retention"], shown["due_runs"], shown["due_messages"]) == ("P30D", 1, 6)
    assert [each["run_id"] for each in shown["runs"]] == [str(old.run_id), str(newer.run_id)]
    for each in shown["runs"]:
        left = datetime.fromisoformat(each["leaves_at"])
        assert left - datetime.fromisoformat(each["finished_at"]) == month
        assert each["messages"] == 6
    assert (await retained(http, before=await world.now()))["due_runs"] == 3
    assert len((await retained(http))["runs"]) == 3
    assert await newest.status() == "finished"


async def test_without_a_retention_nothing_is_due_unless_it_is_named(
    world: World, http: AsyncClient
) -> None:
    await finished(world)
    await world.pass_time(timedelta(days=1_000))

    shown = await retained(http)
    refused = await http.post("/retention", json={})

    assert (shown["retention"], shown["due_runs"], shown["runs"][0]["leaves_at"]) == (
        None,
        0,
        None,
    )
    assert (refused.status_code, refused.json()["type"]) == (409, "RunsKeptForever")
    assert (await retained(http, before=await world.now()))["due_messages"] == 6


@pytest.mark.usefixtures("month")
async def test_what_is_due_leaves_at_once_when_it_is_asked_for(
    world: World, http: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = [await finished(world) for _ in range(3)]
    await world.pass_time(timedelta(days=31))
    newer = await finished(world)
    monkeypatch.setattr(handlers, "MESSAGES_AT_ONCE", 12)

    first = (await http.post("/retention", json={})).json()
    second = (await http.post("/retention", json={})).json()
    third = (await http.post("/retention", json={})).json()

    assert first == {
        "archived_runs": 2,
        "archived_messages": 12,
        "due_runs": 1,
        "due_messages": 6,
    }
    assert (second["archived_runs"], second["due_runs"]) == (1, 0)
    assert third["archived_runs"] == 0
    assert {await run.status() for run in old} == {"archived"}
    assert await newer.status() == "finished"
    assert (await retained(http))["emptying_runs"] == 3


async def test_a_named_instant_decides_what_leaves(world: World, http: AsyncClient) -> None:
    old = await finished(world)
    await world.pass_time(timedelta(hours=1))
    between = await world.now()
    await world.pass_time(timedelta(hours=1))
    newer = await finished(world)

    done = (await http.post("/retention", json={"before": between.isoformat()})).json()

    assert (done["archived_runs"], done["due_runs"]) == (1, 0)
    assert (await old.status(), await newer.status()) == ("archived", "finished")


@pytest.mark.parametrize("body", [{"before": "yesterday"}, {"before": 1}, {"after": None}])
async def test_an_instant_that_is_none_makes_nothing_leave(
    world: World, http: AsyncClient, body: dict[str, Any]
) -> None:
    run = await finished(world)

    assert (await http.post("/retention", json=body)).status_code == 422

    assert await run.status() == "finished"


# Export


async def exported(http: AsyncClient, run: Run, **params: str) -> Response:
    return await http.get(f"/runs/{run.run_id}/export", params=params)


@pytest.fixture
def small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "CHUNK", 4)
    monkeypatch.setattr(export, "PAGE", 3)


@pytest.mark.usefixtures("small_pages")
@pytest.mark.parametrize("clients", [4, 5, 7, 8, 9, 12])
async def test_an_export_has_every_message_as_it_is_shown_in_order(
    world: World, http: AsyncClient, clients: int
) -> None:
    run = await finished(world, clients)

    answer = await exported(http, run)

    found = [json.loads(line) for line in answer.text.splitlines()]
    assert answer.headers["content-type"] == "application/x-ndjson"
    assert f"run-{run.run_id}.ndjson" in answer.headers["content-disposition"]
    assert [UUID(each["client_id"]) for each in found] == [
        client(n) for n in range(1, clients + 1)
    ]
    for each in found:
        assert (await http.get(f"/messages/{each['message_id']}")).json() == each


@pytest.mark.usefixtures("small_pages")
async def test_an_export_goes_on_behind_a_client_and_may_be_of_one_status(
    world: World, http: AsyncClient
) -> None:
    await world.know_clients([7], phone=None)
    run = await finished(world, 6)
    whole = (await exported(http, run)).text.splitlines()

    for number in (1, 3, 6, 7):
        rest = await exported(http, run, after=str(client(number)))
        assert rest.text.splitlines() == whole[number:]
    table = await exported(http, run, after=str(client(6)), format="csv")
    failed = await exported(http, run, status="failed")
    unknown = await exported(http, run, after=str(client(99)))

    assert not table.text.startswith("run_id")
    assert (
        failed.text.splitlines() == [line for line in whole if '"status":"failed"' in line] != []
    )
    assert (unknown.status_code, unknown.json()["type"]) == (404, "MessageUnknown")


@pytest.mark.usefixtures("small_pages")
async def test_csv_has_a_line_for_each_attempt_and_for_a_message_without_any(
    world: World, http: AsyncClient
) -> None:
    await world.know_clients([7], phone=None)
    run = await finished(world, 6)
    shown = [json.loads(line) for line in (await exported(http, run)).text.splitlines()]

    answer = await exported(http, run, format="csv")

    lines = list(csv.DictReader(StringIO(answer.text, newline="")))
    assert answer.headers["content-type"].startswith("text/csv")
    assert [each["client_id"] for each in lines] == [
        each["client_id"] for each in shown for _ in each["attempts_log"] or [None]
    ]
    assert len(lines) == 11
    *_, last = lines
    assert (last["client_id"], last["status"]) == (str(client(7)), "failed")
    assert (last["reason"], last["attempt"], last["answer"]) == ("no_phone", "", "")
    for line in lines:
        [own] = [each for each in shown if each["client_id"] == line["client_id"]]
        assert line["message_id"].lstrip("'") == own["message_id"]
        assert line["status"] == own["status"]
        assert int(line["attempts"]) == own["attempts"]
        if line["attempt"]:
            [tried] = [e for e in own["attempts_log"] if str(e["attempt"]) == line["attempt"]]
            assert line["outcome"] == tried["outcome"]
            assert line["gateway_message_id"] == (tried["gateway_message_id"] or "")
            began = datetime.fromisoformat(line["started_at"])
            assert began == datetime.fromisoformat(tried["started_at"])


@pytest.mark.parametrize("begins", ["=", "+", "-", "@", "\t", "\r"])
async def test_no_cell_of_a_csv_is_a_formula(world: World, http: AsyncClient, begins: str) -> None:
    run = await world.plan(1)
    evil = replace(REFUSED, answer=f'{begins}cmd|"/c calc"!A0, x', gateway_message_id=begins + "1")
    await work(await alive(world, FakeGateway({1: [evil]})))

    answer = await exported(http, run, format="csv")

    [line] = csv.DictReader(StringIO(answer.text, newline=""))
    assert line["answer"] == f"'{evil.answer}"
    assert line["gateway_message_id"] == f"'{begins}1"
    assert not any(cell.startswith(begins) for cell in line.values())


async def test_the_messages_of_a_run_that_is_not_there_cannot_be_exported(
    world: World, http: AsyncClient
) -> None:
    run = await archived(world, is_empty=False)
    shown = (await http.get(f"/runs/{run.run_id}")).json()
    unknown = Run(world, UUID(int=1), UUID(int=1))
    nobody = await world.begin_run()

    assert gone(await exported(http, run), shown)
    assert (await exported(http, unknown)).json()["type"] == "RunUnknown"
    assert (await exported(http, nobody)).text == ""
    assert len((await exported(http, nobody, format="csv")).text.splitlines()) == 1
    assert (await exported(http, nobody, format="xlsx")).status_code == 422


@pytest.mark.usefixtures("small_pages")
async def test_an_export_breaks_off_if_the_run_is_archived_meanwhile(world: World) -> None:
    run = await finished(world, 9)
    async with autocommit(world.pool) as db:
        first = await export.first_page(db, run.run_id)
    texts = export.texts(world.pool, run.run_id, first, export.Wanted(ExportFormat.NDJSON))
    assert len((await anext(texts)).splitlines()) == 3

    await archive(world.pool, await world.now())

    with pytest.raises(MessagesDeleted):
        await anext(texts)


async def test_an_export_that_breaks_off_does_not_end_properly(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A client sees that it has not got all of it: the last piece is missing."""
    run = await finished(world)

    async def broken(*_: object) -> AsyncIterator[str]:
        yield "some\n"
        raise MessagesDeleted(await world.now())

    monkeypatch.setattr(export, "texts", broken)
    async with served(world.pool, routers) as port, AsyncClient() as real:
        with pytest.raises(RemoteProtocolError):
            await real.get(f"http://127.0.0.1:{port}/v1/runs/{run.run_id}/export")

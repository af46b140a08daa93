"""The dispatcher's HTTP door, before a real database."""

import asyncio
from base64 import urlsafe_b64encode
from collections import Counter
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx import ASGITransport, AsyncClient
from msgspec.structs import replace

from services.dispatcher.domain import test_send as sends
from services.dispatcher.handlers.archiving import Retention
from services.dispatcher.handlers.gateways import Senders
from services.dispatcher.handlers.test_sends import send
from services.dispatcher.queries import of_client, of_run
from services.dispatcher.queue import planning as planning_queue
from services.dispatcher.routes import routers
from shared import database, ids
from shared.contracts.dispatcher import State
from shared.http import create_app
from tests.dispatcher.described import HTTP, built, describe
from tests.dispatcher.world import (
    ACCEPTED,
    HOUR,
    LIMITS,
    NOT_PROCESSED,
    REFUSED,
    UNKNOWN,
    FakeGateway,
    Run,
    World,
    alive,
    client,
    fetch,
    give_back,
    work,
)
from tests.reading import reads, statements

MINUTE = timedelta(minutes=1)


@pytest.fixture
async def http(world: World) -> AsyncIterator[AsyncClient]:
    clock = database.business_clock(world.pool)
    app = create_app("dispatcher", routers, world.pool, clock, store=None)
    app.state.retention = Retention(world.pool, None)
    app.state.senders = Senders(world.pool, LIMITS, built, packs=True, traced_one_in=1)
    transport = ASGITransport(app)
    async with AsyncClient(transport=transport, base_url="http://dispatcher/v1") as found:
        yield found


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning_queue, "CHUNK", 4)


async def get(http: AsyncClient, path: str, **params: object) -> Any:
    response = await http.get(path, params={name: str(value) for name, value in params.items()})
    assert response.status_code == 200, response.text
    return response.json()


async def pages(http: AsyncClient, path: str, **params: object) -> list[dict[str, Any]]:
    """Return all items, page by page."""
    items: list[dict[str, Any]] = []
    more: dict[str, object] = {}
    while True:
        page = await get(http, path, **params, **more)
        assert len(page["items"]) <= int(str(params.get("limit", 50)))
        items += page["items"]
        if page["next_cursor"] is None:
            return items
        more = {"cursor": page["next_cursor"]}


def numbers(items: list[dict[str, Any]]) -> list[int]:
    return [UUID(each["client_id"]).int & 0xFFFF for each in items]


async def mixed(world: World) -> Run:
    """Return a run with messages in every state that there is.

    Delivered 1, 7, 11-13, failed 2, 10, undetermined 3, cancelled 9, retry 4, planned 5, 6, 8.
    """
    await world.know_clients([10], phone=None)
    await world.know_clients(range(1, 14))
    run = await world.plan()
    script: dict[int, Any] = {2: [REFUSED], 3: [UNKNOWN, UNKNOWN], 4: [NOT_PROCESSED] * 9}
    script |= {5: [None], 6: [None], 8: [None]}
    gateway = FakeGateway(script, is_idempotent=False)
    await world.forget_client(9)
    sender = await alive(world, gateway)
    await work(sender)
    await world.pass_time(MINUTE)
    await give_back(sender)
    await work(sender)
    return run


STATES = {
    State.DELIVERED: [1, 7, 11, 12, 13],
    State.FAILED: [2, 10],
    State.UNDETERMINED: [3],
    State.RETRY: [4],
    State.PLANNED: [5, 6, 8],
    State.CANCELLED: [9],
    State.EXPIRED: [],
    State.SUPPRESSED: [],
}


async def test_a_run_shows_how_far_it_is(world: World, http: AsyncClient) -> None:
    run = await world.schedule()
    assert (await get(http, f"/runs/{run.run_id}"))["state"] == "waiting"
    await world.know_clients(range(1, 4))
    other = await world.plan()
    gateway = FakeGateway({2: [None]})
    sender = await alive(world, gateway)
    await fetch(sender)
    await work(sender)

    shown = await get(http, f"/runs/{other.run_id}")
    assert (shown["state"], shown["planned"], shown["open"]) == ("sending", 3, 1)
    assert (shown["gateway"], shown["finished_at"]) == ("http", None)
    assert shown["mailing_id"] == str(other.mailing_id)
    gateway.answer(2, ACCEPTED)
    await work(sender)
    await world.end()
    shown = await get(http, f"/runs/{other.run_id}")
    assert (shown["state"], shown["open"]) == ("finished", 0)
    assert shown["finished_at"] is not None


async def test_runs_come_in_pages_the_newest_first_and_by_mailing(
    world: World, http: AsyncClient
) -> None:
    now = await world.now()
    ages = [3, 0, 5, 1, 4, 1]  # minutes; two began together
    made = [await world.schedule(scheduled_at=now - timedelta(minutes=age)) for age in ages]
    one = made[2]

    found = [each["run_id"] for each in await pages(http, "/runs", limit=2)]
    of_one = await pages(http, "/runs", mailing_id=one.mailing_id)

    newest = sorted(
        zip(ages, made, strict=True), key=lambda each: (-each[0], each[1].run_id), reverse=True
    )
    assert found == [str(run.run_id) for _, run in newest]
    assert [each["run_id"] for each in of_one] == [str(one.run_id)]


@pytest.mark.parametrize("limit", [1, 4, 12, 13, 1_000])
@pytest.mark.usefixtures("small_chunks")
async def test_all_messages_of_a_run_are_shown_once_in_order(
    world: World, http: AsyncClient, limit: int
) -> None:
    run = await world.plan(13)

    found = await pages(http, "/messages", run_id=run.run_id, limit=limit)

    assert numbers(found) == list(range(1, 14))


@pytest.mark.parametrize("limit", [1, 1_000])
@pytest.mark.usefixtures("small_chunks")
async def test_messages_of_each_status_are_all_that_have_it(
    world: World, http: AsyncClient, limit: int
) -> None:
    run = await mixed(world)

    for state, clients in STATES.items():
        found = await pages(http, "/messages", run_id=run.run_id, status=state, limit=limit)
        assert (state, numbers(found)) == (state, clients)
        assert {each["status"] for each in found} <= {state}
    every = await pages(http, "/messages", run_id=run.run_id, limit=limit)
    counted = Counter(each["status"] for each in every)
    assert counted == {state: len(clients) for state, clients in STATES.items() if clients}


@pytest.mark.parametrize("walk", [1, 4])
@pytest.mark.usefixtures("small_chunks")
async def test_a_walk_that_ends_early_goes_on_with_the_next_page(
    world: World,
    http: AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
    walk: int,
) -> None:
    run = await mixed(world)
    monkeypatch.setattr(of_run, "CHUNKS", walk)

    for state in (State.DELIVERED, State.PLANNED, State.EXPIRED, State.CANCELLED):
        found = await pages(http, "/messages", run_id=run.run_id, status=state, limit=2)
        assert numbers(found) == STATES[state]


@pytest.mark.parametrize("limit", [1, 3, 1_000])
@pytest.mark.parametrize("walk", [1, 2, 9])
@pytest.mark.usefixtures("small_chunks")
async def test_exceptions_stand_among_the_others_of_their_status(
    world: World, http: AsyncClient, monkeypatch: pytest.MonkeyPatch, walk: int, limit: int
) -> None:
    await world.know_clients([10], phone=None)
    tried = await world.plan(13)
    await world.forget_client(7)
    script: dict[int, Any] = {2: [REFUSED], 5: [None]}
    script |= {each: [NOT_PROCESSED, ACCEPTED] for each in (1, 6, 8, 12)}  # by exceptions
    sender = await alive(world, FakeGateway(script))
    await work(sender)
    await world.pass_time(MINUTE)
    await work(sender)
    await give_back(sender)
    stopped = await world.plan()
    await stopped.stop()
    await world.end()
    monkeypatch.setattr(of_run, "CHUNKS", walk)

    for run in (tried, stopped):
        every = await pages(http, "/messages", run_id=run.run_id)
        for state in State:
            found = await pages(http, "/messages", run_id=run.run_id, status=state, limit=limit)
            assert found == [each for each in every if each["status"] == state], state
        assert len({each["status"] for each in every}) > 1


@pytest.mark.parametrize("is_stopped", [False, True])
async def test_messages_that_ended_with_their_chunk_are_shown_as_ended(
    world: World, http: AsyncClient, *, is_stopped: bool
) -> None:
    run = await world.plan(3)
    if is_stopped:
        await run.stop()
    await world.pass_time(HOUR)
    await world.end()

    state = State.CANCELLED if is_stopped else State.EXPIRED
    found = await pages(http, "/messages", run_id=run.run_id, status=state)

    assert numbers(found) == [1, 2, 3]
    assert {each["reason"] for each in found} == {"mailing_stopped" if is_stopped else None}


@pytest.mark.parametrize("limit", [1, 50])
@pytest.mark.usefixtures("small_chunks")
async def test_messages_of_a_client_are_shown_over_all_runs(
    world: World, http: AsyncClient, limit: int
) -> None:
    runs_of_client = [await world.plan(9) for _ in range(3)]
    await world.know_clients([10])
    await world.plan()

    found = await pages(http, "/messages", client_id=client(9), limit=limit)
    of_one = await pages(
        http, "/messages", client_id=client(9), run_id=runs_of_client[1].run_id, limit=limit
    )
    of_late = await pages(http, "/messages", client_id=client(10), limit=limit)

    assert len({each["run_id"] for each in found}) == len(found) == 4
    assert [each["run_id"] for each in of_one] == [str(runs_of_client[1].run_id)]
    assert len(of_late) == 1
    assert await pages(http, "/messages", client_id=client(77)) == []


async def runs_of_ages(world: World, *ages: int) -> list[Run]:
    """Return runs of client 1 that began so many minutes ago."""
    await world.know_clients([1])
    now = await world.now()
    return [await world.plan(scheduled_at=now - timedelta(minutes=age)) for age in ages]


@pytest.mark.parametrize("limit", [1, 2, 50])
async def test_messages_of_a_client_come_with_the_newest_run_first(
    world: World, http: AsyncClient, limit: int
) -> None:
    third, first, fourth, second = await runs_of_ages(world, 3, 1, 9, 2)

    found = await pages(http, "/messages", client_id=client(1), limit=limit)

    newest = [str(run.run_id) for run in (first, second, third, fourth)]
    assert [each["run_id"] for each in found] == newest


@pytest.mark.parametrize("bound", ["RUNS", "MESSAGES"])
@pytest.mark.parametrize("at_most", [1, 2, 4, 5])
async def test_a_page_of_a_client_looks_at_so_many_runs_and_goes_on_with_the_next(
    world: World, http: AsyncClient, monkeypatch: pytest.MonkeyPatch, bound: str, at_most: int
) -> None:
    planned = await runs_of_ages(world, 4, 3, 2, 1)
    await planned[0].stop()
    await world.end()
    monkeypatch.setattr(of_client, bound, at_most)

    every = await pages(http, "/messages", client_id=client(1))
    cancelled = await pages(http, "/messages", client_id=client(1), status="cancelled", limit=1)
    page = await get(http, "/messages", client_id=client(1), status="cancelled", limit=1)

    assert [each["run_id"] for each in every] == [str(run.run_id) for run in reversed(planned)]
    assert [each["run_id"] for each in cancelled] == [str(planned[0].run_id)]
    assert bool(page["items"]) == (at_most >= len(planned))


READS = (
    "/v1/gateways",
    "/v1/gateways/{name}",
    "/v1/messages?run_id={run_id}",
    "/v1/messages?run_id={run_id}&status=planned",
    "/v1/messages?run_id={run_id}&status=retry",
    "/v1/messages?client_id={client_id}",
    "/v1/messages/{message_id}",
    "/v1/runs",
    "/v1/runs?mailing_id={mailing_id}",
    "/v1/runs/{run_id}",
    "/v1/runs/{run_id}/export",
    "/v1/runs/{run_id}/reasons",
    "/v1/runs/{run_id}/why",
    "/v1/retention",
    "/v1/test-sends/{run_id}",
)


OF_A_PERSON = "/v1/clients/{client_id}/subject-data"  # asked once: all that there is of somebody


def test_every_read_stands_in_the_table() -> None:
    assert {path.partition("?")[0] for path in READS} == reads(routers) - {OF_A_PERSON}


@pytest.mark.parametrize("path", READS)
async def test_a_read_takes_one_round_trip_at_most(
    world: World, http: AsyncClient, path: str
) -> None:
    run = await world.plan(1)
    await describe(world.pool, "sms", HTTP, now=await world.now())
    to = sends.Recipient(client_id=client(1))
    test = sends.TestSend(ids.id_of_test_send(), sends.Content("sms", "Hello"), to)
    await send(world.pool, test)
    named = path.format(
        run_id=test.run_id if "test-sends" in path else run.run_id,
        mailing_id=run.mailing_id,
        client_id=client(1),
        message_id=ids.message_id(run.run_id, client(1)),
        name="sms",
    )

    with statements(world.pool) as sent:
        answer = await http.get(named.removeprefix("/v1"))

    assert answer.status_code == 200, answer.text
    assert sent == [False]


async def test_messages_of_a_client_are_shown_by_status(world: World, http: AsyncClient) -> None:
    first, _ = await world.plan(1), await world.plan(1)
    await first.stop()
    await world.end()

    cancelled = await pages(http, "/messages", client_id=client(1), status="cancelled", limit=1)
    planned = await pages(http, "/messages", client_id=client(1), status="planned", limit=1)

    assert [each["run_id"] for each in cancelled] == [str(first.run_id)]
    assert len(planned) == 1


async def test_a_message_shows_all_that_was_tried(world: World, http: AsyncClient) -> None:
    run = await world.plan(1)
    refusal = replace(NOT_PROCESSED, answer="busy")
    sender = await alive(world, FakeGateway({1: [refusal]}, is_idempotent=False))
    await work(sender)
    message_id = ids.message_id(run.run_id, client(1))
    waiting = await get(http, f"/messages/{message_id}")
    await world.pass_time(MINUTE)
    await give_back(sender)
    await work(sender)

    shown = await get(http, f"/messages/{message_id}")

    assert (waiting["status"], waiting["attempts"]) == ("retry", 1)
    assert waiting["reason"] == "status_500"
    assert waiting["next_attempt_at"] > waiting["last_attempt_at"]
    assert (shown["status"], shown["attempts"], shown["next_attempt_at"]) == ("delivered", 2, None)
    log = shown["attempts_log"]
    assert [(each["attempt"], each["kind"]) for each in log] == [
        (1, "start"),
        (1, "answer"),
        (2, "start"),
        (2, "answer"),
    ]
    assert [(each["outcome"], each["answer"]) for each in log] == [
        (None, None),
        ("not_processed", "busy"),
        (None, None),
        ("accepted", "{}"),
    ]
    assert log[3]["gateway_message_id"] == "gw-1"
    assert log[3]["latency_ms"] >= 0
    assert shown["last_attempt_at"] == log[3]["started_at"]
    (listed,) = await pages(http, "/messages", run_id=run.run_id)
    assert listed == {name: value for name, value in shown.items() if name != "attempts_log"}


async def test_a_message_that_was_never_tried_shows_that(world: World, http: AsyncClient) -> None:
    run = await world.plan(2)

    shown = await get(http, f"/messages/{ids.message_id(run.run_id, client(2))}")

    assert (shown["status"], shown["attempts"], shown["attempts_log"]) == ("planned", 0, [])
    assert (shown["client_id"], shown["mailing_id"]) == (str(client(2)), str(run.mailing_id))
    assert (shown["last_attempt_at"], shown["reason"]) == (None, None)


def cursor(key: str) -> str:
    return urlsafe_b64encode(key.encode()).decode()


NONSENSE = [
    (f"/runs/{UUID(int=9)}", 404, "RunUnknown"),
    (f"/messages/{ids.message_id(UUID(int=9), client(1))}", 404, "MessageUnknown"),
    ("/messages/nonsense", 404, "MessageUnknown"),
    ("/messages/%C3%A9" + "A" * 42, 404, "MessageUnknown"),
    (f"/messages/{'A' * 42}B", 404, "MessageUnknown"),
    ("/messages", 422, "TooWide"),
    ("/messages?status=retry", 422, "TooWide"),
    (f"/messages?run_id={UUID(int=9)}&status=lost", 422, ""),
    (f"/messages?run_id={UUID(int=9)}&limit=0", 422, ""),
    (f"/messages?run_id={UUID(int=9)}&cursor=nonsense", 422, "BadCursor"),
    (f"/messages?run_id={UUID(int=9)}&cursor={cursor('1')}", 422, "BadCursor"),
    (f"/messages?run_id={UUID(int=9)}&cursor={cursor('1,2,3')}", 422, "BadCursor"),
    (f"/messages?run_id={UUID(int=9)}&cursor={cursor('-1,2')}", 422, "BadCursor"),
    (f"/messages?run_id={UUID(int=9)}&cursor={cursor('1,99999999999')}", 422, "BadCursor"),
    (f"/messages?run_id={UUID(int=9)}&cursor={cursor('99999999999,1')}", 422, "BadCursor"),
    (f"/messages?run_id={UUID(int=9)}&status=failed&cursor={cursor('x')}", 422, "BadCursor"),
    (f"/messages?client_id={UUID(int=9)}&cursor={cursor('1,2')}", 422, "BadCursor"),
    ("/runs?cursor=nonsense", 422, "BadCursor"),
    ("/runs?unknown=1", 422, ""),
]


async def test_what_makes_no_sense_gets_a_clear_answer(http: AsyncClient) -> None:
    for path, status, kind in NONSENSE:
        response = await http.get(path)

        assert response.status_code == status, (path, response.text)
        assert response.headers["content-type"] == "application/problem+json"
        assert kind in response.json()["type"], path


async def test_a_run_nobody_knows_has_no_messages(http: AsyncClient) -> None:
    assert await pages(http, "/messages", run_id=UUID(int=9)) == []


@pytest.mark.usefixtures("small_chunks")
async def test_a_message_of_a_client_who_is_not_in_the_run_is_unknown(
    world: World, http: AsyncClient
) -> None:
    run = await world.plan(9)

    for number in (0, 10):
        message_id = ids.message_id(run.run_id, client(number))
        assert (await http.get(f"/messages/{message_id}")).status_code == 404


@pytest.mark.usefixtures("small_chunks")
async def test_a_page_asked_for_while_messages_move_has_neither_gaps_nor_repeats(
    world: World, http: AsyncClient
) -> None:
    run = await world.plan(40)
    sender = await alive(world, FakeGateway())

    async with asyncio.TaskGroup() as tasks:
        reading = tasks.create_task(pages(http, "/messages", run_id=run.run_id, limit=3))
        tasks.create_task(work(sender))

    assert numbers(reading.result()) == list(range(1, 41))


async def test_instants_that_the_driver_stores_as_infinities_stop_no_list(
    world: World, http: AsyncClient
) -> None:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    run = await world.plan(1, starts_at=first, ends_at=last, scheduled_at=last)

    (shown,) = (await get(http, "/runs"))["items"]
    (message,) = (await get(http, "/messages", run_id=run.run_id))["items"]

    assert shown["starts_at"] == "0001-01-01T00:00:00Z"
    assert shown["ends_at"] == shown["created_at"] == "9999-12-31T23:59:59.999999Z"
    assert message["status"] == "planned"

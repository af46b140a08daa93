"""A run waits for the clients of its time, and is written down as chunks."""

import json
from collections.abc import Iterable
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from services.dispatcher.handlers import planning
from services.dispatcher.queue import planning as planning_queue
from services.dispatcher.subscriptions import READERS
from shared import database, outbox
from shared.contracts.catalog import CLIENTS, MAILINGS, Filter
from shared.contracts.dispatcher import (
    MessageFailed,
    MessagesPlanned,
    RunExpanded,
    RunFinished,
    State,
)
from shared.database import Connection, transaction
from shared.errors import Unavailable
from shared.kafka import EndOffsets
from tests.dispatcher.proof import prove, told
from tests.dispatcher.world import (
    CHANNELS,
    TRACE,
    FakeGateway,
    Run,
    World,
    alive,
    client,
    numbers,
    work,
)

SECOND = timedelta(seconds=1)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a chunk hold three messages, and a step write two of them."""
    monkeypatch.setattr(planning_queue, "CHUNK", 3)
    monkeypatch.setattr(planning_queue, "AT_ONCE", 2)


async def members(world: World) -> list[list[int]]:
    rows = await world.rows("SELECT client_ids FROM chunks ORDER BY run_id, chunk")
    return [[each.int & 0xFFFF for each in row.client_ids] for row in rows]


async def kinds(world: World, *kinds: type) -> list[Any]:
    return [each for each in await told(world.pool) if isinstance(each, kinds)]


# Waiting


async def read(world: World, **positions: dict[int, int]) -> None:
    """Let the consumers of clients and mailings have read so far."""
    rows = [
        (READERS[f"catalog.{topic}"], f"catalog.{topic}", number, at)
        for topic, ends in positions.items()
        for number, at in ends.items()
    ]
    async with transaction(world.pool) as db:
        await db.exec_driver_sql("DELETE FROM offsets")
        columns = ("consumer", "topic", "partition", "position")
        await database.copy(db, "offsets", columns, rows)


async def begun(world: World, run: Run) -> bool:
    async with transaction(world.pool) as db:
        await planning_queue.begin_those_ready(db, READERS)
    return await run.status() != "waiting"


async def awaits(world: World, *runs: Run, **ends: dict[int, int]) -> None:
    ends = {"suppressions": {}} | ends
    wanted = {f"catalog.{topic}": offsets for topic, offsets in ends.items()}
    async with transaction(world.pool) as db:
        await planning_queue.await_offsets(db, [run.run_id for run in runs], wanted)


async def test_a_run_waits_until_every_partition_of_clients_has_been_read(world: World) -> None:
    run = await world.begin_run()

    assert not await begun(world, run), "it is not known yet what for"
    await awaits(world, run, clients={0: 5, 1: 0, 2: 7}, mailings={0: 0})
    assert not await begun(world, run)
    await read(world, clients={0: 5, 2: 6})
    assert not await begun(world, run)
    await read(world, clients={0: 9, 1: 3})
    assert not await begun(world, run)
    await read(world, clients={0: 5, 2: 7})
    assert await begun(world, run)


async def test_a_run_waits_until_what_stands_behind_its_beginning_has_been_read(
    world: World,
) -> None:
    run = await world.begin_run()
    await awaits(world, run, clients={0: 5}, mailings={0: 3, 1: 8})

    await read(world, clients={0: 5}, mailings={0: 3, 1: 7})
    assert not await begun(world, run)
    await read(world, clients={0: 4}, mailings={0: 3, 1: 8})
    assert not await begun(world, run)
    await read(world, clients={0: 5}, mailings={0: 3, 1: 8})
    assert await begun(world, run)


async def test_what_a_run_waits_for_is_noted_once(world: World) -> None:
    run = await world.begin_run()

    await awaits(world, run, clients={0: 5}, mailings={0: 1})
    await awaits(world, run, clients={0: 500}, mailings={0: 100})

    noted = {"clients": {"0": 5}, "mailings": {"0": 1}, "suppressions": {}}
    noted = {f"catalog.{topic}": ends for topic, ends in noted.items()}
    assert await world.value("SELECT awaited FROM runs") == noted


@pytest.mark.parametrize(
    "awaited",
    ['{"0": 5, "1": 0}', '{"catalog.clients": {"0": 5}, "catalog.mailings": {"0": 1}}'],
)
async def test_a_run_that_waits_since_an_older_release_is_asked_for_anew(
    world: World, awaited: str
) -> None:
    run = await world.schedule()
    async with transaction(world.pool) as db:
        await db.execute(text("UPDATE runs SET awaited = :awaited"), {"awaited": awaited})

        assert await planning_queue.new_runs(db) == [run.run_id]
    await awaits(world, run, clients={0: 5}, mailings={0: 1})
    await read(world, clients={0: 5}, mailings={0: 1})
    assert await begun(world, run)


class CountedEnds(EndOffsets):
    """Counts the questions."""

    questions = 0

    async def read(self, topics: Iterable[str]) -> dict[str, dict[int, int]]:
        self.questions += 1
        return await super().read(topics)


async def test_one_question_serves_all_runs_that_wait_and_they_begin_together(
    world: World, kafka: str
) -> None:
    ends = CountedEnds(kafka)

    async def step() -> bool:
        return await planning.begin_waiting(world.pool, ends, READERS)

    assert not await step()
    for _ in range(50):
        await world.begin_run()
    offsets = await ends.read(READERS)

    assert await step(), "there may be more"
    assert ends.questions == 2
    assert await world.rows("SELECT DISTINCT awaited FROM runs") == [
        ({topic: {str(n): at for n, at in each.items()} for topic, each in offsets.items()},)
    ]
    await read(world, clients=offsets[CLIENTS.name], mailings=offsets[MAILINGS.name])
    late = await world.begin_run()
    assert await step()
    assert await late.status() == "expanding"
    assert await world.value("SELECT count(*) FROM runs WHERE state <> 'expanding'") == 0
    assert not await step()
    assert ends.questions == 3
    await ends.close()


async def test_a_question_that_is_not_answered_is_asked_again(world: World, kafka: str) -> None:
    ends = EndOffsets("127.0.0.1:1")
    await world.begin_run()

    with pytest.raises(Unavailable):
        await planning.begin_waiting(world.pool, ends, READERS)
    assert await world.value("SELECT awaited FROM runs") is None

    again = EndOffsets(kafka)
    assert await planning.begin_waiting(world.pool, again, READERS)
    await again.close()


# Expanding


@pytest.mark.usefixtures("small_chunks")
async def test_messages_are_planned_in_chunks_over_several_steps(world: World) -> None:
    await world.know_clients(range(1, 15))
    run = await world.schedule()
    await run.begin()

    steps = [await planning.expand(world.pool, CHANNELS) for _ in range(4)]

    assert steps == [True, True, True, False]
    assert await members(world) == [[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12], [13, 14]]
    (expanded,) = await kinds(world, RunExpanded)
    assert (expanded.planned, expanded.mailing_id) == (14, run.mailing_id)
    assert await run.status() == "sending"


@pytest.mark.usefixtures("small_chunks")
async def test_an_audience_that_fills_the_last_step_is_expanded_too(world: World) -> None:
    run = await world.plan(12)

    assert await members(world) == [[1, 2, 3], [4, 5, 6], [7, 8, 9], [10, 11, 12]]
    assert await run.status() == "sending"


async def test_the_real_sizes_go_over_more_than_one_step(world: World) -> None:
    run = await world.plan(planning_queue.CHUNK * planning_queue.AT_ONCE + 1_001)

    sizes = [len(each.client_ids) for each in await kinds(world, MessagesPlanned)]
    assert sizes == [1_000] * 11 + [1]
    assert (await kinds(world, RunExpanded))[0].planned == 11_001
    assert await run.status() == "sending"


async def test_nobody_to_send_to_is_a_run_that_finishes(world: World) -> None:
    run = await world.plan(0)

    await world.end()

    assert await run.status() == "finished"
    expanded, finished = await kinds(world, RunExpanded, RunFinished)
    assert (expanded.planned, finished.is_last) == (0, True)


@pytest.mark.parametrize(
    ("codes", "tags", "chosen"),
    [
        ((), (), [1, 2, 3, 4]),
        (("916",), (), [1, 2]),
        (("916", "903"), (), [1, 2, 3]),
        ((), ("vip",), [1, 3]),
        ((), ("vip", "new"), [1, 2, 3]),
        (("916",), ("vip",), [1]),
        (("999",), (), []),
        ((), ("none",), []),
    ],
)
async def test_a_filter_takes_any_of_the_codes_and_any_of_the_tags(
    world: World, codes: tuple[str, ...], tags: tuple[str, ...], chosen: list[int]
) -> None:
    await world.know_clients([1], tags=("vip", "old"))
    await world.know_clients([2], tags=("new",))
    await world.know_clients([3], tags=("vip",), operator_code="903")
    await world.know_clients([4], tags=(), operator_code=None)
    await world.know_clients([5], tags=("vip",))
    await world.forget_client(5)

    await world.plan(filter=Filter(operator_codes=codes, tags=tags))

    assert await members(world) == ([chosen] if chosen else [])


class Killed(BaseException):
    """The process is gone."""


@pytest.mark.usefixtures("small_chunks")
async def test_an_expansion_that_dies_in_a_step_does_it_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.know_clients(range(1, 9))
    run = await world.schedule()
    await run.begin()
    await planning.expand(world.pool, CHANNELS)

    async def die(_: Connection, *__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(planning, "put_run_events", die)
        with pytest.raises(Killed):
            await planning.expand(world.pool, CHANNELS)
    await prove(world.pool)
    while await planning.expand(world.pool, CHANNELS):
        pass

    assert await members(world) == [[1, 2, 3], [4, 5, 6], [7, 8]]


async def test_small_runs_are_written_down_many_in_a_transaction(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "STEPS", 4)
    await world.know_clients([1])
    runs = [await world.begin_run() for _ in range(9)]
    for run in runs:
        await run.begin()

    assert [await planning.expand(world.pool, CHANNELS) for _ in range(4)] == [
        *[True] * 3,
        False,
    ]

    assert await world.value("SELECT count(DISTINCT xmin::text) FROM chunks") == 3
    assert {await run.status() for run in runs} == {"sending"}
    assert len(await kinds(world, RunExpanded)) == 9


@pytest.mark.usefixtures("small_chunks")
async def test_two_expand_two_runs_at_once_and_one_run_alone(world: World) -> None:
    await world.know_clients(range(1, 9))
    first, second = await world.schedule(), await world.schedule()
    await first.begin()
    await second.begin()

    async with transaction(world.pool) as one, transaction(world.pool) as two:
        here = await planning_queue.expand_next(one, CHANNELS)
        there = await planning_queue.expand_next(two, CHANNELS)
        async with transaction(world.pool) as three:
            assert await planning_queue.expand_next(three, CHANNELS) is None
        assert here is not None
        assert there is not None
        assert {here.run_id, there.run_id} == {first.run_id, second.run_id}
        await one.rollback()
        await two.rollback()


async def test_a_client_without_a_phone_fails_at_once_and_with_a_reason(world: World) -> None:
    await world.know_clients([2], phone=None)
    await world.know_clients([1, 3])

    run = await world.plan()

    (failed,) = await kinds(world, MessageFailed)
    assert (failed.client_id, failed.reason, failed.attempts) == (client(2), "no_phone", 0)
    assert await world.value("SELECT open_count FROM chunks") == 2
    gateway = FakeGateway()
    await work(await alive(world, gateway))
    await world.end()
    assert numbers(gateway) == [1, 3]
    assert await run.status() == "finished"


async def test_a_run_of_nobody_with_a_phone_finishes_without_a_request(world: World) -> None:
    await world.know_clients([1, 2], phone=None)
    run = await world.plan()

    await world.end()

    assert await run.status() == "finished"
    assert await prove(world.pool) == {State.FAILED: 2}


async def test_a_log_needs_no_phone(world: World) -> None:
    await world.know_clients([1], phone=None)

    await world.plan(gateway="log")

    assert await prove(world.pool) == {State.PLANNED: 1}


async def test_a_runs_events_carry_its_trace_and_key(world: World) -> None:
    await world.plan(1)
    await work(await alive(world, FakeGateway()))
    await world.end()

    rows = await world.rows("SELECT batches FROM outbox ORDER BY position")
    batches = [batch for row in rows for batch in outbox.read(row.batches)]
    for batch in batches:
        for record in batch.records:
            headers = dict(batch.headers) | dict(record.headers)
            assert headers["traceparent"] == TRACE.encode()
    assert {batch.topic for batch in batches} == {"dispatcher.runs", "dispatcher.messages"}


async def test_without_the_database_nothing_is_written_down_and_it_is_said(no_pool: Any) -> None:
    with pytest.raises(Unavailable):
        await planning.expand(no_pool, CHANNELS)


async def test_a_run_that_cannot_be_expanded_stops_no_other_and_is_tried_again_later(
    world: World,
) -> None:
    await world.know_clients(range(1, 4))
    bad, good = await world.schedule(), await world.schedule()
    for each in (bad, good):
        await each.begin()
    await world.rows(
        "UPDATE runs SET filter = '[]' WHERE run_id = :run_id RETURNING 1", run_id=bad.run_id
    )

    while await planning.expand(world.pool, CHANNELS):
        pass

    assert (await bad.status(), await good.status()) == ("expanding", "sending")
    rows = await world.rows("SELECT loop, item, reason FROM set_aside")
    assert [tuple(row) for row in rows] == [("expand", bad.run_id, "ValidationError")]

    whole = '{"operator_codes": [], "tags": []}'
    await world.rows("UPDATE runs SET filter = CAST(:whole AS jsonb) RETURNING 1", whole=whole)
    await world.pass_time(2 * SECOND)
    while await planning.expand(world.pool, CHANNELS):
        pass

    assert await bad.status() == "sending"
    assert await world.rows("SELECT 1 FROM set_aside") == []


async def test_a_run_that_cannot_begin_stops_no_other_and_is_tried_again_later(
    world: World, kafka: str
) -> None:
    bad, good = await world.schedule(), await world.schedule()
    awaited: dict[str, dict[str, str]] = {topic: {} for topic in READERS}
    for run, own in ((bad, awaited | {"catalog.clients": {"0": "x"}}), (good, awaited)):
        await world.rows(
            "UPDATE runs SET awaited = CAST(:ends AS jsonb) WHERE run_id = :id RETURNING 1",
            ends=json.dumps(own),
            id=run.run_id,
        )
    ends = EndOffsets(kafka)

    for _ in range(2):
        await planning.begin_waiting(world.pool, ends, READERS)

    assert (await bad.status(), await good.status()) == ("waiting", "expanding")
    rows = await world.rows("SELECT loop, item, reason, failures FROM set_aside")
    assert [tuple(row) for row in rows] == [("begin", bad.run_id, "Unstorable", 1)]

    whole = json.dumps(awaited)
    await world.rows("UPDATE runs SET awaited = CAST(:whole AS jsonb) RETURNING 1", whole=whole)
    assert await planning.begin_waiting(world.pool, ends, READERS)

    assert await bad.status() == "expanding"
    assert await world.rows("SELECT 1 FROM set_aside") == []

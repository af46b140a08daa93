"""Starts at plain gateways: on record before the first byte, one row for all of a chunk."""

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.dispatcher.domain.keys import ChunkKey
from services.dispatcher.domain.outcome import Verdict
from services.dispatcher.handlers.archiving import Emptying, archive
from services.dispatcher.handlers.sending import Sender
from services.dispatcher.queries import messages
from services.dispatcher.queue import leasing, reaping, recording, starts
from services.dispatcher.queue.blocks import Places
from services.dispatcher.queue.exceptions import FastPathFailed
from services.dispatcher.queue.leasing import LeaseLost
from services.dispatcher.queue.starts import Starts, StartsInChunk
from shared import ids
from shared.contracts.dispatcher import State
from shared.database import transaction
from shared.errors import Unavailable
from tests.dispatcher.proof import prove
from tests.dispatcher.world import (
    ACCEPTED,
    REFUSED,
    FakeGateway,
    Run,
    World,
    alive,
    client,
    fetch,
    leave_unheard,
    numbers,
    reap_all,
    work,
)

MESSAGES = 5


def plain(connections: int = MESSAGES, *, is_hanging: bool = True) -> FakeGateway:
    gateway = FakeGateway(is_idempotent=False, connections=connections)
    gateway.is_hanging = is_hanging
    return gateway


async def log_of(world: World, run: Run, number: int) -> list[tuple[int, str]]:
    """Return what the API shows of a client's message."""
    async with transaction(world.pool) as db:
        found = await messages.message(db, ids.message_id(run.run_id, client(number)))
    return [(each.attempt, each.kind) for each in found.attempts_log]


async def one_answered_of_two(
    world: World, verdict: Verdict = ACCEPTED
) -> tuple[Run, FakeGateway, Sender]:
    """Let two messages begin, and the first of them be answered, but not be recorded."""
    run = await world.plan(MESSAGES)
    gateway = plain(connections=2)
    sender = await alive(world, gateway)
    await fetch(sender)
    gateway.answer(1, verdict)
    return run, gateway, sender


async def test_starts_that_are_marked_together_take_one_row(world: World) -> None:
    run = await world.plan(MESSAGES)
    gateway = plain(connections=3)
    sender = await alive(world, gateway)
    await fetch(sender)

    [row] = await world.rows("SELECT number, attempt, places::text AS places FROM starts")
    assert (row.number, row.attempt, row.places) == (1, 1, "11100")
    assert await world.value("SELECT count(*) FROM attempts") == 0
    assert await log_of(world, run, 3) == [(1, "start")]
    assert await log_of(world, run, 4) == []

    gateway.is_hanging = False
    gateway.answer_all(ACCEPTED)
    await work(sender)
    assert await world.value("SELECT count(*) FROM starts") == 2
    assert await log_of(world, run, 5) == [(1, "start"), (1, "answer")]
    assert await prove(world.pool) == {State.DELIVERED: MESSAGES}


async def test_who_does_not_pack_marks_starts_one_by_one(world: World) -> None:
    run = await world.plan(MESSAGES)
    await fetch(await alive(world, plain(), packs=False))

    assert await world.value("SELECT count(*) FROM starts") == 0
    assert await world.value("SELECT count(*) FROM attempts") == MESSAGES
    assert await log_of(world, run, 1) == [(1, "start")]
    await reap_all(world)
    assert await prove(world.pool) == {State.RETRY: MESSAGES}


async def test_of_a_dead_senders_chunk_only_what_was_marked_is_unknown(world: World) -> None:
    run, _, sender = await one_answered_of_two(world)
    await sender.record()

    await reap_all(world)

    assert await prove(world.pool) == {State.DELIVERED: 1, State.RETRY: 1, State.PLANNED: 3}
    assert await log_of(world, run, 1) == [(1, "start"), (1, "answer")]
    assert await log_of(world, run, 2) == [(1, "start"), (1, "lost")]
    heir = plain(is_hanging=False)
    await work(await alive(world, heir))
    assert numbers(heir) == [3, 4, 5]
    assert await log_of(world, run, 3) == [(2, "start"), (2, "answer")]


async def test_what_was_marked_twice_because_a_commit_was_not_heard_of_is_lost_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await world.plan(MESSAGES)
    sender = await alive(world, plain())
    await sender.claim()
    with monkeypatch.context() as patched:
        leave_unheard(patched, starts, "mark")
        with pytest.raises(Unavailable):
            await sender.mark_and_start()
    await sender.mark_and_start()
    assert await world.value("SELECT count(*) FROM starts") == 2
    assert await log_of(world, run, 1) == [(1, "start")]

    await reap_all(world)

    assert await log_of(world, run, 1) == [(1, "start"), (1, "lost")]
    assert await world.value("SELECT max(attempts) FROM exceptions") == 1
    assert await prove(world.pool) == {State.RETRY: MESSAGES}


async def test_one_transaction_records_results_and_marks_what_starts_in_their_place(
    world: World,
) -> None:
    run, gateway, sender = await one_answered_of_two(world)

    await sender.record_and_start()

    assert numbers(gateway) == [1, 2, 3]
    assert await world.value("SELECT s.xmin = b.xmin FROM starts s, blocks b WHERE s.number = 2")
    assert await log_of(world, run, 3) == [(1, "start")]


async def test_what_starts_beside_results_that_are_no_block_is_marked_as_well(
    world: World,
) -> None:
    run, gateway, sender = await one_answered_of_two(world, REFUSED)

    await sender.record_and_start()

    assert numbers(gateway) == [1, 2, 3]
    assert await log_of(world, run, 1) == [(1, "start"), (1, "answer")]
    assert await log_of(world, run, 3) == [(1, "start")]


async def test_nothing_starts_with_results_whose_record_was_not_heard_of(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, gateway, sender = await one_answered_of_two(world)
    with monkeypatch.context() as patched:
        leave_unheard(patched, recording, "record")
        with pytest.raises(Unavailable):
            await sender.record_and_start()
    assert numbers(gateway) == [1, 2]

    gateway.is_hanging = False
    gateway.answer_all(ACCEPTED)
    await work(sender)

    assert numbers(gateway) == [1, 2, 3, 4, 5]
    assert await log_of(world, run, 3) == [(1, "start"), (1, "answer")]
    assert await prove(world.pool) == {State.DELIVERED: MESSAGES}


async def test_nothing_starts_with_results_that_are_reconciled(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, gateway, sender = await one_answered_of_two(world)

    async def fail(*_: object) -> None:
        raise FastPathFailed

    with monkeypatch.context() as patched:
        patched.setattr(recording, "record", fail)
        await sender.record_and_start()
    assert numbers(gateway) == [1, 2]
    assert await log_of(world, run, 3) == []

    await sender.mark_and_start()
    assert numbers(gateway) == [1, 2, 3]
    assert await prove(world.pool) == {State.DELIVERED: 1, State.PLANNED: MESSAGES - 1}


async def test_nothing_starts_with_results_of_a_sender_that_was_declared_dead(
    world: World,
) -> None:
    await world.plan(MESSAGES)
    gateway = plain(connections=2)
    sender = await alive(world, gateway)
    await fetch(sender)
    await reap_all(world)
    gateway.answer(1, ACCEPTED)

    await sender.record_and_start()

    assert numbers(gateway) == [1, 2]
    assert await world.value("SELECT count(*) FROM starts") == 1
    assert (await prove(world.pool))[State.DELIVERED] == 1


async def test_starts_are_marked_under_the_row_of_their_sender(world: World) -> None:
    run = await world.plan(MESSAGES)
    sender_id, now = ids.new_id(), await world.now()
    async with transaction(world.pool) as db:
        await leasing.register(db, sender_id, "http", marks_starts=True)
    begun = Starts([StartsInChunk(ChunkKey(run.run_id, 0), 1, 1, 1, Places(1, MESSAGES))], [], now)

    async with transaction(world.pool) as marking, world.pool.connect() as db:
        await starts.mark(marking, sender_id, begun)
        await db.execute(text("SET LOCAL lock_timeout = '100ms'"))
        with pytest.raises(DBAPIError, match="lock timeout"):
            await reaping.reap(db, sender_id, 0)
        await db.rollback()
    async with transaction(world.pool) as db:
        await reaping.reap(db, sender_id, 0)
    async with transaction(world.pool) as db:
        with pytest.raises(LeaseLost):
            await starts.mark(db, sender_id, begun)

    assert await world.value("SELECT count(*) FROM starts") == 1


async def test_starts_leave_with_their_run(world: World) -> None:
    await world.plan(MESSAGES)
    await work(await alive(world, plain(is_hanging=False)))
    await world.end()
    assert await world.value("SELECT count(*) FROM starts") == 1
    await archive(world.pool, await world.now())
    emptying = Emptying(world.pool)
    while await emptying.delete_slice():
        pass

    assert await world.value("SELECT count(*) FROM starts") == 0

"""Fences: while one transaction is open, what another one may do, must not do, or waits for.

Nothing here waits long: who would wait for a lock says so after a moment.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from uuid import UUID

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from services.dispatcher.domain.keys import ChunkKey, MessageKey
from services.dispatcher.domain.progress import Progress
from services.dispatcher.queue import (
    claiming,
    ending,
    exceptions,
    leasing,
    planning,
    reaping,
    reconciling,
    recording,
)
from services.dispatcher.queue import retries as queue_retries
from services.dispatcher.queue.exceptions import ExceptionRow, FastPathFailed
from services.dispatcher.queue.leasing import LeaseLost
from services.dispatcher.queue.recording import Closed
from shared.contracts.dispatcher import State
from shared.database import Connection, transaction
from shared.event import Instant
from tests.dispatcher.world import CHANNELS, Run, World, claim_one, client

NOBODY = UUID(int=0)
ME, YOU = UUID(int=1), UUID(int=2)
LEASE_S = 60.0
BOTH = 2  # messages of a run; chunks have one each


@pytest.fixture(autouse=True)
async def senders(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "CHUNK", 1)
    async with transaction(world.pool) as db:
        for each in (ME, YOU):
            await leasing.register(db, each, "http", marks_starts=False)


@pytest.fixture
async def run(world: World) -> Run:
    return await world.plan(BOTH)


@pytest.fixture
async def now(run: Run) -> Instant:
    """Give an instant at which the run may send."""
    return await run.world.now()


@asynccontextmanager
async def impatient(world: World) -> AsyncIterator[Connection]:
    """Give a transaction that fails where it would have to wait, and changes nothing."""
    async with world.pool.connect() as db:
        await db.execute(text("SET LOCAL lock_timeout = '100ms'"))
        yield db
        await db.rollback()


@asynccontextmanager
async def waiting() -> AsyncIterator[None]:
    """Expect that the block waits for a lock."""
    with pytest.raises(DBAPIError, match="lock timeout"):
        yield


async def claimed(db: Connection, now: Instant, sender_id: UUID) -> list[int]:
    """Claim all chunks that can be had; return their numbers."""
    found = []
    while chunk := await claim_one(db, sender_id, "http", now=now, latest=now, last=NOBODY):
        found.append(chunk.key.chunk)
    return found


async def retries(db: Connection, now: Instant, sender_id: UUID) -> list[UUID]:
    found = await queue_retries.claim_retries(
        db, claiming.Claimant(sender_id, "http"), now=now, latest=now, limit=10
    )
    return [each.key.client_id for each in found]


@asynccontextmanager
async def excepted(run: Run, now: Instant) -> AsyncIterator[None]:
    """Let both messages be due again, which did not happen: at the end they are as they were."""
    async with transaction(run.world.pool) as db:
        rows = [
            ExceptionRow(MessageKey(run.run_id, client(n)), n - 1, Progress(State.RETRY), now)
            for n in (1, 2)
        ]
        await exceptions.upsert_exceptions(db, rows)
    yield
    await run.world.rows("DELETE FROM exceptions RETURNING 1")


# A sender's row


async def test_a_sender_that_writes_is_not_reaped_meanwhile(world: World) -> None:
    async with transaction(world.pool) as writing, impatient(world) as reaper:
        await leasing.hold(writing, ME)

        async with waiting():
            await reaping.reap(reaper, ME, 0)


async def test_a_sender_that_writes_is_renewed_meanwhile(world: World) -> None:
    async with transaction(world.pool) as writing, impatient(world) as renewing:
        await leasing.hold(writing, ME)

        await leasing.renew(renewing, ME, LEASE_S)


async def test_a_sender_that_was_reaped_writes_nothing_and_is_not_renewed(world: World) -> None:
    async with transaction(world.pool) as db:
        assert await reaping.reap(db, ME, 0) == []

    async with transaction(world.pool) as db:
        with pytest.raises(LeaseLost):
            await leasing.hold(db, ME)
        with pytest.raises(LeaseLost):
            await leasing.renew(db, ME, LEASE_S)
        with pytest.raises(LeaseLost):
            await leasing.read_controls(db, ME, [])


async def test_a_sender_that_was_renewed_since_it_was_seen_is_not_reaped(world: World) -> None:
    async with transaction(world.pool) as db:
        await leasing.renew(db, ME, LEASE_S)

        assert await reaping.reap(db, ME, 0) is None
        assert await reaping.reap(db, ME, 1) == []
        await db.rollback()


# Chunks


async def test_a_chunk_that_is_being_claimed_is_skipped(
    world: World, run: Run, now: Instant
) -> None:
    async with world.pool.connect() as one, impatient(world) as two:
        assert await claimed(one, now, ME) == [0, 1]

        assert await claimed(two, now, YOU) == []
        assert await ending.end_chunks(two, run.run_id, State.EXPIRED, limit=10) == []
        await one.rollback()


async def test_a_claim_keeps_one_chunk_from_others_however_many_runs_have_some(
    world: World, run: Run, now: Instant
) -> None:
    runs = [run, *[await world.plan(BOTH) for _ in range(4)]]
    lockable = text("SELECT run_id FROM chunks FOR UPDATE SKIP LOCKED")
    async with world.pool.connect() as one, impatient(world) as two:
        await claim_one(one, ME, "http", now=now, latest=now, last=NOBODY)

        found = (await two.execute(lockable)).all()

        assert len(found) == len(runs) * BOTH - 1
        await one.rollback()


async def test_two_who_claim_at_once_get_chunks_of_different_runs_if_each_has_one(
    world: World,
) -> None:
    await world.know_clients([1])
    runs = [await world.plan() for _ in range(2)]
    now = await world.now()
    async with world.pool.connect() as one, impatient(world) as two:
        found = [
            await claim_one(db, sender_id, "http", now=now, latest=now, last=NOBODY)
            for db, sender_id in ((one, ME), (two, YOU))
        ]

        assert {each.key.run_id for each in found if each} == {run.run_id for run in runs}
        await one.rollback()


async def test_a_chunk_that_is_being_ended_is_not_claimed(
    world: World, run: Run, now: Instant
) -> None:
    async with world.pool.connect() as one, impatient(world) as two:
        assert len(await ending.end_chunks(one, run.run_id, State.EXPIRED, limit=10)) == BOTH

        assert await claimed(two, now, ME) == []
        assert await ending.end_chunks(two, run.run_id, State.EXPIRED, limit=10) == []
        await one.rollback()


async def test_a_chunk_whose_messages_are_being_reconciled_is_left_alone(
    world: World, run: Run, now: Instant
) -> None:
    messages = {MessageKey(run.run_id, client(1)): ChunkKey(run.run_id, 0)}
    async with world.pool.connect() as one, impatient(world) as two:
        await reconciling.lock_messages(one, messages)

        assert await claimed(two, now, ME) == [1]
        assert len(await ending.end_chunks(two, run.run_id, State.EXPIRED, limit=10)) == 0
        await one.rollback()


async def test_the_same_messages_are_reconciled_one_after_the_other(
    world: World, run: Run
) -> None:
    messages = {MessageKey(run.run_id, client(1)): ChunkKey(run.run_id, 0)}
    async with world.pool.connect() as one, impatient(world) as two:
        await reconciling.lock_messages(one, messages)

        async with waiting():
            await reconciling.lock_messages(two, messages)
        await one.rollback()


async def test_a_lease_is_ended_only_by_its_sender_and_of_its_epoch(
    world: World, run: Run, now: Instant
) -> None:
    key = ChunkKey(run.run_id, 0)
    async with world.pool.connect() as db:
        chunk = await claim_one(db, ME, "http", now=now, latest=now, last=NOBODY)
        assert chunk is not None
        for sender_id, epoch in ((YOU, chunk.epoch), (ME, chunk.epoch + 1), (None, 0)):
            await recording.close_chunks(db, sender_id, {key: Closed(0, epoch)})
            assert await state_of(db, key) == ("leased", ME)

        await recording.close_chunks(db, ME, {key: Closed(0, chunk.epoch)})

        assert await state_of(db, key) == ("sent", None)
        await db.rollback()


async def state_of(db: Connection, key: ChunkKey) -> tuple[str, UUID | None]:
    found = text("SELECT state, sender_id FROM chunks WHERE run_id = :run_id AND chunk = :chunk")
    state, sender_id = (await db.execute(found, key._asdict())).one()
    return state, sender_id


# Retries


async def test_a_retry_that_is_being_claimed_is_skipped(
    world: World, run: Run, now: Instant
) -> None:
    async with excepted(run, now), world.pool.connect() as one, impatient(world) as two:
        assert len(await retries(one, now, ME)) == BOTH

        assert await retries(two, now, YOU) == []
        assert await ending.lock_retries(two, run.run_id, limit=10) == []
        await one.rollback()


async def test_a_retry_that_is_being_ended_is_not_claimed(
    world: World, run: Run, now: Instant
) -> None:
    async with excepted(run, now), world.pool.connect() as one, impatient(world) as two:
        assert len(await ending.lock_retries(one, run.run_id, limit=10)) == BOTH

        assert await retries(two, now, ME) == []
        await one.rollback()


async def test_a_retry_that_is_being_reconciled_is_not_claimed(
    world: World, run: Run, now: Instant
) -> None:
    messages = {MessageKey(run.run_id, client(1)): ChunkKey(run.run_id, 0)}
    async with excepted(run, now), world.pool.connect() as one, impatient(world) as two:
        await reconciling.lock_messages(one, messages)

        assert await retries(two, now, ME) == [client(2)]
        assert [each for each, *_ in await ending.lock_retries(two, run.run_id, limit=10)] == []
        await one.rollback()


async def test_a_leased_retry_is_neither_claimed_nor_ended_by_others(
    world: World, run: Run, now: Instant
) -> None:
    async with excepted(run, now), world.pool.connect() as db:
        assert len(await retries(db, now, ME)) == BOTH

        assert await retries(db, now, YOU) == []
        assert await ending.lock_retries(db, run.run_id, limit=10) == []
        await queue_retries.release_retries(db, YOU, run.run_id, [client(1), client(2)])
        assert await retries(db, now, YOU) == []
        await queue_retries.release_retries(db, ME, run.run_id, [client(1)])
        assert await retries(db, now, YOU) == [client(1)]
        await db.rollback()


async def test_the_fast_path_moves_only_retries_that_the_sender_has_leased(
    world: World, run: Run, now: Instant
) -> None:
    row = ExceptionRow(MessageKey(run.run_id, client(1)), 0, Progress(State.FAILED, 1, 1, 1), None)
    async with excepted(run, now), world.pool.connect() as db:
        await retries(db, now, ME)

        with pytest.raises(FastPathFailed):
            await exceptions.update_leased(db, YOU, [row])
        await exceptions.update_leased(db, ME, [row])
        with pytest.raises(FastPathFailed):
            await exceptions.update_leased(db, ME, [row])
        await db.rollback()


# Runs


async def test_a_run_that_is_being_expanded_is_skipped(world: World) -> None:
    waiting_run = await world.schedule()
    await waiting_run.begin()
    async with world.pool.connect() as one, impatient(world) as two:
        assert await planning.expand_next(one, CHANNELS) is not None

        assert await planning.expand_next(two, CHANNELS) is None
        await one.rollback()

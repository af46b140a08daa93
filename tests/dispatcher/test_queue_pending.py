"""Pending work: what the one question of all workers is answered with."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta
from uuid import UUID

import pytest

from services.dispatcher.domain.keys import MessageKey
from services.dispatcher.domain.progress import Progress
from services.dispatcher.handlers import ending, planning
from services.dispatcher.queue import claiming, exceptions, leasing, pending
from services.dispatcher.queue import retries as queue_retries
from services.dispatcher.queue.exceptions import ExceptionRow
from services.dispatcher.queue.pending import PendingWork
from shared.contracts.dispatcher import State
from shared.database import transaction
from shared.event import Instant
from tests.dispatcher.world import CHANNELS, HOUR, Run, World, claim_one, client

ME = UUID(int=1)
MINUTE = timedelta(minutes=1)


async def asked(world: World, now: Instant | None = None) -> PendingWork:
    now = now or await world.now()
    async with transaction(world.pool) as db:
        return await pending.pending_work(db, now)


async def lease_all(world: World) -> None:
    """Let somebody have all chunks."""
    now = await world.now()
    async with transaction(world.pool) as db:
        await leasing.register(db, ME, "http", marks_starts=False)
        for name in CHANNELS:
            while await claim_one(db, ME, name, now=now, latest=now, last=UUID(int=0)):
                pass


@asynccontextmanager
async def retried(run: Run, due_at: Instant) -> AsyncIterator[None]:
    """Let a message be due again, which did not happen."""
    row = ExceptionRow(MessageKey(run.run_id, client(1)), 0, Progress(State.RETRY), due_at)
    async with transaction(run.world.pool) as db:
        await exceptions.upsert_exceptions(db, [row])
    yield
    await run.world.rows("DELETE FROM exceptions RETURNING 1")


async def test_with_nothing_to_do_nothing_is_pending(world: World) -> None:
    assert await asked(world) == PendingWork()


async def test_a_run_is_pending_from_its_beginning_to_its_end(world: World) -> None:
    await world.know_clients([1])
    run = await world.schedule()
    assert await asked(world) == PendingWork(has_waiting=True)
    await run.begin()
    assert await asked(world) == PendingWork(has_expanding=True)
    while await planning.expand(world.pool, CHANNELS):
        pass
    assert await asked(world) == PendingWork(due=frozenset({"http"}))
    await run.stop()
    assert await asked(world) == PendingWork(has_ending=True)
    while await ending.end(world.pool):
        pass
    assert await asked(world) == PendingWork(has_complete=True)
    await world.end()
    assert await asked(world) == PendingWork()


async def test_a_run_is_open_until_it_is_finished_but_not_while_it_is_paused(
    world: World,
) -> None:
    assert not (await asked(world)).has_open
    run = await world.plan(1)
    assert (await asked(world)).has_open
    await run.pause()
    assert not (await asked(world)).has_open
    await run.stop()
    assert (await asked(world)).has_open
    await world.end()
    assert not (await asked(world)).has_open


async def test_a_run_of_which_all_is_final_is_complete(world: World) -> None:
    await world.plan()

    assert await asked(world) == PendingWork(has_complete=True)


async def test_each_gateway_with_a_due_chunk_is_named_once(world: World) -> None:
    await world.plan(2)
    await world.plan()
    await world.plan(gateway="log")

    assert await asked(world) == PendingWork(due=frozenset({"http", "log"}))


@pytest.mark.parametrize("how", ["pause", "stop", "delete"])
async def test_a_run_that_may_not_send_hides_no_other_gateway(world: World, how: str) -> None:
    run = await world.plan(1)
    await world.plan(gateway="log")
    await getattr(run, how)()

    assert (await asked(world)).due == {"log"}


async def test_a_run_that_may_not_send_hides_no_other_run(world: World) -> None:
    first, last = await world.plan(1), await world.plan()
    for run in (first, last):
        await run.pause()
        assert (await asked(world)).due == (set() if run is last else {"http"})


async def test_a_chunk_that_is_leased_or_not_due_is_not_pending(world: World) -> None:
    now = await world.now()
    await world.plan(1, starts_at=now + MINUTE)
    assert await asked(world, now) == PendingWork()
    assert (await asked(world, now + MINUTE)).due == {"http"}
    await world.pass_time(MINUTE)
    await lease_all(world)

    assert await asked(world) == PendingWork()


async def test_a_retry_is_pending_when_it_is_due(world: World) -> None:
    run, _ = await world.plan(1), await world.plan(gateway="log")
    await lease_all(world)
    now = await world.now()

    async with retried(run, now + MINUTE):
        assert await asked(world, now) == PendingWork()
        assert await asked(world, now + MINUTE) == PendingWork(due=frozenset({"http"}))


async def test_a_retry_that_is_leased_or_may_not_be_sent_is_not_pending(world: World) -> None:
    run = await world.plan(1)
    await lease_all(world)
    now = await world.now()

    async with retried(run, now):
        async with transaction(world.pool) as db:
            await queue_retries.claim_retries(
                db, claiming.Claimant(ME, "http"), now=now, latest=now, limit=1
            )
        assert await asked(world) == PendingWork()
    async with retried(run, now):
        assert (await asked(world)).due == {"http"}
        await run.pause()
        assert await asked(world) == PendingWork()


async def test_what_is_over_has_to_end_only_if_something_is_open(world: World) -> None:
    run = await world.plan(1)
    await lease_all(world)
    over = await world.now() + HOUR

    assert await asked(world, over) == PendingWork()
    async with retried(run, over):
        assert await asked(world, over) == PendingWork(has_ending=True)

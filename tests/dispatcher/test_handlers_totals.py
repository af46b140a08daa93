"""Totals of finished runs: a change beside the end is in one of the two events, never in none."""

import asyncio

from services.dispatcher.handlers.totals import correct_finished
from services.dispatcher.queue import ending as ending_queue
from services.dispatcher.queue.totals import totals_of
from shared.contracts.dispatcher import RunCorrected, State
from shared.database import transaction
from tests.dispatcher.proof import told
from tests.dispatcher.world import FakeGateway, World, alive, work

A_MOMENT_S = 0.5  # in which what does not wait would long be over


async def test_a_change_beside_the_end_waits_for_it_and_corrects_it(world: World) -> None:
    run = await world.plan(2)
    await work(await alive(world, FakeGateway()))
    now = await world.now()

    async def correct() -> None:
        async with transaction(world.pool) as db:
            await correct_finished(db, {run.run_id}, now)

    async with transaction(world.pool) as db:
        assert await ending_queue.finish(db, now)
        correcting = asyncio.create_task(correct())
        done, _ = await asyncio.wait([correcting], timeout=A_MOMENT_S)
        assert not done
        await db.rollback()
    await correcting

    assert not [each for each in await told(world.pool) if isinstance(each, RunCorrected)]
    await world.end()
    await correct()
    [corrected] = [each for each in await told(world.pool) if isinstance(each, RunCorrected)]
    assert (corrected.number, corrected.totals) == (1, {State.DELIVERED: 2})


async def test_an_end_beside_a_change_waits_for_it_and_counts_it(world: World) -> None:
    run = await world.plan(2)
    await work(await alive(world, FakeGateway()))
    now = await world.now()

    async with transaction(world.pool) as db:
        await correct_finished(db, {run.run_id}, now)  # of a run that has not finished: nothing
        finishing = asyncio.create_task(world.end())
        done, _ = await asyncio.wait([finishing], timeout=A_MOMENT_S)
        assert not done
    await finishing

    assert await run.status() == "finished"
    async with transaction(world.pool) as db:
        assert (await totals_of(db, [run.run_id]))[run.run_id] == {State.DELIVERED: 2}

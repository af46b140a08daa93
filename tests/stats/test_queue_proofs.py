"""The queue of proofs: whose turn it is, and which totals are still to be compared."""

from services.stats.queue import proofs
from services.stats.subscriptions import CONSUMER, mender
from shared.contracts.dispatcher import State
from shared.database import Pool, transaction
from tests.stats.story import Run, apply


async def test_one_replica_proves_at_a_time_and_then_the_next_may(stats_pool: Pool) -> None:
    async with proofs.turn(stats_pool) as first, proofs.turn(stats_pool) as second:
        assert (first, second) == (True, False)

    async with proofs.turn(stats_pool) as third:
        assert third


async def test_totals_that_were_compared_are_no_work_until_others_come(stats_pool: Pool) -> None:
    run = Run()
    await apply(stats_pool, [run.planned(0, range(2)), run.finished({State.DELIVERED: 2})])

    async def waiting() -> list[int]:
        async with transaction(stats_pool) as db:
            found = await proofs.unproved(db)
            work = await proofs.work(db, CONSUMER, mender("%"))
        assert work.is_waiting == bool(found)
        return [each.number for each in found]

    before = await waiting()
    async with transaction(stats_pool) as db:
        await proofs.store_proof(db, run.id, 0, {})
    compared = await waiting()
    await apply(stats_pool, [run.corrected(1, {State.DELIVERED: 1, State.FAILED: 1})])

    assert (before, compared, await waiting()) == ([0], [], [1])

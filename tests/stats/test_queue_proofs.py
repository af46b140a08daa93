"""The queue of proofs: whose turn it is, and which totals are still to be compared."""

from uuid import UUID, uuid4

from services.stats.queue import proofs
from services.stats.queue.proofs import Proof, Unproved
from services.stats.subscriptions import CONSUMER, mender
from services.stats.workers.proving import SMALL, together
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
        await proofs.store_proofs(db, [Proof(run.id, 0, {})])
    compared = await waiting()
    await apply(stats_pool, [run.corrected(1, {State.DELIVERED: 1, State.FAILED: 1})])

    assert (before, compared, await waiting()) == ([0], [], [1])


async def test_runs_that_are_compared_together_have_figures_and_differences_of_their_own(
    stats_pool: Pool,
) -> None:
    one, two, open_ = (Run(mailing_id=uuid4()) for _ in range(3))
    for run, clients in ((one, range(2)), (two, range(3)), (open_, range(4))):
        await apply(stats_pool, [run.planned(0, clients)])
    for run in (one, two):
        await apply(stats_pool, [run.finished({State.DELIVERED: 2})])

    async with transaction(stats_pool) as db:
        found = await proofs.figures_of(db, [one.id, two.id, open_.id, uuid4()])
        stored = [Proof(one.id, 0, {}), Proof(two.id, 0, {State.PLANNED: 3})]
        await proofs.store_proofs(db, stored)
        again = await proofs.figures_of(db, [one.id, two.id])

        assert {run_id: each.rows[State.PLANNED] for run_id, each in found.items()} == {
            one.id: 2,
            two.id: 3,
        }
        assert (again[one.id].difference, again[two.id].difference) == (None, {"planned": 3})
        assert await proofs.differing(db) == 1
        assert await proofs.unproved(db) == []


def test_small_runs_are_compared_together_and_none_waits_for_a_large_one() -> None:
    runs = [
        Unproved(UUID(int=number), 0, planned)
        for number, planned in enumerate((SMALL + 1, 1, SMALL, 10 * SMALL))
    ]

    assert [*together(runs)] == [[runs[1], runs[2]], [runs[0]], [runs[3]]]
    assert [*together(runs[:1])] == [runs[:1]]
    assert [*together([])] == []

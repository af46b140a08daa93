"""The sums by mailing and of all: those of the runs, whoever changes a run, and in which order."""

import asyncio
from random import Random
from uuid import UUID

import pytest
from sqlalchemy import text

from services.stats.queue import generations, mending, proofs
from services.stats.subscriptions import mender
from services.stats.tables import COUNTS
from shared.contracts.dispatcher import State
from shared.database import Connection, Pool, fragment, sql, transaction
from shared.event import Event
from tests.stats.story import Run, apply

run, other, third = (Run(UUID(int=(0xA << 124) | n)) for n in range(3))

SUMS = ", ".join(f"CAST(sum({each}) AS bigint)" for each in ("attempt_count", *COUNTS))
PLANNED = fragment(
    "CAST(sum(greatest(planned_count, {counts})) AS bigint)", counts=" + ".join(COUNTS)
)
OF_RUNS = sql(
    """
    SELECT generation, mailing_id, max(coalesce(scheduled_at, missed_at)), count(*), {planned},
        {sums}
    FROM runs WHERE mailing_id IS NOT NULL GROUP BY 1, 2 ORDER BY 1, 2
    """,
    planned=PLANNED,
    sums=SUMS,
)
OF_MAILINGS = sql(
    """
    SELECT generation, mailing_id, last_run_at, run_count, planned_count, attempt_count, {counts}
    FROM mailings WHERE run_count > 0 ORDER BY 1, 2
    """,
    counts=", ".join(COUNTS),
)
OF_ALL_RUNS = sql(
    """
    SELECT generation, count(DISTINCT mailing_id), count(*), {planned}, {sums}
    FROM runs GROUP BY 1 ORDER BY 1
    """,
    planned=PLANNED,
    sums=SUMS,
)
OF_TOTALS = sql(
    """
    SELECT generation, CAST(sum(mailing_count) AS bigint), CAST(sum(run_count) AS bigint),
        CAST(sum(planned_count) AS bigint), {sums}
    FROM totals GROUP BY 1 HAVING sum(run_count) > 0 ORDER BY 1
    """,
    sums=SUMS,
)


async def check(db: Connection) -> None:
    for kept, counted in ((OF_MAILINGS, OF_RUNS), (OF_TOTALS, OF_ALL_RUNS)):
        expected = [tuple(row) for row in await db.execute(counted)]
        assert [tuple(row) for row in await db.execute(kept)] == expected
        assert expected


def history() -> list[Event]:
    """Return events of three runs; of one the mailing is told of by the last."""
    events: list[Event] = []
    for each in (run, other):
        events += [each.planned(0, range(9)), each.block(0, range(6)), each.scheduled()]
        events += [each.attempted(7, State.RETRY), each.attempted(7, State.DELIVERED, attempt=2)]
        events += [each.ended(8, State.FAILED), each.expanded(9), each.finished({})]
    return [*events, third.missed(), third.attempted(3, State.RETRY), third.scheduled()]


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("by", [1, 3, 1_000])
async def test_sums_are_those_of_the_runs_in_whatever_order_events_come(
    stats_pool: Pool, seed: int, by: int
) -> None:
    events = history()
    Random(seed).shuffle(events)  # noqa: S311 - an order, no secret

    await apply(stats_pool, [*events, *events[:5]], by=by)

    async with transaction(stats_pool) as db:
        await check(db)


async def test_a_run_whose_mailing_is_not_known_yet_counts_among_all(stats_pool: Pool) -> None:
    await apply(stats_pool, [run.attempted(1, State.RETRY)])

    async with transaction(stats_pool) as db:
        counts = text("SELECT mailing_count, run_count FROM totals")
        assert (await db.execute(counts)).one() == (0, 1)
        assert await db.scalar(text("SELECT count(*) FROM mailings")) == 0
    await apply(stats_pool, [run.planned(0, [1])])
    async with transaction(stats_pool) as db:
        await check(db)


async def test_each_generation_has_sums_of_its_own_that_leave_with_it(stats_pool: Pool) -> None:
    await apply(stats_pool, history())
    async with transaction(stats_pool) as db:
        filled = await generations.begin(db)
        copied = sql(COPY_RUNS, **await _columns(db))
        await db.execute(copied, {"generation": filled, "left_out": other.id})
        await check(db)
        await generations.switch(db, filled)

    await generations.clear(stats_pool, "nobody")

    async with transaction(stats_pool) as db:
        await check(db)
        assert set(await db.scalars(text("SELECT generation FROM totals"))) == {filled}


COPY_RUNS = "INSERT INTO runs ({names}) SELECT {values} FROM runs WHERE run_id <> :left_out"


async def _columns(db: Connection) -> dict[str, str]:
    query = "SELECT column_name FROM information_schema.columns WHERE table_name = 'runs'"
    names = list(await db.scalars(text(query)))
    values = [":generation" if name == "generation" else name for name in names]
    return {"names": ", ".join(names), "values": ", ".join(values)}


async def test_sums_follow_a_run_that_is_counted_anew(stats_pool: Pool) -> None:
    await apply(stats_pool, history())
    async with transaction(stats_pool) as db:
        await db.execute(text("UPDATE runs SET failed_count = 5, planned_count = 3"))
        await check(db)
        await mending.end_mending(db, mender(run.id), run.id, is_cut=False)

    async with transaction(stats_pool) as db:
        await check(db)


async def test_what_changes_no_figure_writes_no_sum(stats_pool: Pool) -> None:
    await apply(stats_pool, history())
    async with transaction(stats_pool) as db:
        before = list(await db.execute(text("SELECT ctid, xmin FROM mailings ORDER BY ctid")))
        await proofs.store_proofs(db, [proofs.Proof(run.id, 0, {})])

    async with transaction(stats_pool) as db:
        after = list(await db.execute(text("SELECT ctid, xmin FROM mailings ORDER BY ctid")))
    assert after == before


async def test_batches_of_replicas_side_by_side_add_up(stats_pool: Pool) -> None:
    of_partitions = [
        [each.planned(chunk, clients), each.block(chunk, clients[:5]), each.scheduled()]
        for each in (run, other)
        for chunk, clients in enumerate((range(9), range(10, 19), range(20, 29)))
    ]

    await asyncio.gather(*(apply(stats_pool, events, by=1) for events in of_partitions))

    async with transaction(stats_pool) as db:
        await check(db)
        assert await db.scalar(text("SELECT sum(delivered_count) FROM totals")) == 30

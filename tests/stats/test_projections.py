"""Whatever comes, however often and in whatever order: the same rows, the same counts."""

import random
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import select, text

from services.stats import tables
from services.stats.projections import counts
from services.stats.projections.batch import batch_of
from services.stats.queries import figures, proof
from services.stats.queue import generations
from services.stats.subscriptions import CONSUMER
from shared.contracts.dispatcher import DELIVERED_VERSION, State
from shared.database import Pool, transaction
from shared.event import Event
from shared.testing import received
from tests.stats.story import FINAL, Run, apply, client, key

run = Run()
other = Run(UUID(int=0xB << 124))
AFTER_BLOCK = DELIVERED_VERSION + 2  # of the next event of a message in a block


def life_of_two_runs() -> list[Event]:
    """Return all that can happen, in the order in which it would."""
    many: list[Event] = [run.scheduled(), other.scheduled()]
    many += [run.planned(0, range(10)), run.planned(1, range(10, 20)), run.expanded(20)]
    many += [other.planned(0, range(5)), other.expanded(5)]
    for each in range(8):
        many += [run.attempted(each, State.DELIVERED), run.ended(each, State.DELIVERED)]
    for each in range(8, 12):
        many += [run.attempted(each, State.RETRY, attempt=n) for n in (1, 2, 3)]
    many += [
        run.attempted(8, State.DELIVERED, attempt=4),
        run.ended(8, State.DELIVERED, attempts=4),
        run.attempted(9, State.FAILED, attempt=4),
        run.ended(9, State.FAILED, attempts=4, version=9),
        run.ended(10, State.EXPIRED, attempts=3, version=7),
        run.ended(12, State.CANCELLED, attempts=0, version=1),
        run.ended(13, State.UNDETERMINED, attempts=1, version=4),
        run.ended(14, State.SUPPRESSED, attempts=0, version=1),
        # a late success
        run.ended(15, State.EXPIRED, attempts=1, version=3),
        run.attempted(15, State.DELIVERED, attempt=1),
        run.block(1, (16, 17, 18)),
        run.attempted(17, State.DELIVERED, attempt=2, version=AFTER_BLOCK, chunk=1),
        other.attempted(0, State.DELIVERED),
        other.finished(),
    ]
    return many


async def everything(pool: Pool) -> dict[str, list[tuple[Any, ...]]]:
    """Return all rows there are."""
    rows = {}
    async with transaction(pool) as db:
        for table in (tables.runs, tables.chunks, tables.blocks, tables.messages):
            found = await db.execute(select(table).order_by(*table.primary_key.columns))
            rows[table.name] = [tuple(row) for row in found]
    return rows


async def by_status(pool: Pool, of: Run = run) -> dict[str, int]:
    """Return what is not zero, and planned as a whole."""
    async with transaction(pool) as db:
        view = await figures.run(db, of.id)
    counts = {name: number for name, number in view.by_status.model_dump().items() if number}
    assert sum(counts.values()) == view.planned
    return counts


async def reconciles(pool: Pool) -> bool:
    async with transaction(pool) as db:
        return (await proof.reconcile(db, run_id=None, mailing_id=None)).reconciles


async def test_a_planned_message_is_planned(stats_pool: Pool) -> None:
    await apply(stats_pool, [run.planned(0, range(3))])

    assert await by_status(stats_pool) == {"planned": 3}


async def test_a_chunk_is_counted_once(stats_pool: Pool) -> None:
    await apply(stats_pool, [run.planned(0, range(3)), run.planned(0, range(3))])
    await apply(stats_pool, [run.planned(0, range(3)), run.planned(1, range(3, 5))])

    assert await by_status(stats_pool) == {"planned": 5}


@pytest.mark.parametrize("state", FINAL)
async def test_a_message_that_ends_is_planned_no_more(stats_pool: Pool, state: State) -> None:
    await apply(stats_pool, [run.planned(0, range(3)), run.ended(1, state)])

    assert await by_status(stats_pool) == {"planned": 2, state.value: 1}


async def test_a_message_that_is_retried_counts_once_with_all_its_attempts(
    stats_pool: Pool,
) -> None:
    retries = [run.attempted(0, State.RETRY, attempt=each) for each in (1, 2, 3)]
    await apply(stats_pool, [run.planned(0, range(2)), *retries], by=1)

    assert await by_status(stats_pool) == {"planned": 1, "retry": 1}
    async with transaction(stats_pool) as db:
        assert (await figures.run(db, run.id)).attempts == 3


async def test_an_older_event_changes_nothing(stats_pool: Pool) -> None:
    newest = [run.planned(0, range(1)), run.attempted(0, State.DELIVERED, attempt=2)]
    await apply(stats_pool, newest)
    before = await everything(stats_pool)

    await apply(stats_pool, [run.attempted(0, State.RETRY, attempt=1)])

    assert await everything(stats_pool) == before


async def test_an_event_before_its_plan_is_counted_and_no_figure_is_negative(
    stats_pool: Pool,
) -> None:
    await apply(stats_pool, [run.attempted(each, State.DELIVERED) for each in range(2)])
    early = await by_status(stats_pool)

    await apply(stats_pool, [run.planned(0, range(3)), run.scheduled(), run.expanded(3)])

    assert early == {"delivered": 2}
    assert await by_status(stats_pool) == {"planned": 1, "delivered": 2}
    assert await reconciles(stats_pool)


async def test_what_is_said_of_a_run_is_kept(stats_pool: Pool) -> None:
    told = [run.scheduled(), run.planned(0, range(1)), run.expanded(1), run.finished()]
    await apply(stats_pool, [*told, other.missed()])

    async with transaction(stats_pool) as db:
        view = await figures.run(db, run.id)
        missed = await figures.run(db, other.id)
    assert view.mailing_id == run.mailing_id
    assert view.is_expanded
    assert view.is_finished
    assert view.scheduled_at == run.scheduled().scheduled_at
    assert view.finished_at == run.finished().finished_at
    assert missed.missed_at == other.missed().missed_at
    assert (missed.missed_reason, missed.nominal) == ("window_over", "once")
    assert (view.missed_reason, view.nominal) == (None, "once")
    assert missed.planned == 0


@pytest.mark.parametrize("by", [1, 7, 1_000])
async def test_twice_is_once(stats_pool: Pool, by: int) -> None:
    story = life_of_two_runs()
    await apply(stats_pool, story, by=by)
    once = await everything(stats_pool)

    await apply(stats_pool, story, by=by)

    assert await everything(stats_pool) == once
    assert await reconciles(stats_pool)


@pytest.mark.parametrize("seed", range(12))
async def test_any_order_gives_the_same_figures(stats_pool: Pool, seed: int) -> None:
    story = life_of_two_runs()
    await apply(stats_pool, story)
    in_order = await everything(stats_pool)
    async with transaction(stats_pool) as db:
        for name in in_order:
            await db.execute(text(f"TRUNCATE {name}"))

    chance = random.Random(seed)  # noqa: S311 - repeatable
    shuffled = [*story, *chance.sample(story, 20)]
    chance.shuffle(shuffled)
    await apply(stats_pool, shuffled, by=chance.choice([1, 5, 50]))

    assert await everything(stats_pool) == in_order
    assert await by_status(stats_pool) == {
        "planned": 1,
        "retry": 1,
        "delivered": 13,
        "failed": 1,
        "expired": 1,
        "cancelled": 1,
        "undetermined": 1,
        "suppressed": 1,
    }
    assert await reconciles(stats_pool)


async def test_generations_know_nothing_of_each_other(stats_pool: Pool) -> None:
    await apply(stats_pool, [run.planned(0, range(3))])
    before = await by_status(stats_pool)

    async with transaction(stats_pool) as db:
        generation = await generations.begin(db)
        events = [run.planned(0, range(9)), run.ended(0, State.DELIVERED)]
        await counts.project(
            db, generation, [received(each, key(each)) for each in events], consumer=CONSUMER
        )

    assert await by_status(stats_pool) == before
    assert await reconciles(stats_pool)
    async with transaction(stats_pool) as db:
        await generations.switch(db, generation)
    assert await by_status(stats_pool) == {"planned": 8, "delivered": 1}


async def test_a_newer_event_changes_only_the_generation_that_it_is_applied_to(
    stats_pool: Pool,
) -> None:
    story = [run.planned(0, range(2)), run.attempted(0, State.RETRY)]
    newer = run.attempted(0, State.DELIVERED, attempt=2)
    await apply(stats_pool, story)
    before = await everything(stats_pool)

    async with transaction(stats_pool) as db:
        generation = await generations.begin(db)
        for events in (story, [newer]):
            batch = [received(each, key(each)) for each in events]
            await counts.project(db, generation, batch, consumer=CONSUMER)

    after = await everything(stats_pool)
    for name, rows in before.items():
        assert [row for row in after[name] if row[0] != generation] == rows
    await apply(stats_pool, [newer])
    async with transaction(stats_pool) as db:
        await generations.switch(db, generation)
    assert await by_status(stats_pool) == {"planned": 1, "delivered": 1}
    assert await reconciles(stats_pool)


def test_of_a_batch_the_newest_event_of_each_message_is_left() -> None:
    retries = [run.attempted(0, State.RETRY, attempt=each) for each in (2, 3, 1)]

    batch = batch_of([*retries, run.ended(1, State.FAILED)])

    assert [each.client_id for each in batch.messages.values()] == [client(0), client(1)]
    assert [each.attempts for each in batch.messages.values()] == [3, 1]


async def test_a_run_that_selects_nobody_finishes(stats_pool: Pool) -> None:
    empty = Run(UUID(int=0xC << 124))

    await apply(stats_pool, [empty.scheduled(), empty.expanded(0), empty.finished({})])

    async with transaction(stats_pool) as db:
        row = (await db.execute(select(tables.runs).where(tables.runs.c.run_id == empty.id))).one()
    assert (row.finished_at, row.totals) == (empty.finished().finished_at, {})

"""A rebuild on a real Kafka: the same figures from offset 0, while the old ones answer."""

import asyncio
from collections.abc import Sequence
from typing import Any

import pytest
from aiokafka import AIOKafkaConsumer
from sqlalchemy import text

from services.stats.projections import counts
from services.stats.queries import figures, proof
from services.stats.queue import generations
from services.stats.subscriptions import CONSUMER, rebuilder, subscriptions
from services.stats.workers.rebuilding import Rebuild
from shared.contracts.dispatcher import State
from shared.database import Connection, Pool, transaction
from shared.errors import NotFound
from shared.kafka import Handlers, ends
from shared.testing import eventually, received
from tests.stats.log import MANY, Log, listening
from tests.stats.story import Run, apply

TABLES = ("messages", "chunks", "runs")


async def shown(pool: Pool, run: Run) -> dict[str, int]:
    async with transaction(pool) as db:
        try:
            view = await figures.run(db, run.id)
        except NotFound:
            return {}
    return {name: number for name, number in view.by_status.model_dump().items() if number}


ALL = {"delivered": MANY * 8 // 10, "failed": MANY // 10, "retry": MANY // 10}


async def eventually_shown(pool: Pool, run: Run, figures: dict[str, int]) -> None:
    async def is_so() -> bool:
        return await shown(pool, run) == figures

    await eventually(is_so, within=120)


async def number(pool: Pool, query: str) -> Any:
    async with transaction(pool) as db:
        return await db.scalar(text(query))


def quiet(_: str) -> None:
    """Say nothing."""


@pytest.mark.usefixtures("live")
async def test_a_rebuild_gives_the_same_figures_and_the_live_service_goes_on(
    kafka: str, stats_pool: Pool, log: Log
) -> None:
    await log.tell_all()
    await eventually_shown(stats_pool, log.run, ALL)
    async with transaction(stats_pool) as db:  # what only a rebuild can mend
        await db.execute(text("UPDATE runs SET delivered_count = 0"))
        await db.execute(text("UPDATE messages SET attempts = 7"))

    rebuilt = await Rebuild(stats_pool, kafka, CONSUMER, subscriptions).run(quiet)

    assert await shown(stats_pool, log.run) == ALL
    assert rebuilt.messages >= sum(ALL.values())
    assert rebuilt.events >= MANY
    await log.tell([log.run.attempted(1, State.DELIVERED, attempt=2)])
    later = ALL | {"delivered": ALL["delivered"] + 1, "retry": ALL["retry"] - 1}
    await eventually_shown(stats_pool, log.run, later)
    async with transaction(stats_pool) as db:
        found = await proof.reconcile(db, run_id=None, mailing_id=None)
        assert found.reconciles, [r for r in found.runs if not r.reconciles]
    for table in TABLES:
        generations = f"SELECT array_agg(DISTINCT generation) FROM {table}"
        assert await number(stats_pool, generations) == [rebuilt.generation]
    consumers = "SELECT array_agg(DISTINCT consumer) FROM offsets"
    assert await number(stats_pool, consumers) == [CONSUMER]


async def test_while_it_fills_the_old_figures_answer_and_live_events_are_in_both(
    kafka: str, stats_pool: Pool, log: Log
) -> None:
    await log.tell_all()
    filling, go_on = asyncio.Event(), asyncio.Event()

    def slow(generation: int) -> Handlers:
        handlers = subscriptions(generation)

        async def wait_and_apply(db: Connection, events: Sequence[Any]) -> None:
            await next(iter(handlers.values()))(db, events)
            filling.set()
            await go_on.wait()

        return dict.fromkeys(handlers, wait_and_apply)

    async with listening(kafka, stats_pool):
        await eventually_shown(stats_pool, log.run, ALL)
        rebuild = asyncio.create_task(Rebuild(stats_pool, kafka, CONSUMER, slow).run(quiet))
        await asyncio.wait_for(filling.wait(), 30)

        await log.tell([log.run.attempted(1, State.DELIVERED, attempt=2)])
        later = ALL | {"delivered": ALL["delivered"] + 1, "retry": ALL["retry"] - 1}
        await eventually_shown(stats_pool, log.run, later)
        assert not rebuild.done()
        with pytest.raises(generations.RebuildAlreadyRunning):
            await Rebuild(stats_pool, kafka, CONSUMER, subscriptions).run(quiet)
        go_on.set()
        rebuilt = await asyncio.wait_for(rebuild, 60)

    assert await shown(stats_pool, log.run) == later
    assert await number(stats_pool, "SELECT current FROM generations") == rebuilt.generation


async def test_a_rebuild_that_breaks_off_leaves_the_old_one_and_the_next_sweeps_up(
    kafka: str, stats_pool: Pool, log: Log
) -> None:
    await log.tell_all()
    await apply(stats_pool, [log.run.scheduled(), log.run.planned(0, range(3))])

    class Killed(Exception):
        pass

    def dying(generation: int) -> Handlers:
        handlers = subscriptions(generation)

        async def apply_and_die(_: Connection, events: Sequence[Any]) -> None:
            async with transaction(stats_pool) as db:
                await next(iter(handlers.values()))(db, events)
            raise Killed

        return dict.fromkeys(handlers, apply_and_die)

    with pytest.raises(BaseExceptionGroup):
        await Rebuild(stats_pool, kafka, CONSUMER, dying).run(quiet)
    left = await number(stats_pool, "SELECT count(DISTINCT generation) FROM runs")
    assert await shown(stats_pool, log.run) == {"planned": 3}

    await Rebuild(stats_pool, kafka, CONSUMER, subscriptions).run(quiet)

    assert left == 2
    assert await shown(stats_pool, log.run) == ALL
    assert await number(stats_pool, "SELECT count(DISTINCT generation) FROM runs") == 1
    consumers = "SELECT array_agg(DISTINCT consumer) FROM offsets"
    assert await number(stats_pool, consumers) == [CONSUMER]


async def test_what_was_filled_and_never_read_is_deleted_before_a_rebuild_begins(
    stats_pool: Pool,
) -> None:
    run, rows = Run(), "SELECT count(*) FROM {} WHERE generation <> 1"
    await apply(stats_pool, [run.scheduled(), run.planned(0, range(3))])
    async with transaction(stats_pool) as db:
        filled = await generations.begin(db)
        event = run.planned(0, range(3))
        await counts.project(
            db, filled, [received(event, str(run.id))], consumer=rebuilder(filled)
        )
    left = [await number(stats_pool, rows.format(table)) for table in ("chunks", "runs")]

    await generations.clear(stats_pool, rebuilder("%"))

    assert left == [1, 1]
    assert [await number(stats_pool, rows.format(table)) for table in TABLES] == [0, 0, 0]
    assert await shown(stats_pool, run) == {"planned": 3}


async def test_a_rebuild_needs_no_service_that_ever_ran(
    kafka: str, stats_pool: Pool, log: Log
) -> None:
    await log.tell_all()

    rebuilt = await Rebuild(stats_pool, kafka, CONSUMER, subscriptions).run(quiet)

    assert await shown(stats_pool, log.run) == ALL
    moved = f"SELECT sum(position) FROM offsets WHERE consumer = '{CONSUMER}'"
    assert await number(stats_pool, moved) >= rebuilt.records


async def test_what_kafka_remembers_of_an_older_database_is_not_believed(
    kafka: str, stats_pool: Pool, log: Log
) -> None:
    await log.tell_all()
    everywhere = await ends(kafka, subscriptions())
    older = AIOKafkaConsumer(bootstrap_servers=kafka, group_id=CONSUMER, enable_auto_commit=False)
    await older.start()
    older.assign(list(everywhere))
    await older.commit(dict(everywhere))
    await older.stop()

    async with listening(kafka, stats_pool):
        await eventually_shown(stats_pool, log.run, ALL)

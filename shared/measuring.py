"""Measuring: what no batch brings along, asked for by one loop of each process.

What tables hold is asked every ten seconds, by statements that end at an index or at a bound, and
not at each scrape: so whoever reads `/metrics` costs the database nothing.
"""

import asyncio
from asyncio import TaskGroup
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from typing import Any, TypeAlias

from shared import telemetry
from shared.clock import monotonic
from shared.database import INSTANT, Connection, Pool, autocommit, sql
from shared.loop import forever

EVERY = timedelta(seconds=10)
TICK_S = 1.0  # between two looks at the event loop

# Asks the database, and records what it says.
Sample: TypeAlias = Callable[[Connection], Awaitable[None]]


async def measure(pools: Mapping[str, Pool], samples: Sequence[Sample] = ()) -> None:
    """Record the state of `pools`, by name, and of the process, until cancelled.

    `samples` are asked of the pool `main`, beside what every service has.
    """
    for name, pool in pools.items():
        watch_pool(name, pool)
    take = partial(take_samples, pools["main"], (sample_common, *samples))
    async with TaskGroup() as tasks:
        tasks.create_task(watch_event_loop())
        tasks.create_task(forever("measure", take, every=EVERY))


async def take_samples(pool: Pool, samples: Sequence[Sample]) -> bool:
    """Take each of `samples` once."""
    async with autocommit(pool) as db:
        for sample in samples:
            await sample(db)
    taken_at = monotonic()
    telemetry.show("sample.age", lambda: monotonic() - taken_at)
    return False


def watch_pool(name: str, pool: Pool) -> None:
    """Show the connections of a pool whenever somebody looks."""
    queue: Any = pool.pool
    count = "db.client.connection.count"
    telemetry.show(count, queue.checkedout, pool=name, state="used")
    telemetry.show(count, queue.checkedin, pool=name, state="idle")
    telemetry.measure("db.client.connection.max", queue.size(), pool=name)


async def watch_event_loop() -> None:
    """Record how late the event loop is, until cancelled."""
    time = asyncio.get_running_loop().time
    while True:
        asked_at = time()
        await asyncio.sleep(TICK_S)
        telemetry.observe("event_loop.lag", max(time() - asked_at - TICK_S, 0.0))


COMMON = sql(
    """
    SELECT (SELECT count(*) FROM dead_letters) AS letters,
        (SELECT count(*) FROM set_aside WHERE retry_at > {now}) AS set_aside
    """,
    now=INSTANT,
)


async def sample_common(db: Connection) -> None:
    """Record what waits for somebody's decision: few rows, or the service stops."""
    row = (await db.execute(COMMON)).one()
    telemetry.measure("kafka.dead_letters.stored", row.letters)
    telemetry.measure("loop.set_aside.waiting", row.set_aside)


COUNTED = 100_000  # rows of an outbox: that many are found in some milliseconds
OUTBOX = sql(
    """
    SELECT (SELECT count(*) FROM (SELECT FROM outbox LIMIT :limit) AS counted) AS depth,
        (SELECT count(*) FROM unpublished) AS unpublished,
        CAST(extract(epoch FROM {now} - (
            SELECT recorded_at FROM outbox ORDER BY position LIMIT 1
        )) AS float) AS age_s
    """,
    now=INSTANT,
)


async def sample_outbox(db: Connection) -> None:
    """Record how much waits in the outbox, and for how long."""
    row = (await db.execute(OUTBOX, {"limit": COUNTED})).one()
    telemetry.measure("outbox.depth", row.depth)
    telemetry.measure("outbox.unpublished", row.unpublished)
    telemetry.measure_age("outbox.oldest.age", row.age_s or 0.0)

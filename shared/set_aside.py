"""The set-aside: rows at which a loop fails, which it passes over for a while.

One row cannot stop a loop, which goes on with the others and tries it again, after a pause that
doubles. Which rows these are, and why, the table `set_aside` shows, the log and a metric.
"""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from uuid import UUID

import structlog
from sqlalchemy import text

from shared import telemetry
from shared.database import INSTANT, Connection, Pool, autocommit, fragment, sql, transaction
from shared.database_errors import is_fault_of_record
from shared.errors import Unavailable

log = structlog.get_logger()

# Of one loop. More are no fault of rows, but of something that all of them need.
MOST = 100
LONGEST_PAUSE_S = 3_600


@dataclass(slots=True)
class Item:
    """The row that a loop works on, once it is known which."""

    id: UUID | None = None
    was_set_aside: bool = False  # before; now it is tried again


def is_free(loop: str, item: str) -> str:
    """Return SQL that is true unless `item`, a column, is set aside in `loop` for now."""
    return fragment(
        """
        NOT EXISTS (
            SELECT FROM set_aside WHERE set_aside.loop = '{loop}'
                AND set_aside.item = {item} AND set_aside.retry_at > {now}
        )
        """,
        loop=loop,
        item=item,
        now=INSTANT,
    )


def was_set_aside(loop: str, item: str) -> str:
    """Return SQL that is true if `item`, a column, was set aside in `loop` before."""
    return fragment(
        """
        EXISTS (
            SELECT FROM set_aside WHERE set_aside.loop = '{loop}' AND set_aside.item = {item}
        ) AS was_set_aside
        """,
        loop=loop,
        item=item,
    )


@asynccontextmanager
async def guard(pool: Pool, loop: str, item: Item | None = None) -> AsyncIterator[Item]:
    """Set the item aside if the block fails at it; raise what is no fault of one row.

    The block rolls back what it has done, and names its item as soon as that is known.
    """
    item = item or Item()
    try:
        yield item
    except Unavailable:
        raise
    except Exception as error:
        if item.id is None or not is_fault_of_record(error):
            raise
        await _put(pool, loop, item.id, error)
    else:
        if item.id is not None and item.was_set_aside:
            async with autocommit(pool) as db:
                await clear(db, loop, [item.id])


PUT = sql(
    """
    INSERT INTO set_aside (loop, item, failures, reason, set_aside_at, retry_at)
    SELECT :loop, :item, 1, :reason, now, now + interval '1 second'
    FROM (SELECT {now} AS now) AS clock
    WHERE (SELECT count(*) FROM set_aside WHERE loop = :loop AND item <> :item) < :most
    ON CONFLICT (loop, item) DO UPDATE SET failures = set_aside.failures + 1,
        reason = excluded.reason, retry_at = excluded.set_aside_at + least(
            interval '1 second' * power(2, least(set_aside.failures, 30)),
            interval '1 second' * :longest
        )
    RETURNING failures
    """,
    now=INSTANT,
)


async def _put(pool: Pool, loop: str, item: UUID, error: Exception) -> None:
    reason = type(error).__name__  # its text may repeat values of the row
    values = {"loop": loop, "item": item, "reason": reason}
    async with transaction(pool) as db:
        failures = await db.scalar(PUT, {**values, "most": MOST, "longest": LONGEST_PAUSE_S})
    if failures is None:
        raise error
    telemetry.count("loop.set_aside", 1, loop=loop)
    log.error(
        "loop.set_aside",
        loop=loop,
        item=str(item),
        failures=failures,
        exc_info=(type(error), error, error.__traceback__),
    )


CLEAR = text("""
    DELETE FROM set_aside WHERE loop = :loop AND item = ANY(CAST(:items AS uuid[]))
""")


async def clear(db: Connection, loop: str, items: Sequence[UUID]) -> None:
    """Note that these items went well."""
    await db.execute(CLEAR, {"loop": loop, "items": list(items)})


ITEMS = sql(
    "SELECT item, retry_at > {now} AS is_passed_over FROM set_aside WHERE loop = :loop",
    now=INSTANT,
)


async def items(db: Connection, loop: str) -> dict[UUID, bool]:
    """Return what was set aside in `loop`; True: it is passed over for now."""
    return {row.item: row.is_passed_over for row in await db.execute(ITEMS, {"loop": loop})}

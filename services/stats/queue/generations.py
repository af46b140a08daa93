"""The generations: which one is read, which one is being filled, and whose turn it is to do so."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared.contracts.dispatcher import State
from shared.database import Connection, Pool, ping, sql, transaction
from shared.errors import Conflict

LOCK = 7_206_946  # an arbitrary number that means "rebuilding"; advisory, one at a time
SLICE = 20_000  # rows that are deleted at once: a tenth of a second
TABLES = (
    *("messages", "blocks", "chunks", "recipients"),
    *("runs", "series", "resends", "mailings", "totals"),
)

CURRENT = text("SELECT current FROM generations")
BEGIN = text("UPDATE generations SET newest = newest + 1 RETURNING newest")
SWITCH = text("UPDATE generations SET current = :generation")
PROGRESS = text("SELECT sum(position) FROM offsets WHERE consumer = :consumer")
FORGET = text("DELETE FROM offsets WHERE consumer LIKE :consumers")
FORGET_LETTERS = text("DELETE FROM dead_letters WHERE consumer LIKE :consumers")


class RebuildAlreadyRunning(Conflict):
    """Another rebuild is under way; wait for its end."""


async def current(db: Connection) -> int:
    """Return the generation that is read, and that live events are applied to.

    Who holds the live consumer's offsets gets the one that will still be it at their commit.
    """
    return int(await db.scalar(CURRENT))


@asynccontextmanager
async def turn(pool: Pool) -> AsyncIterator[None]:
    """Hold the lock of the only rebuild until the block, the process or the connection ends.

    Raises:
        RebuildAlreadyRunning: There is another one.
        Unavailable: The database cannot be reached.
    """
    await ping(pool)
    async with pool.connect() as plain:
        db = await plain.execution_options(isolation_level="AUTOCOMMIT")
        if not await db.scalar(text("SELECT pg_try_advisory_lock(:lock)"), {"lock": LOCK}):
            raise RebuildAlreadyRunning
        try:
            yield
        finally:
            with suppress(DBAPIError, OSError):  # with the connection the lock is gone too
                await db.execute(text("SELECT pg_advisory_unlock(:lock)"), {"lock": LOCK})


async def begin(db: Connection) -> int:
    """Begin a generation; return its number, which no other has had."""
    return int(await db.scalar(BEGIN))


async def progress(db: Connection, consumer: str) -> int:
    """Return how many records a consumer that began at offset 0 has read."""
    return int(await db.scalar(PROGRESS, {"consumer": consumer}) or 0)


HOLD_CONSUMER = text("""
    SELECT 1 FROM offsets WHERE consumer = :consumer ORDER BY topic, partition FOR UPDATE
""")


async def hold_consumer(db: Connection, consumer: str) -> None:
    """Lock the positions of `consumer`: it applies nothing until `db` ends."""
    await db.execute(HOLD_CONSUMER, {"consumer": consumer})


MESSAGES = sql(
    "SELECT coalesce(sum({counts}), 0) FROM runs WHERE generation = ({current})",
    counts=" + ".join(f"{state}_count" for state in State if state is not State.PLANNED),
    current=CURRENT.text,
)


async def messages(db: Connection) -> int:
    """Return how many messages of the current generation have had an event."""
    return int(await db.scalar(MESSAGES))


async def analyze(db: Connection) -> None:
    """Analyze the tables: the planner needs statistics of what was filled."""
    for table in TABLES:
        await db.execute(text(f"ANALYZE {table}"))


async def switch(db: Connection, generation: int) -> None:
    """Make a generation current at the commit. The live consumer's offsets must be held."""
    await db.execute(SWITCH, {"generation": generation})


async def clear(pool: Pool, consumers: str) -> int:
    """Delete all generations but the current one, in slices; return how many rows that were.

    What the `consumers` (a LIKE pattern) that filled them have noted goes first.
    """
    async with transaction(pool) as db:
        kept = await current(db)
        for statement in (FORGET, FORGET_LETTERS):
            await db.execute(statement, {"consumers": consumers})
    deleted = 0
    for table in TABLES:
        for side in ("<", ">"):
            slice_ = sql(
                """
                DELETE FROM {table} WHERE ctid = ANY (ARRAY(
                    SELECT ctid FROM {table} WHERE generation {side} :kept LIMIT :slice
                ))
            """,
                table=table,
                side=side,
            )
            found = SLICE
            while found == SLICE:
                async with transaction(pool) as db:
                    result = await db.execute(slice_, {"kept": kept, "slice": SLICE})
                found = result.rowcount
                deleted += found
    return deleted

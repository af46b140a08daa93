"""The outbox's table: transactions insert a row each, the relay reads and deletes them."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias
from uuid import UUID

from sqlalchemy import text

from shared import telemetry
from shared.database import INSTANT, Connection, Pool, autocommit, fragment
from shared.errors import FieldError, Invalid
from shared.event import Instant
from shared.outbox.batch import HEAD, Batch, decode, decoded_size, encode
from shared.outbox.cache import BatchCache, cache_of
from shared.outbox.waking import wake_when_ended

Rows: TypeAlias = Sequence[tuple[int, list[Batch]]]  # each with its position

# A record beyond this would stop all that are behind it: brokers refuse more than 1 MiB.
# Source: Kafka's message.max.bytes, with room for headers.
RECORD_LIMIT_BYTES = 900_000

MANY = 500  # records: to compress so many takes longer than to have a thread do it meanwhile
ROWS = 32  # at a time; each may hold thousands of events
BYTES = 16_000_000  # at a time, decompressed; as objects they take several times as much


class TooLarge(Invalid):
    """It is larger than the log takes."""


# The instant is read when the table is locked already: so it is later than that of all progress
# which does not count this transaction.
INSERT = """
    INSERT INTO outbox (recorded_at, batches) SELECT {instant}, CAST(:outbox AS bytea)
    WHERE {condition} RETURNING position, recorded_at
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A row to be put: in a statement of the caller's, by `inserting`, or by `put`."""

    batches: list[Batch]
    data: bytes  # the statement's `:outbox`
    size: int  # decoded

    @property
    def count(self) -> int:
        """How many records it has."""
        return sum(len(batch.records) for batch in self.batches)

    def was_put(self, db: Connection, position: int, recorded_at: Instant) -> None:
        """Note what the statement returned, for the relay of this process."""
        if (cache := cache_of(db.engine)) is not None:
            cache.add((position, recorded_at), self.batches, self.size)
        wake_when_ended(db)


def row_of(batches: Sequence[Batch]) -> Row | None:
    """Return `batches` as one row; None if they hold nothing.

    Raises:
        TooLarge: A record is larger than Kafka takes.
    """
    batches = [batch for batch in batches if batch.records]
    if not batches:
        return None
    if any(
        max([len(record.value or b"") for record in batch.records]) > RECORD_LIMIT_BYTES
        for batch in batches
    ):
        detail = f"at most {RECORD_LIMIT_BYTES} bytes"
        raise TooLarge(FieldError("", "too_large", detail, (RECORD_LIMIT_BYTES,)))
    return Row(batches, *encode(batches))


def inserting(condition: str) -> str:
    """Return SQL that inserts the row `:outbox` on a condition; it returns position and time."""
    return fragment(INSERT, instant=INSTANT, condition=condition)


PUT = text(inserting("true"))


async def put(db: Connection, batches: Sequence[Batch]) -> None:
    """Insert `batches` as one row; they are published if and when `db` commits.

    Raises:
        TooLarge: A record is larger than Kafka takes.
    """
    many = sum(len(batch.records) for batch in batches) >= MANY
    row = await asyncio.to_thread(row_of, batches) if many else row_of(batches)
    if row is not None:
        with telemetry.span("put outbox", {telemetry.BATCH_SIZE: row.count}):
            row.was_put(db, *(await db.execute(PUT, {"outbox": row.data})).one())


OLDEST = text("""
    SELECT position, recorded_at, substring(batches FOR :head) FROM outbox
    ORDER BY position LIMIT :limit
""")
READ = text(
    "SELECT position, batches FROM outbox WHERE position = ANY(CAST(:positions AS bigint[]))"
)


async def oldest(pool: Pool, cache: BatchCache) -> Rows:
    """Return the oldest rows; what is in `cache` is not read back.

    No more of them than there is room for, but one at least.

    Raises:
        Undecodable: One of them holds nothing that can be read.
    """
    async with autocommit(pool) as db:
        found = await db.execute(OLDEST, {"limit": ROWS, "head": HEAD})
    rows: dict[int, list[Batch] | None] = {}
    room = BYTES
    for position, at, head in found:
        room -= decoded_size(head)
        if rows and room < 0:
            break
        rows[position] = cache.get((position, at))
    missing = [position for position, batches in rows.items() if batches is None]
    if missing:
        async with autocommit(pool) as db:
            for position, batches in await db.execute(READ, {"positions": missing}):
                rows[position] = decode(batches)
    return [(position, batches) for position, batches in rows.items() if batches is not None]


RAW = text("SELECT position, batches FROM outbox ORDER BY position LIMIT :limit")


async def oldest_raw(pool: Pool) -> list[tuple[int, bytes]]:
    """Return the oldest rows as they are, each with its position."""
    async with autocommit(pool) as db:
        return [(row.position, row.batches) for row in await db.execute(RAW, {"limit": ROWS})]


# Only while the lease is ours: nobody takes it over before the rows are gone. Without waiting
# for the disk: rows that a power cut brings back are sent again.
DELETE = text("""
    WITH lease AS (
        SELECT set_config('synchronous_commit', 'off', true) FROM relays
        WHERE owner = :owner AND epoch = :epoch FOR SHARE
    )
    DELETE FROM outbox USING lease WHERE position = ANY(CAST(:positions AS bigint[]))
""")


async def delete(pool: Pool, positions: Sequence[int], owner: UUID, epoch: int | None) -> bool:
    """Delete published rows; return False if the lease is no longer the one named."""
    async with autocommit(pool) as db:
        lease = {"owner": owner, "epoch": epoch}
        return bool((await db.execute(DELETE, lease | {"positions": positions})).rowcount)

"""The starts: attempts on record before they are made, at gateways that recognize no message.

So what a crash leaves unknown is what was under way, not all that was leased. Those of a chunk
take one row, a bitmap of its places, however many begin together; those of retries a row each.
"""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from services.dispatcher.domain.keys import ChunkKey, MessageKey
from services.dispatcher.queue.blocks import Places
from services.dispatcher.queue.leasing import HOLD, LeaseLost
from shared.database import Connection, sql
from shared.event import Instant


class StartsInChunk(NamedTuple):
    """Attempts at messages of one chunk that begin together."""

    chunk: ChunkKey
    epoch: int
    number: int  # of the row under that lease
    attempt: int
    places: Places


class StartOfOne(NamedTuple):
    """An attempt at one message."""

    key: MessageKey
    attempt: int


# The messages of `starts s (run_id, chunk)` at place `n`, from 1. A row whose commit was not heard
# of comes again under another number.
STARTS_IN_CHUNKS = """
    SELECT s.attempt, max(s.started_at) AS started_at FROM starts s
    WHERE s.run_id = {of}.run_id AND s.chunk = {of}.chunk
        AND get_bit(s.places, CAST({n} AS integer) - 1) = 1
    GROUP BY s.attempt
"""

# One statement, and so one round trip, under the row of the sender.
MARK = sql(
    """
    WITH held AS (
        {held}
    ), of_chunks AS (
        INSERT INTO starts (run_id, chunk, epoch, number, attempt, places, started_at)
        SELECT begun.run_id, begun.chunk, begun.epoch, begun.number, begun.attempt,
            CAST(begun.places AS varbit), :now
        FROM held CROSS JOIN unnest(
            CAST(:chunk_run_ids AS uuid[]), CAST(:chunks AS int[]), CAST(:epochs AS int[]),
            CAST(:numbers AS int[]), CAST(:chunk_attempts AS int[]), CAST(:places AS text[])
        ) AS begun (run_id, chunk, epoch, number, attempt, places)
    ), of_messages AS (
        INSERT INTO attempts (run_id, client_id, attempt, kind, started_at)
        SELECT begun.run_id, begun.client_id, begun.attempt, 'start', :now
        FROM held CROSS JOIN unnest(
            CAST(:run_ids AS uuid[]), CAST(:client_ids AS uuid[]), CAST(:attempts AS int[])
        ) AS begun (run_id, client_id, attempt)
        ON CONFLICT DO NOTHING
    )
    SELECT 1 FROM held
    """,
    held=HOLD.text,
)


async def mark(
    db: Connection,
    sender_id: UUID,
    in_chunks: Sequence[StartsInChunk],
    others: Sequence[StartOfOne],
    now: Instant,
) -> None:
    """Record that attempts of a sender begin, before the first byte is sent.

    Raises:
        LeaseLost: It was declared dead; nothing was recorded.
    """
    values = {
        "sender_id": sender_id,
        "now": now,
        "chunk_run_ids": [each.chunk.run_id for each in in_chunks],
        "chunks": [each.chunk.chunk for each in in_chunks],
        "epochs": [each.epoch for each in in_chunks],
        "numbers": [each.number for each in in_chunks],
        "chunk_attempts": [each.attempt for each in in_chunks],
        "places": [each.places.text for each in in_chunks],
        "run_ids": [each.key.run_id for each in others],
        "client_ids": [each.key.client_id for each in others],
        "attempts": [each.attempt for each in others],
    }
    if await db.scalar(MARK, values) is None:
        raise LeaseLost(sender_id)

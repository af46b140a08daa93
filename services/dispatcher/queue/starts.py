"""The starts: attempts on record before they are made, at gateways that recognize no message.

So what a crash leaves unknown is what was under way, not all that was leased. Those of a chunk
take one row, a bitmap of its places, however many begin together; those of retries a row each.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

from services.dispatcher.domain.keys import ChunkKey, MessageKey
from services.dispatcher.queue.blocks import Places
from services.dispatcher.queue.leasing import HOLD, LeaseLost
from shared.database import Connection, fragment, sql
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


class Starts(NamedTuple):
    """Attempts that begin at the same instant."""

    in_chunks: Sequence[StartsInChunk]
    of_one: Sequence[StartOfOne]
    at: Instant


# The messages of `starts s (run_id, chunk)` at place `n`, from 1. A row whose commit was not heard
# of comes again under another number.
STARTS_IN_CHUNKS = """
    SELECT s.attempt, max(s.started_at) AS started_at FROM starts s
    WHERE s.run_id = {of}.run_id AND s.chunk = {of}.chunk
        AND get_bit(s.places, CAST({n} AS integer) - 1) = 1
    GROUP BY s.attempt
"""

# The starts are recorded once for each row of `{of}`, which is one or none.
MARKING = """
    marked_in_chunks AS (
        INSERT INTO starts (run_id, chunk, epoch, number, attempt, places, started_at)
        SELECT begun.run_id, begun.chunk, begun.epoch, begun.number, begun.attempt,
            CAST(begun.places AS varbit), :mark_at
        FROM {of} CROSS JOIN unnest(
            CAST(:mark_chunk_run_ids AS uuid[]), CAST(:mark_chunks AS int[]),
            CAST(:mark_epochs AS int[]), CAST(:mark_numbers AS int[]),
            CAST(:mark_chunk_attempts AS int[]), CAST(:mark_places AS text[])
        ) AS begun (run_id, chunk, epoch, number, attempt, places)
    ), marked_messages AS (
        INSERT INTO attempts (run_id, client_id, attempt, kind, started_at)
        SELECT begun.run_id, begun.client_id, begun.attempt, 'start', :mark_at
        FROM {of} CROSS JOIN unnest(
            CAST(:mark_run_ids AS uuid[]), CAST(:mark_client_ids AS uuid[]),
            CAST(:mark_attempts AS int[])
        ) AS begun (run_id, client_id, attempt)
        ON CONFLICT DO NOTHING
    )
"""
# One statement, and so one round trip, under the row of the sender.
MARK = sql(
    "WITH held AS ({held}), {marking} SELECT 1 FROM held",
    held=HOLD.text,
    marking=fragment(MARKING, of="held"),
)


async def mark(db: Connection, sender_id: UUID, starts: Starts) -> None:
    """Record that attempts of a sender begin, before the first byte is sent.

    Raises:
        LeaseLost: It was declared dead; nothing was recorded.
    """
    if await db.scalar(MARK, {"sender_id": sender_id} | mark_values(starts)) is None:
        raise LeaseLost(sender_id)


def mark_values(starts: Starts) -> dict[str, Any]:
    """Return the values of MARKING."""
    in_chunks, of_one = starts.in_chunks, starts.of_one
    return {
        "mark_at": starts.at,
        "mark_chunk_run_ids": [each.chunk.run_id for each in in_chunks],
        "mark_chunks": [each.chunk.chunk for each in in_chunks],
        "mark_epochs": [each.epoch for each in in_chunks],
        "mark_numbers": [each.number for each in in_chunks],
        "mark_chunk_attempts": [each.attempt for each in in_chunks],
        "mark_places": [each.places.text for each in in_chunks],
        "mark_run_ids": [each.key.run_id for each in of_one],
        "mark_client_ids": [each.key.client_id for each in of_one],
        "mark_attempts": [each.attempt for each in of_one],
    }

"""Capping: which messages count for their clients, and of which there would be too many.

A row for each message that was handed over, or perhaps, or will be: by client, day and class. The
database lets it count no more when the message has ended otherwise, and again should that have
arrived after all (`0032_given_back_counts`): in the transaction that moves the message, whoever
does. Nothing is written for classes without a cap.
"""

from collections.abc import Sequence
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from services.dispatcher.domain.cap import ALL, Cap
from services.dispatcher.domain.keys import ChunkKey
from services.dispatcher.domain.message import unrecorded
from services.dispatcher.domain.progress import Progress
from services.dispatcher.queue.recording import UNRECORDED
from shared.database import Connection, sql
from shared.event import Instant

LOCK = 7_206_949  # an arbitrary number that means "capping"; advisory, until the commit
TAKE_TURN = text("SELECT pg_advisory_xact_lock(:lock)")


async def take_turn(db: Connection) -> None:
    """Wait for those who count now: no two count for a client at once, whatever their runs."""
    await db.execute(TAKE_TURN, {"lock": LOCK})


# Of a run no client is twice, so one statement judges all of it. A message that was counted before
# stays; what may have been sent before there was a cap is sent again, if at all, without one.
COUNT = sql(
    """
    WITH wanted AS MATERIALIZED (
        SELECT c.chunk, c.reaped, c.unknowns, ids.client_id
        FROM unnest(CAST(:chunks AS int[])) AS w (chunk)
        JOIN chunks c ON c.run_id = :run_id AND c.chunk = w.chunk
        CROSS JOIN LATERAL unnest(c.client_ids) WITH ORDINALITY AS ids (client_id, n)
        WHERE (NOT c.is_touched OR {unrecorded}) AND c.unknowns = 0 AND NOT EXISTS (
            SELECT FROM counted_messages k
            WHERE k.client_id = ids.client_id AND k.run_id = c.run_id
        )
    ), judged AS MATERIALIZED (
        SELECT wanted.*, EXISTS (
            SELECT FROM unnest(
                CAST(:classes AS text[]), CAST(:limits AS int[]), CAST(:since AS date[])
            ) AS cap (class, most, since)
            WHERE cap.most <= (
                SELECT count(*) FROM counted_messages k
                WHERE k.client_id = wanted.client_id AND k.counts AND k.day >= cap.since
                    AND (cap.class = :all OR k.message_class = cap.class)
            )
        ) AS is_over FROM wanted
    ), counted AS (
        INSERT INTO counted_messages (client_id, run_id, day, message_class)
        SELECT client_id, :run_id, CAST(:day AS date), :message_class FROM judged
        WHERE NOT is_over
    )
    SELECT chunk, reaped, unknowns, client_id FROM judged WHERE is_over ORDER BY chunk, client_id
    """,
    unrecorded=UNRECORDED,
)


class CappedMessage(NamedTuple):
    """A message of which there would be too many."""

    chunk: ChunkKey
    client_id: UUID
    before: Progress


async def count_messages(
    db: Connection,
    run_id: UUID,
    chunks: Sequence[int],
    message_class: str,
    caps: Sequence[Cap],
    now: Instant,
) -> list[CappedMessage]:
    """Count what is to be sent of these chunks of a run; return what is over one of the caps.

    The caller has taken its turn.
    """
    today = now.date()
    values = {
        "run_id": run_id,
        "chunks": list(chunks),
        "message_class": message_class,
        "day": today,
        "all": ALL,
        "classes": [each.of for each in caps],
        "limits": [each.limit for each in caps],
        "since": [today - timedelta(days=each.days - 1) for each in caps],
    }
    return [
        CappedMessage(
            ChunkKey(run_id, row.chunk),
            row.client_id,
            unrecorded(reaped=row.reaped, unknowns=row.unknowns),
        )
        for row in await db.execute(COUNT, values)
    ]


TOUCH = text("""
    UPDATE chunks SET is_touched = true, open_count = open_count - t.n
    FROM unnest(CAST(:chunks AS int[]), CAST(:counts AS int[])) AS t (chunk, n)
    WHERE chunks.run_id = :run_id AND chunks.chunk = t.chunk
""")


async def touch_chunks(db: Connection, run_id: UUID, finals: dict[int, int]) -> None:
    """Note how many messages of chunks that the caller has leased are final without an answer."""
    values = {"run_id": run_id, "chunks": list(finals), "counts": list(finals.values())}
    await db.execute(TOUCH, values)


PRUNE = text("""
    DELETE FROM counted_messages WHERE (client_id, run_id) IN (
        SELECT client_id, run_id FROM counted_messages WHERE day < CAST(:before AS date)
        ORDER BY day LIMIT :limit
    )
""")


async def prune(db: Connection, now: Instant, days: int, *, limit: int) -> int:
    """Delete up to `limit` rows that no cap of so many days asks for; return how many."""
    before = now.date() - timedelta(days=days - 1)
    done = await db.execute(PRUNE, {"before": before, "limit": limit})
    return int(done.rowcount)

"""Reaping: a dead sender is removed, and its leases and lost attempts are found."""

from dataclasses import dataclass
from uuid import UUID

from sqlalchemy import delete, text

from services.dispatcher.tables import senders
from shared.database import Connection
from shared.event import Instant

REAP_CHUNKS = text("""
    UPDATE chunks SET state = 'planned', sender_id = NULL, reaped = reaped + 1, is_touched = true
    WHERE sender_id = :sender_id RETURNING run_id, chunk
""")
REAP_RETRIES = text("""
    UPDATE exceptions SET sender_id = NULL, attempt = attempt + 1
    WHERE sender_id = :sender_id RETURNING run_id, client_id, chunk, attempt
""")
# Marked starts that nobody will answer: of the chunks as a whole, of the retries each its own.
LOST_IN_CHUNKS = text("""
    SELECT a.run_id, a.client_id, c.chunk, a.attempt, a.started_at
    FROM unnest(CAST(:run_ids AS uuid[]), CAST(:chunks AS int[])) AS reaped (run_id, chunk)
    JOIN chunks c USING (run_id, chunk)
    CROSS JOIN LATERAL unnest(c.client_ids) AS ids (client_id)
    JOIN attempts a ON a.run_id = c.run_id AND a.client_id = ids.client_id
    WHERE a.kind = 'start' AND NOT EXISTS (
        SELECT FROM attempts o WHERE o.run_id = a.run_id AND o.client_id = a.client_id
            AND o.attempt = a.attempt AND o.kind <> 'start'
    ) AND NOT EXISTS (
        SELECT FROM exceptions e WHERE e.run_id = a.run_id AND e.client_id = a.client_id
            AND e.sender_id IS NOT NULL
    )
""")
LOST_RETRIES = text("""
    SELECT a.run_id, a.client_id, reaped.chunk, a.attempt, a.started_at
    FROM unnest(
        CAST(:run_ids AS uuid[]), CAST(:client_ids AS uuid[]), CAST(:chunks AS int[]),
        CAST(:numbers AS int[])
    ) AS reaped (run_id, client_id, chunk, attempt)
    JOIN attempts a USING (run_id, client_id, attempt)
    WHERE a.kind = 'start' AND NOT EXISTS (
        SELECT FROM attempts o WHERE o.run_id = a.run_id AND o.client_id = a.client_id
            AND o.attempt = a.attempt AND o.kind <> 'start'
    )
""")


@dataclass(frozen=True, slots=True)
class LostAttempt:
    """An attempt that was begun by a sender that is gone."""

    run_id: UUID
    client_id: UUID
    chunk: int
    number: int
    started_at: Instant


async def beats(db: Connection) -> dict[UUID, int]:
    """Return how often each sender has shown that it lives."""
    rows = await db.execute(text("SELECT sender_id, beat FROM senders"))
    return {row.sender_id: row.beat for row in rows}


async def reap(db: Connection, sender_id: UUID, beat: int) -> list[LostAttempt] | None:
    """Take a dead sender's leases; return its marked attempts that nobody will answer.

    None if it has shown itself since `beat`.
    """
    dead = delete(senders).where(senders.c.sender_id == sender_id, senders.c.beat == beat)
    if not (await db.execute(dead)).rowcount:
        return None
    retries = (await db.execute(REAP_RETRIES, {"sender_id": sender_id})).all()
    chunks = (await db.execute(REAP_CHUNKS, {"sender_id": sender_id})).all()
    lost = await db.execute(
        LOST_IN_CHUNKS,
        {"run_ids": [row.run_id for row in chunks], "chunks": [row.chunk for row in chunks]},
    )
    lost_retries = await db.execute(
        LOST_RETRIES,
        {
            "run_ids": [row.run_id for row in retries],
            "client_ids": [row.client_id for row in retries],
            "chunks": [row.chunk for row in retries],
            "numbers": [row.attempt for row in retries],
        },
    )
    found = {LostAttempt(*row) for rows in (lost, lost_retries) for row in rows}
    return sorted(found, key=lambda each: (each.run_id, each.client_id, each.number))

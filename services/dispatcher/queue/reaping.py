"""Reaping: a dead sender is removed, and its leases and lost attempts are found."""

from collections.abc import Mapping
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import delete, text

from services.dispatcher.domain.keys import ChunkKey, MessageKey
from services.dispatcher.queue.blocks import is_in_block
from services.dispatcher.queue.starts import STARTS_IN_CHUNKS
from services.dispatcher.tables import senders
from shared.database import Connection, fragment, sql
from shared.event import Instant

# Whether an attempt of message `m` is not on record as answered or lost; its number is `{number}`.
UNANSWERED = """
    NOT EXISTS (
        SELECT FROM attempts o WHERE o.run_id = m.run_id AND o.client_id = m.client_id
            AND o.attempt = {number} AND o.kind <> 'start'
    )
"""


class LostAttempt(NamedTuple):
    """An attempt that was begun by a sender that is dead."""

    key: MessageKey
    chunk: ChunkKey
    number: int
    started_at: Instant
    version_id: int | None  # of its gateway


class Beat(NamedTuple):
    """A sign of life."""

    number: int  # of renewals
    lease_s: float | None  # until it is dead without another one; None: as long as usual


async def beats(db: Connection) -> dict[UUID, Beat]:
    """Return the last sign of life of each sender."""
    rows = await db.execute(text("SELECT sender_id, beat, lease_s FROM senders"))
    return {row.sender_id: Beat(row.beat, row.lease_s) for row in rows}


async def reap(db: Connection, sender_id: UUID, beat: int) -> list[LostAttempt] | None:
    """Take a dead sender's leases; return its marked attempts, which nobody will answer.

    None if it has renewed its lease since `beat`. If it marked no starts, each of its messages
    counts as one that may have arrived.
    """
    dead = delete(senders).where(senders.c.sender_id == sender_id, senders.c.beat == beat)
    gone = dead.returning(senders.c.marks_starts, senders.c.version_id)
    row = (await db.execute(gone)).first()
    if row is None:
        return None
    values = {
        "sender_id": sender_id,
        "version_id": row.version_id,
        "unknowns": 0 if row.marks_starts else 1,
    }
    lost = [*await _reap_retries(db, values), *await _reap_chunks(db, values)]
    return sorted(set(lost), key=lambda each: each[:4])


REAP_CHUNKS = text("""
    UPDATE chunks SET state = 'planned', sender_id = NULL, reaped = reaped + 1,
        unknowns = unknowns + :unknowns, is_touched = true,
        version_id = CASE WHEN unknowns + :unknowns > 0 THEN :version_id ELSE version_id END
    WHERE sender_id = :sender_id RETURNING run_id, chunk
""")
LOST_IN_CHUNKS = sql(
    """
    SELECT m.run_id, m.client_id, m.chunk, begun.attempt, begun.started_at
    FROM (
        SELECT c.run_id, c.chunk, ids.client_id, ids.n
        FROM unnest(CAST(:run_ids AS uuid[]), CAST(:chunks AS int[])) AS reaped (run_id, chunk)
        JOIN chunks c USING (run_id, chunk)
        CROSS JOIN LATERAL unnest(c.client_ids) WITH ORDINALITY AS ids (client_id, n)
        WHERE NOT {is_in_block}
    ) AS m
    CROSS JOIN LATERAL (
        SELECT attempt, max(started_at) AS started_at FROM (
            {in_chunks} UNION ALL
            SELECT attempt, started_at FROM attempts a  -- unpacked, as of older releases
            WHERE a.run_id = m.run_id AND a.client_id = m.client_id AND a.kind = 'start'
        ) AS marked GROUP BY attempt
    ) AS begun
    WHERE {unanswered} AND NOT EXISTS (
        SELECT FROM exceptions e WHERE e.run_id = m.run_id AND e.client_id = m.client_id
            AND e.sender_id IS NOT NULL
    )
    """,
    is_in_block=is_in_block("ids.n"),
    in_chunks=fragment(STARTS_IN_CHUNKS, of="m", n="m.n"),
    unanswered=fragment(UNANSWERED, number="begun.attempt"),
)


async def _reap_chunks(db: Connection, values: Mapping[str, Any]) -> list[LostAttempt]:
    chunks = (await db.execute(REAP_CHUNKS, values)).all()
    reaped = {"run_ids": [row.run_id for row in chunks], "chunks": [row.chunk for row in chunks]}
    found = await db.execute(LOST_IN_CHUNKS, reaped)
    return [_lost(row, values["version_id"]) for row in found]


REAP_RETRIES = text("""
    UPDATE exceptions SET sender_id = NULL, attempt = attempt + 1, unknowns = unknowns + :unknowns,
        version_id = CASE WHEN unknowns + :unknowns > 0 THEN :version_id ELSE version_id END
    WHERE sender_id = :sender_id RETURNING run_id, client_id, chunk, attempt
""")
LOST_RETRIES = sql(
    """
    SELECT m.run_id, m.client_id, m.chunk, a.attempt, a.started_at
    FROM unnest(
        CAST(:run_ids AS uuid[]), CAST(:client_ids AS uuid[]), CAST(:chunks AS int[]),
        CAST(:numbers AS int[])
    ) AS m (run_id, client_id, chunk, attempt)
    JOIN attempts a USING (run_id, client_id, attempt) WHERE a.kind = 'start' AND {unanswered}
    """,
    unanswered=fragment(UNANSWERED, number="m.attempt"),
)


async def _reap_retries(db: Connection, values: Mapping[str, Any]) -> list[LostAttempt]:
    retries = (await db.execute(REAP_RETRIES, values)).all()
    reaped = {
        "run_ids": [row.run_id for row in retries],
        "client_ids": [row.client_id for row in retries],
        "chunks": [row.chunk for row in retries],
        "numbers": [row.attempt for row in retries],
    }
    found = await db.execute(LOST_RETRIES, reaped)
    return [_lost(row, values["version_id"]) for row in found]


def _lost(row: Any, version_id: int | None) -> LostAttempt:  # noqa: ANN401 - a row of LOST_...
    run_id, client_id, chunk, number, started_at = row
    key = MessageKey(run_id, client_id)
    return LostAttempt(key, ChunkKey(run_id, chunk), number, started_at, version_id)

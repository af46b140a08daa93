"""Claims: what is due is leased to a sender, chunk by chunk and retry by retry, and given back.

The caller holds the sender, whose row is the fence (`senders`).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.dispatcher.domain.contact import Contact
from services.dispatcher.domain.message import Progress
from services.dispatcher.queue.recording import progress_of
from shared import database
from shared.database import Connection
from shared.event import Instant

IS_OPEN = """
    r.state IN ('expanding', 'sending')
        AND r.starts_at <= :now AND least(r.ends_at, m.ends_at) > :latest
        AND NOT coalesce(m.is_paused OR m.is_stopped, false)
"""
IS_DUE_CHUNK = "chunks.run_id = r.run_id AND chunks.state = 'planned' AND due_at <= :now"
IS_DUE_RETRY = """
    e.run_id = r.run_id AND e.state = 'retry' AND e.sender_id IS NULL AND e.due_at <= :now
"""
# One chunk, of the run after the one that had the last: no run waits for the end of another.
CLAIM_CHUNK = text(f"""
    WITH turn AS (
        SELECT c.run_id, c.chunk FROM runs r LEFT JOIN mailings m USING (mailing_id)
        CROSS JOIN LATERAL (
            SELECT run_id, chunk FROM chunks WHERE {IS_DUE_CHUNK}
            ORDER BY chunk LIMIT 1 FOR UPDATE SKIP LOCKED
        ) c
        WHERE r.gateway = :gateway AND {IS_OPEN}
        ORDER BY r.run_id <= :last, r.run_id LIMIT 1
    )
    UPDATE chunks SET state = 'leased', sender_id = :me, epoch = epoch + 1
    FROM turn WHERE chunks.run_id = turn.run_id AND chunks.chunk = turn.chunk
    RETURNING chunks.run_id, chunks.chunk, chunks.epoch, chunks.reaped, chunks.is_touched
""")  # noqa: S608 - constants
# The newest contacts. Of a chunk that others touched, those that have nothing on record yet.
CONTACTS = """
    SELECT ids.client_id, coalesce(c.is_removed, true) AS is_removed,
        c.phone, c.operator_code, c.time_zone, c.email, c.full_name, c.comment
    FROM chunks CROSS JOIN LATERAL unnest(chunks.client_ids) WITH ORDINALITY AS ids (client_id, n)
    LEFT JOIN clients c ON c.client_id = ids.client_id
    WHERE chunks.run_id = $1 AND chunks.chunk = $2
    ORDER BY ids.n
"""
UNTOUCHED = CONTACTS.replace(
    "ORDER BY",
    """AND NOT EXISTS (
        SELECT FROM exceptions e WHERE e.run_id = $1 AND e.client_id = ids.client_id
    ) AND NOT EXISTS (
        SELECT FROM attempts a WHERE a.run_id = $1 AND a.client_id = ids.client_id
            AND a.kind <> 'start'
    ) ORDER BY""",
)
CLAIM_RETRIES = text(f"""
    WITH due AS (
        SELECT e.run_id, e.client_id FROM exceptions e
        JOIN runs r USING (run_id) LEFT JOIN mailings m USING (mailing_id)
        WHERE r.gateway = :gateway AND {IS_DUE_RETRY} AND {IS_OPEN}
        ORDER BY e.due_at LIMIT :limit FOR UPDATE OF e SKIP LOCKED
    ), claimed AS (
        UPDATE exceptions e SET sender_id = :me FROM due
        WHERE e.run_id = due.run_id AND e.client_id = due.client_id
        RETURNING e.*
    )
    SELECT claimed.*, coalesce(c.is_removed, true) AS is_removed,
        c.phone, c.operator_code, c.time_zone, c.email, c.full_name, c.comment AS client_comment
    FROM claimed LEFT JOIN clients c USING (client_id) ORDER BY claimed.due_at
""")  # noqa: S608 - constants
# What was not sent goes back; what is left of a chunk is sorted out when it is claimed again.
RELEASE_CHUNK = text("""
    UPDATE chunks SET state = 'planned', sender_id = NULL, is_touched = true
    WHERE run_id = :run_id AND chunk = :chunk AND sender_id = :me AND epoch = :epoch
""")
RELEASE_RETRIES = text("""
    UPDATE exceptions SET sender_id = NULL
    WHERE run_id = :run_id AND client_id = ANY(CAST(:client_ids AS uuid[])) AND sender_id = :me
""")
GIVE_BACK_CHUNKS = text("""
    UPDATE chunks SET state = 'planned', sender_id = NULL, is_touched = true
    WHERE sender_id = :me
""")
GIVE_BACK_RETRIES = text("UPDATE exceptions SET sender_id = NULL WHERE sender_id = :me")
MARK = text("""
    INSERT INTO attempts (run_id, client_id, attempt, kind, started_at)
    SELECT run_id, client_id, attempt, 'start', :now FROM unnest(
        CAST(:run_ids AS uuid[]), CAST(:client_ids AS uuid[]), CAST(:numbers AS int[])
    ) AS begun (run_id, client_id, attempt)
    ON CONFLICT DO NOTHING
""")


@dataclass(frozen=True, slots=True)
class ClaimedChunk:
    """A chunk that is ours to send, with the newest contacts; none: the client is removed."""

    run_id: UUID
    chunk: int
    epoch: int
    reaped: int
    client_ids: Sequence[UUID]
    contacts: Sequence[Contact | None]


@dataclass(frozen=True, slots=True)
class ClaimedRetry:
    """A message that is ours to try again."""

    run_id: UUID
    client_id: UUID
    chunk: int
    progress: Progress
    contact: Contact | None


async def claim_chunk(
    db: Connection, me: UUID, gateway: str, *, now: Instant, latest: Instant, last: UUID
) -> ClaimedChunk | None:
    """Lease the next chunk for `gateway` whose window lasts beyond `latest`; None if none is due.

    The caller holds the sender. `last` is the run that had the last chunk: the next one's turn
    is now.
    """
    values = {"me": me, "gateway": gateway, "now": now, "latest": latest, "last": last}
    row = (await db.execute(CLAIM_CHUNK, values)).first()
    if row is None:
        return None
    wanted = UNTOUCHED if row.is_touched else CONTACTS
    rows = await database.fetch(db, wanted, row.run_id, row.chunk)
    return ClaimedChunk(
        row.run_id,
        row.chunk,
        row.epoch,
        row.reaped,
        [row[0] for row in rows],
        [None if row[1] else Contact(*row[2:]) for row in rows],
    )


async def claim_retries(
    db: Connection, me: UUID, gateway: str, *, now: Instant, latest: Instant, limit: int
) -> list[ClaimedRetry]:
    """Lease up to `limit` messages whose time to be tried again has come; the caller holds."""
    values = {"me": me, "gateway": gateway, "now": now, "latest": latest, "limit": limit}
    rows = await db.execute(CLAIM_RETRIES, values)
    return [
        ClaimedRetry(
            row.run_id,
            row.client_id,
            row.chunk,
            progress_of(row),
            None if row.is_removed else _contact(row),
        )
        for row in rows
    ]


def _contact(row: Any) -> Contact:  # noqa: ANN401 - a row with a client's columns
    return Contact(
        row.phone,
        row.operator_code,
        row.time_zone,
        row.email,
        row.full_name,
        row.client_comment,
    )


async def release_chunk(db: Connection, me: UUID, run_id: UUID, chunk: int, epoch: int) -> None:
    """Give back what was not sent of a chunk."""
    values = {"me": me, "run_id": run_id, "chunk": chunk, "epoch": epoch}
    await db.execute(RELEASE_CHUNK, values)


async def release_retries(
    db: Connection, me: UUID, run_id: UUID, client_ids: Sequence[UUID]
) -> None:
    """Give back retries that were not tried."""
    await db.execute(RELEASE_RETRIES, {"me": me, "run_id": run_id, "client_ids": client_ids})


async def give_back(db: Connection, me: UUID) -> None:
    """Give back all that bears our name: of what we know and, after a lost answer, do not know."""
    await db.execute(GIVE_BACK_RETRIES, {"me": me})
    await db.execute(GIVE_BACK_CHUNKS, {"me": me})


async def mark(db: Connection, begun: Sequence[tuple[UUID, UUID, int]], now: Instant) -> None:
    """Note that these attempts (run, client, number) begin, before the first byte goes out."""
    run_ids, client_ids, numbers = zip(*begun, strict=True)
    values = {"run_ids": run_ids, "client_ids": client_ids, "numbers": numbers, "now": now}
    await db.execute(MARK, {name: _list(value) for name, value in values.items()})


def _list(value: Any) -> Any:  # noqa: ANN401 - asyncpg takes lists, not tuples, for arrays
    return list(value) if isinstance(value, tuple) else value

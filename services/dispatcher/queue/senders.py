"""Who sends: leases of chunks and retries, held by senders that show that they live.

A sender's row is the fence: whoever reaps it deletes it, and whoever writes as a sender holds it
`FOR KEY SHARE` until the commit. So as long as a sender's row is there, so are all its leases.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import UUID

from sqlalchemy import delete, insert, select, text

from services.dispatcher.domain import Contact, Progress
from services.dispatcher.tables import runs, senders
from shared import database
from shared.contracts.dispatcher import State
from shared.database import Connection
from shared.errors import Error
from shared.event import Instant
from shared.template import Template, compile_template

RENEW = text("UPDATE senders SET beat = beat + 1 WHERE sender_id = :me RETURNING beat")
# Keeps the row from being deleted, not from being renewed.
HOLD = text("SELECT 1 FROM senders WHERE sender_id = :me FOR KEY SHARE")

# What may be sent at the moment, of which the catalog had the last word.
CONTROLS = """
    SELECT r.run_id, NOT coalesce(m.is_paused OR m.is_stopped, false) AS is_open,
        least(r.ends_at, m.ends_at) AS ends_at
    FROM runs r LEFT JOIN mailings m USING (mailing_id)
    WHERE r.run_id = ANY(CAST(:run_ids AS uuid[]))
"""
# The same, and no row at all if the sender is gone.
LOOK = text(f"""
    SELECT c.* FROM senders s LEFT JOIN ({CONTROLS}) c ON true WHERE s.sender_id = :me
""")  # noqa: S608 - constants

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


class Overtaken(Error):
    """Our leases were taken from us: others send what we have not."""


@dataclass(frozen=True, slots=True)
class Control:
    """What is allowed of a run now."""

    run_id: UUID
    is_open: bool
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Texts:
    """What the messages of a run say, and the trace it belongs to."""

    body: Template
    subject: Template | None
    traceparent: str | None


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


@dataclass(frozen=True, slots=True)
class LostAttempt:
    """An attempt that was begun by a sender that is gone."""

    run_id: UUID
    client_id: UUID
    chunk: int
    number: int
    started_at: Instant


async def register(db: Connection, sender_id: UUID) -> None:
    """Let there be a sender."""
    await db.execute(insert(senders).values(sender_id=sender_id, beat=0))


async def renew(db: Connection, me: UUID) -> None:
    """Show that the sender lives.

    Raises:
        Overtaken: It was found dead.
    """
    if await db.scalar(RENEW, {"me": me}) is None:
        raise Overtaken


async def hold(db: Connection, me: UUID) -> None:
    """Keep the sender, and so its leases, from being reaped until the commit.

    Raises:
        Overtaken: It was found dead.
    """
    if await db.scalar(HOLD, {"me": me}) is None:
        raise Overtaken


async def controls(db: Connection, run_ids: Sequence[UUID]) -> list[Control]:
    """Return what is allowed of these runs."""
    rows = await db.execute(text(CONTROLS), {"run_ids": run_ids})
    return [Control(*row) for row in rows]


async def look(db: Connection, me: UUID, run_ids: Sequence[UUID]) -> list[Control]:
    """Return what is allowed of these runs, to a sender that is still there.

    Raises:
        Overtaken: It was found dead.
    """
    rows = (await db.execute(LOOK, {"me": me, "run_ids": run_ids})).all()
    if not rows:
        raise Overtaken
    return [Control(*row) for row in rows if row.run_id is not None]


async def texts(db: Connection, run_ids: Sequence[UUID]) -> dict[UUID, Texts]:
    """Return what the messages of these runs say, ready to be rendered."""
    wanted = select(runs.c.run_id, runs.c.body, runs.c.subject, runs.c.traceparent)
    rows = await db.execute(wanted.where(runs.c.run_id.in_(run_ids)))
    return {
        run_id: Texts(
            compile_template(body, "/body"),
            compile_template(subject, "/subject") if subject is not None else None,
            traceparent,
        )
        for run_id, body, subject, traceparent in rows
    }


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
        [client_id for client_id, *_ in rows],
        [None if is_removed else Contact(*contact) for _, is_removed, *contact in rows],
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


def progress_of(row: Any) -> Progress:  # noqa: ANN401 - a row of exceptions
    """Return where the message of an exception is."""
    return Progress(
        State(row.state),
        row.attempts,
        row.attempt,
        row.version,
        row.unknowns,
        row.is_unknown,
        row.reason,
    )


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


async def leave(db: Connection, sender_id: UUID) -> None:
    """End a sender that has nothing under way; what still bears its name goes back."""
    await give_back(db, sender_id)
    await db.execute(delete(senders).where(senders.c.sender_id == sender_id))

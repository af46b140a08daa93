"""Erasing: whatever the ledger has of clients of whom nothing may stay."""

from collections.abc import Collection
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from services.dispatcher.domain.erasing import ERASED, Texts, without
from services.dispatcher.domain.keys import ChunkKey, MessageKey
from services.dispatcher.queue.resolving import CHUNK_OF, CLIENT_ID
from shared.database import Connection, fragment, sql

NOTE = text("""
    INSERT INTO erasures (client_id, heard_at, next_at)
    SELECT client_id, clock_timestamp(), clock_timestamp()
    FROM unnest(CAST(:client_ids AS uuid[])) AS erased (client_id)
    ON CONFLICT DO NOTHING
""")


async def note_erasures(db: Connection, client_ids: Collection[UUID]) -> None:
    """Note clients of whom nothing may stay; twice is once."""
    if client_ids:
        await db.execute(NOTE, {"client_ids": sorted(client_ids)})


class Due(NamedTuple):
    """A client whose traces are searched now."""

    client_id: UUID
    is_late: bool  # no answer to what was under way then can come any more


DUE = text("""
    SELECT client_id, heard_at <= clock_timestamp() - CAST(:settling AS interval) AS is_late
    FROM erasures WHERE settled_at IS NULL AND next_at <= clock_timestamp()
    ORDER BY next_at LIMIT 1 FOR UPDATE SKIP LOCKED
""")


async def take_due(db: Connection, settling: timedelta) -> Due | None:
    """Return a client whose traces are to be searched, which nobody else does until the commit."""
    row = (await db.execute(DUE, {"settling": settling})).first()
    return None if row is None else Due(row.client_id, row.is_late)


WAITING = text("""
    SELECT e.run_id, e.client_id, e.chunk, r.traceparent, r.is_by_chunk
    FROM runs r JOIN exceptions e ON e.run_id = r.run_id AND e.client_id = :client_id
    WHERE r.state NOT IN ('finished', 'archived') AND e.state = 'retry' AND e.sender_id IS NULL
""")


class Waiting(NamedTuple):
    """A message that waits to be tried again."""

    key: MessageKey
    chunk: ChunkKey
    traceparent: str | None
    is_by_chunk: bool


async def waiting_messages(db: Connection, client_id: UUID) -> list[Waiting]:
    """Return messages of a client that wait to be tried again, and are nobody's now."""
    return [
        Waiting(
            MessageKey(row.run_id, row.client_id),
            ChunkKey(row.run_id, row.chunk),
            row.traceparent,
            row.is_by_chunk,
        )
        for row in await db.execute(WAITING, {"client_id": client_id})
    ]


# Rows of archived runs are here until their slice is deleted.
ERASE_ATTEMPTS = text("""
    UPDATE attempts a SET gateway_message_id = NULL,
        answer = CASE WHEN a.answer IS NOT NULL THEN :erased END
    FROM runs r
    WHERE r.emptied_at IS NULL AND a.run_id = r.run_id AND a.client_id = :client_id
        AND (a.gateway_message_id IS NOT NULL OR a.answer <> :erased)
""")
ERASE_CONTACTS = text("""
    UPDATE exceptions SET contact = NULL WHERE client_id = :client_id AND contact IS NOT NULL
""")


async def erase_attempts(db: Connection, client_id: UUID) -> None:
    """Erase what gateways said of a client's messages, and contacts kept for a repetition."""
    await db.execute(ERASE_ATTEMPTS, {"client_id": client_id, "erased": ERASED})
    await db.execute(ERASE_CONTACTS, {"client_id": client_id})


BLOCKS = sql(
    """
    SELECT b.run_id, b.chunk, b.epoch, b.number, b.gateway_ids, b.answer, b.answers,
        CAST(bit_count(substring(b.places FROM 1 FOR own.n)) AS integer) AS place,
        CAST(bit_count(b.places) AS integer) AS size
    FROM runs r CROSS JOIN LATERAL ({chunk_of}) AS own
    JOIN blocks b ON b.run_id = r.run_id AND b.chunk = own.chunk
    WHERE r.emptied_at IS NULL AND get_bit(b.places, own.n - 1) = 1
    FOR UPDATE OF b
    """,
    chunk_of=fragment(CHUNK_OF, run_id="r.run_id", client_id=CLIENT_ID),
)
UPDATE_BLOCK = text("""
    UPDATE blocks SET gateway_ids = :gateway_ids, answer = :answer, answers = :answers
    WHERE run_id = :run_id AND chunk = :chunk AND epoch = :epoch AND number = :number
""")


async def erase_from_blocks(db: Connection, client_id: UUID) -> None:
    """Erase what gateways said of a client's messages that were recorded together with others."""
    for row in (await db.execute(BLOCKS, {"client_id": client_id})).all():
        before = Texts(row.gateway_ids, row.answer, row.answers)
        after = without(before, row.place, row.size)
        if after != before:
            key = {name: getattr(row, name) for name in ("run_id", "chunk", "epoch", "number")}
            await db.execute(UPDATE_BLOCK, key | after._asdict())


UNDER_WAY = sql(
    """
    SELECT EXISTS (
        SELECT FROM runs r JOIN exceptions e ON e.run_id = r.run_id AND e.client_id = :client_id
        WHERE r.state NOT IN ('finished', 'archived') AND e.sender_id IS NOT NULL
    ) OR EXISTS (
        SELECT FROM runs r CROSS JOIN LATERAL ({chunk_of}) AS own
        WHERE r.state NOT IN ('finished', 'archived') AND own.chunk_state = 'leased'
    )
    """,
    chunk_of=fragment(CHUNK_OF, run_id="r.run_id", client_id=CLIENT_ID),
)
PUT_OFF = text("""
    UPDATE erasures SET next_at = clock_timestamp() + CAST(:pause AS interval)
    WHERE client_id = :client_id
""")
SETTLE = text("UPDATE erasures SET settled_at = clock_timestamp() WHERE client_id = :client_id")


async def is_under_way(db: Connection, client_id: UUID) -> bool:
    """Return whether a sender has a message of the client, with what it knew of it."""
    return bool(await db.scalar(UNDER_WAY, {"client_id": client_id}))


async def put_off(db: Connection, client_id: UUID, pause: timedelta) -> None:
    """Search again after a pause."""
    await db.execute(PUT_OFF, {"client_id": client_id, "pause": pause})


async def settle(db: Connection, client_id: UUID) -> None:
    """Note that nothing of the client can come any more."""
    await db.execute(SETTLE, {"client_id": client_id})


RECENT = text("""
    SELECT client_id, settled_at IS NOT NULL AS is_settled FROM erasures
    WHERE settled_at IS NULL OR settled_at > clock_timestamp() - CAST(:kept AS interval)
""")


async def recent(db: Connection, kept: timedelta) -> dict[UUID, bool]:
    """Return erased clients, and whether they are settled: those of `kept` ago and later."""
    rows = await db.execute(RECENT, {"kept": kept})
    return {row.client_id: row.is_settled for row in rows}


LOG_FILES = text("""
    SELECT description ->> 'path' AS path,
        max(coalesce(CAST(description ->> 'keep' AS integer), 0)) AS keep
    FROM (
        SELECT description FROM gateways UNION ALL SELECT description FROM gateway_versions
    ) AS described
    WHERE description ->> 'kind' = 'log' GROUP BY 1 ORDER BY 1
""")


async def log_files(db: Connection) -> dict[str, int]:
    """Return the files of log gateways, with how many before them are kept."""
    return {row.path: row.keep for row in await db.execute(LOG_FILES)}

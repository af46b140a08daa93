"""Recording: the ledger of attempts and of the messages that they moved, written by the hundred.

`record` is for the plain case, a sender's own new results, as fast as can be; for everything else
`reconciling` reads before anything is written. Both lock chunks in order.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

import msgspec
from asyncpg import UniqueViolationError
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.dispatcher.domain.contact import Contact
from services.dispatcher.domain.keys import ChunkKey, MessageKey
from services.dispatcher.domain.message import Progress
from services.dispatcher.queue.blocks import BlockRow, Places, insert_blocks, is_in_block
from shared import database
from shared.contracts.dispatcher import State
from shared.database import Connection, fragment, sql
from shared.event import Instant

RECORD = "record"  # the loop, by which runs are set aside of which a result cannot be recorded

# Of chunks and messages `c`, `ids (client_id, n)`: those with nothing on record yet.
UNRECORDED = fragment(
    """
    NOT {is_in_block} AND NOT EXISTS (
        SELECT FROM exceptions e WHERE e.run_id = c.run_id AND e.client_id = ids.client_id
    ) AND NOT EXISTS (
        SELECT FROM attempts a WHERE a.run_id = c.run_id AND a.client_id = ids.client_id
            AND a.kind <> 'start'
    )
    """,
    is_in_block=is_in_block("ids.n"),
)

ATTEMPT_COLUMNS = (
    "run_id",
    "client_id",
    "attempt",
    "kind",
    "started_at",
    "ended_at",
    "outcome",
    "reason",
    "status_code",
    "gateway_message_id",
    "answer",
)

AttemptRow: TypeAlias = tuple[Any, ...]  # in the order of ATTEMPT_COLUMNS


class ExceptionRow(NamedTuple):
    """A message that isn't simply answered, and where it is."""

    key: MessageKey
    chunk: int
    progress: Progress
    due_at: Instant | None
    contact: Contact | None = None  # that the next attempt must use again


class Closed(NamedTuple):
    """What is over of a chunk."""

    finals: int  # messages that became final
    epoch: int = 0  # of a lease that is over; 0: none
    places: Places | None = None  # of messages that are in blocks now
    own_epoch: int = 0  # of the lease under which those were sent


@dataclass(slots=True)
class LedgerBatch:
    """What a batch of results adds to the ledger."""

    attempts: list[AttemptRow] = field(default_factory=list)
    blocks: list[BlockRow] = field(default_factory=list)  # of plain results
    exceptions: list[ExceptionRow] = field(default_factory=list)  # new ones
    leased: list[ExceptionRow] = field(default_factory=list)  # of retries that the sender leased
    closed: Mapping[ChunkKey, Closed] = field(default_factory=dict)


class FastPathFailed(Exception):
    """The rows are not as the plain case has them."""


async def record(db: Connection, sender_id: UUID, batch: LedgerBatch) -> None:
    """Write a sender's own results; the caller holds the sender.

    Raises:
        FastPathFailed: Something is on record already; nothing was written.
    """
    closed = _with_blocks(batch)
    if await close_chunks(db, sender_id, closed) != len(closed):
        raise FastPathFailed
    try:
        if batch.exceptions:
            await insert_exceptions(db, batch.exceptions)
        if batch.leased:
            await update_leased(db, sender_id, batch.leased)
        if batch.attempts:
            await database.copy(db, "attempts", ATTEMPT_COLUMNS, batch.attempts)
        if batch.blocks:
            await insert_blocks(db, batch.blocks)
    except (IntegrityError, UniqueViolationError) as error:
        raise FastPathFailed from error


def _with_blocks(batch: LedgerBatch) -> dict[ChunkKey, Closed]:
    """Return what is over of chunks, with the places of what is in blocks now.

    Raises:
        FastPathFailed: The blocks of a chunk are of two leases.
    """
    closed = dict(batch.closed)
    for row in batch.blocks:
        before = closed.get(row.chunk, Closed(finals=0))
        if before.own_epoch not in (0, row.epoch):
            raise FastPathFailed
        bits = row.places.bits | (before.places.bits if before.places else 0)
        places = Places(bits, row.places.size)
        closed[row.chunk] = before._replace(places=places, own_epoch=row.epoch)
    return closed


# Chunks are locked in order first: an update alone takes them in whatever order it likes. What is
# in blocks is fenced: the lease is the sender's own, and none of it is in a block already.
CLOSE_CHUNKS = text("""
    WITH change AS (
        SELECT run_id, chunk, closed, epoch, CAST(places AS varbit) AS places, own_epoch
        FROM unnest(
            CAST(:run_ids AS uuid[]), CAST(:chunks AS int[]), CAST(:closed AS int[]),
            CAST(:epochs AS int[]), CAST(:places AS text[]), CAST(:own_epochs AS int[])
        ) AS change (run_id, chunk, closed, epoch, places, own_epoch)
    ), locked AS (
        SELECT c.run_id, c.chunk FROM chunks c JOIN change USING (run_id, chunk)
        ORDER BY c.run_id, c.chunk FOR UPDATE OF c
    )
    UPDATE chunks c SET
        open_count = c.open_count - change.closed,
        recorded = coalesce(c.recorded | change.places, change.places, c.recorded),
        state = CASE WHEN c.sender_id = :sender_id AND c.epoch = change.epoch THEN 'sent'
            ELSE c.state END,
        sender_id = CASE WHEN c.sender_id = :sender_id AND c.epoch = change.epoch THEN NULL
            ELSE c.sender_id END
    FROM locked JOIN change USING (run_id, chunk)
    WHERE c.run_id = locked.run_id AND c.chunk = locked.chunk AND (
        change.places IS NULL OR c.sender_id = :sender_id AND c.epoch = change.own_epoch
            AND coalesce(bit_count(c.recorded & change.places), 0) = 0
    )
""")


async def close_chunks(
    db: Connection, sender_id: UUID | None, closed: Mapping[ChunkKey, Closed]
) -> int:
    """Count messages of chunks as final, and end the sender's leases that are over.

    Return how many chunks were changed: not those whose blocks do not fit.
    """
    if not closed:
        return 0
    keys = sorted(closed)
    changes = [closed[key] for key in keys]
    values = {
        "run_ids": [key.run_id for key in keys],
        "chunks": [key.chunk for key in keys],
        "closed": [each.finals for each in changes],
        "epochs": [each.epoch for each in changes],
        "places": [each.places.text if each.places else None for each in changes],
        "own_epochs": [each.own_epoch for each in changes],
        "sender_id": sender_id,
    }
    return (await db.execute(CLOSE_CHUNKS, values)).rowcount


EXCEPTIONS = """
    unnest(
        CAST(:run_ids AS uuid[]), CAST(:client_ids AS uuid[]), CAST(:chunks AS int[]),
        CAST(:states AS text[]), CAST(:attempts AS int[]), CAST(:numbers AS int[]),
        CAST(:versions AS int[]), CAST(:unknowns AS int[]), CAST(:reasons AS text[]),
        CAST(:due AS timestamptz[]), CAST(:contacts AS jsonb[])
    ) AS x (
        run_id, client_id, chunk, state, attempts, attempt, version, unknowns, reason, due_at,
        contact
    )
"""
EXCEPTION_COLUMNS = """
    run_id, client_id, chunk, state, attempts, attempt, version, unknowns, reason, due_at, contact
"""
INSERT_EXCEPTIONS = sql(
    "INSERT INTO exceptions ({columns}) SELECT x.* FROM {exceptions}",
    columns=EXCEPTION_COLUMNS,
    exceptions=EXCEPTIONS,
)


async def insert_exceptions(db: Connection, rows: Sequence[ExceptionRow]) -> None:
    """Add messages that were no exceptions.

    Raises:
        IntegrityError: One of them was.
    """
    await db.execute(INSERT_EXCEPTIONS, _columns(rows))


UPDATE_LEASED = sql(
    """
    UPDATE exceptions e SET
        state = x.state, attempts = x.attempts, attempt = x.attempt, version = x.version,
        unknowns = x.unknowns, reason = x.reason, due_at = x.due_at, contact = x.contact,
        sender_id = NULL
    FROM {exceptions}
    WHERE e.run_id = x.run_id AND e.client_id = x.client_id AND e.sender_id = :sender_id
    """,
    exceptions=EXCEPTIONS,
)


async def update_leased(db: Connection, sender_id: UUID, rows: Sequence[ExceptionRow]) -> None:
    """Move messages that the sender has leased, and end these leases.

    Raises:
        FastPathFailed: It does not have all of them leased.
    """
    done = await db.execute(UPDATE_LEASED, _columns(rows) | {"sender_id": sender_id})
    if done.rowcount != len(rows):
        raise FastPathFailed


UPSERT_EXCEPTIONS = sql(
    """
    INSERT INTO exceptions ({columns}) SELECT x.* FROM {exceptions}
    ON CONFLICT (run_id, client_id) DO UPDATE SET
        state = excluded.state, attempts = excluded.attempts, attempt = excluded.attempt,
        version = excluded.version, unknowns = excluded.unknowns, reason = excluded.reason,
        due_at = excluded.due_at, contact = excluded.contact, sender_id = NULL
    """,
    columns=EXCEPTION_COLUMNS,
    exceptions=EXCEPTIONS,
)


async def upsert_exceptions(db: Connection, rows: Sequence[ExceptionRow]) -> None:
    """Write where messages are, whatever stood there; the caller holds them locked."""
    if rows:
        await db.execute(UPSERT_EXCEPTIONS, _columns(rows))


def _columns(rows: Sequence[ExceptionRow]) -> dict[str, Any]:
    progresses = [each.progress for each in rows]
    return {
        "run_ids": [each.key.run_id for each in rows],
        "client_ids": [each.key.client_id for each in rows],
        "chunks": [each.chunk for each in rows],
        "states": [each.state for each in progresses],
        "attempts": [each.attempts for each in progresses],
        "numbers": [each.attempt for each in progresses],
        "versions": [each.version for each in progresses],
        "unknowns": [each.unknowns for each in progresses],
        "reasons": [each.reason for each in progresses],
        "due": [each.due_at for each in rows],
        "contacts": [_encoded(each.contact) for each in rows],
    }


def _encoded(contact: Contact | None) -> str | None:
    return None if contact is None else msgspec.json.encode(contact).decode()


def contact_of(kept: dict[str, Any] | None) -> Contact | None:
    """Return the contact that is kept in an exception's row."""
    return None if kept is None else Contact(**kept)


def progress_of(row: Any) -> Progress:  # noqa: ANN401 - a row of exceptions
    """Return where the message of an exception is."""
    return Progress(
        state=State(row.state),
        attempts=row.attempts,
        attempt=row.attempt,
        version=row.version,
        unknowns=row.unknowns,
        reason=row.reason,
    )

"""The exceptions: messages that aren't simply planned or answered, a row each."""

from collections.abc import Sequence
from typing import Any, NamedTuple
from uuid import UUID

import msgspec
from msgspec.structs import replace

from services.dispatcher.domain.contact import Contact
from services.dispatcher.domain.keys import MessageKey
from services.dispatcher.domain.progress import Progress
from shared.contracts.dispatcher import State
from shared.database import Connection, sql
from shared.event import Instant


class FastPathFailed(Exception):
    """The rows are not as the plain case has them."""


class ExceptionRow(NamedTuple):
    """A message that isn't simply answered, and where it is."""

    key: MessageKey
    chunk: int
    progress: Progress
    due_at: Instant | None
    contact: Contact | None = None  # that the next attempt must use again
    version_id: int | None = None  # of the gateway, the same


EXCEPTIONS = """
    unnest(
        CAST(:run_ids AS uuid[]), CAST(:client_ids AS uuid[]), CAST(:chunks AS int[]),
        CAST(:states AS text[]), CAST(:attempts AS int[]), CAST(:numbers AS int[]),
        CAST(:versions AS int[]), CAST(:unknowns AS int[]), CAST(:reasons AS text[]),
        CAST(:due AS timestamptz[]), CAST(:contacts AS jsonb[]), CAST(:version_ids AS int[]),
        CAST(:uncounted AS int[])
    ) AS x (
        run_id, client_id, chunk, state, attempts, attempt, version, unknowns, reason, due_at,
        contact, version_id, uncounted
    )
"""
EXCEPTION_COLUMNS = """
    run_id, client_id, chunk, state, attempts, attempt, version, unknowns, reason, due_at, contact,
    version_id, uncounted
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
        version_id = x.version_id, uncounted = x.uncounted, sender_id = NULL
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
        due_at = excluded.due_at, contact = excluded.contact,
        version_id = excluded.version_id, uncounted = excluded.uncounted, sender_id = NULL
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
        "version_ids": [each.version_id for each in rows],
        "uncounted": [each.uncounted for each in progresses],
    }


def _encoded(contact: Contact | None) -> str | None:
    if contact is None:
        return None
    # Dispatchers of older releases do not know tags, and mostly there are none.
    kept = contact if contact.tags else replace(contact, tags=())
    return msgspec.json.encode(kept).decode()


def contact_of(kept: dict[str, Any] | None) -> Contact | None:
    """Return the contact that is kept in an exception's row."""
    return None if kept is None else msgspec.convert(kept, Contact)


def progress_of(row: Any) -> Progress:  # noqa: ANN401 - a row of exceptions
    """Return where the message of an exception is."""
    return Progress(
        state=State(row.state),
        attempts=row.attempts,
        attempt=row.attempt,
        version=row.version,
        unknowns=row.unknowns,
        reason=row.reason,
        uncounted=row.uncounted,
    )

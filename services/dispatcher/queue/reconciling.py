"""Reconciling: messages that others may have moved are locked and read before they are written."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from services.dispatcher.domain import message
from services.dispatcher.domain.contact import Contact
from services.dispatcher.domain.keys import ChunkKey, MessageKey
from services.dispatcher.domain.message import Found
from services.dispatcher.queue.archiving import archived_runs
from services.dispatcher.queue.blocks import is_in_block
from services.dispatcher.queue.controls import STOPPED_REASON
from services.dispatcher.queue.exceptions import contact_of, progress_of
from services.dispatcher.queue.recording import ATTEMPT_COLUMNS, AttemptRow
from shared.database import Connection, sql

IN_BLOCK_NUMBER = 1  # of the attempts whose answers are in blocks


class FoundMessage(NamedTuple):
    """A message as its rows have it, and what is kept of it because it may have arrived."""

    found: Found
    contact: Contact | None
    version_id: int | None = None  # of its gateway, kept as well
    is_in_block: bool = False  # with the answer to its first attempt

    def has_in_block(self, number: int) -> bool:
        """Return whether the answer to the attempt of this number is in a block."""
        return self.is_in_block and number == IN_BLOCK_NUMBER


LOCK_CHUNKS = sql(
    """
    SELECT c.run_id, c.chunk, c.state, c.sender_id, c.reaped, c.unknowns, c.version_id,
        (SELECT {stopped_reason} FROM runs r WHERE r.run_id = c.run_id) AS stopped
    FROM chunks c JOIN unnest(CAST(:run_ids AS uuid[]), CAST(:chunks AS int[]))
        AS wanted (run_id, chunk) USING (run_id, chunk)
    ORDER BY c.run_id, c.chunk FOR UPDATE OF c
    """,
    stopped_reason=STOPPED_REASON,
)
WANTED = """
    unnest(CAST(:run_ids AS uuid[]), CAST(:client_ids AS uuid[])) AS wanted (run_id, client_id)
"""
LOCK_EXCEPTIONS = sql(
    """
    SELECT e.* FROM exceptions e JOIN {wanted} USING (run_id, client_id)
    ORDER BY e.run_id, e.client_id FOR UPDATE OF e
    """,
    wanted=WANTED,
)
ON_RECORD = sql(
    """
    SELECT a.run_id, a.client_id, a.attempt, bool_or(a.outcome = 'accepted') AS is_accepted
    FROM attempts a JOIN {wanted} USING (run_id, client_id)
    WHERE a.kind <> 'start' GROUP BY a.run_id, a.client_id, a.attempt
    """,
    wanted=WANTED,
)


IN_BLOCKS = sql(
    """
    SELECT run_id, client_id
    FROM unnest(CAST(:run_ids AS uuid[]), CAST(:client_ids AS uuid[]), CAST(:chunks AS int[]))
        AS wanted (run_id, client_id, chunk)
    JOIN chunks c USING (run_id, chunk)
    WHERE c.recorded IS NOT NULL AND {is_in_block}
    """,
    is_in_block=is_in_block("array_position(c.client_ids, wanted.client_id)"),
)


async def lock_messages(
    db: Connection, messages: Mapping[MessageKey, ChunkKey]
) -> dict[MessageKey, FoundMessage]:
    """Return where messages are, but for those of archived runs, which nothing changes any more.

    Guarantee: nobody else changes them until the commit, nor is their run archived.
    """
    keys = sorted(set(messages.values()))
    columns = {"run_ids": [key.run_id for key in keys], "chunks": [key.chunk for key in keys]}
    rows = (await db.execute(LOCK_CHUNKS, columns)).all()
    # Asked behind the locks, without which no run is archived.
    archived = await archived_runs(db, {key.run_id for key in keys})
    messages = {key: chunk for key, chunk in messages.items() if key.run_id not in archived}
    chunks = {ChunkKey(row.run_id, row.chunk): row for row in rows}
    wanted = {
        "run_ids": [key.run_id for key in messages],
        "client_ids": [key.client_id for key in messages],
    }
    exceptions = {
        MessageKey(row.run_id, row.client_id): row
        for row in await db.execute(LOCK_EXCEPTIONS, wanted)
    }
    numbers: dict[MessageKey, set[int]] = {}
    accepted = set()
    for each in await db.execute(ON_RECORD, wanted):
        key = MessageKey(each.run_id, each.client_id)
        numbers.setdefault(key, set()).add(each.attempt)
        if each.is_accepted:
            accepted.add(key)
    in_blocks = await _in_blocks(db, messages)
    for key in in_blocks:
        numbers.setdefault(key, set()).add(IN_BLOCK_NUMBER)
    return {
        key: _found(
            chunks[chunk],
            exceptions.get(key),
            frozenset(numbers.get(key, ())),
            is_accepted=key in accepted,
            is_in_block=key in in_blocks,
        )
        for key, chunk in messages.items()
    }


async def _in_blocks(db: Connection, messages: Mapping[MessageKey, ChunkKey]) -> set[MessageKey]:
    columns = {
        "run_ids": [key.run_id for key in messages],
        "client_ids": [key.client_id for key in messages],
        "chunks": [chunk.chunk for chunk in messages.values()],
    }
    return {MessageKey(*row) for row in await db.execute(IN_BLOCKS, columns)}


def _found(
    chunk: Any,  # noqa: ANN401 - a row of LOCK_CHUNKS
    exception: Any,  # noqa: ANN401 - a row of exceptions, or None
    numbers: frozenset[int],
    *,
    is_accepted: bool,
    is_in_block: bool,
) -> FoundMessage:
    if exception is not None:
        progress = progress_of(exception)
        holder, next_number = exception.sender_id, exception.attempt + 1
        found = Found(progress, numbers, holder, next_number)
        contact, version_id = contact_of(exception.contact), exception.version_id
        return FoundMessage(found, contact, version_id, is_in_block)
    first = message.unrecorded(reaped=chunk.reaped, unknowns=chunk.unknowns)
    is_delivered = is_accepted or is_in_block
    progress = message.without_exception(
        chunk.state, first, numbers, chunk.stopped, is_accepted=is_delivered
    )
    found = Found(progress, numbers, chunk.sender_id, chunk.reaped + 1)
    return FoundMessage(found, None, chunk.version_id, is_in_block)


INSERT_NEW_ATTEMPTS = text("""
    INSERT INTO attempts SELECT * FROM unnest(
        CAST(:run_id AS uuid[]), CAST(:client_id AS uuid[]), CAST(:attempt AS int[]),
        CAST(:kind AS text[]), CAST(:started_at AS timestamptz[]),
        CAST(:ended_at AS timestamptz[]), CAST(:outcome AS text[]), CAST(:reason AS text[]),
        CAST(:status_code AS int[]), CAST(:gateway_message_id AS text[]), CAST(:answer AS text[])
    ) ON CONFLICT DO NOTHING RETURNING run_id, client_id, attempt, kind
""")


async def insert_new_attempts(
    db: Connection, attempts: Sequence[AttemptRow]
) -> set[tuple[UUID, UUID, int, str]]:
    """Add attempts to the log; return those (run, client, number, kind) that are new."""
    columns = zip(*attempts, strict=True)
    values = {name: list(column) for name, column in zip(ATTEMPT_COLUMNS, columns, strict=True)}
    return {tuple(row) for row in await db.execute(INSERT_NEW_ATTEMPTS, values)}

"""Recording: the ledger of attempts and of the messages that they moved, written by the hundred.

`record` is for the plain case, a sender's own new results, as fast as can be; for everything else
`reconciling` reads before anything is written. Both lock chunks in order.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple, TypeAlias
from uuid import UUID

from asyncpg import BitString, UniqueViolationError
from sqlalchemy.exc import IntegrityError

from services.dispatcher.domain.keys import ChunkKey
from services.dispatcher.queue.blocks import (
    BLOCK_COLUMNS,
    BLOCKS,
    BlockRow,
    Places,
    block_values,
    is_in_block,
)
from services.dispatcher.queue.exceptions import (
    ExceptionRow,
    FastPathFailed,
    insert_exceptions,
    update_leased,
)
from services.dispatcher.queue.leasing import HOLD, LeaseLost
from services.dispatcher.queue.starts import MARKING, Starts, mark_values
from shared import database, outbox
from shared.database import Connection, fragment, sql

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

    @property
    def is_one_statement(self) -> bool:
        """Whether blocks are all that there is."""
        return not (self.attempts or self.exceptions or self.leased)


async def record(
    db: Connection,
    sender_id: UUID,
    batch: LedgerBatch,
    published: outbox.Row | None,
    starts: Starts | None = None,
) -> None:
    """Write a sender's own results with what is `published` of them, under the sender's row.

    If all of them are in blocks, that is one statement. `starts` are what begins in their place.

    Raises:
        LeaseLost: It was declared dead.
        FastPathFailed: Something is on record already.
    """
    values = _values(_with_blocks(batch)) | block_values(batch.blocks)
    values |= {"sender_id": sender_id, "outbox": published.data if published else None}
    values |= mark_values(starts) if starts else {}
    try:
        row = (await db.execute(RECORD_AND_MARK if starts else RECORD_BATCH, values)).one()
        if not row.is_held:
            raise LeaseLost(sender_id)
        if not row.fits:
            raise FastPathFailed
        await _add_rows(db, sender_id, batch)
    except (IntegrityError, UniqueViolationError) as error:
        raise FastPathFailed from error
    if published is not None:
        published.was_put(db, row.position, row.recorded_at)


async def _add_rows(db: Connection, sender_id: UUID, batch: LedgerBatch) -> None:
    """Write what is in no block."""
    if batch.exceptions:
        await insert_exceptions(db, batch.exceptions)
    if batch.leased:
        await update_leased(db, sender_id, batch.leased)
    if batch.attempts:
        await database.copy(db, "attempts", ATTEMPT_COLUMNS, batch.attempts)


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


CHANGES = """
    unnest(
        CAST(:run_ids AS uuid[]), CAST(:chunks AS int[]), CAST(:closed AS int[]),
        CAST(:epochs AS int[]), CAST(:places AS varbit[]), CAST(:own_epochs AS int[])
    ) AS change (run_id, chunk, closed, epoch, places, own_epoch)
"""
CLOSE = """
    open_count = c.open_count - change.closed,
    state = CASE WHEN c.sender_id = :sender_id AND c.epoch = change.epoch THEN 'sent'
        ELSE c.state END,
    sender_id = CASE WHEN c.sender_id = :sender_id AND c.epoch = change.epoch THEN NULL
        ELSE c.sender_id END
"""
# Chunks are locked in order first: an update alone takes them in whatever order it likes. What is
# in blocks is fenced: the lease is the sender's own, and none of it is in a block already. If
# anything does not fit, nothing is written.
_RECORD_BATCH = fragment(
    """
    WITH held AS (
        {held}
    ), change AS (
        SELECT * FROM {changes}
    ), locked AS (
        SELECT c.run_id, c.chunk FROM held CROSS JOIN change JOIN chunks c USING (run_id, chunk)
        WHERE change.places IS NULL OR c.sender_id = :sender_id AND c.epoch = change.own_epoch
            AND coalesce(bit_count(c.recorded & change.places), 0) = 0
        ORDER BY c.run_id, c.chunk FOR UPDATE OF c
    ), checked AS (
        SELECT count(*) = (SELECT count(*) FROM change) AS fits FROM locked
    ), closed AS (
        UPDATE chunks c SET
            recorded = coalesce(c.recorded | change.places, change.places, c.recorded), {close}
        FROM checked CROSS JOIN locked JOIN change USING (run_id, chunk)
        WHERE checked.fits AND c.run_id = locked.run_id AND c.chunk = locked.chunk
    ), packed AS (
        INSERT INTO blocks ({columns})
        SELECT block.* FROM checked CROSS JOIN {blocks} WHERE checked.fits
    ), put AS (
        {insert_into_outbox}
    ){{and_also}}
    SELECT EXISTS (SELECT FROM held) AS is_held, checked.fits, put.position, put.recorded_at
    FROM checked LEFT JOIN put ON true
    """,
    held=HOLD.text,
    changes=CHANGES,
    close=CLOSE,
    columns=", ".join(BLOCK_COLUMNS),
    blocks=BLOCKS,
    insert_into_outbox=outbox.inserting(
        "CAST(:outbox AS bytea) IS NOT NULL AND (SELECT fits FROM checked)"
    ),
)
RECORD_BATCH = sql(_RECORD_BATCH, and_also="")
RECORD_AND_MARK = sql(
    _RECORD_BATCH,
    and_also=", " + fragment(MARKING, of="(SELECT FROM checked WHERE checked.fits) AS recorded"),
)
CLOSE_CHUNKS = sql(
    """
    WITH change AS (
        SELECT * FROM {changes}
    ), locked AS (
        SELECT c.run_id, c.chunk FROM chunks c JOIN change USING (run_id, chunk)
        ORDER BY c.run_id, c.chunk FOR UPDATE OF c
    )
    UPDATE chunks c SET {close} FROM locked JOIN change USING (run_id, chunk)
    WHERE c.run_id = locked.run_id AND c.chunk = locked.chunk
    """,
    changes=CHANGES,
    close=CLOSE,
)


async def close_chunks(
    db: Connection, sender_id: UUID | None, closed: Mapping[ChunkKey, Closed]
) -> None:
    """Count messages of chunks as final, and end the sender's leases that are over."""
    if closed:
        await db.execute(CLOSE_CHUNKS, _values(closed) | {"sender_id": sender_id})


def _values(closed: Mapping[ChunkKey, Closed]) -> dict[str, Any]:
    """Return the values of CHANGES."""
    keys = sorted(closed)
    changes = [closed[key] for key in keys]
    return {
        "run_ids": [key.run_id for key in keys],
        "chunks": [key.chunk for key in keys],
        "closed": [each.finals for each in changes],
        "epochs": [each.epoch for each in changes],
        "places": [BitString(each.places.text) if each.places else None for each in changes],
        "own_epochs": [each.own_epoch for each in changes],
    }

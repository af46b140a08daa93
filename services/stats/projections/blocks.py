"""The blocks: messages that were delivered at their first attempt, a row for many of them.

A message in a block has no row of its own until something else happens to it. Nobody else writes
these rows: all events of a chunk's messages are in one partition, whose position is held.
"""

from collections import Counter
from collections.abc import Sequence
from datetime import datetime, timedelta
from operator import add
from typing import Any

from sqlalchemy import text

from services.stats.projections.batch import EPOCH, Batch, second_of
from shared import ids
from shared.contracts.dispatcher import (
    DELIVERED_VERSION,
    MessageEvent,
    MessagesDelivered,
    State,
)
from shared.database import Connection, copy

# Of a message that is in a block and had no other event: state, attempts and version.
MESSAGE = (State.DELIVERED, 1, DELIVERED_VERSION + 1)

COLUMNS = (
    "generation",
    "run_id",
    "chunk",
    "epoch",
    "number",
    "client_ids",
    "started_at",
    "ended_us",
)

KNOWN_BLOCKS = text("""
    SELECT n - 1
    FROM unnest(
        CAST(:run_ids AS uuid[]), CAST(:chunks AS int[]), CAST(:epochs AS int[]),
        CAST(:numbers AS int[])
    ) WITH ORDINALITY AS block (run_id, chunk, epoch, number, n)
    JOIN blocks USING (run_id, chunk, epoch, number)
    WHERE generation = :generation
""")
# Messages of the same chunks that have a row already: when events are read again, a few.
ROWS_OF_CHUNKS = text("""
    SELECT run_id, client_id FROM messages
    WHERE generation = :generation AND NOT is_in_block AND (run_id, chunk) IN (
        SELECT * FROM unnest(CAST(:run_ids AS uuid[]), CAST(:chunks AS int[]))
    )
""")
MARK_ROWS = text("""
    UPDATE messages SET is_in_block = true
    FROM unnest(CAST(:run_ids AS uuid[]), CAST(:client_ids AS uuid[]))
        AS marked (run_id, client_id)
    WHERE generation = :generation AND messages.run_id = marked.run_id
        AND messages.client_id = marked.client_id
""")
MESSAGES_IN_BLOCKS = text("""
    SELECT n - 1, started_at + ended_us * interval '1 microsecond'
    FROM unnest(
        CAST(:run_ids AS uuid[]), CAST(:chunks AS int[]), CAST(:client_ids AS uuid[])
    ) WITH ORDINALITY AS message (run_id, chunk, client_id, n)
    CROSS JOIN LATERAL (
        SELECT started_at, ended_us[array_position(client_ids, client_id)] AS ended_us
        FROM blocks
        WHERE blocks.generation = :generation AND blocks.run_id = message.run_id
            AND blocks.chunk = message.chunk AND message.client_id = ANY(blocks.client_ids)
        LIMIT 1
    ) AS of_block
""")
MICROSECOND = timedelta(microseconds=1)


async def add_blocks(db: Connection, generation: int, batch: Batch) -> None:
    """Add the blocks that are new; count their messages, but for those that have rows."""
    if not batch.blocks:
        return
    blocks = [batch.blocks[key] for key in sorted(batch.blocks)]
    wanted = {
        "generation": generation,
        "run_ids": [each.run_id for each in blocks],
        "chunks": [each.chunk for each in blocks],
    }
    names = {
        "epochs": [each.epoch for each in blocks],
        "numbers": [each.number for each in blocks],
    }
    known = {n for (n,) in await db.execute(KNOWN_BLOCKS, wanted | names)}
    new = [each for n, each in enumerate(blocks) if n not in known]
    if not new:
        return
    for each in new:
        run = batch.run(each.run_id)
        for second, count in _seconds(each).items():
            run.count(State.DELIVERED, count, attempts=count, second=second)
    rows = (await db.execute(ROWS_OF_CHUNKS, wanted)).all()
    if rows:
        await _mark_rows(db, generation, batch, new, {(row.run_id, row.client_id) for row in rows})
    await copy(db, "blocks", COLUMNS, [_row(generation, each) for each in new])


async def _mark_rows(
    db: Connection,
    generation: int,
    batch: Batch,
    new: Sequence[MessagesDelivered],
    rows: set[tuple[Any, Any]],
) -> None:
    """Note of rows that their messages are in a block as well: the row counts."""
    both = [
        (each.run_id, client_id, ended_at)
        for each in new
        for client_id, (_, ended_at) in zip(each.client_ids, each.instants(), strict=True)
        if (each.run_id, client_id) in rows
    ]
    for run_id, _, ended_at in both:
        second = second_of(ended_at)
        batch.run(run_id).count(State.DELIVERED, -1, attempts=-1, second=second)
    if both:
        run_ids, client_ids, _ = map(list, zip(*both, strict=True))
        values = {"generation": generation, "run_ids": run_ids, "client_ids": client_ids}
        await db.execute(MARK_ROWS, values)


def _seconds(block: MessagesDelivered) -> Counter[int]:
    """Return how many messages of a block were delivered in each second of the epoch."""
    begun = (block.started_at - EPOCH) // MICROSECOND
    ended = map(add, block.starts, block.durations)
    return Counter([(begun + us) // 1_000_000 for us in ended])


async def in_blocks(
    db: Connection, generation: int, events: Sequence[MessageEvent]
) -> dict[int, tuple[State, int, int, datetime]]:
    """Return of messages that are in a block what is known, by their event's place in `events`."""
    asked = [n for n, event in enumerate(events) if event.chunk is not None]
    if not asked:
        return {}
    values = {
        "generation": generation,
        "run_ids": [events[n].run_id for n in asked],
        "chunks": [events[n].chunk for n in asked],
        "client_ids": [events[n].client_id for n in asked],
    }
    found = await db.execute(MESSAGES_IN_BLOCKS, values)
    return {asked[n]: (*MESSAGE, ended_at) for n, ended_at in found}


def _row(generation: int, block: MessagesDelivered) -> tuple[Any, ...]:
    return (
        generation,
        block.run_id,
        block.chunk,
        block.epoch,
        block.number,
        [ids.from_number(each.int) for each in block.client_ids],
        block.started_at,
        [start + took for start, took in zip(block.starts, block.durations, strict=True)],
    )

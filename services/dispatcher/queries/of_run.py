"""Messages of a run, in its order: that of clients, chunk by chunk.

What a page looks at is bounded, so one of a state may be short, or empty, before the last.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from services.dispatcher.queries.archived import or_gone, rows_unless_gone
from services.dispatcher.queries.derived import DERIVED, MessageView, view_of
from services.dispatcher.queue.blocks import is_in_block
from shared.contracts.dispatcher import State
from shared.database import Connection, fragment, sql
from shared.http import cursor_of, position

FIRST = UUID(int=0)
LAST = 2**31 - 1  # the numbers of chunks, and of messages in them, are below
CHUNKS = 10  # that a page looks through: some ten milliseconds

# The states that all messages have that have no exception; an exception may have them as well.
COMMON = frozenset({State.PLANNED, State.DELIVERED, State.EXPIRED, State.CANCELLED})


async def messages_of_run(
    db: Connection, run_id: UUID, status: State | None, cursor: str | None, limit: int
) -> tuple[list[MessageView], str | None]:
    """Return up to `limit` messages of a run, and the cursor of the next page.

    Raises:
        BadCursor: The cursor is of another list.
        MessagesDeleted: The run is archived.
    """
    if status is not None and status not in COMMON:
        return await _exceptions(db, run_id, status, position(cursor, UUID, FIRST), limit)
    after = position(cursor, _place, (0, 0))
    if status is not None:
        return await _common(db, run_id, status, after, limit)
    values = {"run_id": run_id, "chunk": after[0], "n": after[1], "limit": limit + 1}
    return _page(await rows_unless_gone(db, _ALL, values), limit)


# A page begins in the chunk that has the last message shown, or the one behind it.
ALL = fragment(
    """
    WITH m AS MATERIALIZED (
        SELECT c.run_id, ids.client_id, c.chunk, c.state AS chunk_state, ids.n
        FROM chunks c CROSS JOIN LATERAL unnest(c.client_ids) WITH ORDINALITY AS ids (client_id, n)
        WHERE c.run_id = :run_id AND (c.chunk, ids.n) > (:chunk, :n)
            AND c.chunk >= :chunk
        ORDER BY c.chunk, ids.n LIMIT :limit
    )
    SELECT derived.* FROM ({derived}) AS derived
    """,
    derived=DERIVED,
)
_ALL = sql(or_gone(ALL, order="chunk, n"))

# Exceptions are found by their state.
EXCEPTIONS = """
    SELECT x.run_id, x.client_id, x.chunk, c.state AS chunk_state,
        array_position(c.client_ids, x.client_id) AS n
    FROM (
        SELECT run_id, client_id, chunk FROM exceptions
        WHERE run_id = :run_id AND state = :status AND client_id > {after}
            AND chunk <= {last_chunk}
        ORDER BY client_id LIMIT :limit
    ) AS x JOIN chunks c USING (run_id, chunk)
"""
OF_EXCEPTIONS = sql(
    or_gone("WITH m AS MATERIALIZED ({exceptions}) {derived}", order="client_id"),
    exceptions=fragment(EXCEPTIONS, after=":after", last_chunk=str(LAST)),
    derived=DERIVED,
)


async def _exceptions(
    db: Connection, run_id: UUID, status: State, after: UUID, limit: int
) -> tuple[list[MessageView], str | None]:
    """Return messages that only exceptions have, by client, from behind a client."""
    values = {"run_id": run_id, "status": status, "after": after, "limit": limit + 1}
    rows = await rows_unless_gone(db, OF_EXCEPTIONS, values)
    shown = rows[:limit]
    cursor = cursor_of(str(shown[-1].client_id)) if len(rows) > limit else None
    return [view_of(row) for row in shown], cursor


# The others are found by walking through the chunks that may have some: what is open, or has ended
# with its chunk, is known of each chunk. Whether a message has an exception or an answer of its
# own is asked for one after the other, and only of those that may be wanted.
HAS_EXCEPTION = """
    (SELECT true FROM exceptions e WHERE e.run_id = c.run_id AND e.client_id = ids.client_id)
"""
HAS_ANSWER = """
    (
        SELECT true FROM attempts a WHERE a.run_id = c.run_id AND a.client_id = ids.client_id
            AND a.outcome = 'accepted' LIMIT 1
    )
"""
NOT_TRIED = f"NOT {is_in_block('ids.n')} AND {HAS_EXCEPTION} IS NULL AND {HAS_ANSWER} IS NULL"
COMMON_STATES = {  # which chunks, and which of their messages
    State.PLANNED: ("c.open_count > 0 AND c.state NOT IN ('expired', 'cancelled')", NOT_TRIED),
    State.DELIVERED: (
        "(c.is_touched OR c.state <> 'planned')",
        f"{HAS_EXCEPTION} IS NULL AND ({is_in_block('ids.n')} OR {HAS_ANSWER} IS NOT NULL)",
    ),
    State.EXPIRED: ("c.state = 'expired'", NOT_TRIED),
    State.CANCELLED: ("c.state = 'cancelled'", NOT_TRIED),
}
# Of a run with several lanes the order of clients is not that of chunks: so its exceptions are not
# found by client, but one after the other in all chunks.
HAS_LANES = "(SELECT lane_count > 1 FROM runs WHERE run_id = :run_id)"
# The walk ends with its last chunk if there may be more behind; a row without a message says so.
COMMON_ONES = """
    WITH near AS MATERIALIZED (
        SELECT c.run_id, c.chunk, c.state, c.client_ids, c.recorded, {chunks} AS may_have
        FROM chunks c
        WHERE c.run_id = :run_id AND c.chunk >= :chunk AND (c.chunk, {last}) > (:chunk, :n)
            AND ({chunks} OR {has_lanes})
        ORDER BY c.chunk LIMIT :chunks
    ), bound AS (
        SELECT max(chunk) AS chunk FROM near HAVING count(*) = :chunks
    ), bare AS (
        SELECT c.run_id, ids.client_id, c.chunk, c.state AS chunk_state, ids.n
        FROM near c CROSS JOIN LATERAL unnest(c.client_ids) WITH ORDINALITY AS ids (client_id, n)
        WHERE (c.chunk > :chunk OR ids.n > :n) AND (may_have AND {messages} OR {has_lanes} AND (
            SELECT true FROM exceptions e WHERE e.run_id = c.run_id
                AND e.client_id = ids.client_id AND e.state = :status
        ))
        ORDER BY c.chunk, ids.n LIMIT :limit
    ), m AS MATERIALIZED (
        SELECT * FROM bare
        UNION ALL SELECT * FROM ({exceptions}) AS known WHERE NOT {has_lanes}
        ORDER BY chunk, n LIMIT :limit
    )
    SELECT derived.*, bound.chunk AS bound_chunk
    FROM ({derived}) AS derived FULL JOIN bound ON false
"""
LAST_SHOWN = """
    coalesce((
        SELECT client_ids[least(CAST(:n AS integer), cardinality(client_ids))] FROM chunks
        WHERE run_id = :run_id AND chunk = :chunk
    ), CAST(:first AS uuid))
"""
STATEMENTS = {
    state: sql(
        or_gone(COMMON_ONES, order="chunk, n"),
        last=str(LAST),
        chunks=chunks,
        messages=messages,
        exceptions=fragment(
            EXCEPTIONS,
            after=LAST_SHOWN,
            last_chunk=fragment("coalesce((SELECT chunk FROM bound), {last})", last=str(LAST)),
        ),
        derived=DERIVED,
        has_lanes=HAS_LANES,
    )
    for state, (chunks, messages) in COMMON_STATES.items()
}


async def _common(
    db: Connection, run_id: UUID, status: State, after: tuple[int, int], limit: int
) -> tuple[list[MessageView], str | None]:
    """Return messages that may have no exception, as many as CHUNKS of the run's chunks have."""
    values = {"run_id": run_id, "status": status, "chunk": after[0], "n": after[1]}
    values |= {"first": FIRST, "chunks": CHUNKS, "limit": limit + 1}
    both = await rows_unless_gone(db, STATEMENTS[status], values)
    rows = [row for row in both if row.run_id is not None]
    found, cursor = _page(rows, limit)
    bound = next((row.bound_chunk for row in both if row.run_id is None), None)
    if cursor is None and bound is not None:
        cursor = cursor_of(f"{bound},{LAST}")
    return found, cursor


def _place(cursor: str) -> tuple[int, int]:
    chunk, number = (int(each) for each in cursor.split(","))
    if not (0 <= chunk <= LAST and 0 <= number <= LAST):
        raise ValueError(cursor)
    return chunk, number


def _page(rows: Sequence[Row[Any]], limit: int) -> tuple[list[MessageView], str | None]:
    """Return the first `limit` messages, and the cursor of the rest if there is one."""
    shown = rows[:limit]
    cursor = cursor_of(f"{shown[-1].chunk},{shown[-1].n}") if len(rows) > limit else None
    return [view_of(row) for row in shown], cursor

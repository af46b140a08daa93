"""Ending: what of a run has to end, and which runs have nothing open any more."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from services.dispatcher.domain.keys import ChunkKey
from services.dispatcher.domain.message import unrecorded
from services.dispatcher.domain.progress import Progress
from services.dispatcher.queue.controls import CONTROLLED_RUNS
from services.dispatcher.queue.exceptions import progress_of
from services.dispatcher.queue.recording import UNRECORDED
from shared.contracts.dispatcher import State
from shared.database import Connection, fragment, sql
from shared.event import Instant


class EndedRun(NamedTuple):
    """A run whose window is over, or that was stopped, with messages still open."""

    run_id: UUID
    stopped: str | None  # why its messages are cancelled; none: they expire
    traceparent: str | None
    is_by_chunk: bool


# OFFSET 0: the few that are over are found first, and only their chunks and retries looked for.
RUNS_TO_END = fragment(
    """
    SELECT r.run_id, CASE WHEN r.is_stopped THEN r.stopped_reason END AS stopped,
        r.traceparent, r.is_by_chunk
    FROM (
        {controlled} WHERE r.state IN ('expanding', 'sending') OFFSET 0
    ) AS r
    WHERE (r.is_stopped OR r.ends_at <= :now) AND (
        EXISTS (SELECT FROM chunks c WHERE c.run_id = r.run_id AND c.state = 'planned')
        OR EXISTS (
            SELECT FROM exceptions e WHERE e.run_id = r.run_id AND e.state = 'retry'
                AND e.sender_id IS NULL
        )
    )
    """,
    controlled=CONTROLLED_RUNS,
)
_RUNS_TO_END = sql("{runs} ORDER BY run_id", runs=RUNS_TO_END)


async def runs_to_end(db: Connection, now: Instant) -> list[EndedRun]:
    """Return the runs in which something has to end."""
    return [EndedRun(*row) for row in await db.execute(_RUNS_TO_END, {"now": now})]


class EndedChunk(NamedTuple):
    """A chunk that has ended with messages that had nothing on record."""

    key: ChunkKey
    before: Progress  # of each of them
    client_ids: Sequence[UUID]


END_CHUNKS = text("""
    WITH turn AS (
        SELECT run_id, chunk FROM chunks WHERE run_id = :run_id AND state = 'planned'
        ORDER BY due_at, chunk LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE chunks SET state = :state FROM turn
    WHERE chunks.run_id = turn.run_id AND chunks.chunk = turn.chunk
    RETURNING chunks.chunk
""")
UNRECORDED_MESSAGES = sql(
    """
    SELECT c.chunk, c.reaped, c.unknowns, array_agg(ids.client_id ORDER BY ids.n) AS client_ids
    FROM chunks c
    CROSS JOIN LATERAL unnest(c.client_ids) WITH ORDINALITY AS ids (client_id, n)
    WHERE c.run_id = :run_id AND c.chunk = ANY(CAST(:chunks AS int[]))
        AND (NOT c.is_touched OR {unrecorded})
    GROUP BY c.run_id, c.chunk ORDER BY c.chunk
    """,
    unrecorded=UNRECORDED,
)


async def end_chunks(
    db: Connection, run_id: UUID, state: State, *, limit: int
) -> list[EndedChunk]:
    """End up to `limit` chunks that nobody has leased; return what of them has no other state."""
    values = {"run_id": run_id, "state": state, "limit": limit}
    numbers = [row.chunk for row in await db.execute(END_CHUNKS, values)]
    if not numbers:
        return []
    rows = await db.execute(UNRECORDED_MESSAGES, {"run_id": run_id, "chunks": numbers})
    return [
        EndedChunk(
            ChunkKey(run_id, row.chunk),
            unrecorded(reaped=row.reaped, unknowns=row.unknowns),
            row.client_ids,
        )
        for row in rows
    ]


LOCK_RETRIES = text("""
    SELECT * FROM exceptions WHERE run_id = :run_id AND state = 'retry' AND sender_id IS NULL
    ORDER BY client_id LIMIT :limit FOR UPDATE SKIP LOCKED
""")


async def lock_retries(
    db: Connection, run_id: UUID, *, limit: int
) -> list[tuple[UUID, int, Progress]]:
    """Return up to `limit` retries that nobody has leased (client, chunk, progress), to be ended.

    Guarantee: nobody else gets them until the commit.
    """
    rows = await db.execute(LOCK_RETRIES, {"run_id": run_id, "limit": limit})
    return [(row.client_id, row.chunk, progress_of(row)) for row in rows]


class FinishedRun(NamedTuple):
    """A run of which every message is final."""

    run_id: UUID
    mailing_id: UUID
    is_last: bool
    chunk_count: int
    traceparent: str | None


# With LIMIT, or all chunks of all runs would be read and hashed to find those that have none.
IS_COMPLETE = """
    state = 'sending' AND (
        SELECT true FROM chunks WHERE chunks.run_id = runs.run_id AND open_count > 0 LIMIT 1
    ) IS NULL
"""
COMPLETE_RUNS = sql(
    "SELECT run_id FROM runs WHERE {is_complete} ORDER BY run_id", is_complete=IS_COMPLETE
)


async def complete_runs(db: Connection) -> list[UUID]:
    """Return the runs that are fully expanded and have no open message."""
    return list(await db.scalars(COMPLETE_RUNS))


FINISH = sql(
    """
    UPDATE runs SET state = 'finished', finished_at = :now
    WHERE {is_complete} AND (CAST(:run_id AS uuid) IS NULL OR run_id = :run_id)
    RETURNING run_id, mailing_id, is_last, chunk_count, traceparent
    """,
    is_complete=IS_COMPLETE,
)


async def finish(db: Connection, now: Instant, run_id: UUID | None = None) -> list[FinishedRun]:
    """Finish the complete runs, or this one, each once."""
    rows = await db.execute(FINISH, {"now": now, "run_id": run_id})
    return [FinishedRun(*row) for row in rows]

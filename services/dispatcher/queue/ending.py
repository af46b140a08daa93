"""Ending: what of a run has to end, and which runs have nothing open any more."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from services.dispatcher.domain.message import Progress
from services.dispatcher.queue.recording import progress_of
from shared.contracts.dispatcher import State
from shared.database import Connection
from shared.event import Instant

HAS_TO_END = """
    r.state IN ('expanding', 'sending')
        AND (coalesce(m.is_stopped, false) OR least(r.ends_at, m.ends_at) <= :now)
        AND (
            EXISTS (SELECT FROM chunks c WHERE c.run_id = r.run_id AND c.state = 'planned')
            OR EXISTS (
                SELECT FROM exceptions e WHERE e.run_id = r.run_id AND e.state = 'retry'
                    AND e.sender_id IS NULL
            )
        )
"""
ENDED = text(f"""
    SELECT r.run_id, coalesce(m.is_stopped, false) AS is_stopped, r.traceparent
    FROM runs r LEFT JOIN mailings m USING (mailing_id) WHERE {HAS_TO_END} ORDER BY r.run_id
""")  # noqa: S608 - constants
END_CHUNKS = text("""
    WITH turn AS (
        SELECT run_id, chunk FROM chunks WHERE run_id = :run_id AND state = 'planned'
        ORDER BY chunk LIMIT :limit FOR UPDATE SKIP LOCKED
    )
    UPDATE chunks SET state = :state FROM turn
    WHERE chunks.run_id = turn.run_id AND chunks.chunk = turn.chunk
    RETURNING chunks.chunk, chunks.is_touched
""")
LEFT = text("""
    SELECT c.chunk, ids.client_id FROM chunks c
    CROSS JOIN LATERAL unnest(c.client_ids) WITH ORDINALITY AS ids (client_id, n)
    WHERE c.run_id = :run_id AND c.chunk = ANY(CAST(:chunks AS int[])) AND (
        NOT c.is_touched OR NOT EXISTS (
            SELECT FROM exceptions e WHERE e.run_id = c.run_id AND e.client_id = ids.client_id
        ) AND NOT EXISTS (
            SELECT FROM attempts a WHERE a.run_id = c.run_id AND a.client_id = ids.client_id
                AND a.kind <> 'start'
        )
    )
    ORDER BY c.chunk, ids.n
""")
END_RETRIES = text("""
    SELECT * FROM exceptions WHERE run_id = :run_id AND state = 'retry' AND sender_id IS NULL
    ORDER BY client_id LIMIT :limit FOR UPDATE SKIP LOCKED
""")

IS_COMPLETE = """
    state = 'sending' AND NOT EXISTS (
        SELECT FROM chunks WHERE chunks.run_id = runs.run_id AND open_count > 0
    )
"""
FINISHED = text(f"""
    UPDATE runs SET state = 'finished', finished_at = :now WHERE {IS_COMPLETE}
    RETURNING run_id, mailing_id, is_last, chunk_count, traceparent
""")  # noqa: S608 - constants


class Ended(NamedTuple):
    """A run whose window is over, or whose mailing was stopped, with messages still open."""

    run_id: UUID
    is_stopped: bool
    traceparent: str | None


async def ended(db: Connection, now: Instant) -> list[Ended]:
    """Return the runs in which something has to end."""
    return [Ended(*row) for row in await db.execute(ENDED, {"now": now})]


async def end_chunks(
    db: Connection, run_id: UUID, state: State, *, limit: int
) -> list[tuple[int, UUID]]:
    """End up to `limit` chunks that nobody has leased; return their messages (chunk, client).

    What has an answer or is an exception has its own state and is not among them.
    """
    values = {"run_id": run_id, "state": state, "limit": limit}
    numbers = [row.chunk for row in await db.execute(END_CHUNKS, values)]
    if not numbers:
        return []
    rows = await db.execute(LEFT, {"run_id": run_id, "chunks": numbers})
    return [(chunk, client_id) for chunk, client_id in rows]


async def end_retries(
    db: Connection, run_id: UUID, *, limit: int
) -> list[tuple[UUID, int, Progress]]:
    """Return up to `limit` retries that nobody has leased (client, chunk, progress), to be ended.

    Guarantee: nobody else gets them until the commit.
    """
    rows = await db.execute(END_RETRIES, {"run_id": run_id, "limit": limit})
    return [(row.client_id, row.chunk, progress_of(row)) for row in rows]


class Finished(NamedTuple):
    """A run of which every message is final."""

    run_id: UUID
    mailing_id: UUID
    is_last: bool
    chunk_count: int
    traceparent: str | None


async def finish(db: Connection, now: Instant) -> list[Finished]:
    """Note the runs that are fully expanded and have no open message, each once."""
    return [Finished(*row) for row in await db.execute(FINISHED, {"now": now})]

"""Pending work: which kinds there are, asked for all workers at once.

So workers with nothing to do ask nothing: idle, a dispatcher costs two statements a second.
"""

from dataclasses import dataclass, field

from services.dispatcher.domain.window import must_outlast
from services.dispatcher.queue.claiming import IS_DUE_CHUNK
from services.dispatcher.queue.controls import CONTROLLED_RUNS, SENDABLE_RUNS, UNFINISHED
from services.dispatcher.queue.ending import IS_COMPLETE, RUNS_TO_END
from services.dispatcher.queue.retries import IS_DUE_RETRY
from shared.database import Connection, fragment, sql
from shared.event import Instant


@dataclass(slots=True)
class PendingWork:
    """Which kinds of work were pending at the last poll, for whichever replica."""

    has_waiting: bool = False  # runs that wait for clients
    has_expanding: bool = False
    has_ending: bool = False  # runs of which something has to end
    has_complete: bool = False
    due: frozenset[str] = frozenset()  # gateways with messages to be claimed
    due_by_version: frozenset[int] = frozenset()  # old versions of gateways, the same
    gateways: int = field(default=0, compare=False)  # grows with each change of a gateway
    # Whether there may be work soon that nothing announces: a retry, or an end, whose time comes.
    has_open: bool = field(default=False, compare=False)


SUITS_NEWEST = "({of}.version_id IS NULL OR {of}.version_id = r.current_version_id)"

# Asked ten times a second and after each step, so little may grow with the open runs: they are
# read once, and of each gateway chunks and retries are looked for until the first is found. A
# UNION in EXISTS is never hashed, which would look for all of them; and how many are due no plan
# knows that is made once for all instants, so each LATERAL and the first retry stop at one row.
PENDING_WORK = sql(
    """
    WITH unfinished AS MATERIALIZED (
        SELECT DISTINCT state, gateway FROM runs WHERE {unfinished}
    ), used AS (
        SELECT DISTINCT gateway FROM unfinished WHERE state IN ('expanding', 'sending')
    )
    SELECT
        EXISTS (SELECT FROM unfinished WHERE state = 'waiting'),
        EXISTS (SELECT FROM unfinished WHERE state = 'expanding'),
        EXISTS ({runs_to_end}),
        EXISTS (SELECT FROM runs WHERE {is_complete}),
        ARRAY(
            SELECT gateway FROM used WHERE EXISTS (
                SELECT 1 FROM runs
                CROSS JOIN LATERAL (
                    SELECT FROM chunks WHERE run_id = runs.run_id AND state = 'planned' LIMIT 1
                ) AS planned
                CROSS JOIN LATERAL (
                    SELECT FROM ({sendable}) AS r
                    CROSS JOIN LATERAL (
                        SELECT FROM chunks WHERE {is_due_chunk} AND {chunk_suits} LIMIT 1
                    ) AS c
                    WHERE r.run_id = runs.run_id AND r.gateway = used.gateway LIMIT 1
                ) AS due
                WHERE {unfinished}
                UNION ALL
                SELECT 1 FROM ({sendable}) AS r JOIN exceptions e ON {is_due_retry}
                WHERE r.gateway = used.gateway AND {retry_suits} AND :now >= (
                    SELECT min(due_at) FROM exceptions
                    WHERE state = 'retry' AND sender_id IS NULL
                )
            )
        ),
        ARRAY(
            SELECT v.version_id FROM gateway_versions v JOIN gateways g USING (name)
            WHERE (v.version_id <> g.version_id OR g.is_removed) AND EXISTS (
                SELECT FROM ({sendable}) AS r JOIN exceptions e ON {is_due_retry}
                WHERE e.version_id = v.version_id
                UNION ALL
                SELECT FROM ({sendable}) AS r JOIN chunks ON {is_due_chunk}
                WHERE chunks.version_id = v.version_id
            )
        ),
        (SELECT coalesce(sum(version), 0) FROM gateways),
        EXISTS (
            SELECT FROM ({controlled}) AS open_runs
            WHERE {unfinished} AND (is_stopped OR NOT is_paused)
        )
    """,
    unfinished=UNFINISHED,
    controlled=CONTROLLED_RUNS,
    runs_to_end=RUNS_TO_END,
    is_complete=IS_COMPLETE,
    sendable=SENDABLE_RUNS,
    is_due_chunk=IS_DUE_CHUNK,
    is_due_retry=IS_DUE_RETRY,
    chunk_suits=fragment(SUITS_NEWEST, of="chunks"),
    retry_suits=fragment(SUITS_NEWEST, of="e"),
)


async def pending_work(db: Connection, now: Instant) -> PendingWork:
    """Return which kinds of work are pending now."""
    row = (await db.execute(PENDING_WORK, {"now": now, "latest": must_outlast(now)})).one()
    waiting, expanding, ending, complete, due, due_by_version, gateways, has_open = row
    return PendingWork(
        waiting,
        expanding,
        ending,
        complete,
        frozenset(due),
        frozenset(due_by_version),
        int(gateways),
        has_open,
    )

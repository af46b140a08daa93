"""Pending work: which kinds there are, asked for all workers at once.

So workers with nothing to do ask nothing: idle, a dispatcher costs two statements a second.
"""

from dataclasses import dataclass, field

from services.dispatcher.domain.window import must_outlast
from services.dispatcher.queue.claiming import IS_DUE_CHUNK, IS_DUE_RETRY
from services.dispatcher.queue.controls import CONTROLLED_RUNS, SENDABLE_RUNS, UNFINISHED
from services.dispatcher.queue.ending import IS_COMPLETE, RUNS_TO_END
from shared.database import Connection, sql
from shared.event import Instant


@dataclass(slots=True)
class PendingWork:
    """Which kinds of work were pending at the last poll, for whichever replica."""

    has_waiting: bool = False  # runs that wait for clients
    has_expanding: bool = False
    has_ending: bool = False  # runs of which something has to end
    has_complete: bool = False
    due: frozenset[str] = frozenset()  # gateways with messages to be claimed
    # Whether there may be work soon that nothing announces: a retry, or an end, whose time comes.
    has_open: bool = field(default=False, compare=False)


# Asked ten times a second and after each step, so little may grow with the open runs: they are
# read once, and of each gateway chunks and retries are looked for until the first is found. A
# UNION in EXISTS is never hashed, which would look for all of them; and how many are due no plan
# knows that is made once for all instants, so each LATERAL and the first retry stop at one row.
PENDING_WORK = sql(
    """
    WITH unfinished AS MATERIALIZED (
        SELECT DISTINCT state, gateway FROM runs WHERE {unfinished}
    ), gateways AS (
        SELECT DISTINCT gateway FROM unfinished WHERE state IN ('expanding', 'sending')
    )
    SELECT
        EXISTS (SELECT FROM unfinished WHERE state = 'waiting'),
        EXISTS (SELECT FROM unfinished WHERE state = 'expanding'),
        EXISTS ({runs_to_end}),
        EXISTS (SELECT FROM runs WHERE {is_complete}),
        ARRAY(
            SELECT gateway FROM gateways WHERE EXISTS (
                SELECT 1 FROM runs
                CROSS JOIN LATERAL (
                    SELECT FROM chunks WHERE run_id = runs.run_id AND state = 'planned' LIMIT 1
                ) AS planned
                CROSS JOIN LATERAL (
                    SELECT FROM ({sendable}) AS r
                    CROSS JOIN LATERAL (SELECT FROM chunks WHERE {is_due_chunk} LIMIT 1) AS c
                    WHERE r.run_id = runs.run_id AND r.gateway = gateways.gateway LIMIT 1
                ) AS due
                WHERE {unfinished}
                UNION ALL
                SELECT 1 FROM ({sendable}) AS r JOIN exceptions e ON {is_due_retry}
                WHERE r.gateway = gateways.gateway AND :now >= (
                    SELECT min(due_at) FROM exceptions
                    WHERE state = 'retry' AND sender_id IS NULL
                )
            )
        ),
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
)


async def pending_work(db: Connection, now: Instant) -> PendingWork:
    """Return which kinds of work are pending now."""
    row = (await db.execute(PENDING_WORK, {"now": now, "latest": must_outlast(now)})).one()
    waiting, expanding, ending, complete, due, has_open = row
    return PendingWork(waiting, expanding, ending, complete, frozenset(due), has_open)

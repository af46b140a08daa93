"""Pending work: which kinds there are, asked for all workers at once.

So workers with nothing to do ask nothing: idle, a dispatcher costs two statements a poll.
"""

from dataclasses import dataclass

from services.dispatcher.domain.window import must_outlast
from services.dispatcher.queue.claiming import IS_DUE_CHUNK, IS_DUE_RETRY
from services.dispatcher.queue.controls import SENDABLE_RUNS
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


PENDING_WORK = sql(
    """
    SELECT
        EXISTS (SELECT FROM runs WHERE state = 'waiting'),
        EXISTS (SELECT FROM runs WHERE state = 'expanding'),
        EXISTS ({runs_to_end}),
        EXISTS (SELECT FROM runs WHERE {is_complete}),
        ARRAY(
            SELECT DISTINCT r.gateway FROM ({sendable}) AS r
            WHERE EXISTS (SELECT FROM chunks WHERE {is_due_chunk})
                OR EXISTS (SELECT FROM exceptions e WHERE {is_due_retry})
        )
    """,
    runs_to_end=RUNS_TO_END,
    is_complete=IS_COMPLETE,
    sendable=SENDABLE_RUNS,
    is_due_chunk=IS_DUE_CHUNK,
    is_due_retry=IS_DUE_RETRY,
)


async def pending_work(db: Connection, now: Instant) -> PendingWork:
    """Return which kinds of work are pending now."""
    row = (await db.execute(PENDING_WORK, {"now": now, "latest": must_outlast(now)})).one()
    waiting, expanding, ending, complete, due = row
    return PendingWork(waiting, expanding, ending, complete, frozenset(due))

"""Measuring: how much waits in the ledger, asked every ten seconds."""

from collections.abc import Collection
from typing import NamedTuple

from services.dispatcher.domain.window import must_outlast
from services.dispatcher.queue.claiming import IS_DUE_CHUNK
from services.dispatcher.queue.controls import CONTROLLED_RUNS, SENDABLE_RUNS, UNFINISHED
from services.dispatcher.queue.retries import IS_DUE_RETRY
from shared.database import Connection, sql
from shared.event import Instant

LIMIT = 100_000  # chunks, and retries, that are counted: more would take seconds


class DueMessages(NamedTuple):
    """What could be sent through a gateway now, and nobody has claimed."""

    number: int
    age_s: float  # of the oldest: since it is due and allowed


# Planned chunks and free retries of runs that may send, each by its partial index. The messages of
# a chunk are counted by its row, so those of it that wait for another try count as well.
DUE_MESSAGES = sql(
    """
    WITH sendable AS MATERIALIZED ({sendable})
    SELECT gateway, CAST(sum(messages) AS bigint) AS messages,
        CAST(extract(epoch FROM :now - min(since)) AS float) AS age_s
    FROM (
        (
            SELECT r.gateway, chunks.open_count AS messages,
                greatest(chunks.due_at, r.allowed_since) AS since
            FROM sendable r JOIN chunks ON {is_due_chunk} LIMIT :limit
        )
        UNION ALL
        (
            SELECT r.gateway, 1, greatest(e.due_at, r.allowed_since)
            FROM sendable r JOIN exceptions e ON {is_due_retry} LIMIT :limit
        )
    ) AS due
    GROUP BY gateway
    """,
    sendable=SENDABLE_RUNS,
    is_due_chunk=IS_DUE_CHUNK,
    is_due_retry=IS_DUE_RETRY,
)


async def due_messages(db: Connection, now: Instant) -> dict[str, DueMessages]:
    """Return what is due now, by gateway; about, for others claim and plan meanwhile."""
    values = {"now": now, "latest": must_outlast(now), "limit": LIMIT}
    rows = await db.execute(DUE_MESSAGES, values)
    return {row.gateway: DueMessages(row.messages, row.age_s) for row in rows}


OPEN_RUNS = sql(
    """
    SELECT CASE WHEN is_paused AND NOT is_stopped THEN 'paused' ELSE state END AS state,
        count(*) AS runs
    FROM ({controlled}) AS controlled WHERE {unfinished} GROUP BY 1
    """,
    controlled=CONTROLLED_RUNS,
    unfinished=UNFINISHED,
)


async def open_runs(db: Connection, states: Collection[str]) -> dict[str, int]:
    """Return how many unfinished runs are in each of `states`."""
    found = {row.state: row.runs for row in await db.execute(OPEN_RUNS)}
    return {state: found.get(state, 0) for state in states}

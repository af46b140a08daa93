"""The totals of runs: how many messages the ledger has in each state, counted from its rows."""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from services.dispatcher.queue.blocks import is_in_block
from services.dispatcher.queue.recording import UNRECORDED
from shared.contracts.dispatcher import BEST_FIRST, State
from shared.database import Connection, sql

# A message is where its exception is, else where its answer or block left it, else where its chunk
# is. In a LATERAL, each run's rows are found by their keys, however many runs there are.
TOTALS_OF = sql(
    """
    SELECT wanted.run_id, counted.state, counted.number
    FROM unnest(CAST(:run_ids AS uuid[])) AS wanted (run_id)
    CROSS JOIN LATERAL (
        SELECT state, sum(number) AS number FROM (
            SELECT state, count(*) AS number FROM exceptions
            WHERE run_id = wanted.run_id GROUP BY state
            UNION ALL
            SELECT 'delivered', count(*) FROM attempts a
            WHERE a.run_id = wanted.run_id AND a.outcome = 'accepted' AND NOT EXISTS (
                SELECT FROM exceptions e WHERE e.run_id = a.run_id AND e.client_id = a.client_id
            )
            UNION ALL
            SELECT 'delivered', coalesce(sum(bit_count(recorded)), 0) FROM chunks
            WHERE run_id = wanted.run_id
            UNION ALL
            SELECT 'delivered', -count(*) FROM exceptions e JOIN chunks c USING (run_id, chunk)
            WHERE run_id = wanted.run_id AND {is_in_block}
            UNION ALL
            SELECT c.state, sum(CASE WHEN NOT c.is_touched THEN cardinality(c.client_ids) ELSE (
                SELECT count(*) FROM unnest(c.client_ids) WITH ORDINALITY AS ids (client_id, n)
                WHERE {unrecorded}
            ) END)
            FROM chunks c WHERE c.run_id = wanted.run_id AND c.state IN ('expired', 'cancelled')
            GROUP BY c.state
        ) AS parts GROUP BY state HAVING sum(number) > 0
    ) AS counted
    """,
    is_in_block=is_in_block("array_position(c.client_ids, e.client_id)"),
    unrecorded=UNRECORDED,
)


async def totals_of(db: Connection, run_ids: Collection[UUID]) -> dict[UUID, dict[State, int]]:
    """Return how many messages of each finished run are in each state; no state has none."""
    totals: dict[UUID, dict[State, int]] = {run_id: {} for run_id in run_ids}
    for run_id, state, number in await db.execute(TOTALS_OF, {"run_ids": list(run_ids)}):
        totals[run_id][State(state)] = int(number)
    return totals


class Figures(NamedTuple):
    """All that is counted of a finished run."""

    totals: dict[State, int]
    attempts: int  # on record, of all its messages


# What is delivered and no exception had one attempt.
COUNT_EXCEPTIONS = text("""
    SELECT coalesce(sum(attempts), 0) AS attempts,
        count(*) FILTER (WHERE state = 'delivered') AS delivered
    FROM exceptions WHERE run_id = :run_id
""")


async def figures_of(db: Connection, run_id: UUID) -> Figures:
    """Return the figures of a finished run, as the ledger has them."""
    totals = (await totals_of(db, [run_id]))[run_id]
    row = (await db.execute(COUNT_EXCEPTIONS, {"run_id": run_id})).one()
    plain = totals.get(State.DELIVERED, 0) - row.delivered
    return Figures(totals, int(row.attempts) + plain)


# Of a client to whom several runs went, by one of them again: all its messages but the best one.
SUPERSEDED = sql(
    """
    WITH resent AS MATERIALIZED (
        SELECT DISTINCT client_id
        FROM runs r JOIN chunks c USING (run_id)
        CROSS JOIN LATERAL unnest(c.client_ids) AS client_id
        WHERE r.run_id = ANY(CAST(:run_ids AS uuid[])) AND r.resent_from = ANY(:run_ids)
    ), messages AS (
        SELECT c.run_id, ids.client_id, coalesce(e.state, CASE
            WHEN c.state IN ('expired', 'cancelled') AND (NOT c.is_touched OR {unrecorded})
                THEN c.state
            ELSE 'delivered' END) AS state
        FROM chunks c CROSS JOIN LATERAL unnest(c.client_ids) WITH ORDINALITY AS ids (client_id, n)
        JOIN resent ON resent.client_id = ids.client_id
        LEFT JOIN exceptions e ON e.run_id = c.run_id AND e.client_id = ids.client_id
        WHERE c.run_id = ANY(CAST(:run_ids AS uuid[]))
    ), placed AS (
        SELECT run_id, state, row_number() OVER (
            PARTITION BY client_id
            ORDER BY array_position(CAST(:best_first AS text[]), state), run_id
        ) AS place FROM messages
    )
    SELECT run_id, state, count(*) FROM placed WHERE place > 1 GROUP BY run_id, state
    """,
    unrecorded=UNRECORDED,
)


async def superseded_of(db: Connection, run_ids: Collection[UUID]) -> dict[UUID, dict[State, int]]:
    """Return of a finished run and its resends which messages do not count by client, by state."""
    values = {"run_ids": list(run_ids), "best_first": [state.value for state in BEST_FIRST]}
    found: dict[UUID, dict[State, int]] = {}
    for run_id, state, number in await db.execute(SUPERSEDED, values):
        found.setdefault(run_id, {})[State(state)] = number
    return found


class Corrected(NamedTuple):
    """A finished run of which a message has changed."""

    run_id: UUID
    mailing_id: UUID
    number: int  # of its corrections, with this one
    chunk_count: int
    traceparent: str | None


# Locked whatever their state is: one that is being finished is looked at after its commit.
CORRECT_FINISHED = text("""
    WITH held AS (
        SELECT run_id, state FROM runs WHERE run_id = ANY(CAST(:run_ids AS uuid[]))
        ORDER BY run_id FOR UPDATE
    )
    UPDATE runs SET correction_count = correction_count + 1 FROM held
    WHERE runs.run_id = held.run_id AND held.state = 'finished'
    RETURNING runs.run_id, mailing_id, correction_count, chunk_count, traceparent
""")


async def correct_finished(db: Connection, run_ids: Collection[UUID]) -> list[Corrected]:
    """Number a correction of each of these runs that is finished; the others will count it."""
    rows = await db.execute(CORRECT_FINISHED, {"run_ids": list(run_ids)})
    return [Corrected(*row) for row in rows]

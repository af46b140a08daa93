"""The parts of a run's messages: those that are planned, those in blocks, those with a row."""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, false, func, null, select, text, true

from services.stats.queries.by_client import current
from services.stats.queries.figures import planned, with_event
from services.stats.tables import messages, runs
from shared.contracts.dispatcher import State

# The states of which messages have rows, all of them.
ONLY_ROWS = frozenset(State) - {State.PLANNED, State.DELIVERED}


def runs_with(
    status: State | None, of: Sequence[ColumnElement[bool]], known: int, *, shows_archived: bool
) -> Select[Any]:
    """Select runs that have messages of a status, in their order, and whether one is planned.

    Of the runs that meet the conditions `of` only the next `known` are looked through; the one
    behind them is selected as well. Archived runs have no messages, but may be shown.
    """
    has_planned: ColumnElement[bool] = planned > with_event
    has_such: ColumnElement[bool] = true()
    if status is not None:
        has_such = has_planned if status is State.PLANNED else runs.c[f"{status}_count"] > 0
    is_archived = runs.c.archived_at.is_not(None)
    has_such = has_such | is_archived if shows_archived else has_such & ~is_archived
    columns = (runs.c.run_id, runs.c.archived_at, has_planned.label("has_planned"))
    all_runs = select(*columns, has_such.label("has_such")).where(
        runs.c.generation == current, *of
    )
    in_order = all_runs.order_by(runs.c.run_id)
    near = in_order.limit(known + 1).subquery()
    behind = in_order.with_only_columns(runs.c.run_id).offset(known).limit(1)
    is_behind = near.c.run_id == behind.scalar_subquery()
    return (
        select(near, func.coalesce(is_behind, false()).label("is_behind"))
        .where(near.c.has_such | is_behind)
        .order_by(near.c.run_id)
    )


# Chunk by chunk, so that it ends with the first that fill the page. `bound` is the last chunk of
# those that were looked at, if there may be more behind it.
PLANNED = text("""
    WITH near AS (
        SELECT chunk, client_ids FROM chunks
        WHERE generation = (SELECT current FROM generations)
            AND run_id = :run_id AND chunk <= :chunk
        ORDER BY chunk DESC LIMIT :looked_at
    ), in_blocks AS (
        SELECT unnest(blocks.client_ids) AS client_id FROM blocks
        WHERE generation = (SELECT current FROM generations)
            AND run_id = :run_id AND chunk IN (SELECT chunk FROM near)
    ), found AS (
        SELECT chunk, client_id FROM near, unnest(client_ids) AS near_client (client_id)
        WHERE (chunk < :chunk OR client_id > :after) AND NOT EXISTS (
            SELECT FROM messages WHERE generation = (SELECT current FROM generations)
                AND run_id = :run_id AND messages.client_id = near_client.client_id
        ) AND NOT EXISTS (SELECT FROM in_blocks WHERE in_blocks.client_id = near_client.client_id)
        ORDER BY chunk DESC, client_id LIMIT :limit
    )
    SELECT found.chunk, client_id, bound FROM (
        SELECT (
            SELECT chunk FROM chunks
            WHERE generation = (SELECT current FROM generations)
                AND run_id = :run_id AND chunk <= :chunk
            ORDER BY chunk DESC OFFSET :looked_at - 1 LIMIT 1
        ) AS bound
    ) AS bounds LEFT JOIN found ON true ORDER BY found.chunk DESC, client_id
""")
# The same of those in blocks, from the first chunk to the last. `bound` is where to go on. Whether
# one has a row is asked one by one, so that it ends with the chunk that fills the page.
IN_BLOCKS = text("""
    WITH near AS MATERIALIZED (
        SELECT DISTINCT chunk FROM blocks
        WHERE generation = (SELECT current FROM generations)
            AND run_id = :run_id AND chunk >= :chunk
        ORDER BY chunk LIMIT :looked_at + 1
    ), bounds AS (
        SELECT CASE WHEN count(*) > :looked_at THEN max(chunk) END AS bound,
            count(*) AS looked_at FROM near
    ), found AS (
        SELECT near.chunk, own.client_id, own.changed_at
        FROM near CROSS JOIN LATERAL (
            SELECT client_id, started_at + us * interval '1 microsecond' AS changed_at
            FROM blocks CROSS JOIN LATERAL unnest(client_ids, ended_us) AS message (client_id, us)
            WHERE generation = (SELECT current FROM generations) AND run_id = :run_id
                AND blocks.chunk = near.chunk AND (blocks.chunk > :chunk OR client_id > :after)
                AND (
                    SELECT true FROM messages WHERE generation = (SELECT current FROM generations)
                        AND run_id = :run_id AND messages.client_id = message.client_id
                ) IS NULL
        ) AS own
        WHERE NOT EXISTS (SELECT FROM bounds WHERE near.chunk >= bound)
        ORDER BY near.chunk, own.client_id LIMIT :limit
    )
    SELECT found.chunk, client_id, changed_at, bound, looked_at
    FROM bounds LEFT JOIN found ON true ORDER BY found.chunk, client_id
""")
# Of those in a state that only rows have, the next of each run. The condition on the state says
# what the partial index does, word for word.
IN_STATE = text("""
    SELECT own.*
    FROM unnest(CAST(:run_ids AS uuid[])) AS wanted (run_id) CROSS JOIN LATERAL (
        SELECT messages.run_id, client_id, state, attempts, changed_at FROM messages
        WHERE generation = (SELECT current FROM generations)
            AND messages.run_id = wanted.run_id AND state = :status AND state <> 'delivered'
            AND client_id > CASE WHEN wanted.run_id = :run_id THEN CAST(:after AS uuid)
                ELSE CAST(:first AS uuid) END
        ORDER BY client_id LIMIT :limit
    ) AS own ORDER BY own.run_id, own.client_id LIMIT :limit
""")


def _behind(run_id: UUID, after: UUID) -> tuple[ColumnElement[bool], ...]:
    table = messages.c
    return (
        table.generation == current,
        table.run_id == run_id,
        table.client_id > after,
    )


def rows_of(
    run_id: UUID, after: UUID, status: State | None, limit: int, looked_at: int
) -> Select[Any]:
    """Select rows behind a client of a run; delivered ones from the next `looked_at` of any state.

    Behind the columns of each stands `bound`: where delivered ones were looked for in vain.
    """
    table = messages
    rows = select(
        table.c.run_id, table.c.client_id, table.c.state, table.c.attempts, table.c.changed_at
    ).where(*_behind(run_id, after))
    if status is State.DELIVERED:
        scanned = rows.order_by(table.c.client_id).limit(looked_at).subquery()
        rows = select(scanned).where(scanned.c.state == status)
        return _with_bound(
            rows.order_by(scanned.c.client_id).limit(limit), limit, run_id, after, looked_at
        )
    return rows.add_columns(null().label("bound")).order_by(table.c.client_id).limit(limit)


def _with_bound(
    rows: Select[Any], limit: int, run_id: UUID, after: UUID, looked_at: int
) -> Select[Any]:
    """Select `rows`, and the last client that was looked at if there may be more behind it.

    That is looked up only if the rows don't fill the page; without rows it stands alone.
    """
    found = rows.cte("found")
    clients = (
        select(messages.c.client_id).where(*_behind(run_id, after)).order_by(messages.c.client_id)
    )
    last = clients.offset(looked_at - 1).limit(1).scalar_subquery()
    number = select(func.count()).select_from(found).scalar_subquery()
    bounds = select(case((number < limit, last)).label("bound")).subquery("bounds")
    both = bounds.outerjoin(found, true())
    return select(found, bounds.c.bound).select_from(both).order_by(found.c.client_id)

"""The parts of a run's messages: those that are planned, those in blocks, those with a row."""

from typing import Any
from uuid import UUID

from sqlalchemy import ColumnElement, Select, case, func, literal_column, null, select, text, true

from services.stats.queries.figures import current
from services.stats.tables import messages
from shared.contracts.dispatcher import State

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
# The same of those in blocks, from the first chunk to the last. `bound` is where to go on.
IN_BLOCKS = text("""
    WITH near AS (
        SELECT DISTINCT chunk FROM blocks
        WHERE generation = (SELECT current FROM generations)
            AND run_id = :run_id AND chunk >= :chunk
        ORDER BY chunk LIMIT :looked_at + 1
    ), bounds AS (
        SELECT CASE WHEN count(*) > :looked_at THEN max(chunk) END AS bound,
            count(*) AS looked_at FROM near
    ), found AS (
        SELECT chunk, client_id, started_at + us * interval '1 microsecond' AS changed_at
        FROM blocks CROSS JOIN LATERAL unnest(client_ids, ended_us) AS message (client_id, us)
        WHERE generation = (SELECT current FROM generations) AND run_id = :run_id
            AND chunk IN (SELECT chunk FROM near)
            AND NOT EXISTS (SELECT FROM bounds WHERE chunk >= bound)
            AND (chunk > :chunk OR client_id > :after) AND NOT EXISTS (
                SELECT FROM messages WHERE generation = (SELECT current FROM generations)
                    AND run_id = :run_id AND messages.client_id = message.client_id
            )
        ORDER BY chunk, client_id LIMIT :limit
    )
    SELECT found.chunk, client_id, changed_at, bound, looked_at
    FROM bounds LEFT JOIN found ON true ORDER BY found.chunk, client_id
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
    if status is not None:  # what the partial index says, word for word
        rows = rows.where(table.c.state == status, literal_column("state <> 'delivered'"))
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

"""Recounting: the series of a run, counted anew from the rows of its messages.

That is for runs of which another release has counted some, and for those that were read again.
"""

from uuid import UUID

from sqlalchemy import text

from services.stats.domain.series import STORED
from services.stats.tables import COUNTS
from shared.contracts.dispatcher import State
from shared.database import Connection, sql

LOCK_RUN = text("""
    SELECT generation FROM runs
    WHERE generation = (SELECT current FROM generations) AND run_id = :run_id
        AND archived_at IS NULL
    FOR UPDATE
""")
DROP = text("DELETE FROM series WHERE generation = :generation AND run_id = :run_id")
RECOUNT = sql(
    """
    INSERT INTO series (generation, run_id, step, at, {counts})
    SELECT :generation, :run_id, step, second / step * step, {sums}
    FROM (
        SELECT state, CAST(floor(extract(epoch FROM at)) AS bigint) AS second
        FROM (
            SELECT state, changed_at AS at FROM messages
            WHERE generation = :generation AND run_id = :run_id
            UNION ALL
            SELECT 'delivered', started_at + us * interval '1 microsecond'
            FROM blocks CROSS JOIN LATERAL unnest(client_ids, ended_us) AS message (client_id, us)
            WHERE generation = :generation AND run_id = :run_id AND NOT EXISTS (
                SELECT FROM messages WHERE messages.generation = :generation
                    AND messages.run_id = :run_id AND messages.client_id = message.client_id
                    AND is_in_block
            )
        ) AS all_messages
    ) AS counted CROSS JOIN unnest(CAST(:steps AS int[])) AS step
    GROUP BY step, second / step * step
    """,
    counts=", ".join(COUNTS),
    sums=", ".join(
        f"count(*) FILTER (WHERE state = '{state}')"
        for state in State
        if state is not State.PLANNED
    ),
)


async def recount(db: Connection, run_id: UUID) -> None:
    """Count a run's series anew, unless it is archived; whoever changes the run waits."""
    generation = await db.scalar(LOCK_RUN, {"run_id": run_id})
    if generation is None:
        return
    of_run = {"generation": generation, "run_id": run_id}
    await db.execute(DROP, of_run)
    await db.execute(RECOUNT, of_run | {"steps": list(STORED)})

"""The series of a run: its messages by when they reached the state that they are in."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from services.stats.domain.series import LARGEST, SHOWN
from services.stats.queries.figures import COUNTED, RunUnknown
from services.stats.tables import COUNTS
from shared.database import Connection, sql
from shared.errors import Gone


class SeriesDeleted(Gone):
    """The run is archived: its figures stay, its series is deleted."""


# One statement, so one snapshot: what points add up to is what the counters say. Of which rows
# points are made follows from how long the run took, so there is a bounded number of both.
SERIES = sql(
    """
    WITH chosen AS MATERIALIZED (
        SELECT generation, run_id, nominal, archived_at, {counts} FROM runs
        WHERE generation = (SELECT current FROM generations) AND mailing_id = :mailing_id
            AND (CAST(:run_id AS uuid) IS NULL OR run_id = :run_id)
        ORDER BY coalesce(scheduled_at, missed_at, timestamptz '2200-01-01T00:00:00Z') DESC, run_id
        LIMIT 1
    ), own AS NOT MATERIALIZED (
        SELECT series.* FROM series JOIN chosen USING (generation, run_id)
        WHERE {something}
    ), shown AS (
        SELECT min(step) AS step FROM unnest(CAST(:steps AS int[])) AS step, (
            SELECT (SELECT at FROM own WHERE step = 1 ORDER BY at LIMIT 1) AS first,
                (SELECT at FROM own WHERE step = 1 ORDER BY at DESC LIMIT 1) AS last
        ) AS span
        WHERE step = :coarsest
            OR (step >= :step AND coalesce((last - first) / step < :largest, true))
    ), points AS (
        SELECT own.at / shown.step * shown.step AS at, {sums}
        FROM shown JOIN own ON own.step = CASE
            WHEN shown.step < 60 THEN 1 WHEN shown.step < 3600 THEN 60 ELSE 3600 END
        GROUP BY 1
    )
    SELECT run_id, nominal, archived_at, {totals}, step, at, {points}
    FROM chosen CROSS JOIN shown LEFT JOIN points ON true ORDER BY at
    """,
    counts=", ".join(COUNTS),
    something=" + ".join(f"abs(series.{count})" for count in COUNTS) + " > 0",
    sums=", ".join(f"sum(own.{count}) AS {count}" for count in COUNTS),
    totals=", ".join(f"chosen.{count} AS {count}" for count in COUNTS),
    points=", ".join(f"points.{count} AS {count}_then" for count in COUNTS),
)


async def series(
    db: Connection, mailing_id: UUID, run_id: UUID | None, step: int
) -> dict[str, Any]:
    """Return the series of a run of a mailing, by default of the newest, as JSON is made of it.

    Steps are as long as asked, or longer where there would be too many. A mailing that has not
    begun has no points.

    Raises:
        RunUnknown: The mailing has no such run.
        SeriesDeleted: The run is archived.
    """
    values = {
        "mailing_id": mailing_id,
        "run_id": run_id,
        "step": step,
        "steps": list(SHOWN),
        "coarsest": SHOWN[-1],
        "largest": LARGEST,
    }
    rows = (await db.execute(SERIES, values)).all()
    if not rows and run_id is not None:
        raise RunUnknown
    first = rows[0] if rows else None
    if first is not None and first.archived_at is not None:
        raise SeriesDeleted(first.archived_at)
    points = [row for row in rows if row.at is not None]
    by_status = {
        state.value: [int(getattr(each, f"{state}_count_then")) for each in points]
        for state in COUNTED
    }
    return {
        "mailing_id": mailing_id,
        "run_id": first and first.run_id,
        "nominal": first and first.nominal,
        "step_s": first.step if first else step,
        "at": [datetime.fromtimestamp(each.at, UTC) for each in points],
        "by_status": by_status,
        "is_complete": first is None
        or all(
            sum(column) == getattr(first, f"{state}_count") for state, column in by_status.items()
        ),
    }

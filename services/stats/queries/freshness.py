"""How old the figures are, end to end: whatever holds events back, in whichever service."""

from typing import Any

from sqlalchemy import DateTime, Float, Row, Select, column, literal, select

from services.stats.tables import PASSED
from shared import contracts
from shared.contracts.platform import PROGRESS
from shared.database import INSTANT, Connection, sql
from shared.event import Instant
from shared.http import View

# The databases that all figures come from: as long as one of them has never reported its
# progress, the age of the figures is unknown.
NEEDED = sorted({name.partition(".")[0] for name in contracts.TOPICS if name != PROGRESS.name})


class Freshness(View):
    """How old an answer is: what was recorded until `as_of` is in it, and perhaps more."""

    as_of: Instant | None  # None: not every service has published so far how far it is
    lag_s: float | None


AS_OF = sql(
    """
    SELECT as_of, CAST(greatest(extract(epoch FROM {instant} - as_of), 0) AS float) AS lag_s
    FROM (
        SELECT CASE WHEN count(*) = count(as_of) THEN min(as_of) END AS as_of FROM (
            SELECT database, max(as_of) FILTER (WHERE {passed}) AS as_of
            FROM unnest(CAST(:needed AS text[])) AS needed (database)
            FULL JOIN progress USING (database) GROUP BY database
        ) AS databases
    ) AS oldest
    """,
    passed=PASSED,
    instant=INSTANT,
)
COLUMNS = (column("as_of", DateTime(timezone=True)), column("lag_s", Float()))


async def freshness(db: Connection) -> dict[str, Any]:
    """Return `as_of` and `lag_s` of figures that are read by this statement or a later one.

    What is recorded in a database before an instant is published before the offsets that it
    reports with it. So the figures are as old as the oldest of these instants whose offsets are
    passed, over all databases; one that publishes nothing any more makes them older and older.
    """
    return freshness_of((await db.execute(AS_OF, {"needed": NEEDED})).one())


async def rows_with_freshness(
    db: Connection, query: Select[Any]
) -> tuple[dict[str, Any], list[Row[Any]]]:
    """Return what `freshness` does, and the rows of `query`, in any order, with more columns.

    It takes one round trip, and one statement sees one state of the database.
    """
    fresh = AS_OF.bindparams(needed=NEEDED).columns(*COLUMNS).cte("fresh")
    rows = query.add_columns(literal(value=True).label("is_there")).subquery("found")
    both = select(rows, fresh).select_from(fresh.outerjoin(rows, literal(value=True)))
    found = (await db.execute(both)).all()
    return freshness_of(found[0]), [row for row in found if row.is_there]


def freshness_of(row: Row[Any]) -> dict[str, Any]:
    """Return `as_of` and `lag_s` of a row that has the columns of `AS_OF`."""
    return {"as_of": row.as_of, "lag_s": None if row.as_of is None else row.lag_s}

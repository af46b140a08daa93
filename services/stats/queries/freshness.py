"""How old the figures are, end to end: whatever holds events back, in whichever service."""

from typing import Any

from services.stats.tables import PASSED
from shared import contracts, database
from shared.contracts.platform import PROGRESS
from shared.database import Connection, sql
from shared.event import Instant
from shared.http import View

# The databases that all figures come from: as long as one of them has never reported its
# progress, nobody knows how old the figures are.
NEEDED = sorted({name.partition(".")[0] for name in contracts.TOPICS if name != PROGRESS.name})


class Freshness(View):
    """How old an answer is: what was recorded until `as_of` is in it, and perhaps more."""

    as_of: Instant | None  # None: not every service has published so far how far it is
    lag_s: float | None


AS_OF = sql(
    """
    SELECT CASE WHEN count(*) = count(as_of) THEN min(as_of) END FROM (
        SELECT database, max(as_of) FILTER (WHERE {passed}) AS as_of
        FROM unnest(CAST(:needed AS text[])) AS needed (database)
        FULL JOIN progress USING (database) GROUP BY database
    ) AS databases
    """,
    passed=PASSED,
)


async def freshness(db: Connection) -> dict[str, Any]:
    """Return `as_of` and `lag_s`; ask before the figures that they speak of.

    What is recorded in a database before an instant is published before the offsets that it
    reports with it. So the figures are as old as the oldest of these instants whose offsets are
    passed, over all databases; one that publishes nothing any more makes them older and older.
    """
    as_of = await db.scalar(AS_OF, {"needed": NEEDED})
    if as_of is None:
        return {"as_of": None, "lag_s": None}
    lag = await database.now(db) - as_of
    return {"as_of": as_of, "lag_s": max(lag.total_seconds(), 0.0)}


PASSED_ENDS = sql(
    """
    SELECT topics, partitions, ends FROM progress WHERE database = :database AND {passed}
    ORDER BY as_of DESC LIMIT 1
    """,
    passed=PASSED,
)


async def passed_ends(db: Connection, name: str) -> dict[tuple[str, int], int]:
    """Return up to where all that database `name` had published once is applied.

    By topic and partition. Whatever it had recorded before a record that stands before these ends
    is applied too, on all topics: a report is made between transactions, never within one.
    """
    row = (await db.execute(PASSED_ENDS, {"database": name})).one_or_none()
    if row is None:
        return {}
    return {
        (topic, partition): end
        for topic, partition, end in zip(row.topics, row.partitions, row.ends, strict=True)
    }

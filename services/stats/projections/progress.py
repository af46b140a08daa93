"""The progress of the other services' databases: what each of them has published, and when.

A report holds once its offsets are passed. All that are not are kept, and of the others the
newest: so the age of the figures is known at any time.
"""

from collections import defaultdict
from collections.abc import Collection, Sequence
from typing import Any

from sqlalchemy import text

from services.stats.tables import PASSED
from shared.contracts.platform import OutboxPublished
from shared.database import Connection, sql
from shared.event import Received

# Of more reports than twice as many, one is kept of each slice of the time that they span.
SLICES = 32
KEPT = 8  # reports of a database, before those that are passed and not the newest are dropped

# One that is read again takes the place of its like; those behind it were made before the clock
# was moved back.
INSERT = text("""
    WITH dropped AS (DELETE FROM progress WHERE database = :database AND as_of > :as_of)
    INSERT INTO progress (database, as_of, topics, partitions, ends)
    VALUES (:database, :as_of, :topics, :partitions, :ends)
    ON CONFLICT (database, as_of) DO UPDATE SET topics = excluded.topics,
        partitions = excluded.partitions, ends = excluded.ends
    RETURNING (SELECT count(*) FROM progress WHERE database = :database) + 1 AS number
""")
DROP_PASSED = sql(
    """
    DELETE FROM progress USING (
        SELECT database, max(as_of) AS as_of FROM progress WHERE {passed} GROUP BY database
    ) AS newest
    WHERE progress.database = newest.database AND progress.as_of < newest.as_of
    """,
    passed=PASSED,
)
THIN_OUT = text("""
    DELETE FROM progress USING (
        SELECT database, as_of, first, row_number() OVER (
            PARTITION BY database, floor(
                extract(epoch FROM as_of - first) * :slices / extract(epoch FROM last - first)
            ) ORDER BY as_of DESC
        ) AS place
        FROM (
            SELECT database, as_of, count(*) OVER each AS number,
                min(as_of) OVER each AS first, max(as_of) OVER each AS last
            FROM progress WINDOW each AS (PARTITION BY database)
        ) AS counted
        WHERE number > 2 * :slices
    ) AS kept
    WHERE (progress.database, progress.as_of) = (kept.database, kept.as_of)
        AND place > 1 AND progress.as_of > first
""")


async def apply(
    db: Connection, received: Sequence[Received[OutboxPublished]], topics: Collection[str]
) -> None:
    """Store the progress that databases report in `topics`, which statistics are made of."""
    reports: dict[str, list[OutboxPublished]] = defaultdict(list)
    for each in received:
        reports[each.event.database].append(each.event)
    number = 0  # of reports of one database that are kept, at most
    for of_database in reports.values():
        for report in of_database[-2 * SLICES :]:
            number = max(number, await db.scalar(INSERT, _row(report, topics)) or 0)
    if number > KEPT:
        await db.execute(DROP_PASSED)
    if number > 2 * SLICES:
        await db.execute(THIN_OUT, {"slices": SLICES})


def _row(report: OutboxPublished, topics: Collection[str]) -> dict[str, Any]:
    ends = [
        (topic, partition, end)
        for topic, of_partitions in report.ends.items()
        if topic in topics
        for partition, end in enumerate(of_partitions)
        if end
    ]
    return {
        "database": report.database,
        "as_of": report.as_of,
        "topics": [topic for topic, _, _ in ends],
        "partitions": [partition for _, partition, _ in ends],
        "ends": [end for _, _, end in ends],
    }

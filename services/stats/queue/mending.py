"""Mending: a run whose figures differ is read again by a consumer of its own, and counted anew."""

import json
from collections.abc import Mapping
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.stats.queue import series
from shared.contracts.dispatcher import MESSAGES, State
from shared.database import Connection, sql

COUNTED = tuple(state for state in State if state is not State.PLANNED)

BEGIN_MENDING = text("""
    WITH run AS (
        UPDATE runs SET mended = mended || CAST(:entry AS jsonb)
        WHERE generation = (SELECT current FROM generations) AND run_id = :run_id
            AND archived_at IS NULL
        RETURNING read_from
    )
    INSERT INTO offsets (consumer, topic, partition, position)
    SELECT :mender, o.topic, o.partition,
        coalesce(CAST(run.read_from ->> (o.topic || '/' || o.partition) AS bigint), 0)
    FROM run, offsets o WHERE o.consumer = :consumer
    ON CONFLICT DO NOTHING
""")


async def begin_mending(
    db: Connection, consumer: str, mender: str, run_id: UUID, entry: Mapping[str, Any]
) -> None:
    """Note the difference as mended; `mender` reads all that `consumer` does, from the run on.

    Where a run of an older release began is not known: that is read from the log's beginning.
    """
    values = {
        "run_id": run_id,
        "consumer": consumer,
        "mender": mender,
        "entry": json.dumps([entry]),
    }
    await db.execute(BEGIN_MENDING, values)


MENDER = text("SELECT consumer FROM offsets WHERE consumer LIKE :menders ORDER BY 1 LIMIT 1")


async def unfinished_mender(db: Connection, menders: str) -> str | None:
    """Return a consumer that was mending when its process ended; `menders` is a LIKE pattern."""
    found = await db.scalar(MENDER, {"menders": menders})
    return None if found is None else str(found)


READ_FROM = text("""
    SELECT partition, coalesce(CAST(read_from ->> (topic || '/' || partition) AS bigint), 0) AS at
    FROM runs, offsets
    WHERE generation = (SELECT current FROM generations) AND run_id = :run_id
        AND archived_at IS NULL AND consumer = :mender AND topic = :topic
""")


async def read_from(db: Connection, mender: str, run_id: UUID) -> dict[int, int]:
    """Return where in MESSAGES a run is read again from; nothing if it was archived meanwhile."""
    values = {"mender": mender, "run_id": run_id, "topic": MESSAGES.name}
    return {row.partition: row.at for row in await db.execute(READ_FROM, values)}


LOCK_RUN = text("""
    SELECT run_id FROM runs
    WHERE generation = (SELECT current FROM generations) AND run_id = :run_id FOR UPDATE
""")
# Events that others are applying add their differences after this commit.
RECOUNT = sql(
    """
    UPDATE runs SET proved_number = NULL, is_cut = :is_cut,
        attempt_count = counted.attempts + in_blocks, planned_count = counted.named,
        {changes}
    FROM (
        SELECT coalesce(sum(attempts), 0) AS attempts,
            {counts},
            (
                SELECT coalesce(sum(cardinality(client_ids)), 0) FROM blocks
                WHERE generation = (SELECT current FROM generations) AND run_id = :run_id
            ) - count(*) FILTER (WHERE is_in_block) AS in_blocks,
            (
                SELECT coalesce(sum(client_count), 0) FROM chunks
                WHERE generation = (SELECT current FROM generations) AND run_id = :run_id
            ) AS named
        FROM messages
        WHERE generation = (SELECT current FROM generations) AND run_id = :run_id
    ) AS counted
    WHERE generation = (SELECT current FROM generations) AND run_id = :run_id
        AND archived_at IS NULL
""",
    changes=", ".join(
        f"{state}_count = counted.{state}" + " + in_blocks" * (state is State.DELIVERED)
        for state in COUNTED
    ),
    counts=", ".join(f"count(*) FILTER (WHERE state = '{s}') AS {s}" for s in COUNTED),
)
END_MENDER = text("DELETE FROM offsets WHERE consumer = :mender")
END_LETTERS = text("DELETE FROM dead_letters WHERE consumer = :mender")


async def end_mending(db: Connection, mender: str, run_id: UUID, *, is_cut: bool) -> None:
    """Count the run's messages anew from its rows, to be proved; the consumer `mender` ends.

    `is_cut`: the log may not have all of it any more.
    """
    await db.execute(LOCK_RUN, {"run_id": run_id})
    await db.execute(RECOUNT, {"run_id": run_id, "is_cut": is_cut})
    await series.recount(db, run_id)
    await db.execute(END_MENDER, {"mender": mender})
    await db.execute(END_LETTERS, {"mender": mender})

"""Emptying: the rows of archived runs' messages, which go slice by slice."""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from shared.database import Connection, sql


@dataclass(frozen=True, slots=True)
class _Rows:
    """A table with rows of messages, in the order of a part of its primary key."""

    table: str
    key: str
    type: str
    first: object
    limit: int  # of a slice: what is deleted in some hundredths of a second


TABLES = (
    _Rows("messages", "client_id", "uuid", UUID(int=0), 2_000),
    _Rows("blocks", "chunk", "int", 0, 100),
    _Rows("chunks", "chunk", "int", 0, 100),
)


class Place(NamedTuple):
    """How far a run is emptied: in one of the `TABLES`, all before `after`."""

    generation: int
    run_id: UUID
    table: int = 0
    after: object = TABLES[0].first


# Whoever still writes rows of the run, for it began before, sets `is_emptied` back.
NEXT_RUN = text("""
    SELECT generation, run_id FROM runs
    WHERE generation = (SELECT current FROM generations)
        AND archived_at IS NOT NULL AND NOT is_emptied
    ORDER BY archived_at, run_id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
""")


async def next_run(db: Connection) -> Place | None:
    """Hold an archived run that may have rows, and return where it begins; None: there is none."""
    row = (await db.execute(NEXT_RUN)).one_or_none()
    return None if row is None else Place(row.generation, row.run_id)


# From behind what is deleted already: to find that again would cost more with each slice.
DELETE_SLICES = [
    sql(
        """
        WITH slice AS (
            SELECT ctid AS place FROM {table}
            WHERE generation = :generation AND run_id = :run_id AND {key} >= CAST(:after AS {type})
            ORDER BY {key} LIMIT :limit
        ), deleted AS (
            DELETE FROM {table} USING slice WHERE {table}.ctid = slice.place RETURNING {key}
        )
        SELECT {key} FROM deleted ORDER BY {key} DESC LIMIT 1
        """,
        table=each.table,
        key=each.key,
        type=each.type,
    )
    for each in TABLES
]
MARK_EMPTIED = sql(
    """
    UPDATE runs SET is_emptied = true
    WHERE generation = :generation AND run_id = :run_id AND {nothing_left}
    """,
    nothing_left=" AND ".join(
        f"NOT EXISTS (SELECT FROM {each.table} WHERE generation = :generation"
        " AND run_id = :run_id)"
        for each in TABLES
    ),
)


async def delete_slice(db: Connection, place: Place) -> Place | None:
    """Delete the next rows of a run, which is held, from `place` on; return where others are.

    None: nothing was left, and that is noted.
    """
    values = {"generation": place.generation, "run_id": place.run_id}
    for number in range(place.table, len(TABLES)):
        rows = TABLES[number]
        after = place.after if number == place.table else rows.first
        slice_ = values | {"after": after, "limit": rows.limit}
        last = await db.scalar(DELETE_SLICES[number], slice_)
        if last is not None:
            return place._replace(table=number, after=last)
    is_empty = (await db.execute(MARK_EMPTIED, values)).rowcount
    return None if is_empty else Place(place.generation, place.run_id)

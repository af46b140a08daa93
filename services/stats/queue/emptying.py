"""Emptying: the rows of archived runs' messages, which go slice by slice."""

from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from shared.database import Connection, sql
from shared.slices import Place, Rows, Slices

SLICES = Slices(
    (
        Rows("messages", "client_id", "uuid", UUID(int=0), 2_000),
        Rows("blocks", "chunk", "int", 0, 100),
        Rows("chunks", "chunk", "int", 0, 100),
        Rows("recipients", "client_id", "uuid", UUID(int=0), 2_000),
        Rows("series", "step", "int", 0, 2_000),
    ),
    owner=("generation", "run_id"),
)


class OwnRun(NamedTuple):
    """A run of a generation, which is held."""

    generation: int
    run_id: UUID


# Whoever still writes rows of the run, for it began before, sets `is_emptied` back.
NEXT_RUN = text("""
    SELECT generation, run_id FROM runs
    WHERE generation = (SELECT current FROM generations)
        AND archived_at IS NOT NULL AND NOT is_emptied
    ORDER BY archived_at, run_id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
""")


async def next_run(db: Connection) -> OwnRun | None:
    """Hold an archived run that may have rows, and return it; None: there is none."""
    row = (await db.execute(NEXT_RUN)).one_or_none()
    return None if row is None else OwnRun(*row)


MARK_EMPTIED = sql(
    """
    UPDATE runs SET is_emptied = true
    WHERE generation = :generation AND run_id = :run_id AND {nothing_left}
    """,
    nothing_left=SLICES.nothing_left,
)


async def delete_slice(db: Connection, run: OwnRun, place: Place) -> Place | None:
    """Delete the next rows of a run, which is held, from `place` on; return where others are.

    None: nothing was left, and that is noted.
    """
    left = await SLICES.delete(db, run._asdict(), place)
    if left is not None:
        return left
    is_empty = (await db.execute(MARK_EMPTIED, run._asdict())).rowcount
    return None if is_empty else Place()  # something came beside us: from the beginning

"""Archived runs: what was shown of their messages is gone, and since when."""

from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Row, TextClause

from services.dispatcher.domain.retention import MessagesDeleted
from shared.database import Connection, fragment

# In one statement: it costs no round trip, and sees rows and state as of the same instant.
OR_GONE = """
    SELECT page.*, gone.archived_at FROM ({page}) AS page FULL JOIN (
        SELECT archived_at FROM runs WHERE run_id = CAST(:run_id AS uuid) AND state = 'archived'
    ) AS gone ON false ORDER BY {order}, archived_at NULLS FIRST
"""


def or_gone(page: str, *, order: str) -> str:
    """Return SQL for the rows of a page, and one more behind them if the run is archived."""
    return fragment(OR_GONE, page=page, order=order)


async def rows_unless_gone(
    db: Connection, statement: TextClause, values: Mapping[str, object]
) -> Sequence[Row[Any]]:
    """Return the rows of a statement made with `or_gone`.

    Raises:
        MessagesDeleted: The run is archived.
    """
    rows = (await db.execute(statement, values)).all()
    if rows and rows[-1].archived_at is not None:
        raise MessagesDeleted(rows[-1].archived_at)
    return rows

"""Slices: rows that leave, a few at a time, so that no pipeline feels it.

Each slice is one statement. Whoever deletes holds what the rows belong to, and notes in the same
transaction that nothing is left.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from sqlalchemy import TextClause

from shared.database import Connection, fragment, sql


class Rows(NamedTuple):
    """A table with rows that leave, in the order of a column behind the owner's in its key."""

    table: str
    column: str
    type: str
    first: object  # no row is before it
    limit: int  # of a slice: what is deleted in some hundredths of a second


class Place(NamedTuple):
    """How far rows are deleted: all of the tables before, and of this one all before `after`."""

    table: int = 0
    after: object = None  # from its first row on


# From behind what is deleted already: to find that again would cost more with each slice.
DELETE = """
    WITH slice AS (
        SELECT ctid AS place FROM {table}
        WHERE {is_owned} AND {column} >= CAST(:after AS {type})
        ORDER BY {column} LIMIT :limit FOR UPDATE
    ), deleted AS (
        DELETE FROM {table} USING slice WHERE {table}.ctid = slice.place RETURNING {column}
    )
    SELECT {column} FROM deleted ORDER BY {column} DESC LIMIT 1
"""


@dataclass(frozen=True, slots=True)
class Slices:
    """The rows of `tables` that belong to one owner, which the columns `owner` name."""

    tables: Sequence[Rows]
    owner: Sequence[str]
    _deletes: Sequence[TextClause] = field(init=False)

    def __post_init__(self) -> None:
        """Write the statements down once."""
        deletes = [
            sql(
                DELETE,
                table=rows.table,
                column=rows.column,
                type=rows.type,
                is_owned=self._is_owned,
            )
            for rows in self.tables
        ]
        object.__setattr__(self, "_deletes", deletes)

    @property
    def _is_owned(self) -> str:
        return " AND ".join(f"{each} = :{each}" for each in self.owner)

    @property
    def nothing_left(self) -> str:
        """SQL for whether the owner has no row in any of the tables."""
        return " AND ".join(
            fragment(
                "NOT EXISTS (SELECT FROM {table} WHERE {is_owned})",
                table=rows.table,
                is_owned=self._is_owned,
            )
            for rows in self.tables
        )

    async def delete(
        self, db: Connection, owner: Mapping[str, object], place: Place
    ) -> Place | None:
        """Delete the next rows of an owner from `place` on; return where. None: none are left."""
        for number in range(place.table, len(self.tables)):
            rows = self.tables[number]
            after = place.after if number == place.table else None
            values = {"after": rows.first if after is None else after, "limit": rows.limit}
            last = await db.scalar(self._deletes[number], {**owner, **values})
            if last is not None:
                return Place(number, last)
        return None

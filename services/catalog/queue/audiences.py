"""Audiences that are held, so that mailings refer to what they are, and the mailings that do.

Whoever refers to an audience holds its row, then writes the mailing; whoever changes it holds the
row alone, then writes it and its mailings. So no mailing keeps what the audience was before.
"""

from dataclasses import dataclass
from uuid import UUID

import msgspec
from sqlalchemy import text

from services.catalog.domain.audience import is_id
from shared.contracts.catalog import Filter
from shared.database import Connection, sql
from shared.errors import NamedMailing


@dataclass(frozen=True, slots=True)
class SavedFilter:
    """An audience, as a mailing refers to it."""

    audience_id: UUID
    filter: Filter


FIND = "SELECT audience_id, filter FROM audiences WHERE {named} {held}"
BY_ID, BY_NAME = "audience_id = CAST(:reference AS uuid)", "name = :reference"
HELD = "FOR SHARE"


async def find(db: Connection, reference: str, *, is_held: bool = False) -> SavedFilter | None:
    """Return the audience with this identifier or name; held until the transaction ends."""
    named = BY_ID if is_id(reference) else BY_NAME
    statement = sql(FIND, named=named, held=HELD if is_held else "")
    value: object = UUID(reference) if is_id(reference) else reference
    row = (await db.execute(statement, {"reference": value})).one_or_none()
    return (
        None if row is None else SavedFilter(row.audience_id, msgspec.convert(row.filter, Filter))
    )


HOLD_ALONE = text("SELECT FROM audiences WHERE audience_id = :audience_id FOR UPDATE")


async def hold_alone(db: Connection, audience_id: UUID) -> None:
    """Wait for those who refer to an audience now, and let others wait."""
    await db.execute(HOLD_ALONE, {"audience_id": audience_id})


# A mailing that runs once and has begun keeps what it began with.
MAILINGS_OF = text("""
    SELECT mailing_id, name FROM mailings
    WHERE audience_id = :audience_id AND status IN ('created', 'running', 'paused')
        AND NOT (has_begun AND schedule IS NULL)
    ORDER BY mailing_id LIMIT :limit
""")


async def mailings_of(db: Connection, audience_id: UUID, limit: int) -> list[NamedMailing]:
    """Return the mailings that refer to an audience and may still run."""
    rows = await db.execute(MAILINGS_OF, {"audience_id": audience_id, "limit": limit})
    return [NamedMailing(row.mailing_id, row.name) for row in rows]

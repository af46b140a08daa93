"""Projections of audiences: their events in, their rows out."""

from collections.abc import Sequence
from typing import Any

import msgspec
from sqlalchemy import delete, insert, update
from sqlalchemy.exc import IntegrityError

from services.catalog.domain.audience import (
    AudienceChanged,
    AudienceDeleted,
    AudienceNameTaken,
    AudienceSaved,
)
from services.catalog.tables import audiences
from shared.database import Connection
from shared.errors import FieldError
from shared.event import Recorded


async def audience_saved(db: Connection, recorded: Sequence[Recorded[AudienceSaved]]) -> None:
    """Show the audience.

    Raises:
        AudienceNameTaken: Another one has its name.
    """
    for each in recorded:
        at = each.event.saved_at
        row = _row(each) | {"created_at": at, "changed_at": at}
        await _write(db, insert(audiences).values(audience_id=each.event.audience_id, **row))


async def audience_changed(db: Connection, recorded: Sequence[Recorded[AudienceChanged]]) -> None:
    """Show the audience as it is now.

    Raises:
        AudienceNameTaken: Another one has its name.
    """
    for each in recorded:
        same = update(audiences).where(audiences.c.audience_id == each.event.audience_id)
        await _write(db, same.values(**_row(each), changed_at=each.event.changed_at))


async def audience_deleted(db: Connection, recorded: Sequence[Recorded[AudienceDeleted]]) -> None:
    """Show it no more."""
    gone = [each.event.audience_id for each in recorded]
    await db.execute(delete(audiences).where(audiences.c.audience_id.in_(gone)))


def _row(each: Recorded[Any]) -> dict[str, Any]:
    wanted = msgspec.to_builtins(each.event.filter)
    return {"name": each.event.name, "filter": wanted, "version": each.version}


async def _write(db: Connection, statement: Any) -> None:  # noqa: ANN401 - an insert or update
    try:
        await db.execute(statement)
    except IntegrityError as error:
        raise AudienceNameTaken(FieldError("/name", "taken")) from error

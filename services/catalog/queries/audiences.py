"""Queries: saved audiences, and whom filters name."""

from collections.abc import Collection
from uuid import UUID

from pydantic import Field
from sqlalchemy import select, text, tuple_

from services.catalog import tables
from services.catalog.domain.audience import AudienceUnknown
from shared.database import Connection
from shared.event import Instant
from shared.http import View
from shared.http.filters import FilterView, shortened, stated


class AudienceView(View):
    """A saved audience, as it is shown."""

    audience_id: UUID
    name: str = Field(examples=["Regulars"])
    filter: FilterView
    version: int
    created_at: Instant
    changed_at: Instant


class SavedAudience(AudienceView):
    """An audience as it was saved."""

    unknown_phones: list[str] | None = stated(
        description="If it was given phones: JSON pointers of those that are no client's.",
        examples=[["/filter/include/phones/0"]],
    )


async def audience(db: Connection, audience_id: UUID) -> AudienceView:
    """Return one audience.

    Raises:
        AudienceUnknown: No audience has this identifier.
    """
    wanted = select(tables.audiences).where(tables.audiences.c.audience_id == audience_id)
    row = (await db.execute(wanted)).one_or_none()
    if row is None:
        raise AudienceUnknown
    return AudienceView.model_validate(row)


async def audiences(
    db: Connection, *, before: tuple[Instant, UUID] | None, limit: int, name: str | None
) -> list[AudienceView]:
    """Return up to `limit` audiences, the newest first, from behind an instant and identifier."""
    table = tables.audiences
    newest = (table.c.created_at, table.c.audience_id)
    page = select(table).order_by(*(column.desc() for column in newest))
    if before is not None:
        page = page.where(tuple_(*newest) < tuple_(*before))
    if name is not None:
        page = page.where(table.c.name == name)
    rows = (await db.execute(page.limit(limit))).mappings()
    return [
        AudienceView.model_validate({**row, "filter": shortened(row["filter"])}) for row in rows
    ]


IDS_BY_PHONE = text("""
    SELECT phone, client_id FROM clients WHERE phone = ANY(CAST(:phones AS text[]))
""")


async def ids_by_phone(db: Connection, phones: Collection[str]) -> dict[str, UUID]:
    """Return the identifiers of the clients that have these phones now, by phone."""
    if not phones:
        return {}
    rows = await db.execute(IDS_BY_PHONE, {"phones": list(phones)})
    return {row.phone: row.client_id for row in rows}

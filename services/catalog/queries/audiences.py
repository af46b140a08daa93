"""Queries: whom filters name."""

from collections.abc import Collection
from uuid import UUID

from sqlalchemy import text

from shared.database import Connection

IDS_BY_PHONE = text("""
    SELECT phone, client_id FROM clients WHERE phone = ANY(CAST(:phones AS text[]))
""")


async def ids_by_phone(db: Connection, phones: Collection[str]) -> dict[str, UUID]:
    """Return the identifiers of the clients that have these phones now, by phone."""
    if not phones:
        return {}
    rows = await db.execute(IDS_BY_PHONE, {"phones": list(phones)})
    return {row.phone: row.client_id for row in rows}

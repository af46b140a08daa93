"""The gateways that mailings may name."""

from sqlalchemy import select

from services.catalog.domain.gateway import Contact, Gateways
from services.catalog.tables import gateways as table
from shared.database import Connection
from shared.http import View


class GatewayView(View):
    """A gateway that mailings may name."""

    name: str
    contact: Contact  # what it needs of a client
    is_paused: bool
    version: int  # as the dispatcher has it; 0: not described yet


async def gateways(db: Connection) -> list[GatewayView]:
    """Return the gateways that mailings may name, by name."""
    rows = await db.execute(select(table).where(~table.c.is_removed).order_by(table.c.name))
    return [GatewayView.model_validate(row) for row in rows]


async def contacts(db: Connection) -> Gateways:
    """Return what each gateway needs of a client."""
    rows = await db.execute(select(table.c.name, table.c.contact).where(~table.c.is_removed))
    return {row.name: row.contact for row in rows}

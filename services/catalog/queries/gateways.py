"""The gateways that mailings may name."""

from typing import Any

from pydantic import Field
from sqlalchemy import Row, select

from services.catalog.domain.gateway import Contact, Gateway, Gateways
from services.catalog.tables import gateways as table
from shared.database import Connection
from shared.http import View


class GatewayView(View):
    """A gateway that mailings may name."""

    name: str
    contact: Contact  # what it needs of a client
    sender: str | None = Field(
        description="Whom its messages are from if a mailing names nobody.",
        examples=["Shop <news@shop.example>"],
    )
    allowed_senders: list[str] | None = Field(
        description="Whom else a mailing may name: addresses, or domains. None: it is not known.",
        examples=[["sale@shop.example", "@books.example"]],
    )
    is_paused: bool
    version: int  # as the dispatcher has it; 0: not described yet


async def gateways(db: Connection) -> list[GatewayView]:
    """Return the gateways that mailings may name, by name."""
    rows = await db.execute(select(table).where(~table.c.is_removed).order_by(table.c.name))
    return [GatewayView.model_validate(row) for row in rows]


async def by_name(db: Connection) -> Gateways:
    """Return what each gateway needs of a client, and whom its mails may be from."""
    rows = await db.execute(select(table).where(~table.c.is_removed))
    return {row.name: _gateway(row) for row in rows}


def _gateway(row: Row[Any]) -> Gateway:
    allowed = row.allowed_senders
    return Gateway(row.contact, row.sender, None if allowed is None else tuple(allowed))

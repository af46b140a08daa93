"""Gateways, as they are described."""

from typing import Any, Literal

from sqlalchemy import select

from services.dispatcher.domain.gateway import GatewayUnknown
from services.dispatcher.tables import gateways as table
from shared.database import Connection
from shared.event import Instant
from shared.http import View


class GatewayRow(View):
    """A gateway, as it is described."""

    name: str
    kind: str
    contact: Literal["phone", "email"] | None  # what it needs of a client
    description: dict[str, Any]  # secrets are only referred to
    is_paused: bool
    problem: str | None  # what kept a dispatcher from using it, when one tried last
    version: int
    created_at: Instant
    changed_at: Instant


async def gateways(db: Connection) -> list[GatewayRow]:
    """Return all gateways, by name."""
    rows = await db.execute(select(table).where(~table.c.is_removed).order_by(table.c.name))
    return [GatewayRow.model_validate(row) for row in rows]


async def gateway(db: Connection, name: str) -> GatewayRow:
    """Return one gateway.

    Raises:
        GatewayUnknown: No gateway has this name.
    """
    wanted = select(table).where(table.c.name == name, ~table.c.is_removed)
    row = (await db.execute(wanted)).one_or_none()
    if row is None:
        raise GatewayUnknown
    return GatewayRow.model_validate(row)

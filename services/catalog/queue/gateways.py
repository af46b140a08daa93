"""The gateways that mailings may name: copies of what the dispatcher publishes of them.

Idempotent, and what is older than the row is ignored: applying twice, or late, changes nothing.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from sqlalchemy.dialects.postgresql import insert

from services.catalog.tables import gateways as table
from shared.contracts.gateways import (
    GatewayDescribed,
    GatewayPaused,
    GatewayRemoved,
    GatewayResumed,
)
from shared.database import Connection
from shared.event import Received

GatewayEvent: TypeAlias = GatewayDescribed | GatewayPaused | GatewayResumed | GatewayRemoved

UNKNOWN = {"contact": None, "is_paused": False, "is_removed": False}


async def store(db: Connection, received: Sequence[Received[GatewayEvent]]) -> None:
    """Store which gateways there are."""
    for each in received:
        values = {"version": each.version, **_changed(each.event)}
        fresh = {"name": each.event.name, **UNKNOWN}
        await db.execute(
            insert(table)
            .values(fresh | values)
            .on_conflict_do_update(
                index_elements=["name"], set_=values, where=table.c.version < each.version
            )
        )


def _changed(event: GatewayEvent) -> dict[str, Any]:
    match event:
        case GatewayDescribed():
            return {"contact": event.contact, "is_removed": False}
        case GatewayPaused():
            return {"is_paused": True}
        case GatewayResumed():
            return {"is_paused": False}
        case GatewayRemoved():
            return {"is_removed": True, "is_paused": False}

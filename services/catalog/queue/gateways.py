"""The gateways that mailings may name: copies of what the dispatcher publishes of them.

Idempotent, and what is older than the row is ignored: applying twice, or late, changes nothing.
"""

from collections.abc import Mapping, Sequence
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

UNKNOWN = {
    "contact": None,
    "sender": None,
    "allowed_senders": None,
    "is_paused": False,
    "is_removed": False,
}


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
            return {"contact": event.contact, "is_removed": False, **_senders(event.description)}
        case GatewayPaused():
            return {"is_paused": True}
        case GatewayResumed():
            return {"is_paused": False}
        case GatewayRemoved():
            return {"is_removed": True, "is_paused": False}


def _senders(description: Mapping[str, Any]) -> dict[str, Any]:
    """Return whom its mails may be from; what is no text, as in another release, is left out."""
    sender, allowed = description.get("sender"), description.get("allowed_senders")
    listed = allowed if isinstance(allowed, list | tuple) else ()
    return {
        "sender": sender if isinstance(sender, str) else None,
        "allowed_senders": [each for each in listed if isinstance(each, str)],
    }

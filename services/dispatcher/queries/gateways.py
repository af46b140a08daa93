"""Gateways, as they are described."""

from typing import Any, Literal

from pydantic import Field
from sqlalchemy import ColumnElement, case, func, literal_column, select, text

from services.dispatcher.domain.gateway import GatewayUnknown
from services.dispatcher.queue.gateways import IS_NOTED, problem_of
from services.dispatcher.tables import gateway_states as states
from services.dispatcher.tables import gateways as table
from shared.database import INSTANT, Connection, fragment
from shared.event import Instant
from shared.http import View


class GatewayRow(View):
    """A gateway, as it is described."""

    name: str
    kind: str
    contact: Literal["phone", "email"] | None  # what it needs of a client
    description: dict[str, Any]  # secrets are only referred to
    is_paused: bool
    problem: str | None = Field(description="What keeps a dispatcher from using it.")
    replicas_with_problem: int = Field(description="So many dispatchers cannot use it.")
    version: int
    created_at: Instant
    changed_at: Instant
    breaker: Literal["closed", "open", "half_open"]  # open: it fails, and gets probes only
    breaker_reason: str | None  # what it opened for last
    next_probe_at: Instant | None
    waits_until: Instant | None  # it asked us to wait


# What dispatchers see of gateways; of those without a row there is nothing to be seen.
_IS_PAST = states.c.paused_until <= text(INSTANT)
_SEEN = (
    func.coalesce(states.c.breaker, "closed").label("breaker"),
    states.c.breaker_reason,
    case((states.c.breaker == "open", states.c.next_probe_at)).label("next_probe_at"),
    case((_IS_PAST, None), else_=states.c.paused_until).label("waits_until"),
)
_NUMBER = """(
    SELECT count(*) FROM gateway_problems p WHERE p.name = gateways.name AND {is_noted}
)"""
_PROBLEM: ColumnElement[str | None] = literal_column(problem_of("gateways.name"))
_REPLICAS: ColumnElement[int] = literal_column(fragment(_NUMBER, is_noted=IS_NOTED))
_OWN = [column for column in table.c if column.name != "problem"]
_GATEWAYS = (
    select(
        *_OWN,
        _PROBLEM.label("problem"),
        _REPLICAS.label("replicas_with_problem"),
        *_SEEN,
    )
    .outerjoin(states, states.c.name == table.c.name)
    .where(~table.c.is_removed)
)


async def gateways(db: Connection) -> list[GatewayRow]:
    """Return all gateways, by name."""
    rows = await db.execute(_GATEWAYS.order_by(table.c.name))
    return [GatewayRow.model_validate(row) for row in rows]


async def gateway(db: Connection, name: str) -> GatewayRow:
    """Return one gateway.

    Raises:
        GatewayUnknown: No gateway has this name.
    """
    row = (await db.execute(_GATEWAYS.where(table.c.name == name))).one_or_none()
    if row is None:
        raise GatewayUnknown
    return GatewayRow.model_validate(row)

"""Gateways over HTTP."""

from collections.abc import Sequence
from typing import Annotated, TypeAlias, cast

from fastapi import Depends, Request
from pydantic import BaseModel

from services.dispatcher.handlers.sending import Sender
from shared.http import Page, strict_router

router = strict_router("/v1/gateways", "gateways")


class GatewayView(BaseModel):
    """A gateway, as this process uses it."""

    name: str
    idempotent: bool
    free: int
    in_flight: int


def _senders(request: Request) -> Sequence[Sender]:
    return cast("Sequence[Sender]", request.app.state.senders)


Senders: TypeAlias = Annotated[Sequence[Sender], Depends(_senders)]


@router.get("", operation_id="list_gateways")
async def gateways(senders: Senders) -> Page[GatewayView]:
    """Show the gateways, as the process that answers uses them."""
    items = [
        GatewayView(
            name=each.gateway.name,
            idempotent=each.gateway.is_idempotent,
            free=each.gateway.free,
            in_flight=each.in_flight,
        )
        for each in senders
    ]
    return Page(items=items, next_cursor=None)

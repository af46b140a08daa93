"""The HTTP door: requests in, queries out. No rules here."""

from typing import TYPE_CHECKING, cast
from uuid import UUID

from fastapi import Request
from pydantic import BaseModel

from services.dispatcher import queries
from services.dispatcher.queries import MessageView, MessageWithAttempts, RunView
from shared.contracts.dispatcher import State
from shared.errors import FieldError, Invalid
from shared.http import (
    Cursor,
    Database,
    Limit,
    Page,
    cursor_of,
    page,
    position,
    strict_router,
)

if TYPE_CHECKING:
    from collections.abc import Sequence

    from services.dispatcher.handlers.sending import Sender

runs_router = strict_router("/v1/runs", "runs")
messages_router = strict_router("/v1/messages", "messages")
gateways_router = strict_router("/v1/gateways", "gateways")
routers = (runs_router, messages_router, gateways_router)

FIRST = UUID(int=0)
LAST = 2**31 - 1  # the numbers of chunks, and of messages in them, are below


class TooWide(Invalid):
    """Say whose messages: of which run, or of which client."""


class GatewayView(BaseModel):
    """A gateway, as this process uses it."""

    name: str
    idempotent: bool
    free: int
    in_flight: int


@runs_router.get("")
async def runs(
    db: Database, cursor: Cursor, limit: Limit = 50, mailing_id: UUID | None = None
) -> Page[RunView]:
    """Show a page of runs."""
    after = position(cursor, UUID, FIRST)
    found = await queries.runs(db, mailing_id=mailing_id, after=after, limit=limit + 1)
    return page(found, limit, lambda each: str(each.run_id))


@runs_router.get("/{run_id}")
async def run(run_id: UUID, db: Database) -> RunView:
    """Show how far a run is."""
    return await queries.run(db, run_id)


@messages_router.get("")
async def messages(
    *,
    db: Database,
    cursor: Cursor,
    limit: Limit = 50,
    run_id: UUID | None = None,
    client_id: UUID | None = None,
    status: State | None = None,
) -> Page[MessageView]:
    """Show a page of messages of a run, of a client, or of both; of one status or of all.

    A page may be shorter than its limit and still be followed by another: go by `next_cursor`.
    """
    if client_id is not None:
        after = position(cursor, UUID, FIRST)
        found = await queries.messages_of_client(
            db, client_id, run_id=run_id, after=after, limit=limit + 1
        )
        shown = page(found, limit, lambda each: str(each.run_id))
        chosen = [each for each in shown.items if status in (None, each.status)]
        return Page(items=chosen, next_cursor=shown.next_cursor)
    if run_id is None:
        raise TooWide(FieldError("/run_id", "missing"), FieldError("/client_id", "missing"))
    if status in queries.RARE:
        after = position(cursor, UUID, FIRST)
        found = await queries.exceptions_of_run(
            db, run_id, status=status, after=after, limit=limit + 1
        )
        return page(found, limit, lambda each: str(each.client_id))
    return await _walk(db, run_id, status, position(cursor, _place, (0, 0)), limit)


async def _walk(
    db: Database, run_id: UUID, status: State | None, after: tuple[int, int], limit: int
) -> Page[MessageView]:
    """Show a page of the run's messages in their order, or as many as a bounded walk finds."""
    placed = await queries.messages_of_run(db, run_id, status=status, after=after, limit=limit + 1)
    places = [place for _, place in placed]
    end = places[limit - 1] if len(placed) > limit else None
    if end is None and status is not None:
        end = await queries.place_after(db, run_id, after)
    cursor = cursor_of(f"{end[0]},{end[1]}") if end else None
    return Page(items=[each for each, _ in placed[:limit]], next_cursor=cursor)


def _place(cursor: str) -> tuple[int, int]:
    chunk, number = (int(each) for each in cursor.split(","))
    if not (0 <= chunk <= LAST and 0 <= number <= LAST):
        raise ValueError(cursor)
    return chunk, number


@messages_router.get("/{message_id}")
async def message(message_id: str, db: Database) -> MessageWithAttempts:
    """Show a message with all attempts and the gateway's answers."""
    return await queries.message(db, message_id)


@gateways_router.get("")
async def gateways(request: Request) -> Page[GatewayView]:
    """Show the gateways, as the process that answers uses them."""
    senders = cast("Sequence[Sender]", request.app.state.senders)
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

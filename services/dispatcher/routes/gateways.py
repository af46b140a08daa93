"""Gateways over HTTP."""

from typing import Annotated, TypeAlias, cast

from fastapi import Depends, Path, Request, Response, status
from pydantic import Field

from services.dispatcher.domain.gateway import (
    GatewayInUse,
    GatewayInvalid,
    GatewayUnknown,
    PauseGateway,
    RemoveGateway,
    ResumeGateway,
)
from services.dispatcher.domain.outcome import Outcome
from services.dispatcher.gateways.description import Description
from services.dispatcher.handlers import gateways as handlers
from services.dispatcher.handlers.gateway_tests import GatewayNotUsable, send_one
from services.dispatcher.handlers.gateways import Senders
from services.dispatcher.queries import gateways as queries
from services.dispatcher.queries.gateways import GatewayRow
from services.dispatcher.queue.gateways import is_used
from shared.database import autocommit
from shared.http import (
    PHONE_LENGTH,
    PHONE_WRITTEN,
    Body,
    Change,
    CommandContext,
    Database,
    DatabasePool,
    Page,
    View,
    WrittenPhone,
    answers,
    etag,
    strict_router,
)

router = strict_router("/v1/gateways", "gateways")


SHOWN = ("outcome", "reason", "status_code", "gateway_message_id", "answer")
TIMEOUT_S = 5.0  # of one whose description names none


class GatewayView(GatewayRow):
    """A gateway as it is described, and as it is used."""

    idempotent: bool = Field(description="It recognizes what it has taken before.")
    in_flight: int = Field(description="Requests of the process that answers, under way now.")
    free: int = Field(description="How many more it may begin now.")


def _senders(request: Request) -> Senders:
    return cast("Senders", request.app.state.senders)


HereUsed: TypeAlias = Annotated[Senders, Depends(_senders)]
Name: TypeAlias = Annotated[str, Path(max_length=100, examples=["sms"])]


def _shown(row: GatewayRow, senders: Senders) -> GatewayView:
    sender = senders.current().get(row.name)
    return GatewayView(
        **dict(row),
        idempotent=bool(row.description.get("idempotent")),
        in_flight=sender.in_flight if sender else 0,
        free=sender.gateway.free if sender else 0,
    )


@router.get("", operation_id="list_gateways")
async def gateways(db: Database, senders: HereUsed) -> Page[GatewayView]:
    """Show all gateways, by name."""
    rows = await queries.gateways(db)
    return Page(items=[_shown(row, senders) for row in rows], next_cursor=None)


@router.get(
    "/{name}", operation_id="get_gateway", responses=answers(GatewayUnknown, headers=("ETag",))
)
async def gateway(name: Name, response: Response, db: Database, senders: HereUsed) -> GatewayView:
    """Show one gateway; its entity tag is what the next command may expect."""
    row = await queries.gateway(db, name)
    response.headers["ETag"] = etag(row.version)
    return _shown(row, senders)


@router.put(
    "/{name}",
    operation_id="describe_gateway",
    responses=answers(GatewayInvalid, headers=("ETag",)),
)
async def describe_gateway(
    name: Name, body: Description, response: Response, context: Change, senders: HereUsed
) -> GatewayView:
    """Make a gateway, or change it, which every dispatcher takes over within a second.

    What may have arrived is repeated as it was sent, whatever the gateway is now.
    """
    command = handlers.describing(name, body, context.now, allows_private=senders.allows_private)
    await handlers.handle(context.store, command, expected=context.expected)
    return await _now(name, response, context, senders)


@router.delete(
    "/{name}",
    operation_id="delete_gateway",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=answers(GatewayInUse, GatewayUnknown),
)
async def delete_gateway(name: Name, context: Change) -> None:
    """Delete a gateway that no unfinished run uses."""
    async with autocommit(context.pool) as db:
        used = await is_used(db, name)
    command = RemoveGateway(name=name, is_used=used, now=context.now)
    await handlers.handle(context.store, command, expected=context.expected)


@router.post(
    "/{name}/pause",
    operation_id="pause_gateway",
    responses=answers(GatewayUnknown, headers=("ETag",)),
)
async def pause_gateway(
    name: Name, response: Response, context: Change, senders: HereUsed
) -> GatewayView:
    """Send nothing through the gateway until it is resumed."""
    command = PauseGateway(name=name, now=context.now)
    await handlers.handle(context.store, command, expected=context.expected)
    return await _now(name, response, context, senders)


@router.post(
    "/{name}/resume",
    operation_id="resume_gateway",
    responses=answers(GatewayUnknown, headers=("ETag",)),
)
async def resume_gateway(
    name: Name, response: Response, context: Change, senders: HereUsed
) -> GatewayView:
    """Send through the gateway again."""
    command = ResumeGateway(name=name, now=context.now)
    await handlers.handle(context.store, command, expected=context.expected)
    return await _now(name, response, context, senders)


class GatewayTest(Body):
    """The body of POST /v1/gateways/{name}/test: where a message goes, and what it says."""

    phone: WrittenPhone | None = Field(
        None, description=PHONE_WRITTEN, max_length=PHONE_LENGTH, examples=["79161234567"]
    )
    email: str | None = Field(None, max_length=254, examples=[None])
    subject: str | None = Field(None, max_length=500, examples=[None])
    text: str = Field("Test", min_length=1, max_length=2_000, examples=["Test"])


class GatewayTestView(View):
    """What came of a message that was sent to test a gateway."""

    outcome: Outcome
    reason: str
    status_code: int | None
    gateway_message_id: str | None
    answer: str = Field(description="The first characters of what the gateway said.")
    duration_s: float


@router.post(
    "/{name}/test",
    operation_id="test_gateway",
    responses=answers(GatewayNotUsable, GatewayUnknown),
)
async def test_gateway(
    name: Name, body: GatewayTest, pool: DatabasePool, senders: HereUsed
) -> GatewayTestView:
    """Send one message through the gateway now, paused or not, and show what it answered.

    The message really goes out. It is in no mailing and no statistics.
    """
    async with autocommit(pool) as db:
        row = await queries.gateway(db, name)
    tested = await send_one(
        senders.current().get(row.name),
        **body.model_dump(),
        timeout_s=float(row.description.get("timeout_s", TIMEOUT_S)),
    )
    shown = {field: getattr(tested.verdict, field) for field in SHOWN}
    return GatewayTestView(**shown, duration_s=round(tested.duration_s, 3))


async def _now(
    name: str, response: Response, context: CommandContext, senders: Senders
) -> GatewayView:
    async with autocommit(context.pool) as db:
        return await gateway(name, response, db, senders)

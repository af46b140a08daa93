"""Messages over HTTP."""

from typing import Annotated, TypeAlias
from uuid import UUID

from fastapi import Path
from pydantic import Field

from services.dispatcher.domain.message import MessageUnknown
from services.dispatcher.domain.resolution import NotUndetermined, Outcome, Resolution
from services.dispatcher.domain.retention import MessagesDeleted
from services.dispatcher.handlers.resolving import resolve
from services.dispatcher.queries import messages as queries
from services.dispatcher.queries.derived import MessageView, MessageWithAttempts
from services.dispatcher.queries.messages import TooWide, Wanted
from shared.contracts.dispatcher import State
from shared.database import autocommit
from shared.http import (
    BadCursor,
    Body,
    Cursor,
    Database,
    DatabasePool,
    Limit,
    Page,
    answers,
    strict_router,
)


class NewResolution(Body):
    """What became of a message whose attempts do not say it."""

    outcome: Outcome
    reason: str = Field(
        min_length=1,
        max_length=200,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="How that is known; it is shown as the reason of its status.",
        examples=["provider's report of March"],
    )
    by: str | None = Field(
        None,
        max_length=100,
        pattern=r"^[^\x00-\x1f\x7f]+$",
        description="A name that is published with it.",
        examples=["anna"],
    )


router = strict_router("/v1/messages", "messages")

MessageId: TypeAlias = Annotated[str, Path(max_length=100)]


@router.get(
    "", operation_id="list_messages", responses=answers(BadCursor, TooWide, MessagesDeleted)
)
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

    A client's come with the newest run first, a run's in the order of clients. A page may be
    shorter than its limit, even empty, and still be followed by another: go by `next_cursor`.
    Messages of archived runs are deleted: a list of one such run is gone, others leave them out.
    """
    wanted = Wanted(run_id=run_id, client_id=client_id, status=status)
    items, next_cursor = await queries.messages(db, wanted, cursor, limit)
    return Page(items=items, next_cursor=next_cursor)


@router.get(
    "/{message_id}", operation_id="get_message", responses=answers(MessageUnknown, MessagesDeleted)
)
async def message(message_id: MessageId, db: Database) -> MessageWithAttempts:
    """Show a message with all attempts and the gateway's answers."""
    return await queries.message(db, message_id)


@router.post(
    "/{message_id}/resolve",
    operation_id="resolve_message",
    responses=answers(MessageUnknown, MessagesDeleted, NotUndetermined),
)
async def resolve_message(
    message_id: MessageId, pool: DatabasePool, body: NewResolution
) -> MessageWithAttempts:
    """Say by hand what became of an undetermined message: it is delivered, or it failed.

    Statistics and the totals of its run follow. Should an attempt be answered after all, a success
    wins. Repeating the same has no effect.
    """
    await resolve(pool, message_id, Resolution(body.outcome, body.reason, body.by))
    async with autocommit(pool) as db:
        return await queries.message(db, message_id)

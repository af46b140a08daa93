"""Messages over HTTP."""

from uuid import UUID

from services.dispatcher.domain.message import MessageUnknown
from services.dispatcher.queries import messages as queries
from services.dispatcher.queries.archived import MessagesDeleted
from services.dispatcher.queries.derived import MessageView, MessageWithAttempts
from services.dispatcher.queries.messages import TooWide, Wanted
from shared.contracts.dispatcher import State
from shared.http import BadCursor, Cursor, Database, Limit, Page, answers, strict_router

router = strict_router("/v1/messages", "messages")


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
async def message(message_id: str, db: Database) -> MessageWithAttempts:
    """Show a message with all attempts and the gateway's answers."""
    return await queries.message(db, message_id)

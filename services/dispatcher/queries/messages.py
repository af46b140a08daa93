"""Messages: where each of them is, and what was tried."""

from dataclasses import dataclass
from uuid import UUID

from services.dispatcher.domain.message import MessageUnknown
from services.dispatcher.queries.archived import or_gone, rows_unless_gone
from services.dispatcher.queries.derived import (
    ATTEMPTS_LOG,
    MessageView,
    MessageWithAttempts,
    with_attempts,
)
from services.dispatcher.queries.of_client import IN_RUN, message_in_run, messages_of_client
from services.dispatcher.queries.of_run import messages_of_run
from shared import ids
from shared.contracts.dispatcher import State
from shared.database import Connection, sql
from shared.errors import FieldError, Invalid
from shared.http import instant_and_id, position


class TooWide(Invalid):
    """Say whose messages: of which run, or of which client."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which messages are asked for; None doesn't restrict, but run or client is needed."""

    run_id: UUID | None = None
    client_id: UUID | None = None
    status: State | None = None


async def messages(
    db: Connection, wanted: Wanted, cursor: str | None, limit: int
) -> tuple[list[MessageView], str | None]:
    """Return up to `limit` messages, and the cursor of the next page; None: there is none.

    Raises:
        TooWide: Neither a run nor a client is named.
        BadCursor: The cursor is of another list.
        MessagesDeleted: The run is archived.
    """
    run_id, client_id, status = wanted.run_id, wanted.client_id, wanted.status
    if client_id is None:
        if run_id is None:
            raise TooWide(FieldError("/run_id", "missing"), FieldError("/client_id", "missing"))
        return await messages_of_run(db, run_id, status, cursor, limit)
    before = position(cursor, instant_and_id, None)
    if run_id is None:
        return await messages_of_client(db, client_id, status, before=before, limit=limit)
    found = await message_in_run(db, client_id, run_id)
    return [found] if found is not None and status in (None, found.status) else [], None


MESSAGE = sql(
    """
    SELECT m.*, ({attempts_log}) AS attempts_log FROM ({in_run}) AS m
    """,
    attempts_log=ATTEMPTS_LOG,
    in_run=or_gone(IN_RUN, order="run_id"),
)


async def message(db: Connection, message_id: str) -> MessageWithAttempts:
    """Return one message with its attempts.

    Raises:
        MessageUnknown: No message has this identifier.
        MessagesDeleted: Its run is archived.
    """
    both = ids.run_and_client(message_id)
    if both is None:
        raise MessageUnknown
    run_id, client_id = both
    rows = await rows_unless_gone(db, MESSAGE, {"run_id": run_id, "client_id": client_id})
    if not rows:
        raise MessageUnknown
    return with_attempts(rows[0])

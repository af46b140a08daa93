"""Messages: where each of them is, and what was tried."""

from dataclasses import dataclass
from uuid import UUID

from services.dispatcher.domain.message import MessageUnknown
from services.dispatcher.queries.derived import (
    ALL_ATTEMPTS,
    AttemptView,
    MessageView,
    MessageWithAttempts,
    view_of,
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
    SELECT m.*, (
        SELECT coalesce(jsonb_agg(to_jsonb(one) ORDER BY attempt, started_at, kind DESC), '[]')
        FROM (
            SELECT attempt, kind, started_at, ended_at, outcome, status_code, reason,
                gateway_message_id, answer,
                CAST(extract(epoch FROM ended_at - started_at) * 1000 AS float) AS latency_ms
            FROM ({attempts}) AS own
        ) AS one
    ) AS attempts_log
    FROM ({in_run}) AS m
    """,
    attempts=ALL_ATTEMPTS,
    in_run=IN_RUN,
)


async def message(db: Connection, message_id: str) -> MessageWithAttempts:
    """Return one message with its attempts.

    Raises:
        MessageUnknown: No message has this identifier.
    """
    both = ids.run_and_client(message_id)
    if both is None:
        raise MessageUnknown
    run_id, client_id = both
    row = (await db.execute(MESSAGE, {"run_id": run_id, "client_id": client_id})).first()
    if row is None:
        raise MessageUnknown
    log = [AttemptView.model_validate(each) for each in row.attempts_log]
    return MessageWithAttempts(**view_of(row).model_dump(), attempts_log=log)

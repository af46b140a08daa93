"""Messages: where each of them is, and what was tried."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from sqlalchemy import Row

from services.dispatcher.domain.message import MessageUnknown
from services.dispatcher.queries.derived import (
    ATTEMPTS,
    DERIVED,
    AttemptView,
    MessageView,
    MessageWithAttempts,
    view_of,
)
from shared import ids
from shared.contracts.dispatcher import State
from shared.database import Connection, sql
from shared.errors import FieldError, Invalid
from shared.http import cursor_of, position

FIRST = UUID(int=0)
LAST = 2**31 - 1  # the numbers of chunks, and of messages in them, are below

# The states that an exception has, and so an index of their own.
RARE = frozenset(State) - {State.PLANNED, State.DELIVERED, State.EXPIRED, State.CANCELLED}


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
    if wanted.client_id is not None:
        return await _of_client(db, wanted, position(cursor, UUID, FIRST), limit)
    if wanted.run_id is None:
        raise TooWide(FieldError("/run_id", "missing"), FieldError("/client_id", "missing"))
    if wanted.status in RARE:
        return await _exceptions(db, wanted, position(cursor, UUID, FIRST), limit)
    return await _walk(db, wanted, position(cursor, _place, (0, 0)), limit)


# A client's messages are few: one of each run at most.
OF_CLIENT = sql(
    """
    WITH m AS (
        SELECT r.run_id, CAST(:client_id AS uuid) AS client_id, c.chunk, c.state AS chunk_state,
            array_position(c.client_ids, CAST(:client_id AS uuid)) AS n
        FROM runs r CROSS JOIN LATERAL (
            SELECT * FROM chunks WHERE chunks.run_id = r.run_id
                AND chunks.client_ids[1] <= CAST(:client_id AS uuid)
            ORDER BY chunks.client_ids[1] DESC LIMIT 1
        ) c
        WHERE r.run_id > :after AND CAST(:client_id AS uuid) = ANY(c.client_ids)
            AND (CAST(:run_id AS uuid) IS NULL OR r.run_id = CAST(:run_id AS uuid))
        ORDER BY r.run_id
        LIMIT CASE WHEN CAST(:status AS text) IS NULL THEN CAST(:limit AS bigint) END
    )
    SELECT derived.* FROM ({derived}) AS derived
    WHERE CAST(:status AS text) IS NULL OR derived.status = CAST(:status AS text)
    ORDER BY derived.run_id LIMIT :limit
    """,
    derived=DERIVED,
)


async def _of_client(
    db: Connection, wanted: Wanted, after: UUID, limit: int
) -> tuple[list[MessageView], str | None]:
    """Return messages of a client by run, from behind a run."""
    values = {
        "client_id": wanted.client_id,
        "run_id": wanted.run_id,
        "status": wanted.status,
        "after": after,
        "limit": limit + 1,
    }
    rows = (await db.execute(OF_CLIENT, values)).all()
    return _page(rows, limit, lambda row: str(row.run_id))


# Exceptions have an index of their own.
EXCEPTIONS = sql(
    """
    WITH m AS (
        SELECT x.run_id, x.client_id, x.chunk, c.state AS chunk_state,
            array_position(c.client_ids, x.client_id) AS n
        FROM exceptions x JOIN chunks c USING (run_id, chunk)
        WHERE x.run_id = :run_id AND x.state = :status AND x.client_id > :after
        ORDER BY x.client_id LIMIT :limit
    )
    {derived} ORDER BY m.client_id
    """,
    derived=DERIVED,
)


async def _exceptions(
    db: Connection, wanted: Wanted, after: UUID, limit: int
) -> tuple[list[MessageView], str | None]:
    """Return messages of a run in a rare state by client, from behind a client."""
    values = {"run_id": wanted.run_id, "status": wanted.status, "after": after}
    rows = (await db.execute(EXCEPTIONS, values | {"limit": limit + 1})).all()
    return _page(rows, limit, lambda row: str(row.client_id))


# A page of a run begins in the chunk that has the last client shown, or the one behind it.
OF_RUN = """
    SELECT c.run_id, ids.client_id, c.chunk, c.state AS chunk_state, ids.n
    FROM chunks c CROSS JOIN LATERAL unnest(c.client_ids) WITH ORDINALITY AS ids (client_id, n)
    WHERE c.run_id = :run_id AND (c.chunk, ids.n) > (:chunk, :n)
        AND c.chunk >= :chunk
    ORDER BY c.chunk, ids.n
"""
# Delivered and planned messages are the bulk, found by walking through the chunks; of one state
# the walk is bounded, and its last row, without a message, is where the next one begins.
BOUND = 20_000
WALK = sql(
    """
    WITH m AS (SELECT * FROM ({of_run}) AS page LIMIT :limit)
    SELECT derived.* FROM ({derived}) AS derived ORDER BY chunk, n
    """,
    of_run=OF_RUN,
    derived=DERIVED,
)
WALK_TO_STATE = sql(
    """
    WITH m AS MATERIALIZED (SELECT * FROM ({of_run}) AS page LIMIT :bound), found AS (
        SELECT derived.* FROM ({derived}) AS derived WHERE derived.status = :status
        ORDER BY chunk, n LIMIT :limit
    ), bound AS (SELECT chunk, n FROM m ORDER BY chunk, n OFFSET :bound - 1)
    SELECT found.*, bound.chunk AS bound_chunk, bound.n AS bound_n
    FROM found FULL JOIN bound ON false ORDER BY found.chunk, found.n
    """,
    of_run=OF_RUN,
    derived=DERIVED,
)


async def _walk(
    db: Connection, wanted: Wanted, after: tuple[int, int], limit: int
) -> tuple[list[MessageView], str | None]:
    """Return a run's messages in their order, or as many of a state as a bounded walk finds."""
    values = {"run_id": wanted.run_id, "chunk": after[0], "n": after[1], "limit": limit + 1}
    if wanted.status is None:
        rows = (await db.execute(WALK, values)).all()
        return _page(rows, limit, _place_of)
    both = (
        await db.execute(WALK_TO_STATE, values | {"status": wanted.status, "bound": BOUND})
    ).all()
    rows = [row for row in both if row.run_id is not None]
    found, cursor = _page(rows, limit, _place_of)
    bound = next((row for row in both if row.run_id is None), None)
    if cursor is None and bound is not None:
        cursor = cursor_of(f"{bound.bound_chunk},{bound.bound_n}")
    return found, cursor


def _place_of(row: Row[Any]) -> str:
    return f"{row.chunk},{row.n}"


def _place(cursor: str) -> tuple[int, int]:
    chunk, number = (int(each) for each in cursor.split(","))
    if not (0 <= chunk <= LAST and 0 <= number <= LAST):
        raise ValueError(cursor)
    return chunk, number


def _page(
    rows: Sequence[Row[Any]], limit: int, key: Callable[[Row[Any]], str]
) -> tuple[list[MessageView], str | None]:
    """Return the first `limit` messages, and the cursor of the rest if there is one."""
    shown = rows[:limit]
    cursor = cursor_of(key(shown[-1])) if len(rows) > limit else None
    return [view_of(row) for row in shown], cursor


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
    FROM ({of_client}) AS m
    """,
    attempts=ATTEMPTS,
    of_client=OF_CLIENT.text,
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
    values = {"run_id": run_id, "client_id": client_id, "status": None, "after": FIRST, "limit": 1}
    row = (await db.execute(MESSAGE, values)).first()
    if row is None:
        raise MessageUnknown
    log = [AttemptView.model_validate(each) for each in row.attempts_log]
    return MessageWithAttempts(**view_of(row).model_dump(), attempts_log=log)

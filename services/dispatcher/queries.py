"""Queries: rows of the dispatcher in, views out. Nothing is changed here.

A message's state is derived: its exception, else its last answer, else its chunk.
"""

from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.dispatcher.domain.message import STOPPED, MessageUnknown, RunUnknown
from services.dispatcher.domain.outcome import Outcome
from shared import ids
from shared.contracts.dispatcher import State
from shared.database import Connection
from shared.event import Instant
from shared.http import View


class RunView(View):
    """A run: how far it is."""

    run_id: UUID
    mailing_id: UUID
    gateway: str
    state: str
    planned: int
    open: int
    starts_at: Instant
    ends_at: Instant
    created_at: Instant
    finished_at: Instant | None


class MessageView(View):
    """A message: where it is."""

    message_id: str
    run_id: UUID
    mailing_id: UUID
    client_id: UUID
    status: State
    attempts: int
    last_attempt_at: Instant | None
    next_attempt_at: Instant | None
    reason: str | None


class AttemptView(View):
    """An attempt: what was tried, and what came of it; or that it begins."""

    attempt: int
    kind: str
    started_at: Instant
    ended_at: Instant | None
    outcome: Outcome | None
    status_code: int | None
    reason: str | None
    gateway_message_id: str | None
    answer: str | None
    latency_ms: float | None


class MessageWithAttempts(MessageView):
    """A message with all that was tried."""

    attempts_log: list[AttemptView]


# The chunks of an unfinished run are few enough to be counted on; a finished one has none open.
RUNS = """
    SELECT r.run_id, r.mailing_id, r.gateway, r.state, r.planned_count AS planned,
        CASE WHEN r.state = 'finished' THEN 0 ELSE coalesce(
            (SELECT sum(open_count) FROM chunks c WHERE c.run_id = r.run_id), 0
        ) END AS open,
        r.starts_at, r.ends_at, r.created_at, r.finished_at
    FROM runs r
"""
RUN = text(f"{RUNS} WHERE r.run_id = :run_id")
PAGE_OF_RUNS = text(f"""
    {RUNS} WHERE r.run_id > :after AND (
        CAST(:mailing_id AS uuid) IS NULL OR r.mailing_id = CAST(:mailing_id AS uuid)
    )
    ORDER BY r.run_id LIMIT :limit
""")

# Where the message of `m (run_id, client_id, chunk, chunk_state)` is.
DERIVED = f"""
    SELECT m.run_id, r.mailing_id, m.client_id,
        coalesce(
            e.state,
            CASE WHEN a.is_accepted THEN 'delivered'
                WHEN m.chunk_state IN ('expired', 'cancelled') THEN m.chunk_state
                ELSE 'planned' END
        ) AS status,
        coalesce(e.attempts, a.attempts, 0) AS attempts, a.last_attempt_at,
        CASE WHEN e.state = 'retry' THEN e.due_at END AS next_attempt_at,
        coalesce(
            e.reason, a.reason, CASE WHEN m.chunk_state = 'cancelled' THEN '{STOPPED}' END
        ) AS reason
    FROM m JOIN runs r USING (run_id)
    LEFT JOIN exceptions e ON e.run_id = m.run_id AND e.client_id = m.client_id
    CROSS JOIN LATERAL (
        SELECT count(DISTINCT attempt) AS attempts, bool_or(outcome = 'accepted') AS is_accepted,
            max(started_at) AS last_attempt_at,
            (array_agg(attempts.reason ORDER BY attempt DESC, kind))[1] AS reason
        FROM attempts
        WHERE attempts.run_id = m.run_id AND attempts.client_id = m.client_id AND kind <> 'start'
    ) a
"""  # noqa: S608 - constants
# A page of a run begins in the chunk that has the last client shown, or the one behind it.
OF_RUN = """
    SELECT c.run_id, ids.client_id, c.chunk, c.state AS chunk_state, ids.n
    FROM chunks c CROSS JOIN LATERAL unnest(c.client_ids) WITH ORDINALITY AS ids (client_id, n)
    WHERE c.run_id = :run_id AND (c.chunk, ids.n) > (:chunk, :n)
        AND c.chunk >= :chunk
    ORDER BY c.chunk, ids.n
"""
PAGE = text(f"""
    WITH m AS (SELECT * FROM ({OF_RUN}) AS page LIMIT :limit)
    SELECT derived.*, m.chunk, m.n FROM ({DERIVED}) AS derived
    JOIN m USING (run_id, client_id) ORDER BY m.chunk, m.n
""")  # noqa: S608 - constants
# Delivered and planned messages are the bulk, found by walking through the chunks; the walk is
# bounded, and the page then ends early with a cursor.
WALK = 20_000
PAGE_OF_STATE = text(f"""
    WITH m AS MATERIALIZED (SELECT * FROM ({OF_RUN}) AS page LIMIT {WALK})
    SELECT derived.*, m.chunk, m.n FROM ({DERIVED}) AS derived
    JOIN m USING (run_id, client_id) WHERE derived.status = :status
    ORDER BY m.chunk, m.n LIMIT :limit
""")  # noqa: S608 - constants
# Exceptions have an index of their own.
PAGE_OF_EXCEPTIONS = text(f"""
    WITH m AS (
        SELECT x.run_id, x.client_id, x.chunk, c.state AS chunk_state
        FROM exceptions x JOIN chunks c USING (run_id, chunk)
        WHERE x.run_id = :run_id AND x.state = :status AND x.client_id > :after
        ORDER BY x.client_id LIMIT :limit
    )
    {DERIVED} ORDER BY m.client_id
""")  # noqa: S608 - constants
OF_CLIENT = text(f"""
    WITH m AS (
        SELECT r.run_id, CAST(:client_id AS uuid) AS client_id, c.chunk, c.state AS chunk_state
        FROM runs r CROSS JOIN LATERAL (
            SELECT * FROM chunks WHERE chunks.run_id = r.run_id
                AND chunks.client_ids[1] <= CAST(:client_id AS uuid)
            ORDER BY chunks.client_ids[1] DESC LIMIT 1
        ) c
        WHERE r.run_id > :after AND CAST(:client_id AS uuid) = ANY(c.client_ids)
            AND (CAST(:run_id AS uuid) IS NULL OR r.run_id = CAST(:run_id AS uuid))
        ORDER BY r.run_id LIMIT :limit
    )
    {DERIVED} ORDER BY m.run_id
""")  # noqa: S608 - constants
ATTEMPTS = text("""
    SELECT attempt, kind, started_at, ended_at, outcome, status_code, reason, gateway_message_id,
        answer, CAST(extract(epoch FROM ended_at - started_at) * 1000 AS float) AS latency_ms
    FROM attempts WHERE run_id = :run_id AND client_id = :client_id
    ORDER BY attempt, started_at, kind DESC
""")

RARE = frozenset(State) - {State.PLANNED, State.DELIVERED, State.EXPIRED, State.CANCELLED}


async def run(db: Connection, run_id: UUID) -> RunView:
    """Return one run.

    Raises:
        RunUnknown: No run has this identifier.
    """
    row = (await db.execute(RUN, {"run_id": run_id})).first()
    if row is None:
        raise RunUnknown
    return RunView.model_validate(row)


async def runs(
    db: Connection, *, mailing_id: UUID | None, after: UUID, limit: int
) -> list[RunView]:
    """Return up to `limit` runs, of one mailing or of all, behind `after`."""
    values = {"mailing_id": mailing_id, "after": after, "limit": limit}
    return [RunView.model_validate(row) for row in await db.execute(PAGE_OF_RUNS, values)]


async def messages_of_client(
    db: Connection, client_id: UUID, *, run_id: UUID | None, after: UUID, limit: int
) -> list[MessageView]:
    """Return up to `limit` messages of a client, by run, from behind a run."""
    values = {"client_id": client_id, "run_id": run_id, "after": after, "limit": limit}
    return [_message(row) for row in await db.execute(OF_CLIENT, values)]


async def exceptions_of_run(
    db: Connection, run_id: UUID, *, status: State, after: UUID, limit: int
) -> list[MessageView]:
    """Return up to `limit` messages of a run in a rare state, by client, from behind a client."""
    values = {"run_id": run_id, "status": status, "after": after, "limit": limit}
    return [_message(row) for row in await db.execute(PAGE_OF_EXCEPTIONS, values)]


async def messages_of_run(
    db: Connection, run_id: UUID, *, status: State | None, after: tuple[int, int], limit: int
) -> list[tuple[MessageView, tuple[int, int]]]:
    """Return up to `limit` messages of a run with their places (chunk, number), behind a place.

    Of one state only those among the next `WALK` messages.
    """
    values = {"run_id": run_id, "chunk": after[0], "n": after[1], "limit": limit}
    if status is None:
        rows = await db.execute(PAGE, values)
    else:
        rows = await db.execute(PAGE_OF_STATE, values | {"status": status})
    return [(_message(row), (row.chunk, row.n)) for row in rows]


async def place_after(
    db: Connection, run_id: UUID, after: tuple[int, int]
) -> tuple[int, int] | None:
    """Return the place at the end of a walk from `after`; None if the run ends before."""
    end = text(f"SELECT chunk, n FROM ({OF_RUN}) AS page OFFSET {WALK - 1} LIMIT 1")  # noqa: S608 - constants
    values = {"run_id": run_id, "chunk": after[0], "n": after[1]}
    row = (await db.execute(end, values)).first()
    return (row.chunk, row.n) if row else None


async def message(db: Connection, message_id: str) -> MessageWithAttempts:
    """Return one message with its attempts.

    Raises:
        MessageUnknown: No message has this identifier.
    """
    both = ids.run_and_client(message_id)
    if both is None:
        raise MessageUnknown
    run_id, client_id = both
    found = await messages_of_client(db, client_id, run_id=run_id, after=UUID(int=0), limit=1)
    if not found:
        raise MessageUnknown
    rows = await db.execute(ATTEMPTS, {"run_id": run_id, "client_id": client_id})
    log = [AttemptView.model_validate(row) for row in rows]
    return MessageWithAttempts(**found[0].model_dump(), attempts_log=log)


def _message(row: Any) -> MessageView:  # noqa: ANN401 - a row of DERIVED
    return MessageView(
        message_id=ids.message_id(row.run_id, row.client_id),
        run_id=row.run_id,
        mailing_id=row.mailing_id,
        client_id=row.client_id,
        status=row.status,
        attempts=row.attempts,
        last_attempt_at=row.last_attempt_at,
        next_attempt_at=row.next_attempt_at,
        reason=row.reason,
    )

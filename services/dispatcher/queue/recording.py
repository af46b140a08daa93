"""The ledger: what came of attempts, written by the hundred.

Two ways in: `record` for the plain case, a sender's own fresh results, as fast as can be;
`record_carefully` for everything else, which looks before it writes. Both lock chunks in order.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple
from uuid import UUID

from asyncpg import UniqueViolationError
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from services.dispatcher.domain.message import DELIVERED_VERSION, STOPPED, Progress
from shared import database
from shared.contracts.dispatcher import State
from shared.database import Connection
from shared.event import Instant

ATTEMPTS = (
    "run_id",
    "client_id",
    "attempt",
    "kind",
    "started_at",
    "ended_at",
    "outcome",
    "reason",
    "status_code",
    "gateway_message_id",
    "answer",
)

# Chunks are locked in order first: an update alone takes them in whatever order it likes.
CLOSE = text("""
    WITH change AS (
        SELECT * FROM unnest(
            CAST(:run_ids AS uuid[]), CAST(:chunks AS int[]), CAST(:closed AS int[]),
            CAST(:epochs AS int[])
        ) AS change (run_id, chunk, closed, epoch)
    ), locked AS (
        SELECT c.run_id, c.chunk FROM chunks c JOIN change USING (run_id, chunk)
        ORDER BY c.run_id, c.chunk FOR UPDATE OF c
    )
    UPDATE chunks c SET
        open_count = c.open_count - change.closed,
        state = CASE WHEN c.sender_id = :me AND c.epoch = change.epoch THEN 'sent'
            ELSE c.state END,
        sender_id = CASE WHEN c.sender_id = :me AND c.epoch = change.epoch THEN NULL
            ELSE c.sender_id END
    FROM locked JOIN change USING (run_id, chunk)
    WHERE c.run_id = locked.run_id AND c.chunk = locked.chunk
""")
EXCEPTIONS = """
    unnest(
        CAST(:run_ids AS uuid[]), CAST(:client_ids AS uuid[]), CAST(:chunks AS int[]),
        CAST(:states AS text[]), CAST(:attempts AS int[]), CAST(:numbers AS int[]),
        CAST(:versions AS int[]), CAST(:unknowns AS int[]), CAST(:are_unknown AS boolean[]),
        CAST(:reasons AS text[]), CAST(:due AS timestamptz[])
    ) AS x (
        run_id, client_id, chunk, state, attempts, attempt, version, unknowns, is_unknown, reason,
        due_at
    )
"""
EXCEPT = text(f"INSERT INTO exceptions SELECT x.*, NULL FROM {EXCEPTIONS}")  # noqa: S608 - constants
RESUME = text(f"""
    UPDATE exceptions e SET
        state = x.state, attempts = x.attempts, attempt = x.attempt, version = x.version,
        unknowns = x.unknowns, is_unknown = x.is_unknown, reason = x.reason, due_at = x.due_at,
        sender_id = NULL
    FROM {EXCEPTIONS}
    WHERE e.run_id = x.run_id AND e.client_id = x.client_id AND e.sender_id = :me
""")  # noqa: S608 - constants
OVERRULE = text(f"""
    INSERT INTO exceptions SELECT x.*, NULL FROM {EXCEPTIONS}
    ON CONFLICT (run_id, client_id) DO UPDATE SET
        state = excluded.state, attempts = excluded.attempts, attempt = excluded.attempt,
        version = excluded.version, unknowns = excluded.unknowns,
        is_unknown = excluded.is_unknown, reason = excluded.reason, due_at = excluded.due_at,
        sender_id = NULL
""")  # noqa: S608 - constants

LOCK_CHUNKS = text("""
    SELECT c.run_id, c.chunk, c.state, c.sender_id, c.reaped FROM chunks c JOIN unnest(
        CAST(:run_ids AS uuid[]), CAST(:chunks AS int[])
    ) AS wanted (run_id, chunk) USING (run_id, chunk)
    ORDER BY c.run_id, c.chunk FOR UPDATE OF c
""")
WANTED = """
    unnest(CAST(:run_ids AS uuid[]), CAST(:client_ids AS uuid[])) AS wanted (run_id, client_id)
"""
LOCK_EXCEPTIONS = text(f"""
    SELECT e.* FROM exceptions e JOIN {WANTED} USING (run_id, client_id)
    ORDER BY e.run_id, e.client_id FOR UPDATE OF e
""")  # noqa: S608 - constants
ON_RECORD = text(f"""
    SELECT a.run_id, a.client_id, a.attempt, bool_or(a.outcome = 'accepted') AS is_accepted
    FROM attempts a JOIN {WANTED} USING (run_id, client_id)
    WHERE a.kind <> 'start' GROUP BY a.run_id, a.client_id, a.attempt
""")  # noqa: S608 - constants
KEEP = text("""
    INSERT INTO attempts SELECT * FROM unnest(
        CAST(:run_id AS uuid[]), CAST(:client_id AS uuid[]), CAST(:attempt AS int[]),
        CAST(:kind AS text[]), CAST(:started_at AS timestamptz[]),
        CAST(:ended_at AS timestamptz[]), CAST(:outcome AS text[]), CAST(:reason AS text[]),
        CAST(:status_code AS int[]), CAST(:gateway_message_id AS text[]), CAST(:answer AS text[])
    ) ON CONFLICT DO NOTHING RETURNING run_id, client_id, attempt, kind
""")


class Excepted(NamedTuple):
    """A message that isn't simply answered, and where it is."""

    run_id: UUID
    client_id: UUID
    chunk: int
    progress: Progress
    due_at: Instant | None


@dataclass(slots=True)
class Entries:
    """What a batch of results adds to the ledger."""

    attempts: list[tuple[Any, ...]] = field(default_factory=list)  # in the order of ATTEMPTS
    exceptions: list[Excepted] = field(default_factory=list)  # new ones
    resumed: list[Excepted] = field(default_factory=list)  # of retries that were ours
    # (run, chunk): messages that became final, and the epoch of a lease that is done, or 0
    closed: dict[tuple[UUID, int], tuple[int, int]] = field(default_factory=dict)


class Found(NamedTuple):
    """Where a message was found to be."""

    progress: Progress
    numbers: frozenset[int]  # of its attempts on record
    holder: UUID | None  # the sender that has it leased
    next_number: int  # of the attempt that the holder makes


class Unexpected(Exception):
    """The rows are not as the plain case has them."""


def progress_of(row: Any) -> Progress:  # noqa: ANN401 - a row of exceptions
    """Return where the message of an exception is."""
    return Progress(
        State(row.state),
        row.attempts,
        row.attempt,
        row.version,
        row.unknowns,
        row.is_unknown,
        row.reason,
    )


async def record(db: Connection, me: UUID, entries: Entries) -> None:
    """Write a sender's own results; the caller holds the sender.

    Raises:
        Unexpected: Something is on record already; nothing was written, look closer.
    """
    await close(db, me, entries.closed)
    try:
        if entries.exceptions:
            await db.execute(EXCEPT, _columns(entries.exceptions))
        if entries.resumed:
            done = await db.execute(RESUME, _columns(entries.resumed) | {"me": me})
            if done.rowcount != len(entries.resumed):
                raise Unexpected
        if entries.attempts:
            await database.copy(db, "attempts", ATTEMPTS, entries.attempts)
    except (IntegrityError, UniqueViolationError) as error:
        raise Unexpected from error


async def close(
    db: Connection, me: UUID | None, closed: dict[tuple[UUID, int], tuple[int, int]]
) -> None:
    """Count messages of chunks as final, and end the leases that are done."""
    if not closed:
        return
    places = sorted(closed)
    values = {
        "run_ids": [run_id for run_id, _ in places],
        "chunks": [chunk for _, chunk in places],
        "closed": [closed[place][0] for place in places],
        "epochs": [closed[place][1] for place in places],
        "me": me,
    }
    await db.execute(CLOSE, values)


async def overrule(db: Connection, exceptions: Sequence[Excepted]) -> None:
    """Write where messages are, whatever stood there; the caller has looked and holds the rows."""
    if exceptions:
        await db.execute(OVERRULE, _columns(exceptions))


async def lock(
    db: Connection, messages: Sequence[tuple[UUID, UUID, int]]
) -> dict[tuple[UUID, UUID], Found]:
    """Return where messages (run, client, chunk) are.

    Guarantee: nobody else changes them until the commit.
    """
    places = sorted({(run_id, chunk) for run_id, _, chunk in messages})
    columns = {"run_ids": [place[0] for place in places], "chunks": [place[1] for place in places]}
    rows = (await db.execute(LOCK_CHUNKS, columns)).all()
    chunks = {(row.run_id, row.chunk): row for row in rows}
    wanted = {
        "run_ids": [run_id for run_id, _, _ in messages],
        "client_ids": [client_id for _, client_id, _ in messages],
    }
    exceptions = {
        (row.run_id, row.client_id): row for row in await db.execute(LOCK_EXCEPTIONS, wanted)
    }
    numbers: dict[tuple[UUID, UUID], set[int]] = {}
    accepted = set()
    for each in await db.execute(ON_RECORD, wanted):
        numbers.setdefault((each.run_id, each.client_id), set()).add(each.attempt)
        if each.is_accepted:
            accepted.add((each.run_id, each.client_id))
    found = {}
    for run_id, client_id, chunk in messages:
        key = (run_id, client_id)
        known = frozenset(numbers.get(key, ()))
        its_chunk, row = chunks[run_id, chunk], exceptions.get(key)
        if row is None:
            progress = _derived(its_chunk.state, known, is_accepted=key in accepted)
            found[key] = Found(progress, known, its_chunk.sender_id, its_chunk.reaped + 1)
        else:
            found[key] = Found(progress_of(row), known, row.sender_id, row.attempt + 1)
    return found


def _derived(chunk_state: str, numbers: Collection[int], *, is_accepted: bool) -> Progress:
    """Return where a message without an exception is: its last answer says, else its chunk."""
    attempts, last = len(numbers), max(numbers, default=0)
    if is_accepted:
        return Progress(State.DELIVERED, attempts, last, DELIVERED_VERSION + attempts)
    if chunk_state in (State.EXPIRED, State.CANCELLED):
        reason = STOPPED if chunk_state == State.CANCELLED else None
        return Progress(State(chunk_state), attempts, last, version=1, reason=reason)
    return Progress(State.PLANNED, attempts, last)


async def keep(
    db: Connection, attempts: Sequence[tuple[Any, ...]]
) -> set[tuple[UUID, UUID, int, str]]:
    """Add `attempts` to the log; return those (run, client, number, kind) that are new."""
    columns = zip(*attempts, strict=True)
    values = {name: list(column) for name, column in zip(ATTEMPTS, columns, strict=True)}
    return {tuple(row) for row in await db.execute(KEEP, values)}


def _columns(exceptions: Sequence[Excepted]) -> dict[str, Any]:
    progresses = [each.progress for each in exceptions]
    return {
        "run_ids": [each.run_id for each in exceptions],
        "client_ids": [each.client_id for each in exceptions],
        "chunks": [each.chunk for each in exceptions],
        "states": [each.state for each in progresses],
        "attempts": [each.attempts for each in progresses],
        "numbers": [each.attempt for each in progresses],
        "versions": [each.version for each in progresses],
        "unknowns": [each.unknowns for each in progresses],
        "are_unknown": [each.is_unknown for each in progresses],
        "reasons": [each.reason for each in progresses],
        "due": [each.due_at for each in exceptions],
    }

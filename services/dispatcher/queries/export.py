"""The export of a run: every message with all that was tried, page by page in the order of keys.

Read from the ledger as it is, a page in memory at a time. If the run is archived meanwhile, the
export breaks off, so that nobody takes a part for the whole.
"""

from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from sqlalchemy import text

from services.dispatcher.domain.message import MessageUnknown
from services.dispatcher.queries.archived import or_gone, rows_unless_gone
from services.dispatcher.queries.derived import (
    ATTEMPTS_LOG,
    DERIVED,
    AttemptView,
    MessageWithAttempts,
    with_attempts,
)
from services.dispatcher.queries.runs import run
from shared.contracts.dispatcher import State
from shared.database import Connection, Pool, autocommit, fragment, sql
from shared.exported import ExportFormat, harmless, in_csv

PAGE = 250  # messages: what is made of them keeps this process from sending for some milliseconds


# Of one chunk, found by its key: so no page costs more than another, however large the run is.
IN_CHUNK = fragment(
    """
    WITH m AS MATERIALIZED (
        SELECT c.run_id, ids.client_id, c.chunk, c.state AS chunk_state, ids.n
        FROM chunks c CROSS JOIN LATERAL unnest(c.client_ids) WITH ORDINALITY AS ids (client_id, n)
        WHERE c.run_id = :run_id AND c.chunk = :chunk AND ids.n > :n ORDER BY ids.n LIMIT :limit
    )
    SELECT derived.* FROM ({derived}) AS derived
    """,
    derived=DERIVED,
)
EXPORT_PAGE = sql(
    """
    SELECT m.*, ({attempts_log}) AS attempts_log,
        (SELECT chunk_count FROM runs WHERE run_id = :run_id) AS chunk_count
    FROM ({in_chunk}) AS m ORDER BY n, archived_at NULLS FIRST
    """,
    attempts_log=ATTEMPTS_LOG,
    in_chunk=or_gone(IN_CHUNK, order="n"),
)


class Page(NamedTuple):
    """Some messages, and behind which place (chunk, number) others are; none: no others."""

    messages: Sequence[MessageWithAttempts]
    next_place: tuple[int, int] | None


PLACE = text("""
    SELECT chunk, array_position(client_ids, CAST(:client_id AS uuid)) AS n FROM chunks
    WHERE run_id = :run_id AND client_ids @> ARRAY[CAST(:client_id AS uuid)]
""")


async def first_page(db: Connection, run_id: UUID, after: UUID | None = None) -> Page:
    """Return the first messages of a run; or those behind the message of a client.

    Raises:
        RunUnknown: No run has this identifier.
        MessageUnknown: The run has no message for that client.
        MessagesDeleted: The run is archived.
    """
    place = (0, 0)
    if after is not None:
        await run(db, run_id)
        found = (await db.execute(PLACE, {"run_id": run_id, "client_id": after})).first()
        if found is None:
            raise MessageUnknown
        place = (found.chunk, found.n)
    page = await _page(db, run_id, place)
    if not page.messages:
        await run(db, run_id)
    return page


async def _page(db: Connection, run_id: UUID, after: tuple[int, int]) -> Page:
    chunk, n = after
    values = {"run_id": run_id, "chunk": chunk, "n": n, "limit": PAGE + 1}
    rows = await rows_unless_gone(db, EXPORT_PAGE, values)
    shown, next_place = rows[:PAGE], None
    if len(rows) > PAGE:
        next_place = (chunk, shown[-1].n)
    elif rows and chunk + 1 < rows[0].chunk_count:
        next_place = (chunk + 1, 0)
    return Page([with_attempts(row) for row in shown], next_place)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What an export is to have."""

    format: ExportFormat
    status: State | None = None  # none: whatever it is
    is_continued: bool = False  # then CSV has no line with the names of its columns


async def texts(pool: Pool, run_id: UUID, first: Page, wanted: Wanted) -> AsyncIterator[str]:
    """Yield the export, a page at a time, from the first one on.

    Raises:
        MessagesDeleted: The run was archived meanwhile.
        Unavailable: The database went away.
    """
    page = first
    is_csv = wanted.format is ExportFormat.CSV
    if is_csv and not wanted.is_continued:
        yield in_csv([CSV_COLUMNS])
    while True:
        shown = [each for each in page.messages if wanted.status in (None, each.status)]
        yield in_csv(_lines(shown)) if is_csv else _ndjson(shown)
        if page.next_place is None:
            return
        async with autocommit(pool) as db:
            page = await _page(db, run_id, page.next_place)


def _ndjson(messages: Sequence[MessageWithAttempts]) -> str:
    return "".join([f"{each.model_dump_json()}\n" for each in messages])


CSV_COLUMNS = (
    "run_id",
    "client_id",
    "message_id",
    "status",
    "attempts",
    "reason",
    "attempt",
    "kind",
    "started_at",
    "ended_at",
    "outcome",
    "status_code",
    "attempt_reason",
    "gateway_message_id",
    "answer",
)
OF_NO_ATTEMPT = ("",) * 9


def _lines(messages: Sequence[MessageWithAttempts]) -> Iterator[tuple[object, ...]]:
    """Yield a line for each attempt; one for a message that has none."""
    for each in messages:
        about = (
            each.run_id,
            each.client_id,
            harmless(each.message_id),
            each.status,
            each.attempts,
            harmless(each.reason),
        )
        for attempt in each.attempts_log:
            yield (*about, *_cells(attempt))
        if not each.attempts_log:
            yield (*about, *OF_NO_ATTEMPT)


def _cells(attempt: AttemptView) -> tuple[object, ...]:
    return (
        attempt.attempt,
        attempt.kind,
        attempt.started_at.isoformat(),
        attempt.ended_at.isoformat() if attempt.ended_at else "",
        attempt.outcome,
        attempt.status_code,
        harmless(attempt.reason),
        harmless(attempt.gateway_message_id),
        harmless(attempt.answer),
    )

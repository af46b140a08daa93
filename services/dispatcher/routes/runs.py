"""Runs over HTTP."""

from uuid import UUID

from services.dispatcher.domain.message import RunUnknown
from services.dispatcher.domain.retention import MessagesDeleted
from services.dispatcher.domain.switch import Move, PausedByMailing, RunEnded, RunIsStopped
from services.dispatcher.handlers.switching import switch_run
from services.dispatcher.queries import reasons as reasons_queries
from services.dispatcher.queries import runs as queries
from services.dispatcher.queries.reasons import ReasonView
from services.dispatcher.queries.runs import RunView
from services.dispatcher.queries.why import WhyView, why_of
from shared.database import Pool, autocommit
from shared.http import (
    BadCursor,
    Cursor,
    Database,
    DatabasePool,
    Limit,
    Moving,
    Page,
    answers,
    instant_and_id,
    name_of,
    newest_key,
    page,
    position,
    strict_router,
)

router = strict_router("/v1/runs", "runs")


@router.get("", operation_id="list_runs", responses=answers(BadCursor))
async def runs(
    db: Database, cursor: Cursor, limit: Limit = 50, mailing_id: UUID | None = None
) -> Page[RunView]:
    """Show a page of runs, the newest first."""
    before = position(cursor, instant_and_id, None)
    found = await queries.runs(db, mailing_id=mailing_id, before=before, limit=limit + 1)
    return page(found, limit, lambda each: newest_key(each.created_at, each.run_id))


@router.get("/{run_id}", operation_id="get_run", responses=answers(RunUnknown))
async def run(run_id: UUID, db: Database) -> RunView:
    """Show how far a run is."""
    return await queries.run(db, run_id)


@router.get("/{run_id}/why", operation_id="get_run_why", responses=answers(RunUnknown))
async def why(run_id: UUID, db: Database) -> WhyView:
    """Show why a run stands where it does: what it waits for, or how fast it goes on."""
    return await why_of(db, run_id)


@router.get(
    "/{run_id}/reasons",
    operation_id="list_run_reasons",
    responses=answers(BadCursor, RunUnknown, MessagesDeleted),
)
async def reasons(run_id: UUID, db: Database, cursor: Cursor) -> Page[ReasonView]:
    """Show the messages of a run grouped by status, reason and status code, with an example each.

    Counts are those of a page, which is enough for a million messages with few failures: go by
    `next_cursor`, and add up the groups of all pages.
    """
    items, next_cursor = await reasons_queries.reasons(db, run_id, cursor)
    return Page(items=items, next_cursor=next_cursor)


@router.post(
    "/{run_id}/pause",
    operation_id="pause_run",
    responses=answers(RunUnknown, RunEnded, RunIsStopped),
)
async def pause_run(run_id: UUID, pool: DatabasePool, body: Moving | None = None) -> RunView:
    """Send nothing of the run until it is resumed here; its mailing's switch stays as it is.

    No request starts later than a second after the answer. It needs neither the catalog nor Kafka.
    """
    return await _switch(pool, run_id, Move.PAUSE, name_of(body))


@router.post(
    "/{run_id}/resume",
    operation_id="resume_run",
    responses=answers(RunUnknown, RunEnded, RunIsStopped, PausedByMailing),
)
async def resume_run(run_id: UUID, pool: DatabasePool, body: Moving | None = None) -> RunView:
    """Send the run again, from where it was; if its mailing is paused, once that is resumed too.

    A run that only its mailing pauses cannot be resumed here: resume the mailing at the catalog.
    """
    return await _switch(pool, run_id, Move.RESUME, name_of(body))


@router.post("/{run_id}/stop", operation_id="stop_run", responses=answers(RunUnknown, RunEnded))
async def stop_run(run_id: UUID, pool: DatabasePool, body: Moving | None = None) -> RunView:
    """Send nothing of the run any more: what is open is cancelled, what is under way is recorded.

    No request starts later than a second after the answer. It needs neither the catalog nor Kafka.
    """
    return await _switch(pool, run_id, Move.STOP, name_of(body))


async def _switch(pool: Pool, run_id: UUID, move: Move, by: str | None) -> RunView:
    await switch_run(pool, run_id, move, by)
    async with autocommit(pool) as db:
        return await queries.run(db, run_id)

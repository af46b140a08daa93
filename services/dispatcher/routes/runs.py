"""Runs over HTTP."""

from uuid import UUID

from services.dispatcher.domain.message import RunUnknown
from services.dispatcher.queries import reasons as reasons_queries
from services.dispatcher.queries import runs as queries
from services.dispatcher.queries.archived import MessagesDeleted
from services.dispatcher.queries.reasons import ReasonView
from services.dispatcher.queries.runs import RunView
from services.dispatcher.queries.why import WhyView, why_of
from shared.http import (
    BadCursor,
    Cursor,
    Database,
    Limit,
    Page,
    answers,
    instant_and_id,
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

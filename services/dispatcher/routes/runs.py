"""Runs over HTTP."""

from uuid import UUID

from services.dispatcher.domain.message import RunUnknown
from services.dispatcher.queries import runs as queries
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

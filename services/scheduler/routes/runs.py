"""Runs over HTTP: the occurrences that were fired or missed."""

from uuid import UUID

from services.scheduler import queries
from services.scheduler.domain.schedule import RunUnknown
from services.scheduler.queries import RunView
from shared.http import (
    BadCursor,
    Cursor,
    Database,
    Limit,
    Page,
    answers,
    page,
    position,
    strict_router,
)

router = strict_router("/v1/runs", "runs")

FIRST = UUID(int=0)


@router.get("", operation_id="list_runs", responses=answers(BadCursor))
async def runs(
    db: Database, cursor: Cursor, limit: Limit = 50, mailing_id: UUID | None = None
) -> Page[RunView]:
    """Show a page of runs, fired and missed."""
    after = position(cursor, UUID, FIRST)
    found = await queries.runs(db, mailing_id=mailing_id, after=after, limit=limit + 1)
    return page(found, limit, lambda each: str(each.run_id))


@router.get("/{run_id}", operation_id="get_run", responses=answers(RunUnknown))
async def run(run_id: UUID, db: Database) -> RunView:
    """Show one run."""
    return await queries.run(db, run_id)

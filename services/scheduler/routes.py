"""The HTTP door: requests in, queries out. No rules here."""

from uuid import UUID

from services.scheduler import queries
from services.scheduler.domain import RunUnknown, ScheduleUnknown
from services.scheduler.queries import RunView, ScheduleView
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

schedules_router = strict_router("/v1/schedules", "schedules")
runs_router = strict_router("/v1/runs", "runs")
routers = (schedules_router, runs_router)

FIRST = UUID(int=0)


@schedules_router.get("", operation_id="list_schedules", responses=answers(BadCursor))
async def schedules(db: Database, cursor: Cursor, limit: Limit = 50) -> Page[ScheduleView]:
    """Show a page of schedules."""
    after = position(cursor, UUID, FIRST)
    found = await queries.schedules(db, after=after, limit=limit + 1)
    return page(found, limit, lambda each: str(each.mailing_id))


@schedules_router.get(
    "/{mailing_id}", operation_id="get_schedule", responses=answers(ScheduleUnknown)
)
async def schedule(mailing_id: UUID, db: Database) -> ScheduleView:
    """Show when a mailing is due, or what became of it."""
    return await queries.schedule(db, mailing_id)


@runs_router.get("", operation_id="list_runs", responses=answers(BadCursor))
async def runs(
    db: Database, cursor: Cursor, limit: Limit = 50, mailing_id: UUID | None = None
) -> Page[RunView]:
    """Show a page of runs, fired and missed."""
    after = position(cursor, UUID, FIRST)
    found = await queries.runs(db, mailing_id=mailing_id, after=after, limit=limit + 1)
    return page(found, limit, lambda each: str(each.run_id))


@runs_router.get("/{run_id}", operation_id="get_run", responses=answers(RunUnknown))
async def run(run_id: UUID, db: Database) -> RunView:
    """Show one run."""
    return await queries.run(db, run_id)

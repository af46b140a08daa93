"""Schedules over HTTP: when mailings are due, and what became of it."""

from uuid import UUID

from services.scheduler import queries
from services.scheduler.domain.schedule import ScheduleUnknown
from services.scheduler.queries import ScheduleView
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

router = strict_router("/v1/schedules", "schedules")

FIRST = UUID(int=0)


@router.get("", operation_id="list_schedules", responses=answers(BadCursor))
async def schedules(
    db: Database, cursor: Cursor, limit: Limit = 50, mailing_id: UUID | None = None
) -> Page[ScheduleView]:
    """Show a page of schedules."""
    after = position(cursor, UUID, FIRST)
    found = await queries.schedules(db, mailing_id=mailing_id, after=after, limit=limit + 1)
    return page(found, limit, lambda each: str(each.mailing_id))


@router.get("/{mailing_id}", operation_id="get_schedule", responses=answers(ScheduleUnknown))
async def schedule(mailing_id: UUID, db: Database) -> ScheduleView:
    """Show when a mailing is due, or what became of it."""
    return await queries.schedule(db, mailing_id)

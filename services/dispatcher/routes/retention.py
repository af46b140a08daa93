"""The retention over HTTP."""

from typing import Annotated, TypeAlias, cast

from fastapi import Depends, Query, Request
from pydantic import Field

from services.dispatcher.domain.retention import RunsKeptForever, leaves_before
from services.dispatcher.handlers.archiving import Retention, archive
from services.dispatcher.queries import retention as queries
from services.dispatcher.queries.retention import RetentionView
from shared.http import (
    Body,
    BusinessClock,
    Database,
    Limit,
    View,
    WrittenInstant,
    answers,
    strict_router,
)

router = strict_router("/v1/retention", "retention")


def _retention(request: Request) -> Retention:
    return cast("Retention", request.app.state.retention)


OurRetention: TypeAlias = Annotated[Retention, Depends(_retention)]

BEFORE = "Runs leave that finished before; else those whose time has come by RUN_RETENTION."


class ArchiveRuns(Body):
    """Which runs are to leave now."""

    before: WrittenInstant | None = Field(None, description=BEFORE)


class ArchivedView(View):
    """What has left, and what is due still."""

    archived_runs: int
    archived_messages: int
    due_runs: int = Field(description="Runs that are due still: ask again.")
    due_messages: int


@router.get("", operation_id="get_retention")
async def retention(
    db: Database,
    ours: OurRetention,
    limit: Limit = 50,
    before: Annotated[WrittenInstant | None, Query(description=BEFORE)] = None,
) -> RetentionView:
    """Show how long finished runs are kept, what leaves now, and which runs are next."""
    return await queries.plan(db, ours.period, before, limit)


@router.post("", operation_id="archive_runs", responses=answers(RunsKeptForever))
async def archive_runs(
    db: Database, clock: BusinessClock, ours: OurRetention, body: ArchiveRuns
) -> ArchivedView:
    """Archive what is due, the oldest first: at most 100 runs or about a million messages.

    Their figures stay, their messages are gone at once, and are deleted in the minutes after.
    """
    before = leaves_before(await clock(), ours.period, body.before)
    done = await archive(ours.pool, before)
    left = await queries.plan(db, None, before, 1)
    return ArchivedView(
        archived_runs=done.runs,
        archived_messages=done.messages,
        due_runs=left.due_runs,
        due_messages=left.due_messages,
    )

"""Projections: events in, rows of the scheduler's own tables out.

Those of the catalog move the schedules, guarded by the mailing's version; those of our own log
show the runs.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import ColumnElement, case, delete, func, literal, update
from sqlalchemy.dialects.postgresql import insert

from services.scheduler.domain import RunPostponed, ScheduleEvent
from services.scheduler.tables import runs, schedules
from shared.contracts.catalog import (
    MailingChanged,
    MailingCreated,
    MailingDeleted,
    MailingRunRequested,
    MailingStopped,
    RunBegun,
    content_of,
)
from shared.contracts.scheduler import MailingScheduled, RunMissed
from shared.database import Connection
from shared.event import Instant, Received, Recorded

MailingEvent: TypeAlias = (
    MailingCreated | MailingChanged | MailingRunRequested | MailingStopped | MailingDeleted
)


async def project(db: Connection, recorded: Sequence[Recorded[ScheduleEvent]]) -> None:
    """Show the runs of our own log: as proposed, or as missed."""
    for each in recorded:
        match each.event:
            case MailingScheduled() | RunMissed() as event:
                await _show(db, _run(event))
            case RunPostponed() as event:
                await db.execute(delete(runs).where(runs.c.run_id == event.run_id))


def _run(event: MailingScheduled | RunMissed | RunBegun) -> dict[str, Any]:
    """Return the row of a run; what a missed one never had is empty."""
    shown = ("run_id", "mailing_id", "nominal", "starts_at", "ends_at", "missed_at")
    row = {name: getattr(event, name, None) for name in shown}
    if isinstance(event, RunMissed):
        return row | {"ends_at": None, "fired_at": None, "missed_reason": event.reason}
    fired_at = event.begun_at if isinstance(event, RunBegun) else event.scheduled_at
    return row | {"fired_at": fired_at, "missed_reason": None}


async def _show(db: Connection, row: dict[str, Any]) -> None:
    added = insert(runs).values(row)
    await db.execute(added.on_conflict_do_update(index_elements=["run_id"], set_=row))


async def run_begun(db: Connection, received: Sequence[Received[RunBegun]]) -> None:
    """Show the runs as they began."""
    for each in received:
        await _show(db, _run(each.event))


async def mailings(db: Connection, received: Sequence[Received[MailingEvent]]) -> None:
    """Follow the catalog's mailings, each event in its turn."""
    for each in received:
        match each.event:
            case MailingCreated() | MailingChanged() as event:
                await _planned(db, each, event)
            case MailingRunRequested() as event:
                await _requested(db, each, event)
            case MailingStopped() | MailingDeleted():
                await _change(db, each, next_fire_at=None)


async def _planned(
    db: Connection, each: Received[MailingEvent], event: MailingCreated | MailingChanged
) -> None:
    """Plan the mailing, or plan it anew; once it was fired, only the catalog can arm it again."""
    values = {
        "mailing_id": event.mailing_id,
        "revision": each.version,
        **content_of(event).as_dict(),
        "filter": msgspec.to_builtins(event.filter),
        "traceparent": each.traceparent,
    }
    is_same = schedules.c.starts_at == event.starts_at  # else it replaces a start by hand
    requested_at = case((is_same, schedules.c.requested_at), else_=None)
    next_fire_at = func.coalesce(requested_at, event.starts_at)
    moved = {"requested_at": requested_at, "next_fire_at": _while_it_waits(next_fire_at)}
    await db.execute(
        insert(schedules)
        .values(**values, next_fire_at=event.starts_at)
        .on_conflict_do_update(
            index_elements=["mailing_id"],
            set_=values | moved,
            where=schedules.c.revision < each.version,
        )
    )


async def _requested(
    db: Connection, each: Received[MailingEvent], event: MailingRunRequested
) -> None:
    """Let the mailing start when it was started by hand."""
    at = event.requested_at
    await _change(db, each, requested_at=at, next_fire_at=_while_it_waits(literal(at)))


def _while_it_waits(at: ColumnElement[Instant]) -> ColumnElement[Instant]:
    """Return `at` for a mailing that has not been fired, else nothing."""
    return case((schedules.c.next_fire_at.is_not(None), at), else_=None)


async def _change(db: Connection, each: Received[MailingEvent], **values: object) -> None:
    newer = update(schedules).where(
        schedules.c.mailing_id == each.event.mailing_id, schedules.c.revision < each.version
    )
    await db.execute(newer.values(revision=each.version, **values))

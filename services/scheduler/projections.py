"""Projections: events in, rows of the scheduler's own tables out.

Those of the catalog move the schedules, guarded by the mailing's version; those of our own log
show the runs.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import ColumnElement, case, delete, func, literal, select, update
from sqlalchemy.dialects.postgresql import insert

from services.scheduler.domain.calendar import INSTANT, Calendar
from services.scheduler.domain.schedule import RunPostponed, ScheduleEvent
from services.scheduler.queue import calendar_of, due_at
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
from shared.database_errors import Unstorable
from shared.event import Instant, Received, Recorded
from shared.schedule import mistakes

MailingEvent: TypeAlias = (
    MailingCreated | MailingChanged | MailingRunRequested | MailingStopped | MailingDeleted
)


async def project(db: Connection, recorded: Sequence[Recorded[ScheduleEvent]]) -> None:
    """Show the runs of our own log: as proposed, or as missed."""
    for each in recorded:
        match each.event:
            case MailingScheduled() as event:  # one that was begun by hand is shown as that
                await db.execute(insert(runs).values(_run(event)).on_conflict_do_nothing())
            case RunMissed() as event:
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
    """Plan the mailing, or plan it anew; once it was fired, only the catalog can arm it again.

    Raises:
        Unstorable: Its schedule is none that this release can read.
    """
    if event.schedule is None:
        next_fire_at = func.coalesce(_requested_at(event), event.starts_at)
        moved = {
            "requested_at": _requested_at(event),
            "next_fire_at": _while_it_waits(next_fire_at),
            **dict.fromkeys(("next_nominal", "settled_at", "tzdata")),  # it may have recurred
        }
        first = {"next_fire_at": event.starts_at}
    else:
        first = moved = await _next_occurrence(db, event)
    values = {
        "mailing_id": event.mailing_id,
        "revision": each.version,
        **content_of(event).as_dict(),
        "filter": msgspec.to_builtins(event.filter),
        "schedule": None if event.schedule is None else msgspec.to_builtins(event.schedule),
        "traceparent": each.traceparent,
    }
    await db.execute(
        insert(schedules)
        .values(**values, **first)
        .on_conflict_do_update(
            index_elements=["mailing_id"],
            set_=values | moved,
            where=schedules.c.revision < each.version,
        )
    )


def _requested_at(event: MailingCreated | MailingChanged) -> ColumnElement[Instant]:
    """Return when it was started by hand, unless it has another start: that replaces this one."""
    is_same = schedules.c.starts_at == event.starts_at
    return case((is_same, schedules.c.requested_at), else_=None)


async def _next_occurrence(
    db: Connection, event: MailingCreated | MailingChanged
) -> dict[str, Any]:
    """Return the columns that say when a recurring mailing is due next.

    What was due before its schedule was changed and is not in the new one does not come, nor does
    what the new one would have had before the change.
    """
    wanted = select(schedules).where(schedules.c.mailing_id == event.mailing_id)
    row = (await db.execute(wanted.with_for_update())).one_or_none()
    schedule, known = event.schedule, None if row is None else calendar_of(row)
    assert schedule is not None  # noqa: S101 - the caller has asked
    if wrong := mistakes(schedule, ""):
        raise Unstorable(wrong[0].code)
    calendar = Calendar(schedule=schedule, starts_at=event.starts_at, ends_at=event.ends_at)
    planned_at = event.created_at if isinstance(event, MailingCreated) else event.changed_at
    after = planned_at - INSTANT
    if row is not None and row.settled_at is not None:
        after = max(after, row.settled_at)
    if row is not None and row.next_fire_at is not None and calendar.recurs_like(known):
        after = min(after, row.next_fire_at - INSTANT)
    return due_at(calendar.first_after(after))


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

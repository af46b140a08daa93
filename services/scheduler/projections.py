"""Projections: events in, rows of the scheduler's own tables out.

Those of the catalog move the schedules, guarded by the mailing's version; those of our own log
show the runs.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

import msgspec
from sqlalchemy import case, func, update
from sqlalchemy.dialects.postgresql import insert

from services.scheduler.tables import runs, schedules
from shared.contracts.catalog import (
    MailingChanged,
    MailingCreated,
    MailingDeleted,
    MailingRunRequested,
    MailingStopped,
)
from shared.contracts.scheduler import MailingScheduled, RunMissed
from shared.database import Connection
from shared.event import Instant, Received, Recorded

MailingEvent: TypeAlias = (
    MailingCreated | MailingChanged | MailingRunRequested | MailingStopped | MailingDeleted
)


async def project(db: Connection, recorded: Sequence[Recorded[Any]]) -> None:
    """Show the runs of our own log."""
    rows = [_run(each.event) for each in recorded]
    await db.execute(insert(runs).on_conflict_do_nothing(), rows)


def _run(event: MailingScheduled | RunMissed) -> dict[str, Any]:
    """Return the row of a run; what a missed one never had is empty."""
    shown = ("run_id", "mailing_id", "nominal", "starts_at", "ends_at", "missed_at")
    row = {name: getattr(event, name, None) for name in shown}
    return row | {
        "fired_at": getattr(event, "scheduled_at", None),
        "missed_reason": getattr(event, "reason", None),
    }


async def mailings(db: Connection, received: Sequence[Received[MailingEvent]]) -> None:
    """Follow the catalog's mailings, each event in its turn."""
    for each in received:
        match each.event:
            case MailingCreated() | MailingChanged() as event:
                await _planned(db, each, event)
            case MailingRunRequested() as event:
                await _due(db, each, event.requested_at)
            case MailingStopped() | MailingDeleted():
                await _due(db, each, None)


async def _planned(
    db: Connection, each: Received[MailingEvent], event: MailingCreated | MailingChanged
) -> None:
    """Plan the mailing, or plan it otherwise while it has not been fired."""
    values = {
        "mailing_id": event.mailing_id,
        "revision": each.version,
        "body": event.body,
        "subject": event.subject,
        "filter": msgspec.to_builtins(event.filter),
        "starts_at": event.starts_at,
        "ends_at": event.ends_at,
        "gateway": event.gateway,
        "traceparent": each.traceparent,
    }
    waits = schedules.c.next_fire_at.is_not(None)
    next_fire_at = func.coalesce(schedules.c.requested_at, event.starts_at)
    await db.execute(
        insert(schedules)
        .values(**values, next_fire_at=event.starts_at)
        .on_conflict_do_update(
            index_elements=["mailing_id"],
            set_=values | {"next_fire_at": case((waits, next_fire_at), else_=None)},
            where=schedules.c.revision < each.version,
        )
    )


async def _due(db: Connection, each: Received[MailingEvent], at: Instant | None) -> None:
    """Let the mailing be due `at`, or never, while it has not been fired."""
    newer = update(schedules).where(
        schedules.c.mailing_id == each.event.mailing_id, schedules.c.revision < each.version
    )
    values: dict[str, Any] = {"revision": each.version, "next_fire_at": None}
    if at is not None:
        waits = schedules.c.next_fire_at.is_not(None)
        values |= {"requested_at": at, "next_fire_at": case((waits, at), else_=None)}
    await db.execute(newer.values(values))

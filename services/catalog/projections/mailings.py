"""Projections of mailings: their events in, their rows out."""

from collections.abc import Mapping, Sequence
from typing import Any

import msgspec
from sqlalchemy import Update, bindparam, case, delete, update
from sqlalchemy.dialects.postgresql import insert

from services.catalog.domain.mailing_state import (
    MailingBegan,
    MailingFinished,
    MailingMissed,
    OccurrencePassed,
    RunEnded,
    RunQueued,
    Status,
)
from services.catalog.tables import mailings
from shared.contracts.catalog import (
    MailingChanged,
    MailingCreated,
    MailingDeleted,
    MailingPaused,
    MailingResumed,
    MailingRunRequested,
    MailingStopped,
    RunBegun,
    RunDeclined,
)
from shared.database import Connection
from shared.event import Recorded


async def mailing_created(db: Connection, recorded: Sequence[Recorded[MailingCreated]]) -> None:
    """Show the mailing."""
    rows = [
        _plan(each.event)
        | {
            "status": Status.CREATED,
            "has_begun": False,
            "version": each.version,
            "changed_at": each.event.created_at,
        }
        for each in recorded
    ]
    await db.execute(insert(mailings).on_conflict_do_nothing(), rows)


async def mailing_changed(db: Connection, recorded: Sequence[Recorded[MailingChanged]]) -> None:
    """Show the mailing as it is planned now."""
    for each in recorded:
        await _show(db, each, **_plan(each.event))


def _plan(state: MailingCreated | MailingChanged) -> dict[str, Any]:
    names = ("filter", "schedule", "time_policy", "quiet_hours")
    nested = {name: msgspec.to_builtins(getattr(state, name)) for name in names}
    plain = msgspec.structs.asdict(state) | nested
    return plain | {"topic": plain.pop("mailing_topic")}


NOT_PAUSED: Mapping[str, object] = {"paused_at": None, "paused_by": None}


async def mailing_paused(db: Connection, recorded: Sequence[Recorded[MailingPaused]]) -> None:
    """Show that it is paused."""
    for each in recorded:
        at, by = each.event.paused_at, each.event.by
        await _show(db, each, status=Status.PAUSED, paused_at=at, paused_by=by)


async def mailing_resumed(db: Connection, recorded: Sequence[Recorded[MailingResumed]]) -> None:
    """Show that it is running again, or waits for its start again."""
    status = case((mailings.c.has_begun, Status.RUNNING), else_=Status.CREATED)
    for each in recorded:
        await _show(db, each, status=status, **NOT_PAUSED)


async def mailing_stopped(db: Connection, recorded: Sequence[Recorded[MailingStopped]]) -> None:
    """Show that it is stopped."""
    for each in recorded:
        await _show(db, each, status=Status.STOPPED, **NOT_PAUSED)


async def mailing_deleted(db: Connection, recorded: Sequence[Recorded[MailingDeleted]]) -> None:
    """Show it no more."""
    gone = [each.event.mailing_id for each in recorded]
    await db.execute(delete(mailings).where(mailings.c.mailing_id.in_(gone)))


async def mailing_run_requested(
    db: Connection, recorded: Sequence[Recorded[MailingRunRequested]]
) -> None:
    """Show that its window begins now."""
    for each in recorded:
        await _show(db, each, starts_at=each.event.requested_at)


async def run_begun(db: Connection, recorded: Sequence[Recorded[RunBegun | MailingBegan]]) -> None:
    """Show that it is running, unless it was paused before."""
    is_paused = mailings.c.status == Status.PAUSED
    status = case((is_paused, Status.PAUSED), else_=Status.RUNNING)
    shown = _newer().values(status=status, has_begun=True, **_versions())
    await db.execute(shown, [_version(each) for each in recorded])


async def run_advanced(
    db: Connection,
    recorded: Sequence[Recorded[RunDeclined | RunQueued | RunEnded | OccurrencePassed]],
) -> None:
    """Show the version; all else is as it was."""
    for each in recorded:
        await _show(db, each)


async def mailing_missed(db: Connection, recorded: Sequence[Recorded[MailingMissed]]) -> None:
    """Show that it is over, and why nothing was sent."""
    for each in recorded:
        reason = each.event.reason
        await _show(db, each, status=Status.FINISHED, missed_reason=reason, **NOT_PAUSED)


async def mailing_finished(db: Connection, recorded: Sequence[Recorded[MailingFinished]]) -> None:
    """Show that it has finished."""
    for each in recorded:
        await _show(db, each, status=Status.FINISHED, **NOT_PAUSED)


async def _show(db: Connection, each: Recorded[Any], **values: object) -> None:
    await db.execute(_newer().values(**(values | _versions())), _version(each))


def _newer() -> Update:
    """Return an update of the row of a mailing, if that is older."""
    is_same = mailings.c.mailing_id == bindparam("id")
    return update(mailings).where(is_same, mailings.c.version < bindparam("at"))


def _versions() -> dict[str, Any]:
    return {"version": bindparam("at"), "changed_at": bindparam("recorded_at")}


def _version(each: Recorded[Any]) -> dict[str, object]:
    """Return the parameters of `_newer` and `_versions`."""
    return {
        "id": each.event.mailing_id,
        "at": each.version,
        "recorded_at": each.recorded_at,
    }

"""Switching: the switch of a run, held while it is moved, and moved as an event has it."""

from typing import Any
from uuid import UUID

from services.dispatcher.domain.switch import Switch, SwitchEvent
from services.dispatcher.queue.controls import IS_MAILING_PAUSED
from shared.contracts.dispatcher import RunPaused, RunResumed, RunStopped
from shared.database import Connection, sql

HOLD = sql(
    """
    SELECT r.run_id, r.mailing_id, r.state, r.switch_count AS number, r.traceparent,
        r.paused_at IS NOT NULL AS is_paused, r.stopped_at IS NOT NULL AS is_stopped,
        {is_mailing_paused} AS is_mailing_paused,
        coalesce(m.is_stopped, false) AS is_mailing_stopped
    FROM runs r LEFT JOIN mailings m USING (mailing_id)
    WHERE r.run_id = :run_id FOR UPDATE OF r
    """,
    is_mailing_paused=IS_MAILING_PAUSED,
)
FIELDS = Switch.__slots__


async def hold(db: Connection, run_id: UUID) -> tuple[Switch, str | None] | None:
    """Return where the switch of a run is, and the run's trace; None: no such run is known.

    Guarantee: nobody else moves it until the commit, nor does the run end.
    """
    row = (await db.execute(HOLD, {"run_id": run_id})).first()
    if row is None:
        return None
    return Switch(**{name: getattr(row, name) for name in FIELDS}), row.traceparent


MOVE = """
    UPDATE runs SET switch_count = :number, {moved}
    WHERE run_id = :run_id AND switch_count < :number
"""
PAUSED = sql(MOVE, moved="paused_at = :at, paused_by = :by")
RESUMED = sql(MOVE, moved="paused_at = NULL, paused_by = NULL, resumed_at = :at")
STOPPED = sql(MOVE, moved="stopped_at = :at, stopped_by = :by, paused_at = NULL")


async def move(db: Connection, event: SwitchEvent) -> None:
    """Move the switch of a run as `event` has it, if that is newer than where it is."""
    values: dict[str, Any] = {"run_id": event.run_id, "number": event.number}
    match event:
        case RunPaused(paused_at=at, by=by):
            await db.execute(PAUSED, values | {"at": at, "by": by})
        case RunResumed(resumed_at=at):
            await db.execute(RESUMED, values | {"at": at})
        case RunStopped(stopped_at=at, by=by):
            await db.execute(STOPPED, values | {"at": at, "by": by})

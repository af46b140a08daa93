"""The totals of finished runs: published again when a message changes after the end."""

from collections.abc import Collection
from uuid import UUID

from services.dispatcher.handlers.events import put_run_events, run_events
from services.dispatcher.queue import totals
from shared.contracts.dispatcher import RunCorrected
from shared.database import Connection
from shared.event import Event, Instant, Recorded

FINISHED_AFTER = 2  # events of a run behind those of its chunks: RunExpanded, RunFinished


async def correct_finished(db: Connection, run_ids: Collection[UUID], now: Instant) -> None:
    """Publish new totals of those runs that are finished; in `db` their messages have changed."""
    if not run_ids:
        return
    corrected = await totals.correct_finished(db, run_ids)
    if not corrected:
        return
    counted = await totals.totals_of(db, [run.run_id for run in corrected])
    recorded: list[Recorded[Event]] = []
    for run in corrected:
        event = RunCorrected(
            run_id=run.run_id,
            mailing_id=run.mailing_id,
            number=run.number,
            totals=counted[run.run_id],
            corrected_at=now,
        )
        version = run.chunk_count + FINISHED_AFTER + run.number
        recorded += run_events(run.run_id, run.traceparent, [(version, event)], now)
    await put_run_events(db, recorded)

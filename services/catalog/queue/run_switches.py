"""The switches of runs, as dispatchers publish them: shown beside those of mailings."""

from collections.abc import Sequence
from typing import Any, TypeAlias

from sqlalchemy import delete
from sqlalchemy.dialects.postgresql import insert

from services.catalog.tables import run_switches
from shared.contracts.dispatcher import RunFinished, RunPaused, RunResumed, RunStopped
from shared.database import Connection

SwitchEvent: TypeAlias = RunPaused | RunResumed | RunStopped | RunFinished


async def follow(db: Connection, events: Sequence[SwitchEvent]) -> None:
    """Note where the switches of runs are, each by its newest event; an ended run has none."""
    for event in events:
        if isinstance(event, RunFinished):
            await db.execute(delete(run_switches).where(run_switches.c.run_id == event.run_id))
            continue
        values: dict[str, Any] = {
            "run_id": event.run_id,
            "mailing_id": event.mailing_id,
            "number": event.number,
            "paused_at": None,
            "paused_by": None,
        }
        if isinstance(event, RunPaused):
            values |= {"paused_at": event.paused_at, "paused_by": event.by}
        await db.execute(
            insert(run_switches)
            .values(values)
            .on_conflict_do_update(
                index_elements=["run_id"],
                set_=values,
                where=run_switches.c.number < event.number,
            )
        )

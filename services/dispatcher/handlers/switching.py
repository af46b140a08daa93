"""Switching: a run is paused, resumed or stopped by its own switch, in this database alone.

So it works while Kafka is down, and a mailing's switch stays as it is.
"""

from uuid import UUID

from services.dispatcher.domain.message import RunUnknown
from services.dispatcher.domain.switch import Move, moved
from services.dispatcher.handlers.events import put_run_events, run_events
from services.dispatcher.queue import switching
from shared import database
from shared.crash import crash_point
from shared.database import Pool, transaction

STREAM = "switch"  # of the moves of a run's switch, which are numbered apart from its other events


async def switch_run(pool: Pool, run_id: UUID, move: Move, by: str | None) -> None:
    """Move the switch of a run, and publish that; moving it to where it is has no effect.

    Guarantee: once this has returned, no sender of any replica starts a message of a run that is
    paused or stopped later than a second.

    Raises:
        RunUnknown: No run has this identifier.
        RunEnded: There is nothing left to be switched.
        RunIsStopped: It will not be sent again.
        PausedByMailing: It is not this switch that is to be lifted.
    """
    async with transaction(pool) as db:
        held = await switching.hold(db, run_id)
        if held is None:
            raise RunUnknown
        switch, traceparent = held
        now = await database.now(db)
        event = moved(switch, move, by, now)
        if event is None:
            return
        await switching.move(db, event)
        numbered = [(event.number, event)]
        await put_run_events(db, run_events(run_id, traceparent, numbered, now, stream=STREAM))
        crash_point("dispatcher.switch.written")
    crash_point("dispatcher.switch.committed")

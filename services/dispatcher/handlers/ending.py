"""Ending: a run ends when its window does, and is finished when all of it is final.

Every step is one transaction with its events: what dies in the middle is done again.
"""

from uuid import UUID

from msgspec.structs import replace

from services.dispatcher.domain.message import STOPPED, Progress, state_at_end
from services.dispatcher.handlers import recording
from services.dispatcher.handlers.events import Told, tell
from services.dispatcher.handlers.recording import Settled
from services.dispatcher.queue import ending
from services.dispatcher.queue import recording as ledger
from services.dispatcher.queue.ending import Ended
from services.dispatcher.queue.recording import Entries
from services.dispatcher.queue.totals import totals_of
from shared import database
from shared.contracts.dispatcher import RunFinished, State
from shared.database import Connection, Pool, autocommit, transaction
from shared.event import Instant

CHUNKS = 10  # that end in one transaction: ten thousand events
RETRIES = 1_000  # the same for retries


async def end(pool: Pool) -> bool:
    """End what is still open in runs whose window is over or whose mailing was stopped.

    What is leased ends when its sender has given it back; what is under way is recorded first.
    """
    async with autocommit(pool) as db:
        ended = await ending.ended(db, await database.now(db))
    for run in ended:
        async with transaction(pool) as db:
            now = await database.now(db)
            await _end_chunks(db, run, now)
            await _end_retries(db, run, now)
    return bool(ended)


async def _end_chunks(db: Connection, run: Ended, now: Instant) -> None:
    """End chunks as they are: their messages get events, but no rows."""
    state = State.CANCELLED if run.is_stopped else State.EXPIRED
    reason = STOPPED if run.is_stopped else None
    left = await ending.end_chunks(db, run.run_id, state, limit=CHUNKS)
    told, closed = Told({}), dict[tuple[UUID, int], tuple[int, int]]()
    progress = Progress(state, version=1, reason=reason)
    for chunk, client_id in left:
        settled = Settled(run.run_id, client_id, chunk, progress, is_retry=False)
        recording.tell_settled(told, settled, run.traceparent, now)
        place = (run.run_id, chunk)
        closed[place] = (closed.get(place, (0, 0))[0] + 1, 0)
    await ledger.close(db, None, closed)
    await told.put(db)


async def _end_retries(db: Connection, run: Ended, now: Instant) -> None:
    told, closed = Told({}), dict[tuple[UUID, int], tuple[int, int]]()
    entries = Entries()
    for client_id, chunk, before in await ending.end_retries(db, run.run_id, limit=RETRIES):
        after = replace(
            before,
            state=state_at_end(before, is_stopped=run.is_stopped),
            version=before.version + 1,
            reason=STOPPED if run.is_stopped else before.reason,
        )
        settled = Settled(run.run_id, client_id, chunk, after, is_retry=True)
        recording.settle(entries, told, settled, run.traceparent, now)
        place = (run.run_id, chunk)
        closed[place] = (closed.get(place, (0, 0))[0] + 1, 0)
    await ledger.overrule(db, entries.resumed)
    await ledger.close(db, None, closed)
    await told.put(db)


async def finish(pool: Pool) -> bool:
    """Note, and tell, which runs have no open message any more."""
    async with transaction(pool) as db:
        now = await database.now(db)
        finished = await ending.finish(db, now)
        for run in finished:
            event = RunFinished(
                run_id=run.run_id,
                mailing_id=run.mailing_id,
                is_last=run.is_last,
                finished_at=now,
                totals=await totals_of(db, run.run_id),
            )
            await tell(db, run.run_id, run.traceparent, [(run.chunk_count + 2, event)], now)
    return bool(finished)

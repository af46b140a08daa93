"""Ending: a run ends when its window does, and is finished when all of it is final.

Every step is one transaction with its events: what dies in the middle is done again.
"""

from collections import Counter
from collections.abc import Sequence
from uuid import UUID

from services.dispatcher.domain.keys import ChunkKey, MessageKey
from services.dispatcher.domain.message import ended
from services.dispatcher.handlers.events import EventBuffer, Publishing, put_run_events, run_events
from services.dispatcher.handlers.recording import exception_row
from services.dispatcher.handlers.totals import FINISHED_AFTER
from services.dispatcher.queue import ending, exceptions, recording
from services.dispatcher.queue.controls import CLAIM
from services.dispatcher.queue.ending import EndedRun, FinishedRun
from services.dispatcher.queue.recording import RECORD, Closed
from services.dispatcher.queue.totals import totals_of
from shared import database, ids, set_aside, telemetry
from shared.contracts.dispatcher import RunFinished, State
from shared.crash import crash_point
from shared.database import Connection, Pool, autocommit, transaction
from shared.database_errors import is_fault_of_record
from shared.errors import Unavailable
from shared.event import Event, Instant, Recorded
from shared.set_aside import Item, guard

END, FINISH = "end", "finish"  # the loops, by which their runs are set aside
CHUNKS = 10  # that end in one transaction: ten thousand events
RETRIES = 1_000  # the same for retries


async def end(pool: Pool) -> bool:
    """End what is still open in runs whose window is over or whose mailing was stopped.

    What is leased ends when its sender has given it back; what is under way is recorded first.
    """
    async with autocommit(pool) as db:
        runs = await ending.runs_to_end(db, await database.now(db))
        known = await set_aside.items(db, END) if runs else {}
    free = [run for run in runs if not known.get(run.run_id)]
    for run in free:
        async with guard(pool, END, Item(run.run_id, run.run_id in known)):
            await _end_run(pool, run)
    return bool(free)


async def _end_run(pool: Pool, run: EndedRun) -> None:
    async with transaction(pool) as db:
        now = await database.now(db)
        await _end_chunks(db, run, now)
        crash_point("dispatcher.end.chunks")
        await _end_retries(db, run, now)
        crash_point("dispatcher.end.written")
    crash_point("dispatcher.end.committed")


async def _end_chunks(db: Connection, run: EndedRun, now: Instant) -> None:
    """End chunks as they are: their messages get events, but rows only if the state is another."""
    state = State.EXPIRED if run.stopped is None else State.CANCELLED
    publishing = Publishing(run.traceparent, run.is_by_chunk)
    events, closed = EventBuffer(), dict[ChunkKey, Closed]()
    rows: list[exceptions.ExceptionRow] = []
    for chunk in await ending.end_chunks(db, run.run_id, state, limit=CHUNKS):
        for client_id in chunk.client_ids:
            key = MessageKey(run.run_id, client_id)
            step = ended(key, chunk.key.chunk, chunk.before, stopped=run.stopped, at=now)
            events.add(publishing, chunk.key, ids.message_id(*key), step.events)
            if step.progress.state is not state:
                rows.append(exception_row(key, chunk.key, step))
        closed[chunk.key] = Closed(len(chunk.client_ids))
    await exceptions.upsert_exceptions(db, rows)
    await recording.close_chunks(db, None, closed)
    await events.put(db)


async def _end_retries(db: Connection, run: EndedRun, now: Instant) -> None:
    publishing = Publishing(run.traceparent, run.is_by_chunk)
    events, closed = EventBuffer(), Counter[ChunkKey]()
    rows: list[exceptions.ExceptionRow] = []
    for client_id, number, before in await ending.lock_retries(db, run.run_id, limit=RETRIES):
        key, chunk = MessageKey(run.run_id, client_id), ChunkKey(run.run_id, number)
        step = ended(key, number, before, stopped=run.stopped, at=now)
        rows.append(exception_row(key, chunk, step))
        events.add(publishing, chunk, ids.message_id(*key), step.events)
        closed[chunk] += 1
    await exceptions.upsert_exceptions(db, rows)
    await recording.close_chunks(db, None, {key: Closed(n) for key, n in closed.items()})
    await events.put(db)


async def finish(pool: Pool) -> bool:
    """Finish runs that have no open message any more; return whether there were any.

    All at once; if that fails, one after the other, and those at which it does are set aside.
    """
    try:
        return bool(await _finish(pool))
    except Unavailable:
        raise
    except Exception as error:
        if not is_fault_of_record(error):
            raise
    async with autocommit(pool) as db:
        complete = await ending.complete_runs(db)
        known = await set_aside.items(db, FINISH)
    for run_id in complete:
        if not known.get(run_id):
            async with guard(pool, FINISH, Item(run_id, run_id in known)):
                await _finish(pool, run_id)
    return False


async def _finish(pool: Pool, run_id: UUID | None = None) -> int:
    async with transaction(pool) as db:
        now = await database.now(db)
        finished = await ending.finish(db, now, run_id)
        if finished:
            crash_point("dispatcher.finish.written")
            await _publish(db, finished, now)
            crash_point("dispatcher.finish.published")
            for loop in (CLAIM, RECORD):
                await set_aside.clear(db, loop, [run.run_id for run in finished])
    crash_point("dispatcher.finish.committed", when=finished)
    telemetry.count("dispatcher.runs.finished", len(finished))
    return len(finished)


async def _publish(db: Connection, finished: Sequence[FinishedRun], now: Instant) -> None:
    """Write the ends of runs to the outbox, with their totals: two statements for all of them."""
    counted = await totals_of(db, [run.run_id for run in finished])
    recorded: list[Recorded[Event]] = []
    for run in finished:
        event = RunFinished(
            run_id=run.run_id,
            mailing_id=run.mailing_id,
            is_last=run.is_last,
            finished_at=now,
            totals=counted[run.run_id],
        )
        version = run.chunk_count + FINISHED_AFTER
        recorded += run_events(run.run_id, run.traceparent, [(version, event)], now)
    await put_run_events(db, recorded)

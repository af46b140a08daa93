"""Ending: a run ends when its window does, and is finished when all of it is final.

Every step is one transaction with its events: what dies in the middle is done again.
"""

from collections import Counter

from services.dispatcher.domain.keys import ChunkKey, MessageKey
from services.dispatcher.domain.message import ended
from services.dispatcher.handlers.events import EventBuffer, put_run_events
from services.dispatcher.handlers.recording import exception_row
from services.dispatcher.queue import ending, recording
from services.dispatcher.queue.ending import EndedRun
from services.dispatcher.queue.recording import Closed, ExceptionRow
from services.dispatcher.queue.totals import totals_of
from shared import database, ids
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
        runs = await ending.runs_to_end(db, await database.now(db))
    for run in runs:
        async with transaction(pool) as db:
            now = await database.now(db)
            await _end_chunks(db, run, now)
            await _end_retries(db, run, now)
    return bool(runs)


async def _end_chunks(db: Connection, run: EndedRun, now: Instant) -> None:
    """End chunks as they are: their messages get events, but rows only if the state is another."""
    state = State.CANCELLED if run.is_stopped else State.EXPIRED
    events, closed = EventBuffer({}), dict[ChunkKey, Closed]()
    rows: list[ExceptionRow] = []
    for chunk in await ending.end_chunks(db, run.run_id, state, limit=CHUNKS):
        for client_id in chunk.client_ids:
            key = MessageKey(run.run_id, client_id)
            step = ended(key, chunk.before, is_stopped=run.is_stopped, at=now)
            events.add(run.traceparent, ids.message_id(*key), step.events)
            if step.progress.state is not state:
                rows.append(exception_row(key, chunk.key, step))
        closed[chunk.key] = Closed(len(chunk.client_ids))
    await recording.upsert_exceptions(db, rows)
    await recording.close_chunks(db, None, closed)
    await events.put(db)


async def _end_retries(db: Connection, run: EndedRun, now: Instant) -> None:
    events, closed = EventBuffer({}), Counter[ChunkKey]()
    rows: list[ExceptionRow] = []
    for client_id, number, before in await ending.lock_retries(db, run.run_id, limit=RETRIES):
        key, chunk = MessageKey(run.run_id, client_id), ChunkKey(run.run_id, number)
        step = ended(key, before, is_stopped=run.is_stopped, at=now)
        rows.append(exception_row(key, chunk, step))
        events.add(run.traceparent, ids.message_id(*key), step.events)
        closed[chunk] += 1
    await recording.upsert_exceptions(db, rows)
    await recording.close_chunks(db, None, {key: Closed(n) for key, n in closed.items()})
    await events.put(db)


async def finish(pool: Pool) -> bool:
    """Finish runs that have no open message any more; return whether there were any."""
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
            await put_run_events(
                db, run.run_id, run.traceparent, [(run.chunk_count + 2, event)], now
            )
    return bool(finished)

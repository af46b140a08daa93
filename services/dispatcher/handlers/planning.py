"""Planning: a run waits for what was there when it came, and is written down as chunks.

Every step is one transaction with its events: what dies in the middle is done again.
"""

from collections.abc import Mapping
from uuid import UUID

from services.dispatcher.domain.contact import Channel
from services.dispatcher.domain.due import USUAL, PlatformTimes
from services.dispatcher.domain.keys import MessageKey
from services.dispatcher.domain.message import rejected
from services.dispatcher.domain.progress import Progress
from services.dispatcher.handlers.events import EventBuffer, Publishing, put_run_events, run_events
from services.dispatcher.handlers.recording import exception_row
from services.dispatcher.queue import exceptions, planning
from services.dispatcher.queue.expanded import Expanded
from services.dispatcher.queue.planning import Readers
from shared import database, ids, set_aside, telemetry
from shared.contracts.dispatcher import MessagesPlanned, RunExpanded
from shared.crash import crash_point
from shared.database import Connection, Pool, autocommit, transaction
from shared.database_errors import is_fault_of_record
from shared.errors import Unavailable
from shared.event import Event, Instant, Recorded
from shared.kafka import EndOffsets
from shared.set_aside import Item, guard

STEPS = 50  # of runs in one transaction


async def begin_waiting(pool: Pool, ends: EndOffsets, readers: Readers) -> bool:
    """Let runs begin once `readers` have read all that was there when they came.

    So nobody is missed, and a pause or a stop that stands behind the beginning holds before the
    first message. One question serves all runs that wait; the answer is written down once, and
    any replica compares it. If that fails, it is done for one run after the other,
    and those at which it does are set aside. Return whether there may be more to do at once.
    """
    try:
        return await _begin(pool, ends, readers)
    except Unavailable:
        raise
    except Exception as error:
        if not is_fault_of_record(error):
            raise
    async with autocommit(pool) as db:
        waiting = await planning.waiting_runs(db)
        known = await set_aside.items(db, planning.BEGIN)
    for run_id in waiting:
        if not known.get(run_id):
            async with guard(pool, planning.BEGIN, Item(run_id, run_id in known)):
                await _begin(pool, ends, readers, run_id)
    return False


async def _begin(
    pool: Pool, ends: EndOffsets, readers: Readers, run_id: UUID | None = None
) -> bool:
    async with autocommit(pool) as db:
        new = await planning.new_runs(db, run_id)
    if new:
        offsets = await ends.read(readers)
        crash_point("dispatcher.begin.asked")
        async with transaction(pool) as db:
            await planning.await_offsets(db, new, offsets)
        crash_point("dispatcher.begin.awaiting")
    async with transaction(pool) as db:
        begun = await planning.begin_those_ready(db, readers, run_id)
        if begun:
            await set_aside.clear(db, planning.BEGIN, begun)
            crash_point("dispatcher.begin.written")
    crash_point("dispatcher.begin.committed", when=begun)
    return bool(new or begun)


async def expand(
    pool: Pool, channels: Mapping[str, Channel], usual: PlatformTimes = USUAL
) -> bool:
    """Write the next chunks of runs down, with the events; return whether there were any.

    Small runs share a transaction. A run at which that fails is set aside, and the next one comes.
    """
    with telemetry.batch("plan") as batch:
        async with guard(pool, planning.EXPAND) as item:
            return await _expand_some(pool, channels, usual, item, batch)
    return True


async def _expand_some(
    pool: Pool,
    channels: Mapping[str, Channel],
    usual: PlatformTimes,
    item: Item,
    batch: telemetry.Batch,
) -> bool:
    steps = looked_at = 0
    async with transaction(pool) as db:
        now = await database.now(db)
        while steps < STEPS and looked_at < planning.CHUNK * planning.AT_ONCE:
            step = await planning.expand_next(db, channels, item, usual)
            if step is None:
                break
            crash_point("dispatcher.expand.written")
            await put_run_events(db, _events(step, now))
            crash_point("dispatcher.expand.published")
            if step.rejected:
                await _reject(db, step, now)
            steps += 1
            looked_at += step.looked_at
            batch.add(sum(len(each.client_ids) for each in step.chunks), step.traceparent)
            if item.was_set_aside:
                break  # so that the guard notes that it succeeded
    crash_point("dispatcher.expand.committed", when=steps)
    telemetry.count("dispatcher.messages.planned", batch.size)
    return steps > 0


def _events(step: Expanded, now: Instant) -> list[Recorded[Event]]:
    """Return the events of a step."""
    events: list[tuple[int, Event]] = [
        (
            each.number + 1,
            MessagesPlanned(
                run_id=step.run_id,
                mailing_id=step.mailing_id,
                chunk=each.number,
                client_ids=each.client_ids,
                due_at=each.due_at,
                lane=each.lane,
            ),
        )
        for each in step.chunks
    ]
    if step.is_done:
        expanded = RunExpanded(
            run_id=step.run_id,
            mailing_id=step.mailing_id,
            planned=step.planned,
            expanded_at=now,
        )
        events.append((step.chunk_count + 1, expanded))
    return run_events(step.run_id, step.traceparent, events, now)


async def _reject(db: Connection, step: Expanded, now: Instant) -> None:
    """End the messages of clients who get nothing, with the reason."""
    publishing = Publishing(step.traceparent, step.is_by_chunk)
    events, rows = EventBuffer(), []
    for chunk, client_id, rejection in step.rejected:
        key = MessageKey(chunk.run_id, client_id)
        done = rejected(key, chunk.chunk, Progress(), rejection, now)
        rows.append(exception_row(key, chunk, done))
        events.add(publishing, chunk, ids.message_id(*key), done.events)
    await exceptions.upsert_exceptions(db, rows)
    await events.put(db)

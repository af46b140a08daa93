"""Running: a run is written down as chunks, ended when its window is, finished when all is final.

Every step is one transaction with its events: what dies in the middle is done again.
"""

from collections.abc import Sequence
from uuid import UUID

from msgspec.structs import replace

from services.dispatcher.domain import STOPPED, Progress, state_at_end
from services.dispatcher.handlers import recording
from services.dispatcher.handlers.recording import Settled, Told
from services.dispatcher.queue import ledger, runs
from services.dispatcher.queue.ledger import Entries
from services.dispatcher.queue.runs import Ended, Expanded
from shared import database, ids, kafka, outbox, telemetry
from shared.contracts.catalog import CLIENTS
from shared.contracts.dispatcher import MessagesPlanned, RunExpanded, RunFinished, State
from shared.database import Connection, Pool, single, transaction
from shared.event import Event, Instant, Recorded

CHUNKS = 10  # that end in one transaction: ten thousand events
RETRIES = 1_000  # the same for retries

UNFIT = Progress(State.FAILED, version=1, reason="no_phone")


async def begin_waiting(pool: Pool, servers: str, consumer: str) -> bool:
    """Let runs begin once `consumer` has read all clients that were there when they came.

    First it is written down, once, how far that is; then it only needs to be looked at, by
    whichever replica. Say whether there may be more runs that have just come.
    """
    async with single(pool) as db:
        waiting = await runs.waiting(db)
    if waiting is None:
        return False
    if waiting.awaited is None:
        ends = await kafka.end_offsets(servers, CLIENTS)
        async with transaction(pool) as db:
            await runs.await_offsets(db, waiting.run_id, ends)
    async with transaction(pool) as db:
        await runs.begin_those_ready(db, consumer, CLIENTS.name)
    return waiting.awaited is None


async def expand(pool: Pool) -> bool:
    """Write the next chunks of a run down, with the events; say whether there were any."""
    async with transaction(pool) as db:
        step = await runs.expand_next(db)
        if step is None:
            return False
        now = await database.now(db)
        events: list[tuple[int, Event]] = [
            (
                chunk + 1,
                MessagesPlanned(
                    run_id=step.run_id,
                    mailing_id=step.mailing_id,
                    chunk=chunk,
                    client_ids=client_ids,
                    due_at=step.due_at,
                ),
            )
            for chunk, client_ids in step.chunks
        ]
        if step.is_done:
            expanded = RunExpanded(
                run_id=step.run_id,
                mailing_id=step.mailing_id,
                planned=step.planned,
                expanded_at=now,
            )
            events.append((step.chunk_count + 1, expanded))
        await _tell(db, step.run_id, step.traceparent, events, now)
        await _settle_unfit(db, step, now)
    telemetry.count("dispatcher.messages.planned", sum(len(c) for _, c in step.chunks))
    return True


async def _settle_unfit(db: Connection, step: Expanded, now: Instant) -> None:
    """End the messages of clients without the contact that is needed: not with silence."""
    entries, told = Entries(), Told({})
    for chunk, client_id in step.unfit:
        settled = Settled(step.run_id, client_id, chunk, UNFIT, is_retry=False)
        recording.settle(entries, told, settled, step.traceparent, now)
    await ledger.overrule(db, entries.exceptions)
    await told.put(db, now)


async def _tell(
    db: Connection,
    run_id: UUID,
    traceparent: str | None,
    events: Sequence[tuple[int, Event]],
    now: Instant,
) -> None:
    """Leave a run's events, each with its place in the run's story, to the relay."""
    stream = f"run-{run_id}"
    recorded = [
        Recorded(
            id=ids.event_id(stream, version),
            stream=stream,
            version=version,
            recorded_at=now,
            correlation_id=ids.event_id(stream, 1),
            causation_id=None,
            traceparent=traceparent,
            event=event,
        )
        for version, event in events
    ]
    told = [(each, each.event.json()) for each in recorded]
    await outbox.put(db, outbox.recorded_batches(told, "dispatcher"), now=now)


async def end(pool: Pool) -> bool:
    """End what is still open in runs whose window is over or whose mailing was stopped.

    What is leased ends when its sender has given it back; what is under way is recorded first.
    """
    async with single(pool) as db:
        ended = await runs.ended(db, await database.now(db))
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
    left = await runs.end_chunks(db, run.run_id, state, limit=CHUNKS)
    told, closed = Told({}), dict[tuple[UUID, int], tuple[int, int]]()
    progress = Progress(state, version=1, reason=reason)
    for chunk, client_id in left:
        settled = Settled(run.run_id, client_id, chunk, progress, is_retry=False)
        recording.tell_settled(told, settled, run.traceparent, now)
        place = (run.run_id, chunk)
        closed[place] = (closed.get(place, (0, 0))[0] + 1, 0)
    await ledger.close(db, None, closed)
    await told.put(db, now)


async def _end_retries(db: Connection, run: Ended, now: Instant) -> None:
    told, closed = Told({}), dict[tuple[UUID, int], tuple[int, int]]()
    entries = Entries()
    for client_id, chunk, before in await runs.end_retries(db, run.run_id, limit=RETRIES):
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
    await told.put(db, now)


async def finish(pool: Pool) -> bool:
    """Note, and tell, which runs have no open message any more."""
    async with transaction(pool) as db:
        now = await database.now(db)
        finished = await runs.finish(db, now)
        for run in finished:
            event = RunFinished(
                run_id=run.run_id,
                mailing_id=run.mailing_id,
                is_last=run.is_last,
                finished_at=now,
            )
            await _tell(db, run.run_id, run.traceparent, [(run.chunk_count + 2, event)], now)
    return bool(finished)

"""Planning: a run waits for what was there when it came, and is written down as chunks.

Every step is one transaction with its events: what dies in the middle is done again.
"""

from services.dispatcher.domain.message import Progress
from services.dispatcher.handlers import recording
from services.dispatcher.handlers.events import Told, tell
from services.dispatcher.handlers.recording import Settled
from services.dispatcher.queue import planning
from services.dispatcher.queue import recording as ledger
from services.dispatcher.queue.planning import Expanded, Readers
from services.dispatcher.queue.recording import Entries
from shared import database, telemetry
from shared.contracts.dispatcher import MessagesPlanned, RunExpanded, State
from shared.database import Connection, Pool, autocommit, transaction
from shared.event import Event, Instant
from shared.kafka import EndOffsets

CHUNKS = 10  # that end in one transaction: ten thousand events
RETRIES = 1_000  # the same for retries

UNFIT = Progress(State.FAILED, version=1, reason="no_phone")


async def begin_waiting(pool: Pool, ends: EndOffsets, readers: Readers) -> bool:
    """Let runs begin once `readers` have read all that was there when they came.

    So nobody is missed, and a pause or a stop that stands behind the beginning holds before the
    first message. One question serves all runs that wait; the answer is written down once, and
    any replica compares it. Return whether there may be more to do at once.
    """
    async with autocommit(pool) as db:
        new = await planning.new_runs(db)
    if new:
        offsets = await ends.read(readers)
        async with transaction(pool) as db:
            await planning.await_offsets(db, new, offsets)
    async with transaction(pool) as db:
        begun = await planning.begin_those_ready(db, readers)
    return bool(new) or begun > 0


async def expand(pool: Pool) -> bool:
    """Write the next chunks of a run down, with the events; say whether there were any."""
    async with transaction(pool) as db:
        step = await planning.expand_next(db)
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
        await tell(db, step.run_id, step.traceparent, events, now)
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
    await told.put(db)

"""Capping: messages that would be too many for their client end as suppressed when claimed.

In the transaction of the claim: what is over is final and published before anything of the chunk
is sent, so a sender that dies leaves nothing that is not counted.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import date
from uuid import UUID

from services.dispatcher.domain.cap import Caps
from services.dispatcher.domain.contact import suppressed
from services.dispatcher.domain.keys import ChunkKey, MessageKey
from services.dispatcher.domain.message import rejected
from services.dispatcher.handlers.backlog import Run
from services.dispatcher.handlers.events import EventBuffer
from services.dispatcher.handlers.recording import exception_row
from services.dispatcher.queue import capping, exceptions
from services.dispatcher.queue.capping import CappedMessage
from shared import database, ids, telemetry
from shared.contracts.dispatcher import SuppressedReason
from shared.crash import crash_point
from shared.database import Connection, Pool, transaction
from shared.event import Instant

CAPPED = suppressed(SuppressedReason.CAPPED)
PRUNED = 10_000  # rows at once
FIRST = UUID(int=0)  # no client is before it


async def cap(
    db: Connection, caps: Caps, leased: Sequence[ChunkKey], runs: Mapping[UUID, Run], now: Instant
) -> None:
    """Count the messages of chunks that were leased; end those that are over a cap."""
    if not caps.caps:
        return
    by_run: dict[UUID, list[int]] = {}
    for key in leased:
        if caps.for_class(runs[key.run_id].templates.message_class):
            by_run.setdefault(key.run_id, []).append(key.chunk)
    if not by_run:
        return
    await capping.take_turn(db)
    for run_id, chunks in by_run.items():
        run = runs[run_id]
        message_class = run.templates.message_class
        over = await capping.count_messages(db, run_id, chunks, message_class, caps, now)
        crash_point("dispatcher.cap.counted")
        if over:
            await _end(db, run, over, now)
            crash_point("dispatcher.cap.ended")


async def _end(db: Connection, run: Run, over: Sequence[CappedMessage], now: Instant) -> None:
    events, rows = EventBuffer(), []
    for each in over:
        key = MessageKey(run.run_id, each.client_id)
        done = rejected(key, each.chunk.chunk, each.before, CAPPED, now)
        rows.append(exception_row(key, each.chunk, done))
        events.add(run.publishing, each.chunk, ids.message_id(*key), done.events)
    await exceptions.upsert_exceptions(db, rows)
    await events.put(db)
    await capping.touch_chunks(db, run.run_id, Counter(each.chunk.chunk for each in over))
    telemetry.count("dispatcher.messages.capped", len(over))


class Pruner:
    """Deletes what counts for no cap any more.

    Messages by their day; clients once a day, one slice after the other.
    """

    def __init__(self, caps: Caps) -> None:
        self._caps = caps
        self._since = date.min  # all clients were looked through for this day
        self._after = FIRST

    async def prune(self, pool: Pool) -> bool:
        """Delete some rows; return whether there may be others."""
        async with transaction(pool) as db:
            since = self._caps.since((await database.now(db)).date())
            has_more = await capping.prune_messages(db, since, limit=PRUNED)
            if since == self._since:
                return has_more
            await capping.take_turn(db)
            last = await capping.prune_clients(db, since, self._after, limit=PRUNED)
        self._after = last or FIRST
        if last is None:
            self._since = since
        return has_more or last is not None

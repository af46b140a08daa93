"""Adopting: a ledger that is older than what it has published reads that back before it goes on.

A database restored from a backup, or a standby that took over, may lack what was sent since. What
it has published is in the log, so the last events of each partition are looked up in the ledger
before anything else uses a database that is new to this process.
"""

import asyncio
from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any

from services.dispatcher.domain.gateway import gateway
from services.dispatcher.domain.keys import ChunkKey, MessageKey
from services.dispatcher.domain.message import OPEN, Found
from services.dispatcher.domain.outcome import Outcome
from services.dispatcher.domain.progress import Progress
from services.dispatcher.handlers.gateways import adopt_gateways
from services.dispatcher.queue import (
    adopting,
    exceptions,
    reconciling,
    recording,
    resending,
    switching,
)
from services.dispatcher.queue.archiving import archived_runs
from services.dispatcher.queue.exceptions import ExceptionRow
from services.dispatcher.queue.gateways import count_unknown, project
from services.dispatcher.queue.reconciling import FoundMessage
from services.dispatcher.queue.recording import AttemptRow, Closed
from shared import kafka, liveness, stops
from shared.contracts import EVENTS
from shared.contracts.dispatcher import (
    MESSAGES,
    RUNS,
    MessageAttempted,
    MessageEvent,
    MessageResolved,
    MessagesPlanned,
    RunPaused,
    RunResent,
    RunResumed,
    RunStopped,
    State,
)
from shared.contracts.gateways import GATEWAYS
from shared.database import (
    Connection,
    Pool,
    RawConnection,
    autocommit,
    driver_of,
    transaction,
)
from shared.errors import Unavailable
from shared.event import Received
from shared.event_store.postgres import PostgresEventStore
from shared.kafka import Handlers, Listener

LEDGER = "dispatcher.ledger"  # the consumer of our own topics: all before its positions is known
LAST = 20  # events of each partition that are looked up
PART = "ledger"  # of the process, when it has stopped

OF_RUNS = tuple(kind for kind in EVENTS if kind.topic is RUNS)
OF_MESSAGES = tuple(kind for kind in EVENTS if issubclass(kind, MessageEvent))
OF_GATEWAYS = tuple(gateway.events)
OURS = (*OF_GATEWAYS, *OF_RUNS, *OF_MESSAGES)


class LedgerBehind(ConnectionError):
    """The log has results that this database lacks; nothing is sent before they are adopted."""


class LedgerGuard:
    """Lets no connection be used whose database lacks what it has published."""

    def __init__(self, servers: str) -> None:
        self._servers = servers
        self._admitted: str | None = None
        self._lock = asyncio.Lock()

    async def admit(self, db: RawConnection) -> None:
        """Return if the database of a new connection may be used.

        Raises:
            LedgerBehind: It lacks what was published.
            ConnectionError: Kafka, which knows, cannot be reached.
        """
        identity = await adopting.identify(db)
        if identity == self._admitted:
            return
        with liveness.waiting():  # for one that checks, and ends in time
            await self._lock.acquire()
        try:
            if identity != self._admitted:
                await self.check(db)
                self._admitted = identity
        finally:
            self._lock.release()

    async def check_again(self, pool: Pool) -> None:
        """Check the database that `pool` uses; if it may not be used any more, nothing uses it.

        Raises:
            Unavailable: The database or Kafka cannot be reached, or it lacks something.
        """
        try:
            async with autocommit(pool) as db:
                await self.check(await driver_of(db))
        except Unavailable as error:
            if isinstance(error.__cause__, LedgerBehind):
                self._admitted = None
                await pool.dispose()
            raise

    async def check(self, db: RawConnection) -> None:
        """Look the last events up, and note how far they are known.

        Raises:
            LedgerBehind: Some are not known.
            ConnectionError: Kafka cannot be reached.
        """
        try:
            events, ends = await kafka.last_events(self._servers, OURS, LAST)
        except Unavailable as error:
            raise ConnectionError("Kafka cannot be reached") from error
        liveness.beat()
        unknown = await _count_unknown(db, events)
        if unknown:
            reason = (
                f"the log has results that the database lacks ({unknown} of the last "
                f"{len(events)}): nothing is sent until they are adopted, see "
                "`python -m services.dispatcher adopt`"
            )
            stops.stopped(PART, reason)
            raise LedgerBehind(reason)
        await adopting.note_known(db, LEDGER, ends)
        stops.resumed(PART)


async def _count_unknown(db: RawConnection, events: Sequence[Any]) -> int:
    messages = [each for each in events if isinstance(each, MessageEvent)]
    gateways = [each for each in events if isinstance(each, OF_GATEWAYS)]
    runs = [each for each in events if not isinstance(each, (MessageEvent, *OF_GATEWAYS))]
    unknown = await count_unknown(db, gateways) + await adopting.count_unknown_runs(db, runs)
    return unknown + await adopting.count_unknown_messages(db, messages)


class RunsUnknown(Exception):
    """The log has results of runs that are not known, for no other service has begun them."""


async def adopt(pool: Pool, servers: str, others: Sequence[Listener]) -> int:
    """Read back what the ledger lacks; return how many records that were.

    First the copies of what `others` own catch up: runs that began since the backup are there.
    Each batch is a transaction with its positions: what dies in the middle goes on there.

    Raises:
        Unavailable: Kafka or the database went away, or there are `RunsUnknown`; call it again.
        PositionsLost: The log does not have all of it any more.
    """
    for each in others:
        await each.catch_up(await kafka.ends(servers, each.handlers))
    store = PostgresEventStore("dispatcher", pool, project)
    listener = Listener(pool, servers, LEDGER, _handlers(store), without_group=True)
    async with transaction(pool) as db:
        until = await kafka.ends(servers, listener.handlers)
        at = await kafka.hold_positions(db, LEDGER, list(until))
    for topic in (GATEWAYS, RUNS, MESSAGES):  # messages are in chunks that are planned
        await listener.catch_up({each: until[each] for each in until if each.topic == topic.name})
    async with transaction(pool) as db:
        await adopting.finish_adopted(db)
    return sum(until.values()) - sum(at.values())


def _handlers(store: PostgresEventStore) -> Handlers:
    return {
        **dict.fromkeys(OF_GATEWAYS, partial(adopt_gateways, store)),
        **dict.fromkeys(OF_RUNS, _adopt_runs),
        **dict.fromkeys(OF_MESSAGES, _adopt_messages),
    }


async def _adopt_runs(db: Connection, received: Sequence[Received[Any]]) -> None:
    events = [each.event for each in received]
    for event in events:
        if isinstance(event, RunResent):  # nobody else has begun it
            await resending.insert(db, event)
    unknown = await adopting.unknown_runs(db, {each.run_id for each in events})
    if unknown:
        raise Unavailable from RunsUnknown(", ".join(map(str, sorted(unknown)[:3])))
    for event in events:
        match event:
            case MessagesPlanned():
                await adopting.add_chunk(db, event)
            case RunResent():
                pass
            case RunPaused() | RunResumed() | RunStopped():
                await switching.move(db, event)
            case _:
                await adopting.advance_run(db, event)


async def _adopt_messages(db: Connection, received: Sequence[Received[MessageEvent]]) -> None:
    archived = await archived_runs(db, {each.event.run_id for each in received})
    events = [each.event for each in received if each.event.run_id not in archived]
    stories: dict[MessageKey, list[MessageEvent]] = defaultdict(list)
    for event in events:
        stories[MessageKey(event.run_id, event.client_id)].append(event)
    chunks = await adopting.find_chunks(db, stories)
    if missing := stories.keys() - chunks.keys():
        raise Unavailable from RunsUnknown(str(min(missing).run_id))
    locked = await reconciling.lock_messages(db, chunks)
    await _add_attempts(db, events, locked)
    rows, closed = [], Counter[ChunkKey]()
    for key in sorted(stories):
        before = locked[key].found
        after = _after(before, stories[key])
        if after is None:
            continue
        closed[chunks[key]] += before.progress.state in OPEN and after.state not in OPEN
        if not _is_plain(before, after, stories[key]):
            rows.append(_exception(key, chunks[key], after, stories[key]))
    await exceptions.upsert_exceptions(db, rows)
    await recording.close_chunks(db, None, {key: Closed(count) for key, count in closed.items()})
    await adopting.touch_chunks(db, sorted(set(chunks.values())))


async def _add_attempts(
    db: Connection, events: Sequence[MessageEvent], locked: Mapping[MessageKey, FoundMessage]
) -> None:
    rows = [
        _attempt_row(each)
        for each in events
        if isinstance(each, MessageAttempted)
        and not locked[MessageKey(each.run_id, each.client_id)].has_in_block(each.attempt)
    ]
    if rows:
        await reconciling.insert_new_attempts(db, rows)


def _attempt_row(event: MessageAttempted) -> AttemptRow:
    """Return the row of an attempt, without the answer, which is not in the log."""
    return (
        event.run_id,
        event.client_id,
        event.attempt,
        event.kind,
        event.started_at,
        event.at,
        event.outcome,
        event.reason,
        event.status_code,
        event.gateway_message_id,
        None,
    )


def _after(found: Found, story: Sequence[MessageEvent]) -> Progress | None:
    """Return where a message is after its story; None if the ledger is as far already."""
    before, newest = found.progress, max(story, key=lambda each: each.version)
    if newest.version <= before.version:
        return None
    attempted = [each for each in story if isinstance(each, MessageAttempted)]
    return Progress(
        state=newest.state,
        attempts=newest.attempts,
        attempt=max([before.attempt, *(each.attempt for each in attempted)]),
        version=newest.version,
        unknowns=before.unknowns + _more_unknowns(found, attempted),
        reason=getattr(newest, "reason", None) or (attempted[-1].reason if attempted else None),
    )


def _more_unknowns(found: Found, attempted: Sequence[MessageAttempted]) -> int:
    """Return how many more attempts may have arrived; one that is answered late counts no more."""
    known, more = set(found.numbers), 0
    for each in attempted:
        more += each.outcome == Outcome.UNKNOWN
        more -= each.attempt in known
        known.add(each.attempt)
    return max(more, -found.progress.unknowns)


def _is_plain(before: Found, after: Progress, story: Sequence[MessageEvent]) -> bool:
    """Return whether the answer alone says where the message is."""
    is_first = before.progress.version == 0 and after.attempts == 1
    by_hand = any(isinstance(each, MessageResolved) for each in story)
    return is_first and after.state is State.DELIVERED and not by_hand


def _exception(
    key: MessageKey, chunk: ChunkKey, after: Progress, story: Sequence[MessageEvent]
) -> ExceptionRow:
    """Return the row of a message; a retry is due at once: when it was is not in the log."""
    due_at = max(each.at for each in story) if after.state is State.RETRY else None
    return ExceptionRow(key, chunk.chunk, after, due_at)

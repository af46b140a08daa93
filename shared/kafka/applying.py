"""Applying: what was fetched goes to its handlers, in one transaction with the positions."""

import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass, field
from itertools import chain, groupby
from typing import Any, TypeAlias
from uuid import UUID

from shared import cloudevents, telemetry
from shared.crash import crash_point
from shared.database import Connection, Pool, autocommit, savepoint, transaction
from shared.database_errors import Unstorable, is_fault_of_record
from shared.errors import Unavailable
from shared.event import Event, Received
from shared.kafka.dead_letters import (
    HELD,
    UNEXPECTED,
    DeadLetter,
    held_keys,
    is_ordered,
    may_be_set_aside,
    ordered_key,
    report_dead_letters,
    store_dead_letters,
)
from shared.kafka.handlers import Handler, Handlers
from shared.kafka.lag import Lag
from shared.kafka.positions import (
    PartitionProgress,
    PositionsBehind,
    advance_positions,
    lock_reached,
    store_positions,
)
from shared.kafka.records import (
    Fetched,
    FromKafka,
    Kinds,
    Unreadable,
    kinds_by_name,
    read,
    unpack,
)

KAFKA = {"messaging.system": "kafka"}  # of spans
LOOKED_AT = 500  # records of a batch, for the traces in it
HANDLED_SHOWN = 32  # groups of events of a batch that get spans

Held: TypeAlias = set[tuple[str, UUID]]  # topics and keys whose records wait

# Calls the handlers of records; returns those that could not be applied.
Handle: TypeAlias = Callable[[Connection, Sequence[FromKafka], Held], Awaitable[list[DeadLetter]]]


class TooManyFail(Exception):
    """More records fail than can be the fault of records."""


@dataclass
class Applier:
    """Applies records to the database of a consumer, exactly once in effect."""

    pool: Pool
    consumer: str
    handlers: Handlers
    lag: Lag = field(init=False)
    _kinds: Kinds = field(init=False)
    _packing: Collection[type[Event]] = field(init=False)  # to be unpacked

    def __post_init__(self) -> None:
        self.lag = Lag(self.consumer)
        telemetry.begin_counting(self.consumer)
        self._kinds = kinds_by_name(self.handlers)
        self._packing = {kind for kind in self._kinds.values() if kind not in self.handlers}

    async def apply(self, fetched: Fetched, progress: Sequence[PartitionProgress]) -> None:
        """Call the handlers for what is new, and store the positions.

        Raises:
            Unavailable: The database went away; it may have committed all the same.
            PositionsBehind: It lacks something before these records; nothing was applied.
            TooManyFail: They fail for a reason that is not theirs; nothing was applied.
        """
        begun = time.monotonic()
        kind, traces = telemetry.SpanKind.CONSUMER, _traceparents(fetched)
        name = f"consume {self.consumer}"
        with telemetry.batch(name, KAFKA, kind=kind, traceparents=traces) as batch:
            batch.add(applied := await self._apply(fetched, progress))
        if applied:
            telemetry.consumed(self.consumer, applied, time.monotonic() - begun)

    async def _apply(self, fetched: Fetched, progress: Sequence[PartitionProgress]) -> int:
        try:
            return await self._commit(fetched, progress, self._handle)
        except (Unavailable, PositionsBehind):
            raise
        except Exception as error:
            if not is_fault_of_record(error):
                raise
            return await self._commit(fetched, progress, self._handle_apart)

    async def advance(self, progress: Sequence[PartitionProgress]) -> None:
        """Store positions that moved without records, and check that the database has them.

        Raises:
            Unavailable: The database went away; it may have stored them all the same.
            PositionsBehind: It lacks something before these positions.
        """
        async with autocommit(self.pool) as db:
            await advance_positions(db, self.consumer, progress)
        crash_point("listener.advanced")
        self.lag.applied(progress)

    async def apply_one(self, db: Connection, record: FromKafka) -> str | None:
        """Apply a dead letter again, within a transaction; return why that fails, None if not."""
        letters = await self._handle_apart(db, [record], set())
        return letters[0].reason if letters else None

    async def _commit(
        self, fetched: Fetched, progress: Sequence[PartitionProgress], handle: Handle
    ) -> int:
        """Handle what is new, in one transaction with our positions; return how much it was."""
        letters: list[DeadLetter] = []
        crash_point("listener.fetched")
        async with transaction(self.pool) as db:
            positions, now = await lock_reached(db, self.consumer, progress)
            fresh: list[FromKafka] = []
            for partition in sorted(fetched):
                position = positions[partition]
                fresh += [each for each in fetched[partition] if each.offset >= position]
            if fresh:
                letters = await handle(db, fresh, await self._held(db, fetched))
            crash_point("listener.applied")
            if not await may_be_set_aside(db, self.consumer, letters):
                raise TooManyFail(letters[-1].reason)
            await store_dead_letters(db, self.consumer, letters, now)
            await store_positions(db, self.consumer, progress, now)
            crash_point("listener.stored")
        crash_point("listener.committed")
        report_dead_letters(self.consumer, letters)
        self.lag.applied(progress)
        return len(fresh)

    async def _held(self, db: Connection, fetched: Fetched) -> Held:
        is_any_ordered = any(is_ordered(each.topic) for each in fetched)
        return await held_keys(db, self.consumer) if is_any_ordered else set()

    async def _handle(
        self, db: Connection, records: Sequence[FromKafka], held: Held
    ) -> list[DeadLetter]:
        received: list[Received[Any]] = []
        letters: list[DeadLetter] = []
        for record in records:
            if held and (record.topic, ordered_key(record)) in held:
                letters.append(DeadLetter(record, HELD))
                continue
            try:
                event = read(record, self._kinds)
            except Unreadable as error:
                letters.append(DeadLetter(record, str(error)))
                _hold(record, held)
            else:
                if event is None:
                    continue
                if self._packing and type(event.event) in self._packing:
                    received += unpack(event, self.handlers)
                else:
                    received.append(event)
        for number, (handler, neighbors) in enumerate(groupby(received, key=self._handler_of)):
            group = list(neighbors)
            with _span_of(group) if number < HANDLED_SHOWN else nullcontext():
                await handler(db, group)
        return letters

    async def _handle_apart(
        self, db: Connection, records: Sequence[FromKafka], held: Held
    ) -> list[DeadLetter]:
        """Do the same by halves of halves, in order, down to each record that fails."""
        try:
            async with savepoint(db):
                return await self._handle(db, records, held)
        except (Unavailable, PositionsBehind):
            raise
        except Exception as error:
            if not is_fault_of_record(error):
                raise
            if len(records) == 1:
                _hold(records[0], held)
                return [DeadLetter(records[0], _reason(error))]
        half = len(records) // 2
        first = await self._handle_apart(db, records[:half], held)
        return first + await self._handle_apart(db, records[half:], held)

    def _handler_of(self, received: Received[Any]) -> Handler[Any]:
        return self.handlers[type(received.event)]


def _traceparents(fetched: Fetched) -> Iterator[str]:
    """Yield the traces of some records, evenly spread: all of them would cost too much."""
    records = list(chain.from_iterable(fetched.values()))
    some = records[:: len(records) // LOOKED_AT + 1]
    return cloudevents.traceparents(each.headers for each in some)


def _span_of(group: Sequence[Received[Any]]) -> AbstractContextManager[None]:
    """Return the span of events that are handled together: it has the first one's name."""
    attributes = {telemetry.BATCH_SIZE: len(group)}
    return telemetry.span(type(group[0].event).__name__, attributes)


def _hold(record: FromKafka, held: Held) -> None:
    """Hold back the later records of the same key, where their order counts."""
    if key := ordered_key(record):
        held.add((record.topic, key))


def _reason(error: Exception) -> str:
    if isinstance(error, Unstorable):
        return f"cannot be stored: {error}"
    return f"{UNEXPECTED}{type(error).__name__}"

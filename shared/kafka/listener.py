"""The listener: a loop that reads Kafka and applies what it hears, exactly once in effect."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, TypeAlias

from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError

from shared import database, telemetry
from shared.database import Connection, Pool, Unstorable, autocommit, savepoint, transaction
from shared.errors import Unavailable
from shared.event import Event, Received
from shared.kafka.cluster import STUCK, connected, partitions_of
from shared.kafka.dead_letters import Letter, announce, bury
from shared.kafka.handlers import Handler, Handlers, topics_of
from shared.kafka.positions import Positions, Progress, hold, lock, note, progress_of
from shared.kafka.records import Fetched, FromKafka, Unreadable, read
from shared.loop import Patience

POLL_MS = 100
BATCH = 5_000  # records: enough to make a transaction cheap, a few megabytes of memory
FEW = 500  # records: after fewer, the next may gather, for a transaction costs the same for ten
GATHER = 0.02  # seconds; nobody feels them
NOTE_EVERY = 0.5  # seconds between notes of positions that moved without records

# Calls the handlers of records; returns those that nothing came of.
Handle: TypeAlias = Callable[[Connection, Sequence[FromKafka]], Awaitable[list[Letter]]]


async def listen(
    pool: Pool, servers: str, consumer: str, handlers: Handlers, *, alone: bool = False
) -> None:
    """Connect, again and again until it works; call `handlers` until cancelled.

    The replicas of `consumer` share the partitions, or if `alone`, each reads all of them: then
    no rebalance delays it. In order per key; exactly once in effect on `pool`'s database.
    """
    patience = Patience(f"listen.{consumer}")
    while True:
        listener = Listener(pool, servers, consumer, handlers, alone=alone)
        try:
            await listener.run(patience)
        except Unavailable as error:
            await patience.wait(error)


@dataclass
class Listener:
    """One connection to Kafka, and what it reads."""

    pool: Pool
    servers: str
    consumer: str
    handlers: Handlers
    alone: bool = False
    batch: int = BATCH
    _kinds: dict[bytes, type[Event]] = field(init=False)
    _noted_at: float = field(init=False, default=0.0)
    _sought: set[TopicPartition] = field(init=False, default_factory=set)
    _noted: dict[TopicPartition, int] = field(init=False, default_factory=dict)
    _told: dict[TopicPartition, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._kinds = {kind.type_name().encode(): kind for kind in self.handlers}

    async def run(self, patience: Patience) -> None:
        """Read and apply until something breaks.

        Raises:
            Unavailable: Kafka or the database went away; what was applied is noted.
        """
        async with connected(self.servers, None if self.alone else self.consumer) as client:
            async with asyncio.timeout(STUCK):
                await self._subscribe(client)
            patience.succeeded()
            while True:
                await self._turn(client, patience)

    async def catch_up(self, until: Positions) -> None:
        """Apply what stands before `until`, perhaps more, and end.

        Raises:
            Unavailable: Kafka or the database went away; what was applied is noted.
        """
        async with connected(self.servers) as client:
            client.assign(list(until))
            await self.seek(client, until)
            while any([await client.position(each) < end for each, end in until.items()]):
                fetched = await client.getmany(timeout_ms=POLL_MS, max_records=self.batch)
                if fetched:
                    await self._apply(fetched, await progress_of(client, fetched))

    async def seek(self, client: AIOKafkaConsumer, partitions: Collection[TopicPartition]) -> None:
        """Go to where the database says that this consumer is."""
        async with transaction(self.pool) as db:
            positions = await hold(db, self.consumer, partitions)
        for each in partitions:
            client.seek(each, positions.get(each, 0))

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Be nowhere in these partitions until the database was asked again."""
        self._sought.difference_update(partitions)

    async def _subscribe(self, client: AIOKafkaConsumer) -> None:
        topics = [each.name for each in topics_of(self.handlers)]
        if self.alone:
            client.assign([each for name in topics for each in await partitions_of(client, name)])
        else:
            client.subscribe(topics, listener=_Forget(self))

    async def _turn(self, client: AIOKafkaConsumer, patience: Patience) -> None:
        if unsought := client.assignment() - self._sought:
            await self.seek(client, unsought)
            self._sought |= unsought
        got = await client.getmany(timeout_ms=POLL_MS, max_records=self.batch)
        fetched = {each: records for each, records in got.items() if each in self._sought}
        ahead = time.monotonic() - self._noted_at > NOTE_EVERY
        if not fetched and not ahead:
            return
        progress = await progress_of(
            client, fetched, client.assignment() & self._sought if ahead else ()
        )
        while True:  # the batch in hand is tried until it is applied: positions keep it safe
            try:
                await self._apply(fetched, progress)
            except Unavailable as error:
                await patience.wait(error)
            else:
                break
        patience.succeeded()
        if ahead:
            self._noted_at = time.monotonic()
            await self._tell_kafka(client)
        if 0 < sum(map(len, fetched.values())) < FEW:
            await asyncio.sleep(GATHER)

    async def _apply(self, fetched: Fetched, progress: Sequence[Progress]) -> None:
        if fetched:
            await self._apply_records(fetched, progress)
        else:
            async with autocommit(self.pool) as db:
                await note(db, self.consumer, progress, await database.now(db))
        self._noted.update({each.partition: each.position for each in progress})

    async def _apply_records(self, fetched: Fetched, progress: Sequence[Progress]) -> None:
        begun = time.monotonic()
        try:
            applied = await self._commit(fetched, progress, self._handle)
        except Unstorable:  # one of them; nothing is written yet
            applied = await self._commit(fetched, progress, self._handle_apart)
        if applied:
            telemetry.consumed(self.consumer, applied, time.monotonic() - begun)

    async def _commit(self, fetched: Fetched, progress: Sequence[Progress], handle: Handle) -> int:
        """Handle what is new, in one transaction with our positions; return how much it was."""
        async with transaction(self.pool) as db:
            now = await database.now(db)
            positions = await lock(db, self.consumer, [each.partition for each in progress])
            fresh: list[FromKafka] = []
            for partition in sorted(fetched):
                position = positions.get(partition, 0)
                fresh += [each for each in fetched[partition] if each.offset >= position]
            letters = await handle(db, fresh)
            await bury(db, self.consumer, letters, now)
            await note(db, self.consumer, progress, now)
        announce(self.consumer, letters)
        return len(fresh)

    async def _handle(self, db: Connection, records: Sequence[FromKafka]) -> list[Letter]:
        received, letters = [], []
        for record in records:
            try:
                event = read(record, self._kinds)
            except Unreadable as error:
                letters.append(Letter(record, str(error)))
            else:
                if event is not None:
                    received.append(event)
        for handler, neighbors in groupby(received, key=self._handler_of):
            await handler(db, list(neighbors))
        return letters

    async def _handle_apart(self, db: Connection, records: Sequence[FromKafka]) -> list[Letter]:
        """Do the same by halves of halves, in order, down to each record that cannot be stored."""
        try:
            async with savepoint(db):
                return await self._handle(db, records)
        except Unstorable as error:
            if len(records) == 1:
                return [Letter(records[0], f"cannot be stored: {error}")]
        half = len(records) // 2
        first = await self._handle_apart(db, records[:half])
        return first + await self._handle_apart(db, records[half:])

    def _handler_of(self, received: Received[Any]) -> Handler[Any]:
        return self.handlers[type(received.event)]

    async def _tell_kafka(self, client: AIOKafkaConsumer) -> None:
        """Show tools and autoscalers how far the group is. Nothing of ours depends on it."""
        mine = client.assignment()
        known = {each: at for each, at in self._noted.items() if each in mine}
        if self.alone or known == self._told:
            return
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(STUCK):
                await client.commit(known)
                self._told = known


class _Forget(ConsumerRebalanceListener):  # type: ignore[misc] # aiokafka has no types
    """Forgets partitions that are taken away.

    Kafka's own positions are never believed: they are later than the database's when that was
    restored or made anew.
    """

    def __init__(self, listener: Listener) -> None:
        self._listener = listener

    async def on_partitions_revoked(self, revoked: Iterable[TopicPartition]) -> None:
        """Ask anew; what is in hand is applied under locked positions, whoever owns it now."""
        self._listener.forget(revoked)

    async def on_partitions_assigned(self, _: Iterable[TopicPartition]) -> None:
        """Nothing: the next turn goes to the database's positions before it reads."""

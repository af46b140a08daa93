"""The listener: a loop that reads Kafka and applies its records, exactly once in effect."""

import asyncio
import time
from collections.abc import Collection, Iterable
from contextlib import suppress
from dataclasses import dataclass, field

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError, NoOffsetForPartitionError, OffsetOutOfRangeError

from shared import liveness, telemetry
from shared.alarm import Alarm
from shared.crash import crash_point
from shared.database import Pool, transaction
from shared.errors import Unavailable
from shared.kafka.applying import Applier
from shared.kafka.cluster import STUCK, connected, partitions_of
from shared.kafka.deciding import stop_until_decided
from shared.kafka.handlers import Handlers, topics_of
from shared.kafka.limits import PositionsLost, late_starts, readable_from
from shared.kafka.positions import (
    PartitionProgress,
    Positions,
    PositionsBehind,
    begin_positions,
    hold_positions,
    progress_of,
)
from shared.kafka.records import Fetched, count_of, joined
from shared.kafka.replaying import replay
from shared.kafka.revocations import Revocations
from shared.loop import Backoff, goes_on
from shared.topic import Topic

log = structlog.get_logger()

POLL_MS = 500  # what comes ends the wait
SEEK_MS = 100  # as long as it has no partitions: what it gets must be sought first
BATCH = 5_000  # records: enough to make a transaction cheap, a few megabytes of memory
FEW = 500  # records: after fewer, the next may gather, for a transaction costs the same for ten
GATHER = 0.02  # seconds; nobody feels them
GATHER_FIRST = 0.04  # seconds, for what several services send in the same moment
STORE_EVERY = 0.5  # seconds between storing positions that moved without records
CHECK_EVERY = 2.0  # seconds between looks at whether the database has all positions
SHOW_EVERY = 5.0  # seconds between commits of positions to Kafka
REPLAY_EVERY = 2.0  # seconds between looks at whether dead letters are wanted again


async def listen(  # noqa: PLR0913 - what differs between listeners
    pool: Pool,
    servers: str,
    consumer: str,
    handlers: Handlers,
    *,
    without_group: bool = False,
    may_be_cut: Collection[Topic] = (),
    alarm: Alarm | None = None,
    gathers_first: bool = False,
) -> None:
    """Connect, again and again until it works; call `handlers` until cancelled.

    `alarm` rings when records were applied. Who `gathers_first` applies what comes within a
    moment in one transaction. The replicas of `consumer` share the partitions, or if it is
    `without_group`, each reads all of them: then no rebalance delays it. In order per key; exactly
    once in effect on `pool`'s database. Where the log lacks what comes next the consumer stops
    until that is decided; a new one begins with what there is of topics that `may_be_cut`.
    """
    backoff = Backoff(f"listen.{consumer}")
    with liveness.running(backoff.name):
        while goes_on():
            listener = Listener(
                pool,
                servers,
                consumer,
                handlers,
                without_group=without_group,
                may_be_cut=may_be_cut,
                alarm=alarm,
                gathers_first=gathers_first,
            )
            try:
                await listener.run(backoff)
            except Unavailable as error:
                await backoff.wait(error)
            except PositionsLost as error:
                await stop_until_decided(consumer, listener.lost_of, error)


@dataclass
class Listener:
    """One connection to Kafka, and what it reads."""

    pool: Pool
    servers: str
    consumer: str
    handlers: Handlers
    without_group: bool = False
    batch: int = BATCH
    may_be_cut: Collection[Topic] = ()  # see `readable_from`
    alarm: Alarm | None = None
    gathers_first: bool = False
    _applier: Applier = field(init=False)
    _stored_at: float = field(init=False, default=0.0)
    _checked_at: float = field(init=False, default=0.0)
    _replayed_at: float = field(init=False, default=0.0)
    _shown_at: float = field(init=False, default=0.0)
    # Up to where the database has everything, as far as is known here; none: it is read first.
    _positions: dict[TopicPartition, int] = field(init=False, default_factory=dict)
    _shown: dict[TopicPartition, int] = field(init=False, default_factory=dict)

    def __post_init__(self) -> None:
        self._applier = Applier(self.pool, self.consumer, self.handlers)

    async def run(self, backoff: Backoff) -> None:
        """Read and apply until something breaks.

        Raises:
            Unavailable: Kafka or the database went away; what was applied is stored.
            PositionsLost: The log does not have what comes next.
        """
        async with connected(
            self.servers, None if self.without_group else self.consumer
        ) as client:
            async with asyncio.timeout(STUCK):
                await self._subscribe(client)
            backoff.succeeded()
            while goes_on():
                await self._turn(client, backoff)

    async def catch_up(self, until: Positions) -> None:
        """Apply what stands before `until`, perhaps more, and end.

        Raises:
            Unavailable: Kafka or the database went away; what was applied is stored.
            PositionsLost: The log does not have what comes next.
        """
        async with connected(self.servers) as client:
            client.assign(list(until))
            await self.seek(client, until)
            while any([await client.position(each) < end for each, end in until.items()]):
                if fetched := await self._fetch(client):
                    await self._apply(fetched, await progress_of(client, self._positions, fetched))
                await self._seek_unknown(client)

    async def begin(self, partitions: Collection[TopicPartition]) -> Positions:
        """Store where this consumer begins, if that is not stored yet; return where it is.

        Raises:
            Unavailable: Kafka or the database cannot be reached.
            PositionsLost: The log does not have what comes next.
        """
        async with connected(self.servers) as client:
            client.assign(list(partitions))
            await self.seek(client, partitions)
        return {each: self._positions[each] for each in partitions}

    async def lost_of(self, partitions: Collection[TopicPartition]) -> PositionsLost | None:
        """Return which of the positions in `partitions` the log does not have.

        Raises:
            Unavailable: Kafka or the database cannot be reached.
        """
        try:
            await self.begin(partitions)
        except PositionsLost as error:
            return error
        return None

    async def seek(self, client: AIOKafkaConsumer, partitions: Collection[TopicPartition]) -> None:
        """Seek to the positions that the database has of this consumer.

        Raises:
            PositionsLost: The log has nothing there.
        """
        async with transaction(self.pool) as db:
            positions = await hold_positions(db, self.consumer, partitions)
        async with asyncio.timeout(STUCK):
            starts = await readable_from(client, positions, self.may_be_cut)
        if late := late_starts(positions, starts, self.may_be_cut):
            async with transaction(self.pool) as db:
                await begin_positions(db, self.consumer, late)
            cut = {f"{each.topic}/{each.partition}": start for each, start in late.items()}
            log.warning("kafka.begins_late", consumer=self.consumer, partitions=cut)
        for each in starts.keys() & client.assignment():  # a rebalance may have taken some away
            client.seek(each, starts[each])
            self._positions[each] = late.get(each, positions[each])

    def drop_positions(self, partitions: Iterable[TopicPartition]) -> None:
        """Drop the positions of these partitions; the next fetch reads the database's."""
        for each in partitions:
            self._positions.pop(each, None)

    async def _subscribe(self, client: AIOKafkaConsumer) -> None:
        topics = [each.name for each in topics_of(self.handlers)]
        if self.without_group:
            client.assign([each for name in topics for each in await partitions_of(client, name)])
        else:
            client.subscribe(topics, listener=Revocations(self.drop_positions))

    async def _turn(self, client: AIOKafkaConsumer, backoff: Backoff) -> None:
        await self._seek_unknown(client)
        fetched = await self._fetch(client)
        if self.gathers_first and 0 < count_of(fetched) < FEW:
            await asyncio.sleep(GATHER_FIRST)
            fetched = self._known(joined(fetched, await self._fetch(client, timeout_ms=0)))
        is_due = time.monotonic() - self._stored_at > STORE_EVERY
        if not (fetched or is_due):
            return
        starts = dict(self._positions)
        async with asyncio.timeout(STUCK):  # the client waits for a position that it has not
            idle = await self._idle(client, starts) if is_due else []
            progress = await progress_of(client, starts, fetched, idle)
        await self._apply_with_retries(fetched, progress, backoff)
        if fetched and self.alarm:
            self.alarm.ring()
        if is_due:
            self._stored_at = time.monotonic()
            self._applier.lag.measure(client, self._positions)
            await self._show_kafka(client)
            await self._replay()
        if 0 < count_of(fetched) < FEW and not self.gathers_first:
            await asyncio.sleep(GATHER)

    async def _idle(self, client: AIOKafkaConsumer, starts: Positions) -> list[TopicPartition]:
        """Return the partitions whose positions are to be stored though no record came.

        Those that have moved, and now and then all: so a database that lost some is noticed.
        """
        known = starts.keys() & client.assignment()
        if time.monotonic() - self._checked_at > CHECK_EVERY:
            self._checked_at = time.monotonic()
            return list(known)
        return [each for each in known if await client.position(each) != starts[each]]

    async def _seek_unknown(self, client: AIOKafkaConsumer) -> None:
        if unknown := client.assignment() - self._positions.keys():
            await self.seek(client, unknown)

    async def _fetch(self, client: AIOKafkaConsumer, timeout_ms: int | None = None) -> Fetched:
        """Return what comes next in partitions whose positions are known."""
        liveness.beat()
        within = (POLL_MS if self._positions else SEEK_MS) if timeout_ms is None else timeout_ms
        try:
            got = await client.getmany(timeout_ms=within, max_records=self.batch)
        except (OffsetOutOfRangeError, NoOffsetForPartitionError):
            # Of a position from before the seek, or of one that was deleted since: look closer.
            self.drop_positions(client.assignment())
            return {}
        return self._known(got)

    def _known(self, fetched: Fetched) -> Fetched:
        return {each: records for each, records in fetched.items() if each in self._positions}

    async def _apply_with_retries(
        self, fetched: Fetched, progress: list[PartitionProgress], backoff: Backoff
    ) -> None:
        """Try the batch in hand until it is applied: positions keep it safe."""
        while goes_on():
            try:
                await self._apply(fetched, progress)
            except Unavailable as error:
                await backoff.wait(error)
            else:
                backoff.succeeded()
                return

    async def _apply(self, fetched: Fetched, progress: list[PartitionProgress]) -> None:
        try:
            if fetched:
                await self._applier.apply(fetched, progress)
            elif progress:
                await self._applier.advance(progress)
        except PositionsBehind as error:  # the batch is dropped: it is read again after the gap
            telemetry.rewound(self.consumer)
            log.warning("kafka.rewind", consumer=self.consumer, partitions=str(error))
            self.drop_positions([each.partition for each in progress])
        else:
            known = self._positions.keys()  # without those that a rebalance took meanwhile
            self._positions |= {e.partition: e.position for e in progress if e.partition in known}

    async def _replay(self) -> None:
        """Apply the dead letters that are wanted again; between batches, so none overtakes."""
        if time.monotonic() - self._replayed_at > REPLAY_EVERY:
            await replay(self.pool, self.servers, self._applier)
            self._replayed_at = time.monotonic()

    async def _show_kafka(self, client: AIOKafkaConsumer) -> None:
        """Commit the positions to Kafka, for tools and autoscalers; nothing of ours needs them."""
        known = {e: at for e, at in self._positions.items() if e in client.assignment()}
        is_recent = time.monotonic() - self._shown_at <= SHOW_EVERY
        if self.without_group or is_recent or known in ({}, self._shown):
            return
        self._shown_at = time.monotonic()
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(STUCK):
                await client.commit(known)
            crash_point("listener.shown")
            self._shown = known

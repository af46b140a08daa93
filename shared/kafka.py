"""Kafka: how events are heard, and how far its topics reach.

At least once from Kafka, exactly once in effect: how far a consumer is stands in the service's
own database and commits together with what the records did there.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import groupby
from typing import Any, TypeAlias

import msgspec
import structlog
from aiokafka import AIOKafkaConsumer, ConsumerRebalanceListener, TopicPartition
from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord
from sqlalchemy import text

from shared import contracts, database, telemetry
from shared.database import Connection, Pool, transaction
from shared.errors import Unavailable
from shared.event import E, Event, Instant, Received
from shared.loop import Patience
from shared.topic import Topic

log = structlog.get_logger()

# What is done about events: a batch of neighbors, inside the transaction that also notes how far
# the consumer is. A handler may be called again with the same events, if that did not commit.
Handler: TypeAlias = Callable[[Connection, Sequence[Received[E]]], Awaitable[None]]
Handlers: TypeAlias = Mapping[type[Event], Handler[Any]]
FromKafka: TypeAlias = ConsumerRecord[bytes, bytes]
Fetched: TypeAlias = Mapping[TopicPartition, Sequence[FromKafka]]
Positions: TypeAlias = Mapping[TopicPartition, int]  # the next offset of each

POLL_MS = 100
BATCH = 5_000  # records: enough to make a transaction cheap, a few megabytes of memory
FEW = 500  # records: after fewer, the next may gather, for a transaction costs the same for ten
GATHER = 0.02  # seconds; nobody feels them
ID_LENGTH = 36  # of an identifier; to take it apart would cost more than all else of a record
NOTE_EVERY = 0.5  # seconds between notes of positions that moved without records
STUCK = 15.0  # seconds a call to Kafka may take before the client is thrown away

# A member that was killed is gone in seconds; fetches stay small enough for a small container.
CONSUMER: dict[str, Any] = {
    "enable_auto_commit": False,
    "auto_offset_reset": "earliest",
    "session_timeout_ms": 6_000,
    "heartbeat_interval_ms": 1_500,
    "rebalance_timeout_ms": 10_000,
    "max_poll_interval_ms": 300_000,
    "fetch_max_bytes": 16_777_216,
    "max_partition_fetch_bytes": 1_048_576,
    "metadata_max_age_ms": 60_000,
}

LOCK = text("""
    SELECT topic, partition, position FROM offsets
    WHERE consumer = :consumer AND (topic, partition) IN (
        SELECT * FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS int[]))
    )
    ORDER BY topic, partition FOR UPDATE
""")
NOTE = text("""
    INSERT INTO offsets (consumer, topic, partition, position, as_of)
    SELECT :consumer, topic, partition, position, as_of
    FROM unnest(
        CAST(:topics AS text[]), CAST(:partitions AS int[]), CAST(:positions AS bigint[]),
        CAST(:as_of AS timestamptz[])
    ) AS noted (topic, partition, position, as_of)
    ORDER BY topic, partition
    ON CONFLICT ON CONSTRAINT offsets_pkey DO UPDATE
    SET position = excluded.position, as_of = coalesce(excluded.as_of, offsets.as_of)
    WHERE offsets.position <= excluded.position
""")
INHERIT = text("""
    UPDATE offsets SET position = greatest(offsets.position, own.position)
    FROM offsets AS own
    WHERE offsets.consumer = :heir AND own.consumer = :consumer
        AND (own.topic, own.partition) = (offsets.topic, offsets.partition)
""")
END = text("DELETE FROM offsets WHERE consumer = :consumer")
BURY = text("""
    INSERT INTO dead_letters (consumer, topic, partition, "offset", reason, recorded_at)
    VALUES (:consumer, :topic, :partition, :offset, :reason, :now) ON CONFLICT DO NOTHING
""")


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
        except (KafkaError, OSError, Unavailable) as error:
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

    def __post_init__(self) -> None:
        self._kinds = {kind.type_name().encode(): kind for kind in self.handlers}

    async def run(self, patience: Patience) -> None:
        """Read and apply until something breaks."""
        group = None if self.alone else self.consumer
        client = AIOKafkaConsumer(bootstrap_servers=self.servers, group_id=group, **CONSUMER)
        try:
            async with asyncio.timeout(STUCK):
                await client.start()
                await self._subscribe(client)
            patience.succeeded()
            while True:
                await self._turn(client, patience)
        finally:
            await _stop(client)

    async def _subscribe(self, client: AIOKafkaConsumer) -> None:
        topics = sorted({kind.topic.name for kind in self.handlers if kind.topic})
        if not self.alone:
            client.subscribe(topics, listener=_Forget(self))
            return
        partitions = [each for name in topics for each in await partitions_of(client, name)]
        client.assign(partitions)

    async def seek(self, client: AIOKafkaConsumer, partitions: Iterable[TopicPartition]) -> None:
        """Go to where the database says that this consumer is."""
        wanted = list(partitions)
        async with transaction(self.pool) as db:
            positions = await self.hold(db, wanted)
        for each in wanted:
            client.seek(each, positions.get(each, 0))

    def forget(self, partitions: Iterable[TopicPartition]) -> None:
        """Be nowhere in these partitions until the database was asked again."""
        self._sought.difference_update(partitions)

    async def hold(
        self, db: Connection, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Return how far this consumer is; until `db` ends, it applies nothing."""
        wanted = list(partitions)  # the rows are there before they are locked
        await self._note(db, [Progress(each, 0, None) for each in wanted])
        return await self._positions(db, wanted)

    async def catch_up(self, until: "Positions") -> None:
        """Apply what stands before `until`, perhaps more, and end.

        Raises:
            Unavailable: Kafka or the database went away; what was applied is noted.
        """
        client = AIOKafkaConsumer(bootstrap_servers=self.servers, group_id=None, **CONSUMER)
        try:
            async with asyncio.timeout(STUCK):
                await client.start()
            client.assign(list(until))
            await self.seek(client, until)
            while any([await client.position(each) < end for each, end in until.items()]):
                fetched = await client.getmany(timeout_ms=POLL_MS, max_records=self.batch)
                if fetched:
                    await self._apply(fetched, await _progress(client, fetched, set()))
        except (KafkaError, OSError) as error:
            raise Unavailable from error
        finally:
            await _stop(client)

    async def _turn(self, client: AIOKafkaConsumer, patience: Patience) -> None:
        if unsought := client.assignment() - self._sought:
            await self.seek(client, unsought)
            self._sought |= unsought
        got = await client.getmany(timeout_ms=POLL_MS, max_records=self.batch)
        fetched = {each: records for each, records in got.items() if each in self._sought}
        ahead = time.monotonic() - self._noted_at > NOTE_EVERY
        if not fetched and not ahead:
            return
        progress = await _progress(
            client, fetched, client.assignment() & self._sought if ahead else set()
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

    async def _apply(self, fetched: Fetched, progress: Sequence["Progress"]) -> None:
        begun = time.monotonic()
        async with transaction(self.pool) as db:
            now = await database.now(db)
            positions = await self._positions(db, [each.partition for each in progress])
            fresh: list[FromKafka] = []
            for partition in sorted(fetched):
                position = positions.get(partition, 0)
                fresh += [each for each in fetched[partition] if each.offset >= position]
            await self._handle(db, fresh, now)
            await self._note(db, progress, now)
        self._noted.update({each.partition: each.position for each in progress})
        if fresh:
            telemetry.consumed(self.consumer, len(fresh), time.monotonic() - begun)

    async def _handle(self, db: Connection, records: Sequence[FromKafka], now: Instant) -> None:
        received = []
        for record in records:
            try:
                read = self._read(record)
            except (msgspec.MsgspecError, UnicodeDecodeError, _Unreadable) as error:
                await self._bury(db, record, f"{type(error).__name__}: {error}", now)
            else:
                if read is not None:
                    received.append(read)
        for handler, neighbors in groupby(received, key=self._handler_of):
            await handler(db, list(neighbors))

    def _handler_of(self, received: Received[Any]) -> Handler[Any]:
        return self.handlers[type(received.event)]

    def _read(self, record: FromKafka) -> Received[Any] | None:
        """Return the event; None if it is one that we do not listen to."""
        headers = dict(record.headers)
        name = headers.get("ce_type", b"")
        kind = self._kinds.get(name)
        if kind is None:
            if name in contracts.NAMES:
                return None
            raise _Unreadable("no type that is known")
        if record.key is None:
            raise _Unreadable("no key")
        key = record.key.decode()
        event = kind.buried(key) if record.value is None else kind.read(record.value)
        received = Received(event, key, headers)
        if kind.topic and not kind.topic.is_bulk:
            _check_headers(received)
        return received

    async def _positions(
        self, db: Connection, partitions: Iterable[TopicPartition]
    ) -> dict[TopicPartition, int]:
        """Return how far we are, and hold the rows: who was overtaken applies nothing twice."""
        wanted = list(partitions)
        rows = await db.execute(
            LOCK,
            {
                "consumer": self.consumer,
                "topics": [each.topic for each in wanted],
                "partitions": [each.partition for each in wanted],
            },
        )
        return {TopicPartition(topic, number): position for topic, number, position in rows}

    async def _note(
        self, db: Connection, progress: Sequence["Progress"], now: Instant | None = None
    ) -> None:
        await db.execute(
            NOTE,
            {
                "consumer": self.consumer,
                "topics": [each.partition.topic for each in progress],
                "partitions": [each.partition.partition for each in progress],
                "positions": [each.position for each in progress],
                "as_of": [_minus(now, each.behind) for each in progress],
            },
        )

    async def _bury(self, db: Connection, record: FromKafka, reason: str, now: Instant) -> None:
        """Keep a record that cannot be read as a dead letter; the others go on."""
        place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
        letter = {"consumer": self.consumer, "reason": reason, "now": now, **place}
        await db.execute(BURY, letter)
        telemetry.buried(self.consumer)
        log.warning("kafka.dead_letter", consumer=self.consumer, reason=reason, **place)

    async def _tell_kafka(self, client: AIOKafkaConsumer) -> None:
        """Show tools and autoscalers how far the group is. Nothing of ours depends on it."""
        mine = client.assignment()
        known = {each: at for each, at in self._noted.items() if each in mine}
        if self.alone or not known:
            return
        with suppress(KafkaError, TimeoutError):
            async with asyncio.timeout(STUCK):
                await client.commit(known)


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


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a partition's consumer is after a batch."""

    partition: TopicPartition
    position: int  # the next offset
    behind: timedelta | None  # how old what was applied last is; None if that is not known


async def _progress(
    client: AIOKafkaConsumer, fetched: Fetched, partitions: set[TopicPartition]
) -> list[Progress]:
    """Return the positions, not the last records: compaction and markers leave gaps."""
    progress = []
    for each in sorted(partitions | fetched.keys()):
        records = fetched.get(each, ())
        position = await client.position(each) if each in partitions else records[-1].offset + 1
        behind = _behind(client.highwater(each), position, records)
        progress.append(Progress(each, position, behind))
    return progress


def _behind(
    highwater: int | None, position: int, records: Sequence[FromKafka]
) -> timedelta | None:
    if highwater is not None and position >= highwater:
        return timedelta()
    if not records:
        return None
    return timedelta(milliseconds=max(time.time() * 1000 - records[-1].timestamp, 0))


def _minus(now: Instant | None, behind: timedelta | None) -> Instant | None:
    return None if now is None or behind is None else now - behind


class _Unreadable(Exception):
    """A record that says nothing we know."""


def _check_headers(received: Received[Any]) -> None:
    """See that handlers can read the headers.

    Raises:
        _Unreadable: They cannot.
    """
    headers = received.headers
    if not headers.get("ce_sequence", b"").isdigit():
        raise _Unreadable("ce_sequence is missing or wrong")
    if len(headers.get("ce_id", b"")) != ID_LENGTH:
        raise _Unreadable("ce_id is missing or wrong")


async def _stop(client: AIOKafkaConsumer) -> None:
    with suppress(KafkaError, OSError, TimeoutError):
        async with asyncio.timeout(STUCK):
            await client.stop()


async def partitions_of(client: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    """Return the partitions of `topic`.

    Raises:
        Unavailable: It does not exist (yet).
    """
    await client._client._wait_on_metadata(topic)  # noqa: SLF001 - nothing public loads it
    numbers = client.partitions_for_topic(topic)
    if not numbers:
        raise Unavailable
    return [TopicPartition(topic, number) for number in sorted(numbers)]


async def ends(servers: str, handlers: Handlers) -> Positions:
    """Return where all topics that `handlers` are about end.

    Raises:
        Unavailable: Kafka cannot be reached.
    """
    topics = {kind.topic for kind in handlers if kind.topic}
    return {
        TopicPartition(topic.name, number): offset
        for topic in sorted(topics, key=lambda each: each.name)
        for number, offset in (await end_offsets(servers, topic)).items()
    }


async def hand_over(db: Connection, heir: str, consumer: str) -> None:
    """Let `heir`, whose positions are held, go on where `consumer` is, which ends with that."""
    await db.execute(INHERIT, {"heir": heir, "consumer": consumer})
    await db.execute(END, {"consumer": consumer})


async def end_offsets(servers: str, topic: Topic) -> dict[int, int]:
    """Return, for each partition of `topic`, the offset that its next record will have.

    Raises:
        Unavailable: Kafka cannot be reached.
    """
    client = AIOKafkaConsumer(bootstrap_servers=servers, group_id=None, **CONSUMER)
    try:
        async with asyncio.timeout(STUCK):
            await client.start()
            ends = await client.end_offsets(await partitions_of(client, topic.name))
    except (KafkaError, OSError) as error:
        raise Unavailable from error
    finally:
        with suppress(KafkaError, OSError):
            await client.stop()
    return {partition.partition: offset for partition, offset in ends.items()}

"""The relay: from the outbox to Kafka, in order, at least once.

One relay is at work per database, the others stand by: two would swap records of one key.
"""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from datetime import timedelta
from typing import Any, TypeAlias
from uuid import UUID
from zlib import crc32

import structlog
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from aiokafka.producer.message_accumulator import BatchBuilder
from sqlalchemy import text

from shared import contracts, ids, outbox, telemetry
from shared.clock import Monotonic, monotonic
from shared.database import Connection, Pool, single, transaction
from shared.errors import Unavailable
from shared.loop import Patience
from shared.outbox import Batch, Record

log = structlog.get_logger()

# What is done about records whose order a rival may have swapped: their latest state again.
Repair: TypeAlias = Callable[[Connection, Sequence[Batch]], Awaitable[None]]

ROWS = 32  # of the outbox at a time; each may hold thousands of events
BYTES = 16_000_000  # of the same, decompressed; as objects they take several times as much
STUCK = 15.0  # seconds without an acknowledgement, after which the producer is thrown away

# Batches are ours, as large as the broker takes. Snappy makes them a sixth, and that cheaper than
# they were: a checksum over the rest costs more.
PRODUCER: dict[str, Any] = {
    "enable_idempotence": True,  # and so acks=all
    "compression_type": "snappy",
    "linger_ms": 0,
    "max_batch_size": 512 * 1024,
    "max_request_size": 1_048_576,
    "request_timeout_ms": 15_000,
    "retry_backoff_ms": 100,
    "metadata_max_age_ms": 60_000,
}

SEE = text("SELECT owner, epoch, beat FROM relays WHERE name = 'outbox'")
TAKE = text("""
    UPDATE relays SET owner = :me, epoch = epoch + 1, beat = beat + 1
    WHERE name = 'outbox' AND epoch = :epoch AND beat = :beat RETURNING epoch
""")
RENEW = text("""
    UPDATE relays SET beat = beat + 1
    WHERE name = 'outbox' AND owner = :me AND epoch = :epoch RETURNING epoch
""")
LEAVE = text("UPDATE relays SET owner = NULL WHERE owner = :me AND epoch = :epoch")
OLDEST = text("""
    SELECT position, recorded_at, substring(batches FOR :head) FROM outbox
    ORDER BY position LIMIT :limit
""")
READ = text(
    "SELECT position, batches FROM outbox WHERE position = ANY(CAST(:positions AS bigint[]))"
)
# Only as long as it is our turn: nobody takes it over before the rows are gone. Without waiting
# for the disk: rows that a power cut brings back are sent again.
DELETE = text("""
    WITH turn AS (
        SELECT set_config('synchronous_commit', 'off', true) FROM relays
        WHERE owner = :me AND epoch = :epoch FOR SHARE
    )
    DELETE FROM outbox USING turn WHERE position = ANY(CAST(:positions AS bigint[]))
""")


async def relay(
    pool: Pool, servers: str, *, every: timedelta, lease: timedelta, repair: Repair | None = None
) -> None:
    """Connect, again and again until it works; publish until cancelled.

    Guarantee: what was committed earlier is sent earlier, at least once; rows go when Kafka has
    acknowledged all of them. `repair` is called with what may have been sent after a rival took
    over.
    """
    patience = Patience("relay")
    turn = Turn(pool, lease)
    try:
        while True:
            try:
                if not await turn.renew():
                    await _repair(turn, repair)
                    await turn.wait()
                with outbox.remembering(pool) as fresh:
                    async with _producing(servers) as producer:
                        while await turn.renew():
                            sent = await _publish_some(producer, turn, fresh)
                            patience.succeeded()
                            if not sent:
                                await asyncio.sleep(every.total_seconds())
            except (KafkaError, OSError, Unavailable) as error:
                await patience.wait(error)
    finally:
        await turn.leave()


class Turn:
    """Whose turn it is to publish: a lease, measured on clocks that only grow.

    It is taken from another only after that one was seen not to renew it for a whole lease,
    without a failed look in between: so neither restarts nor moved clocks end a living lease.
    """

    def __init__(self, pool: Pool, lease: timedelta, clock: Monotonic = monotonic) -> None:
        self.pool = pool
        self.me = ids.new_id()
        self.epoch: int | None = None
        self.unsure: Sequence[Batch] = ()  # sent, and not known to have been in our turn
        self._lease = lease.total_seconds()
        self._clock = clock
        self._renewed_at = 0.0

    async def wait(self) -> None:
        """Return when it is our turn.

        Raises:
            Unavailable: The database did not answer; what was seen before counts no more.
        """
        seen, since = None, self._clock()
        while not await self.renew():
            async with transaction(self.pool) as db:
                owner, epoch, beat = (await db.execute(SEE)).one()
            if (epoch, beat) != seen:
                seen, since = (epoch, beat), self._clock()
            if owner is None or self._clock() - since > self._lease:
                await self._take(owner, epoch, beat)
            else:
                await asyncio.sleep(self._lease / 8)

    async def _take(self, owner: UUID | None, epoch: int, beat: int) -> None:
        began = self._clock()
        async with transaction(self.pool) as db:
            taken = await db.scalar(TAKE, {"me": self.me, "epoch": epoch, "beat": beat})
        if taken is not None:
            self.epoch, self._renewed_at = taken, began
            log.info("relay.turn_taken", epoch=taken, from_owner=str(owner) if owner else None)

    async def renew(self) -> bool:
        """Say whether it is still our turn; renew the lease when a quarter of it has passed."""
        if self.epoch is None:
            return False
        began = self._clock()
        if began - self._renewed_at < self._lease / 4:
            return True
        async with transaction(self.pool) as db:
            epoch = await db.scalar(RENEW, {"me": self.me, "epoch": self.epoch})
        if epoch is None:
            self.lose()
            return False
        self._renewed_at = began
        return True

    def lose(self) -> None:
        """Know that a rival has taken it."""
        log.warning("relay.turn_lost", epoch=self.epoch)
        self.epoch = None

    async def leave(self) -> None:
        """Let the next one begin at once, if the database hears it."""
        if self.epoch is None:
            return
        with suppress(Unavailable):
            async with transaction(self.pool) as db:
                await db.execute(LEAVE, {"me": self.me, "epoch": self.epoch})


@asynccontextmanager
async def _producing(servers: str) -> AsyncIterator[AIOKafkaProducer]:
    """Open a producer. It is never used again after an error: its sequence numbers are off."""
    producer = AIOKafkaProducer(bootstrap_servers=servers, **PRODUCER)
    try:
        async with asyncio.timeout(STUCK):
            await producer.start()
        yield producer
    finally:
        await _close(producer)


async def _close(producer: AIOKafkaProducer) -> None:
    """Close without the flush that would wait for an absent broker for ever."""
    sender = producer._sender.sender_task  # noqa: SLF001 - there is no public way to give up
    if sender is not None:
        sender.cancel()
    with suppress(KafkaError, OSError, TimeoutError, asyncio.CancelledError):
        async with asyncio.timeout(2):
            await producer.stop()


async def _repair(turn: Turn, repair: Repair | None) -> None:
    """Tell anew, now that a rival is at work, what we may have sent beside it."""
    if turn.unsure and repair is not None:
        async with transaction(turn.pool) as db:
            await repair(db, turn.unsure)
    turn.unsure = ()


async def _publish_some(producer: AIOKafkaProducer, turn: Turn, fresh: outbox.Fresh) -> bool:
    """Send the oldest rows, wait until Kafka has them, delete them; False if there are none."""
    rows = await _oldest(turn.pool, fresh)
    if not rows:
        return False
    batches = [batch for _, batches in rows for batch in batches]
    turn.unsure = batches
    async with asyncio.timeout(STUCK):
        for together in _in_order(batches):
            await _send(producer, together)
    positions = [position for position, _ in rows]
    async with single(turn.pool) as db:
        mine = {"me": turn.me, "epoch": turn.epoch, "positions": positions}
        is_mine = bool((await db.execute(DELETE, mine)).rowcount)
    if not is_mine:
        turn.lose()
        return True
    turn.unsure = ()
    fresh.forget(positions[-1])
    telemetry.published(sum(len(batch.records) for batch in batches))
    return True


async def _oldest(pool: Pool, fresh: outbox.Fresh) -> list[tuple[int, list[Batch]]]:
    """Return the oldest rows, each with its position; what is at hand is not read back.

    No more of them than there is room for, but one at least.
    """
    async with single(pool) as db:
        found = await db.execute(OLDEST, {"limit": ROWS, "head": outbox.HEAD})
    rows: dict[int, list[Batch] | None] = {}
    room = BYTES
    for position, at, head in found:
        room -= outbox.size(head)
        if rows and room < 0:
            break
        rows[position] = fresh.get((position, at))
    missing = [position for position, batches in rows.items() if batches is None]
    if missing:
        async with single(pool) as db:
            for position, batches in await db.execute(READ, {"positions": missing}):
                rows[position] = outbox.read(batches)
    return [(position, batches) for position, batches in rows.items() if batches is not None]


def _in_order(batches: Sequence[Batch]) -> list[list[Batch]]:
    """Return what may be under way together: what a topic waits for goes before it."""
    groups: list[list[Batch]] = [[]]
    for batch in batches:
        awaited = {topic.name for topic in contracts.TOPICS[batch.topic].waits_for}
        if awaited & {other.topic for other in groups[-1]}:
            groups.append([])
        groups[-1].append(batch)
    return groups


async def _send(producer: AIOKafkaProducer, batches: Sequence[Batch]) -> None:
    """Send `batches`, each key's records in order, and wait for all acknowledgements."""
    queues: dict[tuple[str, int], list[tuple[Record, list[outbox.Header]]]] = defaultdict(list)
    for batch in batches:
        count = len(await producer.partitions_for(batch.topic))
        for record in batch.records:
            place = (batch.topic, partition_of(record.key, count))
            queues[place].append((record, batch.headers))
    under_way = []
    for (topic, partition), queue in queues.items():
        for builder in _build(producer, queue):
            under_way.append(await producer.send_batch(builder, topic, partition=partition))  # noqa: PERF401 - each is begun in its turn
    await asyncio.gather(*under_way)


def _build(
    producer: AIOKafkaProducer, queue: Sequence[tuple[Record, list[outbox.Header]]]
) -> list[BatchBuilder]:
    builders = [producer.create_batch()]
    for record, shared in queue:
        headers = record.headers + shared
        while not builders[-1].append(
            key=record.key, value=record.value, timestamp=None, headers=headers
        ):
            builders.append(producer.create_batch())
    return builders


def partition_of(key: bytes, count: int) -> int:
    """Return the partition of `key`, of `count`.

    Source: librdkafka's partitioner `consistent`, CRC-32 of the key: forty times as fast in
    Python as the murmur2 of Java's default.
    """
    return crc32(key) % count

"""The producer: sends batches of records to Kafka, each key's in order."""

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any, NamedTuple
from zlib import crc32

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError, kafka_errors
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import RecordMetadata

from shared import contracts, liveness
from shared.cloudevents import Header
from shared.crash import crash_point
from shared.kafka.access import connection
from shared.kafka.starting import start
from shared.outbox.batch import Batch, Record
from shared.outbox.refusals import InvalidRecord, check_topic

STUCK = 15.0  # seconds without an acknowledgement, after which the producer is thrown away

# Batches are ours, as large as the broker takes. Most of their bytes are digits of identifiers,
# which zstd stores in half of what snappy does; it costs 0.5 us more for each message.
PRODUCER: dict[str, Any] = {
    "enable_idempotence": True,  # and so acks=all
    "compression_type": "zstd",
    "linger_ms": 0,
    "max_batch_size": 512 * 1024,
    "max_request_size": 1_048_576,
    "request_timeout_ms": 15_000,
    "retry_backoff_ms": 100,
    "metadata_max_age_ms": 60_000,
}


@asynccontextmanager
async def producing(servers: str) -> AsyncIterator[AIOKafkaProducer]:
    """Open a producer. It is never used again after an error: its sequence numbers are off."""
    kafka_errors.setdefault(InvalidRecord.errno, InvalidRecord)
    producer = AIOKafkaProducer(**connection(servers), **PRODUCER)
    try:
        async with asyncio.timeout(STUCK):
            await start(producer)
        liveness.beat()
        yield producer
    finally:
        await _close(producer)


async def _close(producer: AIOKafkaProducer) -> None:
    """Close without the flush that would wait for an absent broker for ever."""
    closing = asyncio.create_task(_stop(producer))
    try:
        await asyncio.shield(closing)
    except asyncio.CancelledError:  # of the relay: it must not be taken for one of the library's
        await closing
        raise


async def _stop(producer: AIOKafkaProducer) -> None:
    sender = producer._sender.sender_task  # noqa: SLF001 - there is no public way to give up
    if sender is not None:
        sender.cancel()
        # Until then it opens connections, and `stop` gives up on closing them.
        await asyncio.wait([sender], timeout=1)
    for close in (producer.stop, producer.client.close):
        with suppress(KafkaError, OSError, TimeoutError, asyncio.CancelledError):
            async with asyncio.timeout(2):
                await close()


class End(NamedTuple):
    """Where a partition ends, as acknowledged: the offset of its next record."""

    topic: str
    partition: int
    offset: int


async def send(producer: AIOKafkaProducer, batches: Sequence[Batch]) -> list[End]:
    """Send `batches`, each key's records in order; return the ends that Kafka acknowledges.

    Raises:
        KafkaError: Something is not acknowledged, or without an offset. What comes after it in
            its partition was not sent.
    """
    return [end for group in _in_order(batches) for end in await _send_group(producer, group)]


def _in_order(batches: Sequence[Batch]) -> list[list[Batch]]:
    """Return groups to send one after the other: what a topic waits for is in one before it.

    A topic that only a later release knows waits for all.
    """
    groups: list[list[Batch]] = [[]]
    for batch in batches:
        topic = contracts.TOPICS.get(batch.topic)
        before = {other.topic for other in groups[-1]}
        if before if topic is None else before & {each.name for each in topic.waits_for}:
            groups.append([])
        groups[-1].append(batch)
    return groups


async def _send_group(producer: AIOKafkaProducer, batches: Sequence[Batch]) -> list[End]:
    queues: dict[tuple[str, int], list[tuple[Record, list[Header]]]] = defaultdict(list)
    for batch in batches:
        check_topic(batch.topic)
        count = len(await producer.partitions_for(batch.topic))
        for record in batch.records:
            key = record.key if batch.partition_key is None else batch.partition_key
            place = (batch.topic, partition_of(key, count))
            queues[place].append((record, batch.headers))
    under_way = [
        asyncio.ensure_future(_send_in_order(producer, place, queue))
        for place, queue in queues.items()
    ]
    try:
        return [end for ends in await asyncio.gather(*under_way) for end in ends]
    finally:
        for each in under_way:  # nothing follows on what has failed
            each.cancel()


async def _send_in_order(
    producer: AIOKafkaProducer,
    place: tuple[str, int],
    queue: Sequence[tuple[Record, list[Header]]],
) -> list[End]:
    """Send what goes to one partition; nothing follows before Kafka has what is before it."""
    topic, partition = place
    ends = []
    for builder in _build(producer, queue):
        count = builder.record_count()
        acknowledged = await producer.send_batch(builder, topic, partition=partition)
        crash_point("relay.sent")
        ends.append(_end(await acknowledged, count))
    return ends


def _end(sent: RecordMetadata, count: int) -> End:
    if sent.offset < 0:  # a repeated batch whose place the broker no longer has
        raise KafkaError("a batch was acknowledged without its offset")
    return End(sent.topic, sent.partition, sent.offset + count)


def _build(
    producer: AIOKafkaProducer, queue: Sequence[tuple[Record, list[Header]]]
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

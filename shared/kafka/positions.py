"""The positions: how far a consumer is, in our own database, beside what it has done."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import text

from shared.database import Connection
from shared.event import Instant
from shared.kafka.records import Fetched, FromKafka

LATELY_MS = 2_000  # an idle topic is asked for twice a second

Positions: TypeAlias = Mapping[TopicPartition, int]  # the next offset of each

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


@dataclass(frozen=True, slots=True)
class Progress:
    """Where a partition's consumer is after a batch."""

    partition: TopicPartition
    position: int  # the next offset
    behind: timedelta | None  # how old what was applied last is; None if that is not known


async def progress_of(
    client: AIOKafkaConsumer, fetched: Fetched, partitions: Collection[TopicPartition] = ()
) -> list[Progress]:
    """Return where `client` is after what was fetched, and in `partitions`.

    There it is the position, not the last record: compaction and markers leave gaps.
    """
    progress = []
    for each in sorted(fetched.keys() | partitions):
        records = fetched.get(each, ())
        position = await client.position(each) if each in partitions else records[-1].offset + 1
        behind = _behind(client, each, position, records)
        progress.append(Progress(each, position, behind))
    return progress


def _behind(
    client: AIOKafkaConsumer,
    partition: TopicPartition,
    position: int,
    records: Sequence[FromKafka],
) -> timedelta | None:
    now_ms = time.time() * 1000
    highwater = client.highwater(partition)
    if highwater is not None and position >= highwater:
        asked_ms = client.last_poll_timestamp(partition)  # while Kafka is away nobody answers
        if asked_ms is None or now_ms - asked_ms < LATELY_MS:
            return timedelta()
        return timedelta(milliseconds=now_ms - asked_ms)
    if not records:
        return None
    return timedelta(milliseconds=max(now_ms - records[-1].timestamp, 0))


async def hold(
    db: Connection, consumer: str, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, int]:
    """Return how far `consumer` is; until `db` ends, it applies nothing."""
    # The rows are there before they are locked.
    await note(db, consumer, [Progress(each, 0, None) for each in partitions])
    return await lock(db, consumer, partitions)


async def lock(
    db: Connection, consumer: str, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, int]:
    """Return how far we are, and hold the rows: who was overtaken applies nothing twice."""
    rows = await db.execute(
        LOCK,
        {
            "consumer": consumer,
            "topics": [each.topic for each in partitions],
            "partitions": [each.partition for each in partitions],
        },
    )
    return {TopicPartition(topic, number): position for topic, number, position in rows}


async def note(
    db: Connection, consumer: str, progress: Sequence[Progress], now: Instant | None = None
) -> None:
    """Write down where `consumer` is; it never goes back."""
    await db.execute(
        NOTE,
        {
            "consumer": consumer,
            "topics": [each.partition.topic for each in progress],
            "partitions": [each.partition.partition for each in progress],
            "positions": [each.position for each in progress],
            "as_of": [_minus(now, each.behind) for each in progress],
        },
    )


def _minus(now: Instant | None, behind: timedelta | None) -> Instant | None:
    return None if now is None or behind is None else now - behind


async def hand_over(db: Connection, heir: str, consumer: str) -> None:
    """Let `heir`, whose positions are held, go on where `consumer` is, which ends with that."""
    await db.execute(INHERIT, {"heir": heir, "consumer": consumer})
    await db.execute(END, {"consumer": consumer})

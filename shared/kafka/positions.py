"""The positions: how far a consumer is, in our own database, beside what it has done."""

import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import text

from shared.database import INSTANT, Connection, sql
from shared.event import Instant
from shared.kafka.records import Fetched, FromKafka

LATELY_MS = 3_000  # an idle topic is read once a second

Positions: TypeAlias = Mapping[TopicPartition, int]  # the next offset of each


class PositionsBehind(Exception):
    """The database has less than was applied: it crashed, failed over or was restored."""

    def __init__(self, partitions: Sequence[TopicPartition]) -> None:
        super().__init__(", ".join(f"{each.topic}/{each.partition}" for each in partitions))
        self.partitions = partitions


@dataclass(frozen=True, slots=True)
class PartitionProgress:
    """What a batch does to the position of a partition."""

    partition: TopicPartition
    start: int  # where the batch begins: all before it must be in the database
    position: int  # the next offset
    behind: timedelta | None  # how old what was applied last is; None if that is not known


async def progress_of(
    client: AIOKafkaConsumer,
    starts: Positions,
    fetched: Fetched,
    partitions: Collection[TopicPartition] = (),
) -> list[PartitionProgress]:
    """Return where `client` is after what was fetched, and in `partitions`.

    There it is the position, not the last record: compaction and markers leave gaps.
    """
    progress = []
    for each in sorted(fetched.keys() | partitions):
        records = fetched.get(each, ())
        position = await client.position(each) if each in partitions else records[-1].offset + 1
        behind = _behind(client, each, position, records)
        progress.append(PartitionProgress(each, starts[each], position, behind))
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


ADD_POSITIONS = text("""
    INSERT INTO offsets (consumer, topic, partition, position)
    SELECT :consumer, topic, partition, 0
    FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS int[])) AS t (topic, partition)
    ORDER BY topic, partition
    ON CONFLICT DO NOTHING
""")


async def hold_positions(
    db: Connection, consumer: str, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, int]:
    """Return how far `consumer` is, which may be at 0; until `db` ends, it applies nothing."""
    await db.execute(ADD_POSITIONS, _columns(consumer, partitions))
    return await lock_positions(db, consumer, partitions)


BEGIN_POSITIONS = text("""
    UPDATE offsets SET position = began.position
    FROM unnest(
        CAST(:topics AS text[]), CAST(:partitions AS int[]), CAST(:positions AS bigint[])
    ) AS began (topic, partition, position)
    WHERE consumer = :consumer AND offsets.topic = began.topic
        AND offsets.partition = began.partition AND offsets.position = 0
""")


async def begin_positions(db: Connection, consumer: str, positions: Positions) -> None:
    """Store that `consumer` begins at `positions`, where it has not begun yet."""
    columns = _columns(consumer, list(positions))
    columns["positions"] = list(positions.values())
    await db.execute(BEGIN_POSITIONS, columns)


LOCK_POSITIONS = text("""
    SELECT topic, partition, position FROM offsets
    WHERE consumer = :consumer AND (topic, partition) IN (
        SELECT * FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS int[]))
    )
    ORDER BY topic, partition FOR UPDATE
""")


async def lock_positions(
    db: Connection, consumer: str, partitions: Collection[TopicPartition]
) -> dict[TopicPartition, int]:
    """Return how far `consumer` is where it has begun, and hold the rows until `db` ends."""
    rows = await db.execute(LOCK_POSITIONS, _columns(consumer, partitions))
    return {TopicPartition(topic, number): position for topic, number, position in rows}


LOCK_REACHED = sql(
    """
    SELECT topic, partition, position, {instant} AS now FROM offsets
    WHERE consumer = :consumer AND (topic, partition) IN (
        SELECT * FROM unnest(CAST(:topics AS text[]), CAST(:partitions AS int[]))
    )
    ORDER BY topic, partition FOR UPDATE OF offsets
    """,
    instant=INSTANT,
)


async def lock_reached(
    db: Connection, consumer: str, progress: Sequence[PartitionProgress]
) -> tuple[dict[TopicPartition, int], Instant]:
    """Return how far `consumer` is and the business instant; hold the rows until `db` ends.

    So what another replica has applied is not applied again. `progress` is of one partition or
    more.

    Raises:
        PositionsBehind: The database lacks something before the batch.
    """
    columns = _columns(consumer, [each.partition for each in progress])
    rows = (await db.execute(LOCK_REACHED, columns)).all()
    positions = {TopicPartition(row.topic, row.partition): row.position for row in rows}
    behind = [
        each.partition for each in progress if positions.get(each.partition, -1) < each.start
    ]
    if behind:
        raise PositionsBehind(behind)
    return positions, rows[0].now


STORE_POSITIONS = text("""
    UPDATE offsets SET position = reached.position,
        as_of = coalesce(reached.as_of, offsets.as_of)
    FROM unnest(
        CAST(:topics AS text[]), CAST(:partitions AS int[]), CAST(:positions AS bigint[]),
        CAST(:as_of AS timestamptz[])
    ) AS reached (topic, partition, position, as_of)
    WHERE offsets.consumer = :consumer AND offsets.topic = reached.topic
        AND offsets.partition = reached.partition AND offsets.position <= reached.position
""")


async def store_positions(
    db: Connection, consumer: str, progress: Sequence[PartitionProgress], now: Instant
) -> None:
    """Store where `consumer` is, whose rows `db` holds; a position never goes back."""
    columns = _columns(consumer, [each.partition for each in progress])
    columns["positions"] = [each.position for each in progress]
    columns["as_of"] = [None if each.behind is None else now - each.behind for each in progress]
    await db.execute(STORE_POSITIONS, columns)


# Rows are locked in order first, as by all who lock more than one: two never deadlock.
ADVANCE_POSITIONS = sql(
    """
    WITH reached AS (
        SELECT * FROM unnest(
            CAST(:topics AS text[]), CAST(:partitions AS int[]), CAST(:starts AS bigint[]),
            CAST(:positions AS bigint[]), CAST(:behind AS interval[])
        ) AS reached (topic, partition, start, position, behind)
    ), locked AS (
        SELECT reached.* FROM offsets JOIN reached USING (topic, partition)
        WHERE consumer = :consumer ORDER BY topic, partition FOR UPDATE OF offsets
    )
    UPDATE offsets SET position = greatest(offsets.position, locked.position),
        as_of = CASE WHEN offsets.position <= locked.position
            THEN coalesce({instant} - behind, as_of) ELSE as_of END
    FROM locked
    WHERE consumer = :consumer AND offsets.topic = locked.topic
        AND offsets.partition = locked.partition AND offsets.position >= start
    RETURNING offsets.topic, offsets.partition
    """,
    instant=INSTANT,
)


async def advance_positions(
    db: Connection, consumer: str, progress: Sequence[PartitionProgress]
) -> None:
    """Store where `consumer` is when there was nothing to apply: one statement, one transaction.

    Raises:
        PositionsBehind: The database lacks something before that; the other partitions' positions
            are stored.
    """
    columns = _columns(consumer, [each.partition for each in progress])
    columns["starts"] = [each.start for each in progress]
    columns["positions"] = [each.position for each in progress]
    columns["behind"] = [each.behind for each in progress]
    rows = await db.execute(ADVANCE_POSITIONS, columns)
    reached = {TopicPartition(topic, number) for topic, number in rows}
    if behind := [each.partition for each in progress if each.partition not in reached]:
        raise PositionsBehind(behind)


INHERIT = text("""
    UPDATE offsets SET position = greatest(offsets.position, own.position)
    FROM offsets AS own
    WHERE offsets.consumer = :successor AND own.consumer = :consumer
        AND (own.topic, own.partition) = (offsets.topic, offsets.partition)
""")
END = text("DELETE FROM offsets WHERE consumer = :consumer")


async def transfer_positions(db: Connection, successor: str, consumer: str) -> None:
    """Move the positions of `consumer` to `successor`, whose own are held; `consumer` ends."""
    await db.execute(INHERIT, {"successor": successor, "consumer": consumer})
    await db.execute(END, {"consumer": consumer})


def _columns(consumer: str, partitions: Collection[TopicPartition]) -> dict[str, object]:
    return {
        "consumer": consumer,
        "topics": [each.topic for each in partitions],
        "partitions": [each.partition for each in partitions],
    }

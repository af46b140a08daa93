"""The decisions about positions that the log does not have: where a consumer goes on instead."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal, TypeAlias

from aiokafka import TopicPartition
from sqlalchemy import text

from shared.database import Connection, Pool, transaction
from shared.kafka.cluster import connected
from shared.kafka.limits import LostPosition, lost_positions
from shared.kafka.positions import Positions, lock_positions

Target: TypeAlias = Literal["start", "end"]


@dataclass(frozen=True, slots=True)
class ConsumerState:
    """How far a consumer is in one partition, and where the log begins and ends there."""

    consumer: str
    partition: TopicPartition
    position: int
    start: int
    end: int
    is_lost: bool


ALL_POSITIONS = text("""
    SELECT consumer, topic, partition, position FROM offsets ORDER BY consumer, topic, partition
""")


async def survey(pool: Pool, servers: str) -> list[ConsumerState]:
    """Return how far all consumers of a database are.

    Raises:
        Unavailable: Kafka or the database cannot be reached.
    """
    async with transaction(pool) as db:
        rows = (await db.execute(ALL_POSITIONS)).all()
    starts, ends = await _limits(
        servers, [TopicPartition(row.topic, row.partition) for row in rows]
    )
    states = []
    for consumer, topic, number, position in rows:
        each = TopicPartition(topic, number)
        is_lost = bool(lost_positions({each: position}, starts, ends))
        states.append(ConsumerState(consumer, each, position, starts[each], ends[each], is_lost))
    return states


async def accept(
    pool: Pool, servers: str, consumer: str, target: Target
) -> list[tuple[LostPosition, int]]:
    """Move lost positions of `consumer` to the log's start or end; return each with its new one.

    Raises:
        Unavailable: Kafka or the database cannot be reached; nothing has changed.
    """
    states = [each for each in await survey(pool, servers) if each.consumer == consumer]
    starts = {each.partition: each.start for each in states}
    ends = {each.partition: each.end for each in states}
    async with transaction(pool) as db:
        positions = await lock_positions(db, consumer, list(starts))
        lost = lost_positions(positions, starts, ends)
        goals = starts if target == "start" else ends
        await _move(db, consumer, {each.partition: goals[each.partition] for each in lost})
    return [(each, goals[each.partition]) for each in lost]


MOVE = text("""
    UPDATE offsets SET position = :position, as_of = NULL
    WHERE consumer = :consumer AND topic = :topic AND partition = :partition
""")


async def _move(db: Connection, consumer: str, positions: Positions) -> None:
    for (topic, partition), position in positions.items():
        values = {"topic": topic, "partition": partition, "position": position}
        await db.execute(MOVE, {"consumer": consumer, **values})


async def _limits(
    servers: str, partitions: Sequence[TopicPartition]
) -> tuple[Positions, Positions]:
    wanted = sorted(set(partitions))
    if not wanted:
        return {}, {}
    async with connected(servers) as client:
        client.assign(wanted)
        return await client.beginning_offsets(wanted), await client.end_offsets(wanted)

"""The replay: dead letters that are wanted again are read from the log once more, in order."""

import asyncio
from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple
from uuid import UUID

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import text

from shared.database import Connection, Pool, autocommit, transaction
from shared.errors import Unavailable
from shared.kafka.applying import Applier
from shared.kafka.cluster import STUCK, connected
from shared.kafka.dead_letters import HELD
from shared.kafka.positions import lock_positions
from shared.kafka.records import FromKafka

log = structlog.get_logger()

AT_ONCE = 500  # letters
FETCH_MS = 5_000
GONE = "it is not in the log any more"


class Letter(NamedTuple):
    """Where a dead letter stands."""

    topic: str
    partition: int
    offset: int
    key: UUID | None
    reason: str


# Requested, or held back by none any more that was not requested.
WANTED = text("""
    SELECT topic, partition, "offset", key, reason FROM dead_letters AS own
    WHERE consumer = :consumer AND (is_requested OR is_held) AND NOT EXISTS (
        SELECT FROM dead_letters AS first
        WHERE first.consumer = own.consumer AND first.topic = own.topic AND first.key = own.key
            AND NOT first.is_held AND NOT first.is_requested
    )
    ORDER BY topic, partition, "offset" LIMIT :limit
""")


async def replay(pool: Pool, servers: str, applier: Applier) -> int:
    """Apply the dead letters of a consumer that are wanted again; return how many succeeded.

    Exactly once in effect: each partition's position is locked, as for records that are new.

    Raises:
        Unavailable: Kafka or the database went away.
    """
    wanted = {"consumer": applier.consumer, "limit": AT_ONCE}
    async with autocommit(pool) as db:
        letters = [Letter(*row) for row in await db.execute(WANTED, wanted)]
    if not letters:
        return 0
    applied = 0
    async with connected(servers) as client:
        for place, of_place in groupby(letters, key=lambda each: each[:2]):
            partition = TopicPartition(*place)
            client.assign([partition])
            records = [(each, await _fetch(client, partition, each.offset)) for each in of_place]
            applied += await _apply(pool, applier, partition, records)
    return applied


async def _fetch(
    client: AIOKafkaConsumer, partition: TopicPartition, offset: int
) -> FromKafka | None:
    """Return the record at `offset`; None if the log has it no more."""
    async with asyncio.timeout(STUCK):
        starts = await client.beginning_offsets([partition])
        ends = await client.end_offsets([partition])
        if not starts[partition] <= offset < ends[partition]:
            return None
        client.seek(partition, offset)
        fetched = await client.getmany(partition, timeout_ms=FETCH_MS, max_records=1)
    records = fetched.get(partition, ())
    if not records:
        raise Unavailable
    return records[0] if records[0].offset == offset else None


STILL_THERE = text("""
    SELECT "offset" FROM dead_letters
    WHERE consumer = :consumer AND topic = :topic AND partition = :partition
""")
REMOVE = text("""
    DELETE FROM dead_letters WHERE consumer = :consumer AND topic = :topic
        AND partition = :partition AND "offset" = :offset
""")
KEEP = text("""
    UPDATE dead_letters SET reason = :reason, is_requested = false, is_held = false
    WHERE consumer = :consumer AND topic = :topic AND partition = :partition
        AND "offset" = :offset
""")


async def _apply(
    pool: Pool,
    applier: Applier,
    partition: TopicPartition,
    records: Sequence[tuple[Letter, FromKafka | None]],
) -> int:
    place = {"topic": partition.topic, "partition": partition.partition}
    own = {"consumer": applier.consumer, **place}
    failed: set[UUID] = set()
    applied = 0
    async with transaction(pool) as db:
        await lock_positions(db, applier.consumer, [partition])
        there = set(await db.scalars(STILL_THERE, own))  # another replica may have been faster
        for letter, record in records:
            if letter.offset not in there or letter.key in failed:
                continue
            reason = await _apply_one(db, applier, record)
            if reason is None:
                await db.execute(REMOVE, own | {"offset": letter.offset})
                applied += 1
                continue
            await db.execute(KEEP, own | {"offset": letter.offset, "reason": reason})
            if letter.key is not None:
                failed.add(letter.key)
    log.info("kafka.replayed", consumer=applier.consumer, applied=applied, **place)
    return applied


async def _apply_one(db: Connection, applier: Applier, record: FromKafka | None) -> str | None:
    if record is None:
        return GONE
    reason = await applier.apply_one(db, record)
    return None if reason == HELD else reason

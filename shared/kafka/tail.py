"""The tail: the last events of topics."""

import asyncio
from collections.abc import AsyncGenerator, Collection, Iterable
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer

from shared import contracts
from shared.event import Event, Received
from shared.kafka.cluster import STUCK, connected, partitions_of
from shared.kafka.positions import Positions
from shared.kafka.records import FromKafka, Unreadable, kinds_by_name, read, unpack
from shared.loop import goes_on
from shared.topic import Topic

POLL_MS = 100


async def last_events(
    servers: str, kinds: Collection[type[Event]], count: int
) -> tuple[list[Any], Positions]:
    """Return the events of the last `count` records of each partition, and where those end.

    Of what is packed in one record, and so was committed at once, the first and the last: a
    thousand each would cost who looks them up seconds.

    Raises:
        Unavailable: Kafka cannot be reached, or a topic does not exist.
    """
    topics = sorted({kind.topic.name for kind in kinds if kind.topic})
    async with connected(servers) as client, asyncio.timeout(STUCK):
        ends = await _seek_last(client, topics, count)
        records = await _read_until(client, ends)
    by_name = kinds_by_name(kinds)
    events: list[Any] = []
    for record in records:
        with suppress(Unreadable):
            if (received := read(record, by_name)) is not None:
                unpacked = [each.event for each in unpack(received, kinds)]
                events += unpacked[:1] + unpacked[1:][-1:]
    return events, ends


async def _seek_last(client: AIOKafkaConsumer, topics: Iterable[str], count: int) -> Positions:
    """Go to `count` records before the ends, which are returned."""
    partitions = [each for topic in topics for each in await partitions_of(client, topic)]
    client.assign(partitions)
    starts = await client.beginning_offsets(partitions)
    ends: Positions = await client.end_offsets(partitions)
    for each in partitions:
        client.seek(each, max(starts[each], ends[each] - count))
    return ends


async def _read_until(client: AIOKafkaConsumer, ends: Positions) -> list[FromKafka]:
    records: list[FromKafka] = []
    while any([await client.position(each) < end for each, end in ends.items()]):
        for each, found in (await client.getmany(timeout_ms=POLL_MS)).items():
            records += [record for record in found if record.offset < ends[each]]
    return records


async def follow(
    servers: str, topic: Topic, count: int, *, is_endless: bool = False
) -> AsyncGenerator[Received[Any] | Unreadable, None]:
    """Yield the events of the last `count` records of each partition, and then new ones if asked.

    Blocks are unpacked. A record that holds no event of ours is yielded as the reason.

    Raises:
        Unavailable: Kafka cannot be reached, went away, or the topic does not exist.
    """
    kinds = [kind for kind in contracts.EVENTS if kind.topic is topic]
    by_name = kinds_by_name(kinds)
    singles = [kind for kind in kinds if not kind.packs]
    async with connected(servers) as client:
        async with asyncio.timeout(STUCK):
            ends = await _seek_last(client, [topic.name], count)
            records = await _read_until(client, ends)
        records.sort(key=lambda each: each.timestamp)
        while goes_on():
            for record in records:
                try:
                    received = read(record, by_name)
                except Unreadable as why:
                    yield why
                else:
                    for each in unpack(received, singles) if received else ():
                        yield each
            if not is_endless:
                return
            fetched = await client.getmany(timeout_ms=POLL_MS)
            records = [record for found in fetched.values() for record in found]

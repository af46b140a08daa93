"""The tail: the last events of topics."""

import asyncio
from collections.abc import Collection
from contextlib import suppress
from typing import Any

from aiokafka import AIOKafkaConsumer

from shared.event import Event
from shared.kafka.cluster import STUCK, connected, partitions_of
from shared.kafka.positions import Positions
from shared.kafka.records import FromKafka, Unreadable, read

POLL_MS = 100


async def last_events(
    servers: str, kinds: Collection[type[Event]], count: int
) -> tuple[list[Any], Positions]:
    """Return the last `count` events of each partition of their topics, and where those end.

    Raises:
        Unavailable: Kafka cannot be reached, or a topic does not exist.
    """
    topics = sorted({kind.topic.name for kind in kinds if kind.topic})
    async with connected(servers) as client, asyncio.timeout(STUCK):
        partitions = [each for topic in topics for each in await partitions_of(client, topic)]
        client.assign(partitions)
        starts = await client.beginning_offsets(partitions)
        ends = await client.end_offsets(partitions)
        for each in partitions:
            client.seek(each, max(starts[each], ends[each] - count))
        records = await _read_until(client, ends)
    by_name = {kind.type_name().encode(): kind for kind in kinds}
    events = []
    for record in records:
        with suppress(Unreadable):
            if (received := read(record, by_name)) is not None:
                events.append(received.event)
    return events, ends


async def _read_until(client: AIOKafkaConsumer, ends: Positions) -> list[FromKafka]:
    records: list[FromKafka] = []
    while any([await client.position(each) < end for each, end in ends.items()]):
        for each, found in (await client.getmany(timeout_ms=POLL_MS)).items():
            records += [record for record in found if record.offset < ends[each]]
    return records

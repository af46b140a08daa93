"""What several tests of shared read."""

from collections.abc import Awaitable, Callable
from typing import Any, TypeAlias

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from shared.contracts.catalog import CLIENTS, MAILINGS
from shared.kafka import end_offsets
from shared.topic import Topic

Read: TypeAlias = Callable[[Topic], Awaitable[list[Any]]]


@pytest.fixture
async def read(kafka: str) -> Read:
    """Give what reads all that a test has sent, by topic."""
    begins = {topic.name: await end_offsets(kafka, topic) for topic in (CLIENTS, MAILINGS)}

    async def read(topic: Topic) -> list[Any]:
        ends = await end_offsets(kafka, topic)
        client = AIOKafkaConsumer(bootstrap_servers=kafka, auto_offset_reset="earliest")
        await client.start()
        try:
            records: list[Any] = []
            for number, begin in begins[topic.name].items():
                if ends[number] == begin:
                    continue
                partition = TopicPartition(topic.name, number)
                client.assign([partition])
                client.seek(partition, begin)
                while await client.position(partition) < ends[number]:
                    fetched = await client.getmany(timeout_ms=1000)
                    records += fetched.get(partition, [])
            return records
        finally:
            await client.stop()

    return read

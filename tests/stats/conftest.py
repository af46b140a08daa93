"""The fixtures of the tests that read a real log."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaProducer

from shared import ids
from shared.database import Pool
from tests.stats.log import Log, listening
from tests.stats.story import Run


@pytest.fixture
async def log(kafka: str) -> AsyncIterator[Log]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    try:
        yield Log(producer, Run(ids.new_id()))
    finally:
        await producer.stop()


@pytest.fixture
async def live(kafka: str, stats_pool: Pool) -> AsyncIterator[None]:
    """Listen as the service does."""
    async with listening(kafka, stats_pool):
        yield

"""The cluster: a connection to it that reads, and how far its topics reach."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from shared import liveness
from shared.errors import Unavailable
from shared.kafka.access import connection
from shared.kafka.handlers import Handlers, topics_of
from shared.kafka.positions import Positions
from shared.kafka.starting import start, stop
from shared.topic import Topic

STUCK = 15.0  # seconds a call to Kafka may take before the client is thrown away

# A member that was killed is gone in seconds; fetches stay small enough for a small container.
CONSUMER: dict[str, Any] = {
    "enable_auto_commit": False,
    "auto_offset_reset": "none",  # a position that the log lacks is never jumped over
    "session_timeout_ms": 6_000,
    "heartbeat_interval_ms": 1_500,
    "rebalance_timeout_ms": 10_000,
    "max_poll_interval_ms": 300_000,
    "fetch_max_wait_ms": 1_000,  # what comes is answered at once; this is for nothing
    "fetch_max_bytes": 16_777_216,
    "max_partition_fetch_bytes": 1_048_576,
    "metadata_max_age_ms": 60_000,
}


@asynccontextmanager
async def connected(servers: str, group: str | None = None) -> AsyncIterator[AIOKafkaConsumer]:
    """Yield a client that reads; the members of a `group` may share partitions.

    Raises:
        Unavailable: Kafka cannot be reached, or went away meanwhile.
    """
    client = AIOKafkaConsumer(**connection(servers), group_id=group, **CONSUMER)
    try:
        async with asyncio.timeout(STUCK):
            await start(client)
        liveness.beat()
        yield client
    except (KafkaError, OSError) as error:
        raise Unavailable from error
    finally:
        with suppress(KafkaError, OSError):
            async with asyncio.timeout(STUCK):
                await stop(client, client.stop)


async def partitions_of(client: AIOKafkaConsumer, topic: str) -> list[TopicPartition]:
    """Return the partitions of `topic`.

    Raises:
        Unavailable: It does not exist (yet).
    """
    await client._client._wait_on_metadata(topic)  # noqa: SLF001 - nothing public loads it
    numbers = client.partitions_for_topic(topic)
    if not numbers:
        raise Unavailable
    return [TopicPartition(topic, number) for number in sorted(numbers)]


async def end_offsets(servers: str, topic: Topic) -> dict[int, int]:
    """Return, for each partition of `topic`, the offset that its next record will have.

    Raises:
        Unavailable: Kafka cannot be reached.
    """
    async with connected(servers) as client, asyncio.timeout(STUCK):
        ends = await client.end_offsets(await partitions_of(client, topic.name))
    return {partition.partition: offset for partition, offset in ends.items()}


async def start_offsets(servers: str, topic: Topic) -> dict[int, int]:
    """Return, for each partition of `topic`, the offset of the first record that it has.

    Raises:
        Unavailable: Kafka cannot be reached.
    """
    async with connected(servers) as client, asyncio.timeout(STUCK):
        starts = await client.beginning_offsets(await partitions_of(client, topic.name))
    return {partition.partition: offset for partition, offset in starts.items()}


class EndOffsets:
    """Reads where topics end, over one connection that is kept until it breaks."""

    def __init__(self, servers: str) -> None:
        self._servers = servers
        self._kept = AsyncExitStack()
        self._client: AIOKafkaConsumer | None = None

    async def read(self, topics: Iterable[str]) -> dict[str, dict[int, int]]:
        """Return, for each partition of each topic, the offset that its next record will have.

        Raises:
            Unavailable: Kafka cannot be reached; the next call connects anew.
        """
        try:
            async with asyncio.timeout(STUCK):
                client = self._client or await self._connect()
                partitions = [
                    each for topic in topics for each in await partitions_of(client, topic)
                ]
                ends = await client.end_offsets(partitions)
        except (KafkaError, OSError, Unavailable) as error:
            await self.close()
            raise Unavailable from error
        found: dict[str, dict[int, int]] = {}
        for each, offset in ends.items():
            found.setdefault(each.topic, {})[each.partition] = offset
        return found

    async def close(self) -> None:
        """End the connection, if there is one."""
        self._client = None
        await self._kept.aclose()

    async def _connect(self) -> AIOKafkaConsumer:
        self._client = await self._kept.enter_async_context(connected(self._servers))
        return self._client


async def ends(servers: str, handlers: Handlers) -> Positions:
    """Return where all topics that `handlers` are about end.

    Raises:
        Unavailable: Kafka cannot be reached.
    """
    return {
        TopicPartition(topic.name, number): offset
        for topic in topics_of(handlers)
        for number, offset in (await end_offsets(servers, topic)).items()
    }

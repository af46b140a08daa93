"""A listener ends when it is told to, in whatever moment that is."""

import asyncio
from typing import Any

from aiokafka import TopicPartition

from shared.contracts.catalog import MAILINGS
from shared.database import Pool
from shared.kafka.listener import Listener

PARTITION = TopicPartition(MAILINGS.name, 0)


class Client:
    """A client whose commit is done in the moment in which the listener is cancelled."""

    def __init__(self) -> None:
        self.listening: asyncio.Task[None] | None = None

    def assignment(self) -> set[TopicPartition]:
        return {PARTITION}

    async def commit(self, _: Any) -> None:
        await asyncio.sleep(0)
        assert self.listening is not None
        self.listening.cancel()


async def test_a_cancellation_is_heard_though_kafka_answers_in_the_same_moment(
    no_pool: Pool,
) -> None:
    listener, client = Listener(no_pool, "nowhere:1", "test", {}), Client()
    listener._positions[PARTITION] = 1  # noqa: SLF001 - as after a first record

    async def listen() -> None:
        await listener._show_kafka(client)  # noqa: SLF001 - the moment
        await asyncio.sleep(60)

    client.listening = asyncio.create_task(listen())
    await asyncio.wait({client.listening}, timeout=30)

    assert client.listening.cancelled()

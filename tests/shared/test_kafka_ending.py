"""A listener ends when it is told to, in whatever moment that is."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka import TopicPartition

from shared.contracts.catalog import MAILINGS
from shared.database import Pool
from shared.kafka.listener import Listener, listen
from shared.testing import swallow_cancellation

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


async def test_a_cancellation_that_the_client_swallows_ends_the_listener_all_the_same(
    no_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    turns = 0

    @asynccontextmanager
    async def connected(*_: object) -> AsyncIterator[None]:
        yield

    async def subscribe(*_: object) -> None:
        """Ask for nothing."""

    async def turn(*_: object) -> None:
        nonlocal turns
        turns += 1
        assert turns == 1, "it goes on"
        await swallow_cancellation()

    monkeypatch.setattr("shared.kafka.listener.connected", connected)
    monkeypatch.setattr(Listener, "_subscribe", subscribe)
    monkeypatch.setattr(Listener, "_turn", turn)
    listening = asyncio.create_task(listen(no_pool, "nowhere:1", "test", {}))
    await asyncio.wait({listening}, timeout=30)

    assert listening.cancelled()

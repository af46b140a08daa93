"""A client of Kafka that is cancelled while it connects."""

import asyncio

import pytest

from shared.kafka import starting
from shared.kafka.starting import start


class Connecting:
    """A client that connects when it is told to."""

    def __init__(self) -> None:
        self.answered = asyncio.Event()
        self.is_connected = self.was_cancelled = False

    async def start(self) -> None:
        try:
            await self.answered.wait()
        except asyncio.CancelledError:
            self.was_cancelled = True
            raise
        self.is_connected = True


async def cancelled(task: "asyncio.Task[None]") -> None:
    """Cancel a task that has begun, and let it see that."""
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)


async def test_who_is_cancelled_while_it_connects_waits_until_it_has() -> None:
    client = Connecting()
    task = asyncio.create_task(start(client))
    await cancelled(task)
    assert not task.done()

    client.answered.set()

    with pytest.raises(asyncio.CancelledError):
        await task
    assert client.is_connected
    assert not client.was_cancelled


async def test_nobody_waits_long_for_a_broker_that_does_not_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(starting, "GRACE_S", 0.001)
    client = Connecting()
    task = asyncio.create_task(start(client))
    await cancelled(task)

    with pytest.raises(asyncio.CancelledError):
        await task
    assert client.was_cancelled
    assert not client.is_connected


async def test_what_keeps_it_from_connecting_is_raised() -> None:
    class Refused(Connecting):
        async def start(self) -> None:
            raise ConnectionRefusedError

    with pytest.raises(ConnectionRefusedError):
        await start(Refused())

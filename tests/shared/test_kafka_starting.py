"""A client of Kafka that is cancelled while it connects, and one whose connections do not end."""

import asyncio
from types import SimpleNamespace
from typing import Any

import pytest

from shared.kafka import starting
from shared.kafka.starting import start, stop


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


class Connection:
    """A connection that ends when it is cut, or by itself if it is `good`."""

    def __init__(self, context: object, *, good: bool = False) -> None:
        self.ended = asyncio.Event()
        self.was_cut, self._context = False, context
        if good:
            self.ended.set()

    @property
    def transport(self) -> "Connection":
        return self

    def get_extra_info(self, name: str) -> object:
        return self._context if name == "sslcontext" else None

    def abort(self) -> None:
        self.was_cut = True
        self.ended.set()


async def closed(*connections: Connection | None) -> None:
    """Stop a client with these connections."""
    client: Any = SimpleNamespace(
        _client=SimpleNamespace(
            _conns={
                number: SimpleNamespace(_writer=each) for number, each in enumerate(connections)
            }
        )
    )

    async def close() -> None:
        for each in connections:
            if each is not None:
                await each.ended.wait()

    async with asyncio.timeout(60):
        await stop(client, close)


async def test_an_encrypted_connection_that_does_not_end_is_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(starting, "GRACE_S", 0.001)
    hanging = Connection("tls")

    await closed(hanging, None)

    assert hanging.was_cut


async def test_a_connection_that_ends_by_itself_is_not_cut() -> None:
    encrypted, plain = Connection("tls", good=True), Connection(None, good=True)

    await closed(encrypted, plain)

    assert not encrypted.was_cut
    assert not plain.was_cut


async def test_a_connection_that_is_not_encrypted_is_never_cut(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(starting, "GRACE_S", 0.001)
    plain = Connection(None)
    encrypted = Connection("tls")
    asyncio.get_running_loop().call_later(0.01, plain.ended.set)

    await closed(plain, encrypted)

    assert encrypted.was_cut
    assert not plain.was_cut

"""Starting and stopping: a client of Kafka connects wholly, or leaves nothing behind.

The library forgets the connection on whose first answer it is cancelled: it would stay open until
the garbage collector finds it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import Any, Protocol

GRACE_S = 1.0  # in which a broker that is there has answered


class Client(Protocol):
    """A consumer, a producer or an administrator."""

    async def start(self) -> Any:  # noqa: ANN401 - nobody wants it
        """Connect."""


class Connected(Protocol):
    """A consumer or an administrator, with the library's own client."""

    _client: Any


async def start(client: Client) -> None:
    """Start `client`, which the caller closes, whatever comes of it.

    Who is cancelled meanwhile waits a moment until it has connected.

    Raises:
        KafkaError, OSError: It cannot connect.
    """
    starting = asyncio.ensure_future(client.start())
    try:
        await asyncio.shield(starting)
    except asyncio.CancelledError:
        await asyncio.wait([starting], timeout=GRACE_S)
        starting.cancel()
        await asyncio.gather(starting, return_exceptions=True)
        raise


async def stop(client: Connected, close: Callable[[], Awaitable[Any]]) -> None:
    """Let `close` close a client; its encrypted connections are cut if they do not end soon.

    One that something arrives on meanwhile is only closed by uvloop when 30 s have passed.
    Source: issue 471 of uvloop.
    """
    writers = [each._writer for each in client._client._conns.values()]  # noqa: SLF001 - it gives them to nobody
    encrypted = [
        each.transport
        for each in writers
        if each is not None and each.get_extra_info("sslcontext") is not None
    ]
    cutting = asyncio.get_running_loop().call_later(GRACE_S, _cut, encrypted)
    try:
        await close()
    finally:
        cutting.cancel()


def _cut(transports: Iterable[asyncio.WriteTransport]) -> None:
    for each in transports:
        each.abort()

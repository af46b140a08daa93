"""Starting: a client of Kafka connects wholly, or leaves nothing behind.

The library forgets the connection on whose first answer it is cancelled: it would stay open until
the garbage collector finds it.
"""

import asyncio
from typing import Any, Protocol

GRACE_S = 1.0  # in which a broker that is there has answered


class Client(Protocol):
    """A consumer, a producer or an administrator."""

    async def start(self) -> Any:  # noqa: ANN401 - nobody wants it
        """Connect."""


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

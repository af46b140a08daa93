"""The links: TCP proxies between services and what they connect to, which can be made bad.

A link is cut (all its connections are reset), stalls (nothing passes, new connections neither), or
delays everything.
"""

import asyncio
import socket
import struct
from collections.abc import Callable
from contextlib import suppress
from typing import cast

from deploy.local.ports import HOST

RESET = struct.pack("ii", 1, 0)  # instead of a polite end
# What is said in place of something else of the same length: a broker tells its clients where it
# is reached, and these then would go past the link.
Rewrite = Callable[[bytes], bytes]


def no_rewrite(data: bytes) -> bytes:
    """Return what was said as it is."""
    return data


def broker_at(port: int, link: int) -> Rewrite:
    """Return how a broker's address in its answers becomes that of a link."""
    host = HOST.encode()
    said, meant = (host + each.to_bytes(4, "big") for each in (port, link))
    return lambda data: data.replace(said, meant)


class Link:
    """A proxy to a port of this machine, which is asked for at each connection."""

    def __init__(self, target: Callable[[], int], rewrite: Rewrite = no_rewrite) -> None:
        self._target = target
        self.rewrite = rewrite
        self.port = 0
        self.delay_s = 0.0
        self.is_stalled = False
        self._ends: set[_End] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen on a free port."""
        loop = asyncio.get_running_loop()
        self._server = await loop.create_server(lambda: _Near(self), HOST, 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End everything."""
        self.cut()
        if self._server is not None:
            self._server.close()

    def cut(self) -> None:
        """Reset all connections; the next ones are well."""
        for each in list(self._ends):
            each.abort()

    def stall(self) -> None:
        """Let nothing pass until `flow`."""
        self.is_stalled = True
        for each in self._ends:
            each.pause()

    def flow(self) -> None:
        """Let everything pass again, without delay."""
        self.is_stalled, self.delay_s = False, 0.0
        for each in self._ends:
            each.resume()

    def add(self, end: "_End") -> None:
        """Note a connection of ours."""
        self._ends.add(end)
        if self.is_stalled:
            asyncio.get_running_loop().call_soon(end.pause)  # once it reads

    def drop(self, end: "_End") -> None:
        """Forget a connection that is over."""
        self._ends.discard(end)

    async def connect(self, near: "_Near") -> None:
        """Connect to the target for somebody, who is cut off if nobody listens there."""
        loop = asyncio.get_running_loop()
        try:
            await loop.create_connection(lambda: _Far(self, near), HOST, self._target())
        except OSError:
            near.abort()


class _End(asyncio.Protocol):
    """One end of a connection through a link; what it gets goes to the other end."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._transport: asyncio.Transport | None = None
        self._last_at = 0.0  # when the last of what it got is, or was, passed on
        self.other: _End | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)
        self._link.add(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._link.drop(self)
        if self.other is not None:
            self._later(self.other.end if exc is None else self.other.abort)

    def data_received(self, data: bytes) -> None:
        other = self.other
        if other is not None:
            self._later(lambda: other.write(data))

    def pause_writing(self) -> None:
        if self.other is not None:
            self.other.pause()

    def resume_writing(self) -> None:
        if self.other is not None and not self._link.is_stalled:
            self.other.resume()

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def end(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def abort(self) -> None:
        if self._transport is not None and not self._transport.is_closing():
            own = self._transport.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, RESET)
            self._transport.abort()

    def pause(self) -> None:
        with suppress(RuntimeError):  # it is over
            if self._transport is not None:
                self._transport.pause_reading()

    def resume(self) -> None:
        with suppress(RuntimeError):
            if self._transport is not None:
                self._transport.resume_reading()

    def _later(self, call: Callable[[], None]) -> None:
        """Call with the link's delay, and never before what came earlier."""
        loop = asyncio.get_running_loop()
        now = loop.time()
        self._last_at = max(now + self._link.delay_s, self._last_at)
        if self._last_at <= now:
            call()
        else:
            loop.call_at(self._last_at, call)


class _Near(_End):
    """The end at which somebody connects."""

    _connecting: asyncio.Task[None]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        loop = asyncio.get_running_loop()
        loop.call_soon(self.pause)  # once it reads, and until there is where to pass it on
        self._connecting = loop.create_task(self._link.connect(self))


class _Far(_End):
    """The end at the target."""

    def __init__(self, link: Link, near: _Near) -> None:
        super().__init__(link)
        self.other, near.other = near, self

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if self.other is not None and not self._link.is_stalled:
            self.other.resume()

    def data_received(self, data: bytes) -> None:
        super().data_received(self._link.rewrite(data))

"""The crowd: many who watch, or search, as a process of its own, whose CPU is counted apart.

`python -m bench.watching.crowd --port P --watchers N [--silent N] [--searches R]`. Each watcher
has an address of its own, as the door would say. A line on its standard input is answered by a
line of JSON with the counts so far; the input's end is the crowd's.
"""

import argparse
import asyncio
import json
import resource
import socket
import sys
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing, suppress
from dataclasses import dataclass, field
from functools import partial
from itertools import count
from typing import Any, cast

import uvloop

HOST = "127.0.0.1"
AT_ONCE = 64  # connections that are being opened
SMALL_BUFFER = 4_096  # bytes that the kernel takes for somebody who does not read
WATCH = (
    "GET /public/v1/live HTTP/1.1\r\nHost: {host}\r\nAccept: text/event-stream\r\n"
    "X-Forwarded-For: {address}\r\n\r\n"
)
SEARCH = (
    "GET /public/v1/mailings?q={word}&limit=20 HTTP/1.1\r\nHost: {host}\r\n"
    "X-Forwarded-For: {address}\r\n\r\n"
)
CONNECTIONS = 50  # of those who search
LATENCIES = 20_000  # that are kept


def address_of(number: int) -> str:
    """Return the address of a watcher; none is another's."""
    return f"10.{number >> 16 & 255}.{number >> 8 & 255}.{number & 255}"


@dataclass
class Counts:
    """What has come so far."""

    statuses: Counter[int] = field(default_factory=Counter)  # of streams, as they began
    frames: int = 0
    size: int = 0  # bytes
    left: int = 0  # streams that have ended
    searches: Counter[int] = field(default_factory=Counter)  # by status
    took_s: list[float] = field(default_factory=list)  # of searches

    def shown(self) -> dict[str, Any]:
        """Return the counts as JSON has them."""
        took = sorted(self.took_s[-LATENCIES:])
        return {
            "streams": dict(self.statuses),
            "frames": self.frames,
            "bytes": self.size,
            "left": self.left,
            "searches": dict(self.searches),
            "search_p95_s": took[int(0.95 * len(took))] if took else None,
        }


class Watcher(asyncio.Protocol):
    """A stream that is read, or one that is not."""

    def __init__(self, request: bytes, counts: Counts, *, is_silent: bool) -> None:
        self._request, self._counts, self._is_silent = request, counts, is_silent
        self._has_begun = False
        self.begun: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Ask for the stream."""
        self._transport = cast("asyncio.Transport", transport)
        if self._is_silent:
            own = self._transport.get_extra_info("socket")
            own.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        self._transport.write(self._request)

    def data_received(self, data: bytes) -> None:
        """Count frames, or stop reading once the stream has begun."""
        if not self._has_begun:
            self._has_begun = True
            self._counts.statuses[int(data[9:12])] += 1
            self.begun.set_result(None)
            if self._is_silent:
                self._transport.pause_reading()
        self._counts.size += len(data)
        self._counts.frames += data.count(b"\ndata: ")

    def connection_lost(self, _: Exception | None) -> None:
        """Note that it has ended."""
        self._counts.left += 1
        if not self.begun.done():
            self.begun.set_result(None)


async def watch(
    port: int, numbers: Iterator[int], counts: Counts, *, is_silent: bool
) -> list[asyncio.BaseTransport]:
    """Open streams one after the other; they go on until they are closed."""
    loop = asyncio.get_running_loop()
    opened: list[asyncio.BaseTransport] = []
    for number in numbers:
        request = WATCH.format(host=HOST, address=address_of(number)).encode()
        made = partial(Watcher, request, counts, is_silent=is_silent)
        transport, protocol = await loop.create_connection(made, HOST, port)
        await protocol.begun
        opened.append(transport)
    return opened


async def search(port: int, per_s: float, counts: Counts) -> None:
    """Search at a rate, each time for something else, over some connections."""
    begun, numbers = time.monotonic(), count()

    async def of_one() -> None:
        reader, writer = await asyncio.open_connection(HOST, port)
        with closing(writer):
            for number in numbers:
                due = begun + number / per_s
                await asyncio.sleep(max(due - time.monotonic(), 0))
                request = SEARCH.format(host=HOST, word=f"w{number}", address=address_of(number))
                writer.write(request.encode())
                head = await reader.readuntil(b"\r\n\r\n")
                await reader.readexactly(length_of(head))
                counts.searches[int(head[9:12])] += 1
                counts.took_s.append(time.monotonic() - due)

    await asyncio.gather(*(of_one() for _ in range(CONNECTIONS)))


def length_of(head: bytes) -> int:
    """Return how long the body behind a head is."""
    for line in head.lower().split(b"\r\n"):
        if line.startswith(b"content-length:"):
            return int(line[15:])
    raise ValueError("an answer without a length")


async def _crowd(asked: argparse.Namespace) -> None:
    counts = Counts()
    reader = asyncio.StreamReader()
    made = partial(asyncio.StreamReaderProtocol, reader)
    await asyncio.get_running_loop().connect_read_pipe(made, sys.stdin)
    loud, silent = iter(range(asked.watchers)), iter(range(10**6, 10**6 + asked.silent))
    opening = [
        *(watch(asked.port, loud, counts, is_silent=False) for _ in range(AT_ONCE)),
        watch(asked.port, silent, counts, is_silent=True),
    ]
    tasks: list[asyncio.Task[Any]] = [asyncio.create_task(each) for each in opening]
    if asked.searches:
        tasks.append(asyncio.create_task(search(asked.port, asked.searches, counts)))
    while await reader.readline():
        is_open = all(each.done() for each in tasks[: len(opening)])
        sys.stdout.write(json.dumps({**counts.shown(), "is_open": is_open}) + "\n")
        sys.stdout.flush()


def main() -> None:
    """Watch until standard input ends."""
    parser = argparse.ArgumentParser("python -m bench.watching.crowd", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--watchers", type=int, default=0)
    parser.add_argument("--silent", type=int, default=0, help="watchers that do not read")
    parser.add_argument("--searches", type=float, default=0.0, help="a second")
    asked = parser.parse_args()
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    with suppress(KeyboardInterrupt):
        uvloop.run(_crowd(asked))


if __name__ == "__main__":
    main()

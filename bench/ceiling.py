"""The ceiling: how fast a bare client posts the same requests to the same sink on this machine.

No pool, no checks, no parsing: `connections` protocols that each write the next request when
anything comes back. `python -m bench.ceiling --port P [--requests N] [--connections C]`.
"""

import argparse
import asyncio
from collections.abc import Callable
from time import perf_counter
from typing import cast

import uvloop

_BODY = b'{"id":"%b","phone":"79%09d","text":"Good day, your order is ready and waits for you"}'
_HEAD = (
    b"POST /messages HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: application/json\r\n"
    b'Content-Type: application/json\r\nIdempotency-Key: "%b"\r\n'
    b"traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01\r\n"
    b"Content-Length: %d\r\n\r\n%b"
)


class Run:
    """What all connections share: the requests left, and who waits for the last answer."""

    __slots__ = ("answered", "done", "requests", "started")

    def __init__(self, requests: int, done: asyncio.Future[None]) -> None:
        self.requests = requests
        self.started = self.answered = 0
        self.done = done


class Poster(asyncio.Protocol):
    """Posts over one connection, the next request when anything comes back."""

    __slots__ = ("_run", "_transport")

    def __init__(self, run: Run) -> None:
        self._run = run
        self._transport: asyncio.Transport | None = None

    async def opened(self) -> None:
        """Wait until requests may be posted: at once."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport."""
        self._transport = cast("asyncio.Transport", transport)

    def post(self) -> None:
        """Write the next request, if any is left."""
        run = self._run
        if self._transport is None or run.started == run.requests:
            return
        run.started += 1
        key = b"ceiling%036d" % run.started
        body = _BODY % (key, run.started)
        self._transport.write(_HEAD % (key, len(body), body))

    def data_received(self, data: bytes) -> None:  # noqa: ARG002 - one answer, unread
        """Count an answer, and go on."""
        run = self._run
        run.answered += 1
        if run.answered < run.requests:
            self.post()
        elif not run.done.done():
            run.done.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the measurement."""
        if not self._run.done.done():
            self._run.done.set_exception(exc or ConnectionError("the sink closed a connection"))

    def close(self) -> None:
        """Let go of the connection."""
        if self._transport is not None:
            self._transport.abort()


async def ceiling(
    port: int, requests: int, connections: int = 64, poster_of: Callable[[Run], Poster] = Poster
) -> float:
    """Post `requests` requests to the sink on `port`; return requests per second.

    Raises:
        OSError: the sink cannot be reached, or closes a connection.
    """
    loop = asyncio.get_running_loop()
    run = Run(requests, loop.create_future())
    posters: list[Poster] = []
    try:
        for _ in range(connections):
            _, poster = await loop.create_connection(lambda: poster_of(run), "127.0.0.1", port)
            posters.append(poster)
        for poster in posters:
            await poster.opened()
        start = perf_counter()
        for poster in posters:
            poster.post()
        await run.done
        return requests / (perf_counter() - start)
    finally:
        for poster in posters:
            poster.close()


def main() -> None:
    """Measure once and print the figure."""
    parser = argparse.ArgumentParser(prog="python -m bench.ceiling", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    rate = uvloop.run(ceiling(options.port, options.requests, options.connections))
    print(f"{rate:,.0f} requests/s")  # noqa: T201 - the result


if __name__ == "__main__":
    main()

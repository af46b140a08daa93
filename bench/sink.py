"""The fastest reasonable gateway: it accepts everything, counts, and looks at almost nothing.

Its message ids are random, as those of gateways often are. `python -m bench.sink --port P
[--latency 20-50] [--mishaps]`, in milliseconds; `GET /summary` tells `{"requests", "distinct",
"last_at"}` of those that it has taken. With mishaps one message in a hundred does not pass
(`bench.mishaps`).
"""

import argparse
import asyncio
import signal
import time
from random import getrandbits, randint
from typing import cast

import uvloop

from bench.mishaps import Mishap, mishap_of
from bench.setup import latency

_HEAD_END = b"\r\n\r\n"
_LENGTH = b"Content-Length: "
_KEY = b'Idempotency-Key: "'
_BODY = b'{"id":"%b-%b-4%b-a%b-%b","status":"accepted"}'
_HEX = tuple(b"%04x" % n for n in range(2**16))
_ACCEPTED = (
    b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"
    % (len(_BODY) - 2 * 5 + 30, _BODY)
)
_SUMMARY = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n%b"


class Counts:
    """What has come in so far."""

    __slots__ = ("asked", "has_mishaps", "keys", "last_at", "requests")

    def __init__(self, *, has_mishaps: bool = False) -> None:
        self.requests = 0
        self.last_at = 0.0  # when the last one came, in seconds since the epoch
        self.keys: set[bytes] = set()
        self.has_mishaps = has_mishaps
        self.asked: set[bytes] = set()  # keys of mishaps that have come once

    def mishap(self, key: bytes) -> Mishap | None:
        """Return what happens to a request with this key."""
        if not self.has_mishaps:
            return None
        is_repeated = key in self.asked
        found = mishap_of(key, is_repeated=is_repeated)
        if found is not None and not is_repeated:
            self.asked.add(key)
        return found

    def summary(self) -> bytes:
        """Return the counts as JSON."""
        counts = self.requests, len(self.keys), self.last_at
        return b'{"requests":%d,"distinct":%d,"last_at":%.6f}' % counts


class Sink(asyncio.Protocol):
    """One connection: requests as our own client writes them, in one piece or in several."""

    __slots__ = ("_counts", "_latency_ms", "_rest", "_transport")

    def __init__(self, counts: Counts, latency_ms: tuple[int, int] = (0, 0)) -> None:
        self._counts = counts
        self._latency_ms = latency_ms
        self._rest = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the way back."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """Answer every whole request."""
        if self._rest:
            data = self._rest + data
        while data:
            end = _end(data)
            if end > len(data) or end < 0:
                break
            self._answer(data)
            data = data[end:]
        self._rest = data

    def _answer(self, request: bytes) -> None:
        counts = self._counts
        transport = self._transport
        if transport is None:
            return
        if request.startswith(b"GET "):
            summary = counts.summary()
            transport.write(_SUMMARY % (len(summary), summary))
            return
        start = request.find(_KEY) + len(_KEY)
        key = request[start : request.find(b'"', start)]
        mishap = counts.mishap(key)
        if mishap is None or mishap.is_taken:
            counts.keys.add(key)
            counts.requests += 1
            counts.last_at = time.time()
        answer = _ACCEPTED % _random_id() if mishap is None else mishap.answer
        least, most = self._latency_ms
        seconds = mishap.after_s if mishap is not None else 0.0
        if most:
            seconds += randint(least, most) / 1000  # noqa: S311 - not a secret
        if seconds:
            asyncio.get_running_loop().call_later(seconds, transport.write, answer)
        else:
            transport.write(answer)


def _random_id() -> tuple[bytes, bytes, bytes, bytes, bytes]:
    """Return the parts of a random UUID: by table, which costs a third of making one."""
    n = getrandbits(128)
    return (
        _HEX[n & 0xFFFF] + _HEX[n >> 16 & 0xFFFF],
        _HEX[n >> 32 & 0xFFFF],
        _HEX[n >> 48 & 0xFFFF][1:],
        _HEX[n >> 64 & 0xFFFF][1:],
        _HEX[n >> 80 & 0xFFFF] + _HEX[n >> 96 & 0xFFFF] + _HEX[n >> 112],
    )


def _end(data: bytes) -> int:
    """Return where the first request ends; -1 when even its head is incomplete."""
    head = data.find(_HEAD_END)
    if head < 0:
        return -1
    start = data.find(_LENGTH, 0, head)
    if start < 0:
        return head + len(_HEAD_END)
    start += len(_LENGTH)
    return head + len(_HEAD_END) + int(data[start : data.find(b"\r", start)])


async def serve(port: int, latency_ms: tuple[int, int], *, has_mishaps: bool) -> None:
    """Serve on the loopback address until told to stop."""
    loop = asyncio.get_running_loop()
    counts = Counts(has_mishaps=has_mishaps)
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    server = await loop.create_server(
        lambda: Sink(counts, latency_ms), "127.0.0.1", port, backlog=4096
    )
    await stop.wait()
    server.close()


def main() -> None:
    """Read the port and serve."""
    parser = argparse.ArgumentParser(prog="python -m bench.sink", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--latency", type=latency, default=(0, 0), help="20-50, in milliseconds")
    parser.add_argument("--mishaps", action="store_true")
    options = parser.parse_args()
    uvloop.run(serve(options.port, options.latency, has_mishaps=options.mishaps))


if __name__ == "__main__":
    main()

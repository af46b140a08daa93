"""The fastest reasonable mail server: it takes everything, counts, and looks at almost nothing.

`python -m bench.mail.sink --port P --smtp-port P`: mails come to the second one, and the first
tells the counts as `bench.sink` does. It offers PIPELINING, and has an id for each mail.
"""

import argparse
import asyncio
import signal
import time
from functools import partial
from typing import cast

import uvloop

from bench.sink import Counts, Sink

_GREETING = b"220 sink ESMTP\r\n"
_HELLO = b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE 10485760\r\n"
_END = b"\r\n.\r\n"
_KEY = b"\r\nMessage-ID: <"
_GO_ON = b"354 Go on\r\n"
_OK = b"250 2.0.0 Ok\r\n"
_TAKEN = b"250 2.0.0 Ok: queued as %015X\r\n"
_ANSWERS = {b"EHLO": _HELLO, b"DATA": _GO_ON}


class MailSink(asyncio.Protocol):
    """One connection: commands and mails as a client writes them, in one piece or in several."""

    __slots__ = ("_counts", "_is_content", "_rest", "_transport")

    def __init__(self, counts: Counts) -> None:
        self._counts = counts
        self._rest = b""
        self._is_content = False
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet."""
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(_GREETING)

    def data_received(self, data: bytes) -> None:
        """Answer all that is whole, with one write."""
        if self._rest:
            data = self._rest + data
        answers = []
        while data:
            mark = _END if self._is_content else b"\n"
            end = data.find(mark)
            if end < 0:
                break
            if self._is_content:
                self._is_content = False
                answers.append(self._take(data))
            else:
                word = data[:4].upper()
                self._is_content = word == b"DATA"
                answers.append(_ANSWERS.get(word, _OK))
            data = data[end + len(mark) :]
        self._rest = data
        if answers and self._transport is not None:
            self._transport.write(b"".join(answers))

    def _take(self, mail: bytes) -> bytes:
        counts = self._counts
        start = mail.find(_KEY) + len(_KEY)
        counts.keys.add(mail[start : mail.find(b"@", start)])
        counts.requests += 1
        counts.last_at = time.time()
        return _TAKEN % counts.requests


async def serve(port: int, smtp_port: int) -> None:
    """Serve on the loopback address until told to stop."""
    loop = asyncio.get_running_loop()
    counts = Counts()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    listen = partial(loop.create_server, host="127.0.0.1", backlog=4096)
    mails = await listen(lambda: MailSink(counts), port=smtp_port)
    looks = await listen(lambda: Sink(counts), port=port)  # last: who reaches it, finds both
    await stop.wait()
    mails.close()
    looks.close()


def main() -> None:
    """Read the ports and serve."""
    parser = argparse.ArgumentParser(prog="python -m bench.mail.sink", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--smtp-port", type=int, required=True)
    options = parser.parse_args()
    uvloop.run(serve(options.port, options.smtp_port))


if __name__ == "__main__":
    main()

"""The ceiling of mails: how fast a bare client sends mails like ours to the same sink.

No pool, no checks, no parsing: connections that each write the next step of a mail when anything
comes back. `python -m bench.mail.ceiling --port P [--requests N] [--connections C]`.
"""

import argparse
import asyncio

import uvloop

from bench.ceiling import Poster, Run, ceiling
from bench.mail.content import BODY

_HELLO = b"EHLO [127.0.0.1]\r\n"
_HEAD = (
    b"MAIL FROM:<news@shop.example> BODY=8BITMIME SIZE=5400\r\n"
    b"RCPT TO:<client%d@mail.example>\r\nDATA\r\n"
)
_CONTENT = (
    b'Date: Sun, 29 Nov 2026 11:30:00 -0000\r\nFrom: "Shop"\r\n <news@shop.example>\r\n'
    b'To: "Anna Petrova"\r\n <client%d@mail.example>\r\nSubject: News\r\n'
    b"Message-ID: <ceiling%036d@shop.example>\r\nMIME-Version: 1.0\r\n"
    b"Content-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: 8bit\r\n\r\n"
)
_BODY = (
    BODY.replace("{{ full_name }}", "Anna Petrova").replace("\n", "\r\n").encode() + b"\r\n.\r\n"
)


class MailPoster(Poster):
    """Sends mails over one connection: envelope, content, envelope, and so on."""

    __slots__ = ("_has_envelope", "_number", "_opened", "_steps")

    def __init__(self, run: Run) -> None:
        super().__init__(run)
        self._opened = asyncio.get_running_loop().create_future()
        self._steps = 0  # greeting and EHLO
        self._number = 0
        self._has_envelope = False

    async def opened(self) -> None:
        """Wait until mails may be sent."""
        await self._opened

    def post(self) -> None:
        """Write the next mail's envelope, if any is left."""
        run = self._run
        if self._transport is None or run.started == run.requests:
            return
        run.started += 1
        self._number = run.started
        self._has_envelope = True
        self._transport.write(_HEAD % self._number)

    def data_received(self, data: bytes) -> None:
        """Write what is next, whatever has come."""
        if self._has_envelope:
            self._has_envelope = False
            if self._transport is not None:
                number = self._number
                self._transport.write(b"%b%b" % (_CONTENT % (number, number), _BODY))
        elif self._opened.done():
            super().data_received(data)
        elif self._steps:
            self._opened.set_result(None)
        elif self._transport is not None:
            self._steps = 1
            self._transport.write(_HELLO)


def main() -> None:
    """Measure once and print the figure."""
    parser = argparse.ArgumentParser(prog="python -m bench.mail.ceiling", description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--requests", type=int, default=50_000)
    parser.add_argument("--connections", type=int, default=64)
    options = parser.parse_args()
    rate = uvloop.run(ceiling(options.port, options.requests, options.connections, MailPoster))
    print(f"{rate:,.0f} mails/s")  # noqa: T201 - the result


if __name__ == "__main__":
    main()

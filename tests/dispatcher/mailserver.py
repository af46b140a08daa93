"""A mail server in the test's process, which says at each step what it is told to say."""

import asyncio
import ssl
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Self

# By the command, "." for the content, "" for the greeting. None: it never answers.
Replies = Mapping[str, bytes | None]

GOOD: Replies = MappingProxyType({
    "": b"220 mail.example ESMTP\r\n",
    "MAIL": b"250 2.1.0 Ok\r\n",
    "RCPT": b"250 2.1.5 Ok\r\n",
    "DATA": b"354 Go on\r\n",
    ".": b"250 2.0.0 Ok: queued as 4Xb7k2\r\n",
    "RSET": b"250 2.0.0 Ok\r\n",
    "QUIT": b"221 2.0.0 Bye\r\n",
    "STARTTLS": b"220 2.0.0 Begin\r\n",
    "AUTH": b"235 2.7.0 Entered\r\n",
})  # fmt: skip

EMPTY = "an empty line"
CLOSE = b""  # for a reply: the connection ends instead


class MailServer:
    """Takes mails; `replies` is set at any time and wins over what is usual."""

    def __init__(
        self,
        *,
        pipelining: bool = True,
        offers: Iterable[str] = ("8BITMIME", "SMTPUTF8", "SIZE 1000000"),
        tls: ssl.SSLContext | None = None,
        is_implicit: bool = False,
    ) -> None:
        self.offers = ["PIPELINING", *offers] if pipelining else list(offers)
        self.tls = tls
        self.is_implicit = is_implicit
        self.replies: Replies = {}
        self.taken: list[bytes] = []  # mails, as they came, without what ends them
        self.commands: list[bytes] = []
        self.connections = 0
        self.tasks: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Self:
        context = self.tls if self.is_implicit else None
        self.server = await asyncio.start_server(self.connected, "127.0.0.1", 0, ssl=context)
        self.port: int = self.server.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *_: object) -> None:
        self.server.close()
        for task in list(self.tasks):
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self.tasks.add(task)
        self.connections += 1
        try:
            await self.serve(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError, ssl.SSLError):
            pass
        except asyncio.CancelledError:
            pass  # early releases of Python 3.11 and 3.12 report a server's task that is cancelled
        finally:
            writer.close()
            self.tasks.discard(task)

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        is_on = await self.answer("", reader, writer)
        while is_on and (line := await reader.readline()):
            self.commands.append(line)
            word = line[:4].decode().upper().strip() or EMPTY
            if word == "EHLO":
                hello = self.hello(encrypted=writer.get_extra_info("sslcontext") is not None)
                is_on = await self.say(hello, reader, writer)
                continue
            is_on = await self.answer("STARTTLS" if word == "STAR" else word, reader, writer)
            if word == "DATA" and is_on and self.reply("DATA") == GOOD["DATA"]:
                is_on = await self.take(reader, writer)
            elif word == "STAR" and is_on and self.tls:
                await writer.start_tls(self.tls)
            elif word == "QUIT":
                return

    async def take(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> bool:
        mail = b""
        while (line := await reader.readline()) != b".\r\n":
            if not line:
                return False
            mail += line
        reply = self.reply(".")
        if reply is None or not reply.startswith((b"4", b"5")):
            self.taken.append(mail)
        return await self.answer(".", reader, writer)

    async def answer(
        self, word: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        return await self.say(self.reply(word), reader, writer)

    async def say(
        self, reply: bytes | None, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bool:
        if reply is None:
            await reader.read()
        elif reply:
            writer.write(reply)
        return bool(reply)

    def reply(self, word: str) -> bytes | None:
        default = GOOD.get(word, b"500 5.5.2 Not understood\r\n")
        return self.replies.get(word, default)

    def hello(self, *, encrypted: bool) -> bytes | None:
        if "EHLO" in self.replies:
            return self.replies["EHLO"]
        extra = ["STARTTLS"] if self.tls and not encrypted else []
        lines = ["mail.example", *self.offers, *extra]
        marks = ["-"] * (len(lines) - 1) + [" "]
        text = "".join(f"250{mark}{line}\r\n" for mark, line in zip(marks, lines, strict=True))
        return text.encode()

"""The sandbox mail server's two doors: SMTP for mails, HTTP for who looks at them."""

import asyncio
from collections.abc import Callable
from typing import Annotated, cast

import msgspec

from deploy.local.gateway.answers import Reply
from deploy.local.gateway.control import Control, Request, document
from deploy.local.gateway.faults import Decision
from deploy.local.gateway.ledger import Ledger
from deploy.local.gateway.server import Connection as HttpConnection
from deploy.local.mail.faults import Misbehavior
from deploy.local.mail.mailbox import KEPT, Mailbox, key_of

_LINE_LIMIT = 4_096  # bytes of a command
_MAIL_LIMIT = 10_485_760  # bytes
_END = b"\r\n.\r\n"
_HELLO = b"250-sandbox\r\n250-PIPELINING\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250 SIZE %d\r\n"
_OK = b"250 2.0.0 Ok\r\n"
_GREETING, _GARBAGE = b"220 sandbox ESMTP\r\n", b"<html>It works.</html>\r\n"
_FIXED = {
    b"EHLO": _HELLO % _MAIL_LIMIT,
    b"HELO": b"250 sandbox\r\n",
    b"NOOP": _OK,
    b"DATA": b"503 5.5.1 RCPT first\r\n",
}
_TO_RECIPIENT = {
    Decision.FAILED: b"451 4.3.0 Told to fail\r\n",
    Decision.REFUSED: b"550 5.1.1 Told to refuse\r\n",
    Decision.THROTTLED: b"421 4.3.2 Told to close\r\n",
}


class _Last(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    limit: Annotated[int, msgspec.Meta(ge=1, le=KEPT)] = 10


class Sandbox:
    """Decides on mails, and lets answers go out when the ledger holds their lines."""

    def __init__(
        self, ledger: Ledger, misbehavior: Misbehavior, failed: Callable[[OSError], None]
    ) -> None:
        self._ledger = ledger
        self.misbehavior = misbehavior
        self._control = Control(ledger, misbehavior)
        self._failed = failed  # told when the ledger can't be written: nothing may be said then
        self._mailbox = Mailbox()
        self._loop = asyncio.get_running_loop()
        self._due: list[tuple[MailConnection, bytes, float]] = []
        self._is_flushing = False
        self.connections: set[HttpConnection] = set()
        self.mail_connections: set[MailConnection] = set()

    def refuse(self, decision: Decision) -> None:
        """Note a mail that was not taken, whose content never came: so it has no key."""
        self._ledger.record(b"", decision, is_accepted=False)
        self._flush_soon()

    def take(self, connection: "MailConnection", raw: bytes, decision: Decision) -> None:
        """Take a mail, and see to it that it is answered."""
        is_taken = decision is Decision.ACCEPTED or self.misbehavior.is_taken_anyway()
        key = key_of(raw)
        number = self._ledger.record(key, decision, is_accepted=is_taken)
        if is_taken:
            self._mailbox.add(raw)
        answer = b"250 2.0.0 Ok: queued as sm-%012d\r\n" % number
        answered = b"" if decision is Decision.HUNG else answer
        self._flush_soon()
        self._due.append((connection, answered, self.misbehavior.latency_s()))

    def flush(self) -> None:
        """Write the ledger, then answer all mails of this turn of the loop."""
        due, self._due = self._due, []
        self._is_flushing = False
        try:
            self._ledger.flush()
        except OSError as error:
            self._failed(error)
            return
        for connection, answer, latency_s in due:
            self._loop.call_later(latency_s, connection.answer, answer)

    def _flush_soon(self) -> None:
        if not self._is_flushing:
            self._is_flushing = True
            self._loop.call_soon(self.flush)

    def abort(self) -> None:
        """Let go of all connections at once."""
        for each in list(self.connections):
            each.abort()
        for one in list(self.mail_connections):
            one.abort()

    def handle(self, connection: HttpConnection, request: Request) -> None:
        """Answer who looks."""
        connection.answer(self._control.reply(request, self._last_mails))

    def _last_mails(self, request: Request) -> Reply | None:
        if (request.method, request.path) != (b"GET", b"/mails"):
            return None
        return document({"items": self._mailbox.last(request.parameters(_Last).limit)})


class MailConnection(asyncio.Protocol):
    """One SMTP connection: commands one after the other, also ahead of their answers."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._decision: Decision | None = None  # on the mail under way
        self._has_recipient = self._is_content = self._is_busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, or not as it should be."""
        self._transport = cast("asyncio.Transport", transport)
        self._sandbox.mail_connections.add(self)
        greets = self._sandbox.misbehavior.greets()
        self._transport.write(_GREETING if greets else _GARBAGE)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Drop the connection: what was taken was taken."""
        self._transport = None
        self._sandbox.mail_connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Read commands and mails."""
        self._buffer += data
        self._go_on()

    def answer(self, answer: bytes) -> None:
        """Answer a mail, or end the connection if there is no answer; then go on."""
        self._is_busy = False
        if not answer:
            self.abort()
            return
        self._write(answer)
        self._go_on()

    def abort(self) -> None:
        """Let go of the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def _go_on(self) -> None:
        while not self._is_busy and self._transport is not None:
            if self._is_content:
                if not self._read_mail():
                    return
            else:
                line, end, rest = self._buffer.partition(b"\n")
                if not end:
                    if len(line) > _LINE_LIMIT:
                        self._close(b"500 5.5.2 Line too long\r\n")
                    return
                self._buffer = rest
                self._command(line.strip())

    def _read_mail(self) -> bool:
        raw, end, rest = (b"\r\n" + self._buffer).partition(_END)
        if not end:
            if len(self._buffer) > _MAIL_LIMIT:
                self._close(b"552 5.3.4 Too large\r\n")
            return False
        self._buffer = rest
        self._is_content, self._is_busy = False, True
        decision = self._decision or Decision.ACCEPTED
        mail = (raw[2:] + b"\r\n").replace(b"\r\n..", b"\r\n.")
        self._reset()
        self._sandbox.take(self, mail, decision)
        return True

    def _command(self, line: bytes) -> None:
        match line[:4].upper():
            case b"MAIL":
                self._reset()
                self._decision = self._sandbox.misbehavior.decide()
                self._write(_OK)
            case b"RCPT":
                self._recipient()
            case b"DATA" if self._has_recipient:
                self._is_content = True
                self._write(b"354 End it with a dot\r\n")
            case b"RSET":
                self._reset()
                self._write(_OK)
            case b"QUIT":
                self._close(b"221 2.0.0 Bye\r\n")
            case word:
                self._write(_FIXED.get(word, b"500 5.5.2 Not understood\r\n"))

    def _recipient(self) -> None:
        decision = self._decision
        refusal = None if decision is None else _TO_RECIPIENT.get(decision)
        if decision is None:
            self._write(b"503 5.5.1 MAIL first\r\n")
        elif refusal is None:
            self._has_recipient = True
            self._write(b"250 2.1.5 Ok\r\n")
        else:
            self._sandbox.refuse(decision)
            self._reset()
            if decision is Decision.THROTTLED:
                self._close(refusal)
            else:
                self._write(refusal)

    def _reset(self) -> None:
        self._decision, self._has_recipient = None, False

    def _write(self, data: bytes) -> None:
        if self._transport is not None:
            self._transport.write(data)

    def _close(self, data: bytes) -> None:
        self._write(data)
        if self._transport is not None:
            self._transport.close()
        self._transport = None

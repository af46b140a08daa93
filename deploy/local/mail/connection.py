"""A connection to the sandbox mail server: commands one after the other, also ahead of answers."""

import asyncio
import ssl
from typing import cast

from deploy.local.mail.faults import Decision, Greeting
from deploy.local.mail.login import ENTERED, Dialog
from deploy.local.mail.server import Answer, Sandbox

_LINE_LIMIT = 4_096  # bytes of a command
_MAIL_LIMIT = 10_485_760  # bytes
_END = b"\r\n.\r\n"
_HELLO = (b"sandbox", b"PIPELINING", b"8BITMIME", b"SMTPUTF8", b"SIZE %d" % _MAIL_LIMIT)
_OK = b"250 2.0.0 Ok\r\n"
_GREETINGS = {
    Greeting.GOOD: b"220 sandbox ESMTP\r\n",
    Greeting.GARBAGE: b"<html>It works.</html>\r\n",
    Greeting.NONE: b"",
}
_FIXED = {
    b"HELO": b"250 sandbox\r\n",
    b"NOOP": _OK,
    b"DATA": b"503 5.5.1 RCPT first\r\n",
}
_BEFORE_CONTENT = frozenset({Decision.FAILED, Decision.REFUSED, Decision.THROTTLED})


class MailConnection(asyncio.Protocol):
    """One SMTP connection."""

    def __init__(self, sandbox: Sandbox, *, is_encrypted: bool = False) -> None:
        self._sandbox = sandbox
        self._transport: asyncio.Transport | None = None
        self._buffer = b""
        self._is_encrypted = is_encrypted
        self._tls: asyncio.Task[None] | None = None
        self._dialog: Dialog | None = None  # of an AUTH under way
        self._has_entered = False
        self._sender: bytes | None = None  # of the mail under way
        self._decision: Decision | None = None  # on it, once there is a recipient
        self._is_content = self._is_busy = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Greet, or not as it should be."""
        self._transport = cast("asyncio.Transport", transport)
        self._sandbox.mail_connections.add(self)
        self._write(_GREETINGS[self._sandbox.misbehavior.greeting()])

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Drop the connection: what was taken was taken."""
        self._transport = None
        self._sandbox.mail_connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Read commands and mails."""
        self._buffer += data
        self._go_on()

    def answer(self, answer: Answer) -> None:
        """Answer a mail, or not; then go on, or end the connection."""
        if answer.raw is None:
            return
        self._is_busy = False
        if not answer.raw:
            self.abort()
        elif answer.closes:
            self._close(answer.raw)
        else:
            self._write(answer.raw)
            self._go_on()

    def abort(self) -> None:
        """Let go of the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    # TLS

    def _begin_tls(self, transport: asyncio.Transport) -> None:
        """Let TLS begin with the next byte; what was read ahead of it counts no more."""
        self._is_busy, self._buffer = True, b""
        transport.pause_reading()
        self._tls = asyncio.get_running_loop().create_task(self._encrypt(transport))

    async def _encrypt(self, plain: asyncio.Transport) -> None:
        loop, tls = asyncio.get_running_loop(), self._sandbox.tls
        try:
            encrypted = await loop.start_tls(plain, self, tls, server_side=True)
        except (OSError, ssl.SSLError):
            encrypted = None
        self._is_busy = False
        if encrypted is None:
            plain.abort()
            self.connection_lost(None)  # it does not come where TLS has failed
            return
        self._transport = encrypted
        self._is_encrypted = True

    # What comes in

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
                self._line(line.strip())

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

    def _line(self, line: bytes) -> None:
        if self._dialog is None:
            self._command(line)
        else:
            self._logged_in(self._dialog.go_on(line))

    def _command(self, line: bytes) -> None:
        match line[:4].upper():
            case (b"EHLO" | b"RSET") as word:
                self._reset()
                self._write(_OK if word == b"RSET" else self._hello())
            case b"MAIL":
                self._mail(line)
            case b"RCPT":
                self._recipient(line)
            case b"DATA" if self._decision is not None:
                self._is_content = True
                self._write(b"354 End it with a dot\r\n")
            case b"STAR" if self._offers_tls and self._transport is not None:
                self._write(b"220 2.0.0 Begin\r\n")
                self._begin_tls(self._transport)
            case b"AUTH":
                self._login(line)
            case b"QUIT":
                self._close(b"221 2.0.0 Bye\r\n")
            case word:
                self._write(_FIXED.get(word, b"500 5.5.2 Not understood\r\n"))

    @property
    def _offers_tls(self) -> bool:
        return self._sandbox.misbehavior.faults.has_starttls and not self._is_encrypted

    def _hello(self) -> bytes:
        ways = self._sandbox.misbehavior.faults.logins.encode()
        lines = [*_HELLO, b"STARTTLS"] if self._offers_tls else [*_HELLO]
        lines += [b"AUTH %b" % ways] if ways and self._is_encrypted else []
        return b"".join(b"250-%b\r\n" % each for each in lines[:-1]) + b"250 %b\r\n" % lines[-1]

    def _login(self, line: bytes) -> None:
        way, first = (*line.decode("ascii", "replace").split()[1:], "", "")[:2]
        if not self._is_encrypted:
            self._write(b"538 5.7.11 TLS first\r\n")
        elif way.upper() not in self._sandbox.misbehavior.faults.logins.split():
            self._write(b"504 5.5.4 No such way\r\n")
        else:
            self._dialog = Dialog(self._sandbox.account)
            self._logged_in(self._dialog.begin(way.upper(), first.encode()))

    def _logged_in(self, answer: bytes) -> None:
        if not answer.startswith(b"334"):
            self._dialog = None
            self._has_entered = answer == ENTERED
        self._write(answer)

    # The mail under way

    def _mail(self, line: bytes) -> None:
        self._reset()
        if self._sandbox.misbehavior.faults.needs_login and not self._has_entered:
            self._write(b"530 5.7.0 AUTH first\r\n")
            return
        self._sender = _address(line)
        self._write(_OK)

    def _recipient(self, line: bytes) -> None:
        if self._sender is None:
            self._write(b"503 5.5.1 MAIL first\r\n")
            return
        decision = self._sandbox.decide(self._sender, _address(line))
        is_refused = decision is Decision.GREYLISTED or (
            decision in _BEFORE_CONTENT and self._sandbox.misbehavior.faults.answer_at == "rcpt"
        )
        if not is_refused:
            self._decision = decision
            self._write(b"250 2.1.5 Ok\r\n")
            return
        self._sandbox.refuse(decision)
        self._reset()
        answer = Answer.of(decision)
        (self._close if answer.closes else self._write)(answer.raw or b"")

    def _reset(self) -> None:
        self._sender, self._decision = None, None

    def _write(self, data: bytes) -> None:
        if self._transport is not None and data:
            self._transport.write(data)

    def _close(self, data: bytes) -> None:
        self._write(data)
        if self._transport is not None:
            self._transport.close()
        self._transport = None


def _address(line: bytes) -> bytes:
    return line.partition(b"<")[2].partition(b">")[0].lower()

"""The sandbox gateway's server: HTTP/1.1 on a raw protocol, since it stands in the demo's path."""

import asyncio
from collections.abc import Callable
from typing import Annotated, Protocol, cast

import httptools
import msgspec

from deploy.local.gateway import answers
from deploy.local.gateway.answers import Reply
from deploy.local.gateway.control import Control, Request
from deploy.local.gateway.faults import Decision, Misbehavior
from deploy.local.gateway.ledger import Ledger

_BODY_LIMIT = 65_536  # bytes
_HEAD_LIMIT = 16_384  # bytes
_WAITING_LIMIT = 100  # requests that a connection sends ahead
_LINGER_S = 2.0  # after a refusal: what still arrives is read, or a reset would destroy the answer
_KEY_NAME = b"idempotency-key"


class _Message(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    id: Annotated[str, msgspec.Meta(pattern=r"\A[A-Za-z0-9_-]{1,64}\Z")]
    phone: Annotated[str, msgspec.Meta(pattern=r"\A7[0-9]{10}\Z")]
    text: str
    subject: str | None = None


_MESSAGE = msgspec.json.Decoder(_Message)
_REPLIES = {
    Decision.REFUSED: answers.REFUSED,
    Decision.FAILED: answers.FAILED,
}


class Owner(Protocol):
    """Who answers a connection's requests."""

    connections: "set[Connection]"

    def handle(self, connection: "Connection", request: Request) -> None:
        """See to it that a request is answered."""


class Sandbox:
    """Decides on requests, and lets answers go out when the ledger holds their lines."""

    def __init__(
        self, ledger: Ledger, misbehavior: Misbehavior, failed: Callable[[OSError], None]
    ) -> None:
        self._ledger = ledger
        self._misbehavior = misbehavior
        self._control = Control(ledger, misbehavior)
        self._failed = failed  # told when the ledger can't be written: nothing may be said then
        self._loop = asyncio.get_running_loop()
        self._due: list[tuple[Connection, Reply, float]] = []
        self.connections: set[Connection] = set()

    def handle(self, connection: "Connection", request: Request) -> None:
        """See to it that a request is answered, unless it is to hang."""
        if request.path != b"/messages":
            connection.answer(self._control.reply(request))
        elif request.method != b"POST":
            connection.answer(answers.NOT_FOUND)
        else:
            self._take(connection, request)

    def flush(self) -> None:
        """Write the ledger, then answer all requests of this turn of the loop."""
        due, self._due = self._due, []
        try:
            self._ledger.flush()
        except OSError as error:
            self._failed(error)
            return
        for connection, reply, latency_s in due:
            if latency_s:
                self._loop.call_later(latency_s, connection.answer, reply)
            else:
                connection.answer(reply)

    def _take(self, connection: "Connection", request: Request) -> None:
        key = _key(request)
        decision = self._misbehavior.decide() if key else Decision.REFUSED
        taken = self._ledger.taken.get(key)
        is_new = taken is None or not self._misbehavior.faults.is_idempotent
        if decision is Decision.ACCEPTED and not is_new:
            decision = Decision.REPEATED
        elif decision in {Decision.GARBAGE, Decision.HUNG}:
            is_new = is_new and self._misbehavior.is_taken_anyway()
        else:
            is_new = is_new and decision is Decision.ACCEPTED
        number = self._ledger.record(key, decision, is_accepted=is_new)
        if not self._due:
            self._loop.call_soon(self.flush)
        if decision is Decision.REPEATED and taken is not None:
            number = taken
        if decision is Decision.OUTAGE:
            self._due.append((connection, answers.CUT_OFF, 0.0))
        elif decision is not Decision.HUNG:
            reply = self._reply(decision, number)
            self._due.append((connection, reply, self._misbehavior.latency_s()))

    def _reply(self, decision: Decision, number: int) -> Reply:
        if decision is Decision.GARBAGE:
            return answers.garbage(self._misbehavior.garbage(), number)
        if decision is Decision.THROTTLED:
            return answers.throttled(self._misbehavior.faults.retry_after_s)
        return _REPLIES.get(decision) or answers.accepted(number)


class Connection(asyncio.Protocol):
    """Parses requests and writes answers, one after the other."""

    def __init__(self, sandbox: Owner) -> None:
        self._sandbox = sandbox
        self._parser = httptools.HttpRequestParser(self)
        self._transport: asyncio.Transport | None = None
        self._waiting: list[Request] = []
        self._refusal: Reply | None = None  # the last answer of this connection
        self._is_busy = False
        self._is_closing = False
        self._head_size = 0
        self._target = self._key = self._body = b""

    # Callbacks of the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Keep the transport for the answers."""
        self._transport = cast("asyncio.Transport", transport)
        self._sandbox.connections.add(self)

    def connection_lost(self, exc: Exception | None) -> None:  # noqa: ARG002 - asyncio's
        """Drop the connection: what was taken was taken."""
        self._transport = None
        self._sandbox.connections.discard(self)

    def data_received(self, data: bytes) -> None:
        """Parse; what can be no request of the contract is refused, and nothing after it read."""
        if self._refusal is not None:
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self._refuse(answers.MALFORMED)
        self._refuse_excess()

    def eof_received(self) -> bool:
        """Keep a connection that owes answers, though its client has said all; else end it."""
        self._is_closing = True
        return self._is_busy or self._refusal is not None

    # Callbacks of the parser

    def on_message_begin(self) -> None:
        """Start anew."""
        self._head_size = 0
        self._target = self._key = self._body = b""

    def on_url(self, target: bytes) -> None:
        """Gather the target: it may come in pieces."""
        self._target += target
        self._head_size += len(target)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Keep the key."""
        self._head_size += len(name) + len(value)
        if len(name) == len(_KEY_NAME) and name.lower() == _KEY_NAME:
            self._key = value

    def on_body(self, body: bytes) -> None:
        """Gather the body, up to a little more than is allowed."""
        if len(self._body) <= _BODY_LIMIT:
            self._body = self._body + body if self._body else body

    def on_message_complete(self) -> None:
        """Handle the request, or let it wait for those before it."""
        if self._refusal is not None or self._transport is None or self._transport.is_closing():
            return
        self._is_closing |= not self._parser.should_keep_alive()
        if self._refuse_excess():
            return
        request = Request(self._parser.get_method(), self._target, self._key, self._body)
        if self._is_busy:
            self._waiting.append(request)
        else:
            self._is_busy = True
            self._sandbox.handle(self, request)

    def answer(self, reply: Reply) -> None:
        """Write an answer, unless the client is gone, and go on with what waits."""
        transport = self._transport
        if transport is None or transport.is_closing():
            return
        self._is_busy = bool(self._waiting)
        if reply.raw:
            transport.write(reply.raw)
        if reply.closes or (self._is_closing and not self._waiting and self._refusal is None):
            transport.close()
        elif self._waiting:
            self._sandbox.handle(self, self._waiting.pop(0))
        elif self._refusal is not None:
            self._end_with(transport, self._refusal)

    def _refuse_excess(self) -> bool:
        """Refuse what is more than any request needs; return whether there is such."""
        if len(self._body) > _BODY_LIMIT:
            self._refuse(answers.TOO_LARGE)
        elif self._head_size > _HEAD_LIMIT:
            self._refuse(answers.HEAD_TOO_LARGE)
        elif len(self._waiting) > _WAITING_LIMIT:
            self._refuse(answers.TOO_MANY)
        return self._refusal is not None

    def _refuse(self, reply: Reply) -> None:
        """Answer `reply` after all requests before, and read no further request."""
        if self._refusal is not None:
            return
        self._refusal = reply
        if not self._is_busy and self._transport is not None:
            self._end_with(self._transport, reply)

    def _end_with(self, transport: asyncio.Transport, reply: Reply) -> None:
        transport.write(reply.raw)
        transport.write_eof()
        asyncio.get_running_loop().call_later(_LINGER_S, self.abort)

    def abort(self) -> None:
        """Let go of the connection at once."""
        self._waiting.clear()
        if self._transport is not None:
            self._transport.abort()


def _key(request: Request) -> bytes:
    """Return the message's id; nothing when the request is not what the contract says."""
    try:
        message = _MESSAGE.decode(request.body)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return b""
    key = message.id.encode()
    return key if request.key == b'"%b"' % key else b""

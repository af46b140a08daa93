"""One HTTP/1.1 connection: out goes a request, in comes one whole well-formed answer or a failure.

Nothing that the other side sends raises, is kept beyond a limit, or reaches the next request.
"""

import asyncio
import os
import select
from math import inf
from typing import cast

import httptools

from services.dispatcher.gateways.http.answer import Answer, Head, OnAnswer, Owner, keep_alive_s

HEAD_LIMIT = 16_384  # bytes of status line and headers, interim answers and trailers included
_MAX_STATUS = 599


class Connection(asyncio.Protocol):
    """At most one request at a time; its answer goes to the receiver that `begin` got."""

    __slots__ = (
        "_body",
        "_content_encoding",
        "_content_type",
        "_deadline",
        "_descriptor",
        "_done",
        "_fault",
        "_has_head",
        "_has_length",
        "_head_size",
        "_is_coded",
        "_is_complete",
        "_is_interim",
        "_is_kept",
        "_is_sent",
        "_limit",
        "_owner",
        "_parser",
        "_poll",
        "_received",
        "_request",
        "_rest_s",
        "_retry_after",
        "_status",
        "_transport",
        "cut_at",
    )

    def __init__(self, owner: Owner, answer_limit: int) -> None:
        self._owner = owner
        self._limit = HEAD_LIMIT + answer_limit  # the framing of the body counts as body
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._descriptor = -1  # of the socket; none where bytes are encrypted before they go out
        self._poll = select.poll().poll  # with 0: what the kernel has for us to read
        self._done: OnAnswer | None = None
        self._request = b""
        self._deadline = self.cut_at = inf
        self._is_sent = False
        self._received = 0
        self._fault: str | None = None
        self._is_complete = self._is_kept = False
        self._rest_s = inf
        self._status: int | None = None
        self._content_type = self._content_encoding = self._retry_after = ""
        self._body = b""
        self._head_size = 0
        self._has_head = self._has_length = self._is_coded = self._is_interim = False

    @property
    def was_made(self) -> bool:
        """Whether there was a connection at all."""
        return self._transport is not None

    @property
    def is_reusable(self) -> bool:
        """Whether the next request may be written: open, and nothing of the server unread.

        The server's FIN may be in the kernel while the event loop has not read it yet: a request
        that is written after it would be lost without anybody knowing. Unread bytes that nobody
        asked for are as bad.
        """
        transport = self._transport
        return transport is not None and not transport.is_closing() and not self._poll(0)

    def begin(self, request: bytes, deadline: float, cut_at: float, done: OnAnswer) -> None:
        """Send a request, as soon as the connection is there; give up at `cut_at` until then."""
        self._done = done
        self._deadline = deadline
        self._is_complete = self._is_sent = False
        self._received = 0
        if self._transport is None:
            self._request = request
            self.cut_at = cut_at
        else:
            self._send(self._transport, request)

    def fail(self, failure: str) -> None:
        """End the request under way, if any, and the connection."""
        self._hang_up()
        if self._done is not None:
            self._settle(failure)

    def cut(self) -> None:
        """End what has lasted too long: a request, or a rest."""
        self.fail("connect_timeout" if self._transport is None else "timeout")

    # Callbacks of the event loop

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the request that waits, unless the server has closed already."""
        self._transport = cast("asyncio.Transport", transport)
        socket = transport.get_extra_info("socket").fileno()
        poll = select.poll()
        poll.register(socket, select.POLLIN)
        self._poll = poll.poll
        if transport.get_extra_info("sslcontext") is None:
            self._descriptor = socket
        if self._done is None:  # given up meanwhile
            self._hang_up()
        elif not self.is_reusable:
            self.fail("closed")
        else:
            self._send(self._transport, self._request)
            self._request = b""

    def data_received(self, data: bytes) -> None:
        """Parse; whatever is not asked for ends the connection."""
        if self._done is None:
            self._hang_up()
            return
        if not self._received and self._is_known(data):
            return
        is_other = not self._received and data[:1] != b"H"  # the parser reads RTSP and ICE too
        self._received += len(data)
        if is_other or self._received > self._limit:
            self.fail("malformed" if is_other else "too_large")
            return
        try:
            self._parser.feed_data(data)
        except (httptools.HttpParserError, httptools.HttpParserUpgrade):
            self.fail(self._fault or "malformed")
            return
        if self._fault is not None:
            self.fail(self._fault)
        elif self._is_complete:
            self._remember(data)
            self._finish()
        elif not self._has_head and self._received > HEAD_LIMIT:
            self.fail("too_large")

    def _is_known(self, data: bytes) -> bool:
        """Finish if `data` is one whole answer whose head is the one that was parsed last."""
        head = self._owner.head
        if len(data) != head.size or not data.startswith(head.raw):
            return False
        self._status, self._rest_s = head.status, head.rest_s
        self._content_type, self._content_encoding = head.content_type, head.content_encoding
        self._retry_after = head.retry_after
        self._body = data[len(head.raw) :]
        self._is_kept = True
        self._finish()
        return True

    def _remember(self, data: bytes) -> None:
        """Keep the head of an answer that came in one piece and named its length."""
        raw = data[: len(data) - len(self._body)]
        is_plain = (
            len(data) == self._received
            and self._has_length
            and self._is_kept
            and data.find(b"\r\n\r\n") + 4 == len(raw)  # else something follows the body
        )
        status, kind, encoding = self._status, self._content_type, self._content_encoding
        if is_plain and status is not None:
            wait = self._retry_after
            self._owner.head = Head(raw, len(data), status, kind, encoding, self._rest_s, wait)

    def connection_lost(self, exc: Exception | None) -> None:
        """End the request under way, by what has come of its answer."""
        self._owner.drop(self)
        if self._done is None:
            return
        is_until_close = self._has_head and not (self._has_length or self._is_coded)
        if exc is None and is_until_close and not self._is_interim:
            self._settle(None)  # Source: RFC 9112 §6.3, case 8
        else:
            self._settle("reset" if exc else "truncated" if self._received else "closed")

    # Callbacks of the parser. It is never interrupted by an exception: faults are noted.

    def on_message_begin(self) -> None:
        """Start anew after an interim answer; after the answer itself nothing may follow."""
        if self._is_complete:
            self._fault = "malformed"
        elif self._is_interim:
            self._reset_head()

    def on_header(self, name: bytes, value: bytes) -> None:
        """Note the few headers that matter."""
        self._head_size += len(name) + len(value) + 4
        if self._head_size > HEAD_LIMIT:
            self._fault = "too_large"
        elif not self._has_head:  # else it is a trailer
            self._note(name.lower(), value)

    def on_headers_complete(self) -> None:
        """Refuse what is no HTTP/1 answer, and see whether a body follows."""
        self._has_head = True
        status = self._status = self._parser.get_status_code()
        version = self._parser.get_http_version()
        if not 100 <= status <= _MAX_STATUS or version not in {"1.1", "1.0"}:  # noqa: PLR2004
            self._fault = "malformed"
        self._is_interim = status < 200  # noqa: PLR2004

    def on_body(self, body: bytes) -> None:
        """Gather the body: `data_received` keeps it below the limit."""
        self._body = self._body + body if self._body else body

    def on_message_complete(self) -> None:
        """Mark the answer as whole."""
        if not self._is_interim and not self._is_complete:
            self._is_complete = True
            self._is_kept = self._parser.should_keep_alive()

    def _note(self, name: bytes, value: bytes) -> None:
        if name == b"content-length":
            self._has_length = True  # the parser refuses a second one, and one beside a coding
        elif name == b"content-type":
            text = value.decode("latin-1")
            self._content_type = f"{self._content_type}, {text}" if self._content_type else text
        elif name == b"transfer-encoding":
            if self._is_coded or value.strip().lower() != b"chunked":
                self._fault = "malformed"
            self._is_coded = True
        elif name == b"content-encoding":
            self._content_encoding += value.decode("latin-1")
        elif name == b"keep-alive":
            self._rest_s = keep_alive_s(value)
        elif name == b"retry-after":
            self._retry_after = value.decode("latin-1")

    def _reset_head(self) -> None:
        self._status = None
        self._content_type = self._content_encoding = self._retry_after = ""
        self._body = b""
        self._head_size = 0
        self._has_head = self._has_length = self._is_coded = self._is_interim = False

    def _send(self, transport: asyncio.Transport, request: bytes) -> None:
        """Write at once: an event loop may write later, when the server has closed meanwhile."""
        self.cut_at = self._deadline
        if self._descriptor < 0:
            self._is_sent = True
            transport.write(request)
            return
        try:
            written = os.write(self._descriptor, request)
        except BlockingIOError:
            written = 0
        except OSError:  # not one byte went out; `done` must not be called before `begin` returns
            asyncio.get_running_loop().call_soon(self.fail, "closed")
            return
        self._is_sent = True
        if written < len(request):
            transport.write(request[written:])

    def _finish(self) -> None:
        transport = self._transport
        if (
            self._is_kept
            and transport is not None
            and not transport.is_closing()
            and not transport.get_write_buffer_size()  # answered before it had read everything
        ):
            self._settle(None, is_kept=True)
        else:
            self._hang_up()
            self._settle(None)

    def _settle(self, failure: str | None, *, is_kept: bool = False) -> None:
        done, self._done = self._done, None
        kind, encoding, wait = self._content_type, self._content_encoding, self._retry_after
        answer = Answer(self._status, kind, self._body, failure, self._is_sent, encoding, wait)
        self._reset_head()
        if is_kept:
            self._owner.rest(self, self._rest_s)
        if done is not None:
            self._owner.settle(done, answer)

    def _hang_up(self) -> None:
        self.cut_at = inf
        if self._transport is not None:
            self._transport.abort()

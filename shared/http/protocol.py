"""The protocol: HTTP/1.1 as uvicorn reads it, with a limit on the time and size of a head.

Without one, a few hundred connections that never send all of theirs are kept for ever.
"""

import json
from asyncio import Transport
from asyncio.events import TimerHandle
from http import HTTPStatus

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

from shared.http.problems import MEDIA_TYPE

HEAD_WITHIN_S = 10.0
HEAD_LIMIT_BYTES = 65_536  # a request line and all headers

# As `shared.http.secured` has it for all other answers.
HEADERS = "x-content-type-options: nosniff\r\ncache-control: no-store\r\nconnection: close\r\n"


class TimedProtocol(HttpToolsProtocol):
    """Ends a connection on which a head is begun and not sent in time."""

    _timer: TimerHandle | None = None
    _head_bytes = 0
    _is_in_body = False
    _is_last = False  # whether the next answer is the last on this connection

    def connection_made(self, transport: Transport) -> None:  # type: ignore[override] # uvicorn narrows it too
        """Start the timer of the first head."""
        super().connection_made(transport)
        self._expect_head()

    def connection_lost(self, exc: Exception | None) -> None:
        """Stop the timer: no head is expected any more."""
        self._disarm()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse what was received; what is sent between two requests begins a head."""
        if self._timer is None and self._is_idle and not self._is_in_body:
            self._expect_head()
        self._head_bytes += len(data)
        super().data_received(data)
        if self._timer is not None and self._head_bytes > HEAD_LIMIT_BYTES:
            self._end(HTTPStatus.REQUEST_HEADER_FIELDS_TOO_LARGE)

    def on_message_begin(self) -> None:
        """Start the timer of a head that follows a request being answered."""
        super().on_message_begin()
        if self._timer is None:
            self._expect_head()

    def on_headers_complete(self) -> None:
        """Stop the timer: the head is complete."""
        self._disarm()
        self._is_in_body = True
        super().on_headers_complete()
        if self._is_last:
            self.cycle.keep_alive = False

    def on_message_complete(self) -> None:
        """Note that the body is complete."""
        self._is_in_body = False
        super().on_message_complete()

    def finish(self) -> None:
        """Let the answer under way, or else the next one, be the last on this connection."""
        self._is_last = True
        if not self._is_idle:
            self.cycle.keep_alive = False

    def shutdown(self) -> None:
        """Close the connection, but finish a request that is begun."""
        self.finish()
        if self._is_idle and not (self._timer is not None and self._head_bytes):
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer what is no HTTP."""
        self._answer(HTTPStatus.BAD_REQUEST, msg)

    @property
    def _is_idle(self) -> bool:
        return self.cycle is None or self.cycle.response_complete

    def _expect_head(self) -> None:
        self._head_bytes = 0
        self._timer = self.loop.call_later(HEAD_WITHIN_S, self._end, HTTPStatus.REQUEST_TIMEOUT)

    def _disarm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _end(self, status: HTTPStatus) -> None:
        """End the connection; an answer that is under way is finished first."""
        self._disarm()
        if not self._is_idle:
            self.shutdown()
        elif self._head_bytes:
            self._answer(status, status.phrase)
        else:
            self.transport.close()

    def _answer(self, status: HTTPStatus, title: str) -> None:
        """Answer with problem details, as everything else is, and end the connection."""
        kind = status.phrase.replace(" ", "")
        body = json.dumps({"type": kind, "title": title, "status": status.value}).encode()
        head = (
            f"HTTP/1.1 {status.value} {status.phrase}\r\n{HEADERS}"
            f"content-type: {MEDIA_TYPE}\r\ncontent-length: {len(body)}\r\n\r\n"
        )
        if not self.transport.is_closing():
            self.transport.write(head.encode("ascii") + body)
            self.transport.close()

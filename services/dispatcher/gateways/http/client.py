"""Our own HTTP/1.1 client: requests over pooled connections, each with one call for its answer."""

import asyncio
import ssl
from datetime import timedelta

from services.dispatcher.gateways.connecting import Destination, connect, why_unopened
from services.dispatcher.gateways.http.answer import UNKNOWN_HEAD, Answer, OnAnswer
from services.dispatcher.gateways.http.connection import Connection
from services.dispatcher.gateways.http.endpoint import parse_endpoint
from services.dispatcher.gateways.pool import CUT_EARLY_S, ConnectionPool

_SERVER_MARGIN_S = 1.0  # how long before the server would close an idle connection we do
_NOT_IN_TIME = Answer(None, "", b"", "timeout", was_sent=False)


class HttpClient(ConnectionPool[Connection, Answer, None]):
    """Requests to one URL over at most `connections` kept-alive connections.

    Belongs to the event loop that it is made in. Each `start` leads to exactly one call of its
    `done`, at the latest when its deadline is there; the answer never is another request's.
    """

    def __init__(  # noqa: PLR0913 - what is too long or too far is a gateway's to say
        self,
        url: str,
        *,
        connections: int,
        connect_timeout: timedelta = timedelta(seconds=2),
        idle_timeout: timedelta = timedelta(seconds=4),  # servers usually close after 5 s
        answer_limit: int = 65_536,  # bytes
        tls: ssl.SSLContext | None = None,
        allows_private: bool = True,
    ) -> None:
        """`allows_private`: whether an address of a private network is connected to."""
        super().__init__(connections, idle_timeout)
        self.endpoint = parse_endpoint(url)
        host, port, *_ = self.endpoint
        self._destination = Destination(host, port, allows_private)
        self._tls = (tls or ssl.create_default_context()) if self.endpoint.is_tls else None
        self._connect_timeout_s = connect_timeout.total_seconds()
        self._answer_limit = answer_limit
        self.head = UNKNOWN_HEAD

    def start(self, request: bytes, deadline: float, done: OnAnswer) -> None:
        """Send a whole request; `done` is called once, later, at the latest at `deadline`.

        Raises:
            RuntimeError: nothing is `free`.
        """
        now = self._now()
        if deadline <= now + CUT_EARLY_S:
            self._loop.call_soon(self.settle, done, _NOT_IN_TIME)
            return
        connection = self._rested(now)
        if connection is None:
            self._check_free()
            connection = Connection(self, self._answer_limit)
            self._add(connection, self._open(connection))
        cut_at = min(deadline, now + self._connect_timeout_s)
        connection.begin(request, deadline, cut_at, done)
        self._sweep_by(cut_at)

    def rest(self, connection: Connection, at_most_s: float) -> None:
        """Keep a connection for the next request, but never as long as the server would."""
        rest_s = min(self._idle_timeout_s, at_most_s - _SERVER_MARGIN_S)
        if rest_s <= 0 or self._is_closed:
            connection.fail("idle")
            return
        self._keep(connection, self._now() + rest_s)

    async def _open(self, connection: Connection) -> None:
        await connect(connection, self._destination, self._tls, self._connect_timeout_s)

    def _opened(self, connection: Connection, task: asyncio.Task[None]) -> None:
        if connection.was_made:  # and `connection_lost` has handled its end, if it is lost again
            return
        self.drop(connection)
        error = None if task.cancelled() else task.exception()
        connection.fail(why_unopened(error))

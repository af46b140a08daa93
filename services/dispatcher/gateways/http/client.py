"""Our own HTTP/1.1 client: pooled connections, callbacks, one timer for all deadlines.

No task, no future and no timer per request: those cost more than the request itself.
"""

import asyncio
import ssl
from datetime import timedelta
from math import inf

from services.dispatcher.gateways.http.answer import UNKNOWN_HEAD, Answer, OnAnswer
from services.dispatcher.gateways.http.connection import Connection
from services.dispatcher.gateways.http.endpoint import parse_endpoint

_CUT_EARLY_S = 0.012  # what ends within this time is ended now: early rather than late
_WAKE_EARLY_S = 0.005  # so sweeps lie at least the difference, 7 ms, apart
_SERVER_MARGIN_S = 1.0  # how long before the server would close an idle connection we do
_NOT_IN_TIME = Answer(None, "", b"", "timeout", was_sent=False)


class HttpClient:
    """Requests to one URL over at most `connections` kept-alive connections.

    Belongs to the event loop that it is made in. Each `start` leads to exactly one call of its
    `done`, at the latest when its deadline is there; the answer never is another request's.
    """

    def __init__(
        self,
        url: str,
        *,
        connections: int,
        connect_timeout: timedelta = timedelta(seconds=2),
        idle_timeout: timedelta = timedelta(seconds=4),  # servers usually close after 5 s
        answer_limit: int = 65_536,  # bytes
        tls: ssl.SSLContext | None = None,
    ) -> None:
        self.endpoint = parse_endpoint(url)
        self._tls = (tls or ssl.create_default_context()) if self.endpoint.is_tls else None
        self._limit = connections
        self._connect_timeout_s = connect_timeout.total_seconds()
        self._idle_timeout_s = idle_timeout.total_seconds()
        self._answer_limit = answer_limit
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        self._connections: set[Connection] = set()
        self._idle: dict[Connection, None] = {}  # the last one in is the first one out
        self._opening: dict[Connection, asyncio.Task[None]] = {}
        self._sweep_at = inf
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._gone = asyncio.Event()
        self.head = UNKNOWN_HEAD

    @property
    def free(self) -> int:
        """How many requests can be started now."""
        if self._is_closed:
            return 0
        return self._limit - len(self._connections) + len(self._idle)

    def start(self, request: bytes, deadline: float, done: OnAnswer) -> None:
        """Send a whole request; `done` is called once, later, at the latest at `deadline`.

        Raises:
            RuntimeError: nothing is `free`.
        """
        now = self._now()
        if deadline <= now + _CUT_EARLY_S:
            self._loop.call_soon(self.settle, done, _NOT_IN_TIME)
            return
        connection = self._rested(now)
        if connection is None:
            connection = self._opened()
        cut_at = min(deadline, now + self._connect_timeout_s)
        connection.begin(request, deadline, cut_at, done)
        if cut_at < self._sweep_at:
            self._sweep_by(cut_at)

    async def close(self) -> None:
        """Cut off every request under way and every connection."""
        self._is_closed = True
        if self._timer is not None:
            self._timer.cancel()
        opening = list(self._opening.values())
        for task in opening:
            task.cancel()
        for connection in list(self._connections):
            connection.fail("cut_off")
        self._idle.clear()
        await asyncio.gather(*opening, return_exceptions=True)
        if self._connections:
            await self._gone.wait()

    # Called by connections

    def settle(self, done: OnAnswer, answer: Answer) -> None:
        """Call `done`; what it raises is its own affair, not the connection's."""
        try:
            done(answer)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
            context = {"message": "an answer's receiver failed", "exception": error}
            self._loop.call_exception_handler(context)

    def rest(self, connection: Connection, at_most_s: float) -> None:
        """Keep a connection for the next request, but never as long as the server would."""
        rest_s = min(self._idle_timeout_s, at_most_s - _SERVER_MARGIN_S)
        if rest_s <= 0 or self._is_closed:
            connection.fail("idle")
            return
        self._idle[connection] = None
        cut_at = connection.cut_at = self._now() + rest_s
        if cut_at < self._sweep_at:
            self._sweep_by(cut_at)

    def drop(self, connection: Connection) -> None:
        """Let go of a connection that is gone."""
        self._connections.discard(connection)
        self._idle.pop(connection, None)
        if self._is_closed and not self._connections:
            self._gone.set()

    def _rested(self, now: float) -> Connection | None:
        while self._idle:
            connection, _ = self._idle.popitem()
            if connection.cut_at > now and connection.is_reusable:
                return connection
            self.drop(connection)  # at once: its place is needed
            connection.fail("idle")
        return None

    def _opened(self) -> Connection:
        if self.free <= 0:
            message = "no connection is free"
            raise RuntimeError(message)
        connection = Connection(self, self._answer_limit)
        self._connections.add(connection)
        task = self._opening[connection] = self._loop.create_task(self._open(connection))
        task.add_done_callback(lambda done: self._is_opened(connection, done))
        return connection

    async def _open(self, connection: Connection) -> None:
        timeout_s = self._connect_timeout_s if self._tls else None
        await self._loop.create_connection(
            lambda: connection,
            self.endpoint.host,
            self.endpoint.port,
            ssl=self._tls,
            server_hostname=self.endpoint.host if self._tls else None,
            ssl_handshake_timeout=timeout_s,
            ssl_shutdown_timeout=timeout_s,
        )

    def _is_opened(self, connection: Connection, task: asyncio.Task[None]) -> None:
        del self._opening[connection]
        if connection.was_made:  # and `connection_lost` has handled its end, if it is lost again
            return
        self.drop(connection)
        error = None if task.cancelled() else task.exception()
        connection.fail("tls_failed" if isinstance(error, ssl.SSLError) else "connect_failed")

    def _sweep_by(self, at: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._sweep_at = at
        self._timer = self._loop.call_at(at - _WAKE_EARLY_S, self._sweep)

    def _sweep(self) -> None:
        """End whatever has lasted too long, and sleep until something else can have."""
        self._timer = None
        self._sweep_at = following = inf
        latest = self._now() + _CUT_EARLY_S
        for connection in list(self._connections):
            if connection.cut_at > latest:
                following = min(following, connection.cut_at)
                continue
            task = self._opening.get(connection)
            if task is not None:
                task.cancel()
            connection.cut()
        if following < self._sweep_at:
            self._sweep_by(following)

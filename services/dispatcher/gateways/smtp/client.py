"""Our own SMTP client: pooled connections, callbacks, one timer for all deadlines."""

import asyncio
import ssl
from datetime import timedelta
from math import inf

from services.dispatcher.gateways.smtp.answer import Answer, OnAnswer, SessionFailed, Stage
from services.dispatcher.gateways.smtp.connection import Connection
from services.dispatcher.gateways.smtp.endpoint import Endpoint, Login, Tls, check_login
from services.dispatcher.gateways.smtp.features import Features
from services.dispatcher.gateways.smtp.mail import Mail
from services.dispatcher.gateways.smtp.session import Access, open_session

_CUT_EARLY_S = 0.012  # what ends within this time is ended now: early rather than late
_WAKE_EARLY_S = 0.005  # so sweeps lie at least the difference, 7 ms, apart
_NOT_IN_TIME = Answer(Stage.SESSION, None, "timeout")


class SmtpClient:
    """Mails to one server over at most `connections` connections, each used again and again.

    Belongs to the event loop that it is made in. Each `start` leads to exactly one call of its
    `done`, at the latest when its deadline is there.
    """

    def __init__(  # noqa: PLR0913 - how long a connection is used is a server's to say
        self,
        endpoint: Endpoint,
        *,
        login: Login | None = None,
        connections: int,
        tls: ssl.SSLContext | None = None,
        idle_timeout: timedelta = timedelta(seconds=10),
        most_age: timedelta = timedelta(minutes=5),
        most_mails: int = 500,
    ) -> None:
        check_login(endpoint, login)
        is_tls = endpoint.tls is not Tls.NONE
        context = (tls or ssl.create_default_context()) if is_tls else None
        self._access = Access(endpoint, context, login)
        self._limit = connections
        self._idle_timeout_s = idle_timeout.total_seconds()
        self._most_age_s = most_age.total_seconds()
        self._most_mails = most_mails
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        self._connections: set[Connection] = set()
        self._idle: dict[Connection, None] = {}  # the last one in is the first one out
        self._opening: dict[Connection, asyncio.Task[Features]] = {}
        self._sweep_at = inf
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._gone = asyncio.Event()

    @property
    def free(self) -> int:
        """How many mails can be started now."""
        if self._is_closed:
            return 0
        return self._limit - len(self._connections) + len(self._idle)

    def start(self, mail: Mail, deadline: float, done: OnAnswer) -> None:
        """Send a mail; `done` is called once, later, at the latest at `deadline`.

        Raises:
            RuntimeError: Nothing is `free`.
        """
        now = self._now()
        if deadline <= now + _CUT_EARLY_S:
            self._loop.call_soon(self.settle, done, _NOT_IN_TIME)
            return
        connection = self._rested(now)
        if connection is None:
            connection = self._opened(deadline - now)
        connection.begin(mail, deadline, done)
        if deadline < self._sweep_at:
            self._sweep_by(deadline)

    async def close(self) -> None:
        """Cut off every mail under way and every connection."""
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

    def rest(self, connection: Connection) -> None:
        """Keep a connection for the next mail, unless it has served long enough."""
        now = self._now()
        left_s = connection.opened_at + self._most_age_s - now
        if self._is_closed or left_s <= 0 or connection.mails >= self._most_mails:
            self.drop(connection)  # at once: its place is free
            connection.quit()
            return
        self._idle[connection] = None
        cut_at = connection.cut_at = now + min(self._idle_timeout_s, left_s)
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

    def _opened(self, timeout_s: float) -> Connection:
        if self.free <= 0:
            message = "no connection is free"
            raise RuntimeError(message)
        connection = Connection(self, self._now())
        self._connections.add(connection)
        task = self._loop.create_task(self._open(connection, timeout_s))
        self._opening[connection] = task
        task.add_done_callback(lambda done: self._is_opened(connection, done))
        return connection

    async def _open(self, connection: Connection, timeout_s: float) -> Features:
        endpoint, tls, _ = self._access
        context = tls if endpoint.tls is Tls.IMPLICIT else None
        await self._loop.create_connection(
            lambda: connection,
            endpoint.host,
            endpoint.port,
            ssl=context,
            server_hostname=endpoint.host if context else None,
            ssl_handshake_timeout=timeout_s if context else None,
            ssl_shutdown_timeout=timeout_s if context else None,
        )
        return await open_session(connection, self._access, timeout_s)

    def _is_opened(self, connection: Connection, task: asyncio.Task[Features]) -> None:
        del self._opening[connection]
        error = None if task.cancelled() else task.exception()
        if not task.cancelled() and error is None:
            connection.start(task.result())
            return
        self.drop(connection)  # `connection_lost` does not come where TLS has failed
        connection.end(_failed(error))

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


def _failed(error: BaseException | None) -> Answer:
    """Return the answer to a mail whose session could not be opened."""
    if isinstance(error, SessionFailed):
        return error.answer
    failure = "tls_failed" if isinstance(error, ssl.SSLError) else "connect_failed"
    return Answer(Stage.SESSION, None, failure)

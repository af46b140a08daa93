"""Our own SMTP client: mails over pooled connections, each with one call for its answer."""

import asyncio
import ssl
from collections.abc import Sequence
from datetime import timedelta

from services.dispatcher.gateways.connecting import Destination, connect, why_unopened
from services.dispatcher.gateways.pool import CUT_EARLY_S, ConnectionPool
from services.dispatcher.gateways.smtp.answer import Answer, OnAnswer, SessionFailed, Stage
from services.dispatcher.gateways.smtp.connection import Connection
from services.dispatcher.gateways.smtp.endpoint import Endpoint, Login, Tls, check_login
from services.dispatcher.gateways.smtp.exchange import Exchange
from services.dispatcher.gateways.smtp.features import Features
from services.dispatcher.gateways.smtp.mail import Mail
from services.dispatcher.gateways.smtp.session import Access, open_session

_NOT_IN_TIME = Answer(Stage.SESSION, None, "timeout")
_CUT_OFF = Answer(Stage.SESSION, None, "cut_off")

# A mail is begun behind another only where the last answer came this soon, and its turn must come
# as soon: by then a pause may hold for it, of which nothing was known when it was begun.
_SOON_S = 1.0


class SmtpClient(ConnectionPool[Connection, Answer, Features]):
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
        allows_private: bool = True,
        idle_timeout: timedelta = timedelta(seconds=10),
        most_age: timedelta = timedelta(minutes=5),
        most_mails: int = 500,
    ) -> None:
        """`allows_private`: whether an address of a private network is connected to."""
        super().__init__(connections, idle_timeout)
        self._destination = Destination(endpoint.host, endpoint.port, allows_private)
        check_login(endpoint, login)
        is_tls = endpoint.tls is not Tls.NONE
        context = (tls or ssl.create_default_context()) if is_tls else None
        self._access = Access(endpoint, context, login)
        self._most_age_s = most_age.total_seconds()
        self._most_mails = most_mails
        self._with_room: dict[Connection, None] = {}  # that take a mail behind the one under way

    @property
    def free(self) -> int:
        """How many mails can be started now."""
        return 0 if self._is_closed else super().free + len(self._with_room)

    def start(self, mail: Mail, deadline: float, done: OnAnswer) -> None:
        """Send a mail; `done` is called once, later, at the latest at `deadline`.

        Raises:
            RuntimeError: Nothing is `free`.
        """
        now = self._now()
        if deadline <= now + CUT_EARLY_S:
            self._loop.call_soon(self.settle, done, _NOT_IN_TIME)
            return
        connection = self._rested(now)
        if connection is not None:
            connection.begun_at = now
            connection.begin(mail, deadline, done)
            self._let_follow(connection, now)
        elif len(self._connections) == self._limit and self._with_room:
            connection, _ = self._with_room.popitem()
            connection.begin(mail, deadline, done, turn_by=now + _SOON_S)
        else:
            self._check_free()
            connection = self._new(deadline - now)
            connection.begin(mail, deadline, done)
        self._sweep_by(connection.cut_at)

    def give_back(self, connection: Connection, mails: Sequence[Exchange]) -> None:
        """Send mails over a new connection: this one has ended, and answered nothing of them."""
        self._with_room.pop(connection, None)
        if not mails:
            return
        if self._is_closed:
            for each in mails:
                self.settle(each.done, _CUT_OFF)
            return
        self.drop(connection)  # at once: its place is needed
        following: Connection | None = None
        for each in mails:
            left_s = each.deadline - self._now()
            if left_s <= CUT_EARLY_S:
                self._loop.call_soon(self.settle, each.done, _NOT_IN_TIME)
                continue
            following = following or self._new(left_s)
            following.begin(each.mail, each.deadline, each.done)
            self._sweep_by(each.deadline)

    def rest(self, connection: Connection) -> None:
        """Keep a connection for the next mail, unless it has served long enough."""
        now = self._now()
        connection.is_quick = now - connection.begun_at <= _SOON_S
        self._with_room.pop(connection, None)
        left_s = self._left_s(connection, now)
        if self._is_closed or left_s <= 0:
            self.drop(connection)  # at once: its place is free
            connection.quit()
            return
        self._keep(connection, now + min(self._idle_timeout_s, left_s))

    def go_on(self, connection: Connection) -> None:
        """Let another mail follow the one that is under way now."""
        now = self._now()
        connection.is_quick = now - connection.begun_at <= _SOON_S
        connection.begun_at = now
        self._let_follow(connection, now)

    def drop(self, connection: Connection) -> None:
        """Let go of a connection that is gone."""
        self._with_room.pop(connection, None)
        super().drop(connection)

    def _let_follow(self, connection: Connection, now: float) -> None:
        if connection.takes_ahead and self._left_s(connection, now) > 0:
            self._with_room[connection] = None

    def _left_s(self, connection: Connection, now: float) -> float:
        """Return how long a connection serves on."""
        if connection.mails >= self._most_mails:
            return 0.0
        return connection.opened_at + self._most_age_s - now

    def _new(self, timeout_s: float) -> Connection:
        connection = Connection(self, self._now())
        self._add(connection, self._open(connection, timeout_s))
        return connection

    async def _open(self, connection: Connection, timeout_s: float) -> Features:
        context = self._access.tls if self._access.endpoint.tls is Tls.IMPLICIT else None
        await connect(connection, self._destination, context, timeout_s)
        return await open_session(connection, self._access, timeout_s)

    def _opened(self, connection: Connection, task: asyncio.Task[Features]) -> None:
        error = None if task.cancelled() else task.exception()
        if not task.cancelled() and error is None:
            connection.start(task.result())
            return
        self.drop(connection)  # `connection_lost` does not come where TLS has failed
        connection.end(_failed(error))


def _failed(error: BaseException | None) -> Answer:
    """Return the answer to a mail whose session could not be opened."""
    if isinstance(error, SessionFailed):
        return error.answer
    return Answer(Stage.SESSION, None, why_unopened(error))

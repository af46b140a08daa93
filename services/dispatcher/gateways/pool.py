"""The pool of connections to one gateway: callbacks, and one timer for all deadlines.

No task, no future and no timer per message: those cost more than the message itself.
"""

import asyncio
from abc import ABC, abstractmethod
from collections.abc import Callable, Coroutine
from datetime import timedelta
from math import inf
from typing import Any, Generic, Protocol, TypeVar

CUT_EARLY_S = 0.012  # what ends within this time is ended now: early rather than late
_WAKE_EARLY_S = 0.005  # so sweeps lie at least the difference, 7 ms, apart


class Connection(Protocol):
    """A connection that carries one message at a time."""

    cut_at: float  # when its message or its rest has lasted too long

    @property
    def is_reusable(self) -> bool:
        """Whether the next message may be begun."""

    def fail(self, failure: str) -> None:
        """End the message under way, if any, and the connection."""

    def cut(self) -> None:
        """End what has lasted too long: a message, or a rest."""


C = TypeVar("C", bound=Connection)
A = TypeVar("A")  # an answer
S = TypeVar("S")  # a session: what the opening of a connection returns


class ConnectionPool(ABC, Generic[C, A, S]):
    """At most `connections` connections, each used again and again.

    Belongs to the event loop that it is made in.
    """

    def __init__(self, connections: int, idle_timeout: timedelta) -> None:
        self._limit = connections
        self._idle_timeout_s = idle_timeout.total_seconds()
        self._loop = asyncio.get_running_loop()
        self._now = self._loop.time
        self._connections: set[C] = set()
        self._idle: dict[C, None] = {}  # the last one in is the first one out
        self._opening: dict[C, asyncio.Task[S]] = {}
        self._sweep_at = inf
        self._timer: asyncio.TimerHandle | None = None
        self._is_closed = False
        self._gone = asyncio.Event()

    @property
    def free(self) -> int:
        """How many messages can be started now."""
        if self._is_closed:
            return 0
        return self._limit - len(self._connections) + len(self._idle)

    async def close(self) -> None:
        """Cut off every message under way and every connection."""
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

    def settle(self, done: Callable[[A], None], answer: A) -> None:
        """Call `done`; what it raises is its own affair, not the connection's."""
        try:
            done(answer)
        except Exception as error:  # noqa: BLE001 - whatever it is, it is reported
            context = {"message": "an answer's receiver failed", "exception": error}
            self._loop.call_exception_handler(context)

    def drop(self, connection: C) -> None:
        """Let go of a connection that is gone."""
        self._connections.discard(connection)
        self._idle.pop(connection, None)
        if self._is_closed and not self._connections:
            self._gone.set()

    # For the client

    def _keep(self, connection: C, cut_at: float) -> None:
        """Let an open connection rest, until then at most."""
        self._idle[connection] = None
        connection.cut_at = cut_at
        self._sweep_by(cut_at)

    def _rested(self, now: float) -> C | None:
        while self._idle:
            connection, _ = self._idle.popitem()
            if connection.cut_at > now and connection.is_reusable:
                return connection
            self.drop(connection)  # at once: its place is needed
            connection.fail("idle")
        return None

    def _add(self, connection: C, opening: Coroutine[Any, Any, S]) -> C:
        """Add a connection whose `opening` begins now."""
        self._connections.add(connection)
        task = self._opening[connection] = self._loop.create_task(opening)
        task.add_done_callback(lambda done: self._end_opening(connection, done))
        return connection

    def _check_free(self) -> None:
        if self.free <= 0:
            message = "no connection is free"
            raise RuntimeError(message)

    def _end_opening(self, connection: C, task: asyncio.Task[S]) -> None:
        del self._opening[connection]
        self._opened(connection, task)

    @abstractmethod
    def _opened(self, connection: C, task: asyncio.Task[S]) -> None:
        """Take what became of the opening: it has succeeded, failed or been cancelled."""

    # The timer

    def _sweep_by(self, at: float) -> None:
        """Sweep at this instant at the latest."""
        if at >= self._sweep_at:
            return
        if self._timer is not None:
            self._timer.cancel()
        self._sweep_at = at
        self._timer = self._loop.call_at(at - _WAKE_EARLY_S, self._sweep)

    def _sweep(self) -> None:
        """End whatever has lasted too long, and sleep until something else can have."""
        self._timer = None
        self._sweep_at = following = inf
        latest = self._now() + CUT_EARLY_S
        for connection in list(self._connections):
            if connection.cut_at > latest:
                following = min(following, connection.cut_at)
                continue
            task = self._opening.get(connection)
            if task is not None:
                task.cancel()
            connection.cut()
            following = min(following, connection.cut_at)
        self._sweep_by(following)

"""Waking: the relay sleeps until something was put, by this process or by another one.

Within a process it costs nothing. Where the relay of another process is at work, that one is
notified through PostgreSQL: beside the transactions, which would wait for each other if each of
them did it. Whatever gets lost, the relay looks by itself before long.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from weakref import WeakKeyDictionary

from sqlalchemy import text

from shared import database, liveness
from shared.alarm import Alarm
from shared.database import Connection, Pool, autocommit, when_ended
from shared.errors import Unavailable
from shared.loop import Backoff, goes_on

CHANNEL = "outbox"
NOTIFY_INTERVAL_S = 0.05  # between two notifications: more wake nobody sooner
FOREVER_S = 86_400.0


class Waker:
    """Wakes the relay of a database, wherever it is at work."""

    def __init__(self, pool: Pool) -> None:
        self.alarm = Alarm()  # of the relay of this process, if that is at work
        self.is_at_work = False
        self._pool = pool
        self._elsewhere = Alarm()

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Wake the relay of this process, and no other, for as long as the block lasts."""
        self.is_at_work = True
        try:
            yield
        finally:
            self.is_at_work = False

    def wake(self) -> None:
        """Note that something was put."""
        (self.alarm if self.is_at_work else self._elsewhere).ring()

    async def notify(self) -> None:
        """Notify other processes of what this one has put while its relay stands by."""
        with liveness.running("relay.notify"):
            while goes_on():
                await self._elsewhere.sleep(FOREVER_S)
                with suppress(Unavailable):
                    async with autocommit(self._pool) as db:
                        await db.execute(NOTIFY)
                await asyncio.sleep(NOTIFY_INTERVAL_S)

    async def listen(self) -> None:
        """Wake the relay of this process when another one notifies it."""
        backoff = Backoff("relay.wake")

        def heard() -> None:
            backoff.succeeded()
            self.alarm.ring()

        with liveness.running("relay.wake"):
            while goes_on():
                try:
                    await database.listen(self._pool, CHANNEL, heard)
                except Unavailable as error:
                    await backoff.wait(error)


NOTIFY = text(f"NOTIFY {CHANNEL}")

_wakers: WeakKeyDictionary[Pool, Waker] = WeakKeyDictionary()


@asynccontextmanager
async def waking(pool: Pool) -> AsyncIterator[Waker]:
    """Yield what wakes the relay of this process when something is put through `pool`."""
    waker = _wakers[pool] = Waker(pool)
    tasks = [asyncio.create_task(each) for each in (waker.notify(), waker.listen())]
    try:
        yield waker
    finally:
        del _wakers[pool]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def wake_when_ended(db: Connection) -> None:
    """Wake the relay once the transaction has ended, if it is known here who does that."""
    if (waker := _wakers.get(db.engine)) is not None:
        when_ended(db, waker.wake)

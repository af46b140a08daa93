"""A kept connection: one of each pool, for the next statement outside of a transaction.

Loops have one in each turn, and to take a connection from the pool and give it back costs twice
as much as most statements.
"""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any, NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine


class _Kept(NamedTuple):
    db: AsyncConnection
    held: AsyncExitStack  # closes it


_kept: WeakKeyDictionary[AsyncEngine, _Kept] = WeakKeyDictionary()


@asynccontextmanager
async def connection(pool: AsyncEngine) -> AsyncIterator[AsyncConnection]:
    """Open a connection on which each statement is a transaction: the kept one if it is free."""
    kept = _kept.pop(pool, None)
    if kept is not None and _is_broken(kept.db):
        await kept.held.aclose()
        kept = None
    kept = kept or await _open(pool)
    async with kept.held:
        yield kept.db
        if pool not in _kept and not _is_exhausted(pool):
            _kept[pool] = _Kept(kept.db, kept.held.pop_all())


async def make_room(pool: AsyncEngine) -> None:
    """Give the kept connection back if somebody else needs one, and there is no other."""
    if _is_exhausted(pool):
        await drop(pool)


async def drop(pool: AsyncEngine) -> None:
    """Give the kept connection back."""
    if (kept := _kept.pop(pool, None)) is not None:
        await kept.held.aclose()


async def _open(pool: AsyncEngine) -> _Kept:
    async with AsyncExitStack() as stack:
        db = await stack.enter_async_context(pool.connect())
        await db.execution_options(isolation_level="AUTOCOMMIT")
        return _Kept(db, stack.pop_all())


def _is_exhausted(pool: AsyncEngine) -> bool:
    queue: Any = pool.pool
    return bool(queue.checkedout() >= queue.size())


def _is_broken(db: AsyncConnection) -> bool:
    if db.invalidated or db.sync_connection is None:
        return True
    driver: Any = db.sync_connection.connection.driver_connection
    return driver is None or bool(driver.is_closed())

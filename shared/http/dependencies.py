"""The dependencies: what a route receives, by the type of a parameter."""

from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Annotated, TypeAlias, cast

from fastapi import Depends, Request

from shared.clock import Clock
from shared.database import Connection, Pool, autocommit
from shared.event import Instant
from shared.event_store.postgres import PostgresEventStore
from shared.http.etags import Expected


async def _database(request: Request) -> AsyncIterator[Connection]:
    async with autocommit(request.app.state.pool) as db:
        yield db


def _pool(request: Request) -> Pool:
    return cast("Pool", request.app.state.pool)


def _store(request: Request) -> PostgresEventStore:
    return cast("PostgresEventStore", request.app.state.store)


def _clock(request: Request) -> Clock:
    return cast("Clock", request.app.state.clock)


async def _now(request: Request) -> Instant:
    return await _clock(request)()


@dataclass(frozen=True, slots=True)
class CommandContext:
    """What every command needs: where it is carried out, when, and at which versions."""

    store: PostgresEventStore
    pool: Pool
    now: Instant
    expected: frozenset[int] | None  # any of these versions; None: whatever it is


async def _creation(request: Request) -> CommandContext:
    return CommandContext(_store(request), _pool(request), await _now(request), None)


async def _change(request: Request, expected: Expected) -> CommandContext:
    return CommandContext(_store(request), _pool(request), await _now(request), expected)


Database: TypeAlias = Annotated[Connection, Depends(_database, scope="function")]
DatabasePool: TypeAlias = Annotated[Pool, Depends(_pool)]
BusinessClock: TypeAlias = Annotated[Clock, Depends(_clock)]
Store: TypeAlias = Annotated[PostgresEventStore, Depends(_store)]
Creation: TypeAlias = Annotated[CommandContext, Depends(_creation)]
Change: TypeAlias = Annotated[CommandContext, Depends(_change)]

"""Backups: a copy of a database, made in a moment, that takes its place again later."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Any

from aiokafka import AIOKafkaProducer
from pydantic import PostgresDsn
from sqlalchemy import make_url, text

from shared import database, kafka
from shared.database import Pool
from shared.errors import Unavailable
from shared.event import Event
from shared.kafka import Handlers
from shared.testing import eventually, received


async def back_up(url: PostgresDsn) -> None:
    """Copy a database; whoever is connected to it is thrown out."""
    name = make_url(str(url)).database
    await _execute(
        url,
        f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false',
        f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'",
        f'CREATE DATABASE "{name}_backup" TEMPLATE "{name}" ALLOW_CONNECTIONS true',
        f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true',
    )


async def restore(url: PostgresDsn) -> None:
    """Put the copy into the place of the database; whoever is connected is thrown out."""
    name = make_url(str(url)).database
    await _execute(
        url,
        f'DROP DATABASE "{name}" WITH (FORCE)',
        f'ALTER DATABASE "{name}_backup" RENAME TO "{name}"',
    )


async def _execute(url: PostgresDsn, *statements: str) -> None:
    server = make_url(str(url)).set(database="postgres")
    dsn = PostgresDsn(server.render_as_string(hide_password=False))
    async with database.connect(dsn) as pool, pool.connect() as db:
        await db.execution_options(isolation_level="AUTOCOMMIT")
        for each in statements:
            await db.execute(text(each))


@asynccontextmanager
async def listening(
    pool: Pool, servers: str, consumer: str, handlers: Handlers
) -> AsyncIterator[None]:
    """Let a consumer read for as long as the block lasts."""
    task = asyncio.create_task(kafka.listen(pool, servers, consumer, handlers))
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def send(servers: str, events: Sequence[tuple[str, int, Event]]) -> None:
    """Send events, each with its key and version, as a relay would."""
    async with AIOKafkaProducer(bootstrap_servers=servers) as producer:
        for key, version, event in events:
            assert event.topic is not None
            headers = list(received(event, key, version=version).headers.items())
            values = {"key": key.encode(), "value": event.json(), "headers": headers}
            await producer.send_and_wait(event.topic.name, **values)


async def eventually_is(read: Callable[[], Awaitable[Any]], expected: Any) -> None:
    """Wait until what `read` returns is as expected; it may fail while databases are swapped."""

    async def is_so() -> bool:
        with suppress(Unavailable):
            return bool(await read() == expected)
        return False

    await eventually(is_so, within=120)

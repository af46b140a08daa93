"""The waking of a relay: by its own process, by another one, and by itself if that is lost."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from datetime import timedelta

import pytest
from pydantic import PostgresDsn
from sqlalchemy import text

from shared import database, outbox
from shared.contracts.catalog import MAILINGS
from shared.database import Pool, autocommit, transaction
from shared.errors import Unavailable
from shared.outbox import Batch, Record, progress, relay
from shared.outbox.lease import holder
from shared.outbox.waking import FOREVER_S, NOTIFY, waking
from shared.testing import eventually
from tests.shared.test_relay import all_sent

NEWS = Batch(MAILINGS.name, [], [Record(b"m", b"1", [])])
AN_HOUR = timedelta(hours=1)
SOON = timedelta(milliseconds=10)
LONG = timedelta(hours=4)  # a lease that nobody loses, and that is not renewed meanwhile


async def put(pool: Pool) -> None:
    async with transaction(pool) as db:
        await outbox.put(db, [NEWS])


@asynccontextmanager
async def relaying(pool: Pool, kafka: str, every: timedelta) -> AsyncIterator[None]:
    """Let a relay be at work, or stand by if another one is."""
    task = asyncio.create_task(relay.relay(pool, kafka, "catalog", every=every, lease=LONG))
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


@pytest.fixture
def no_reports(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the relay report once, so that it is not the reports that find what was put."""
    for name in ("BUSY_INTERVAL_S", "IDLE_INTERVAL_S"):
        monkeypatch.setattr(progress, name, AN_HOUR.total_seconds())


@pytest.fixture
def looks(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Give how many rows the relay has found, each time it has looked."""
    found: list[int] = []
    looked = relay.Rests.looked

    def note(self: relay.Rests, rows: int) -> None:
        found.append(rows)
        looked(self, rows)

    monkeypatch.setattr(relay.Rests, "looked", note)
    return found


async def rests(pool: Pool, looks: list[int]) -> None:
    """Wait until a relay has sent what was there, and rests."""
    await put(pool)
    await all_sent(pool)

    async def has_found_nothing_more() -> bool:
        return 1 in looks and looks[-1] == 0

    await eventually(has_found_nothing_more, within=120)


@pytest.mark.usefixtures("no_reports")
async def test_what_is_put_wakes_the_relay_of_the_same_process(
    catalog_pool: Pool, kafka: str, looks: list[int]
) -> None:
    async with relaying(catalog_pool, kafka, AN_HOUR):
        await rests(catalog_pool, looks)

        await put(catalog_pool)

        await all_sent(catalog_pool)


@pytest.mark.usefixtures("no_reports")
async def test_what_another_process_puts_wakes_the_relay_that_is_at_work(
    catalog_pool: Pool, catalog_database: PostgresDsn, kafka: str, looks: list[int]
) -> None:
    async with (
        database.connect(catalog_database) as other,
        relaying(catalog_pool, kafka, AN_HOUR),
    ):
        await rests(catalog_pool, looks)
        before = await holder(catalog_pool)
        async with relaying(other, kafka, AN_HOUR):
            await asyncio.sleep(0)  # it stands by from its first turn on

            await put(other)

            await all_sent(catalog_pool)
            assert await holder(catalog_pool) == before


@pytest.mark.usefixtures("no_reports")
async def test_a_relay_that_nobody_wakes_looks_by_itself(
    catalog_pool: Pool, catalog_database: PostgresDsn, kafka: str, looks: list[int]
) -> None:
    async with (
        database.connect(catalog_database) as other,  # of a process that died behind its commit
        relaying(catalog_pool, kafka, SOON),
    ):
        await rests(catalog_pool, looks)

        await put(other)

        await all_sent(catalog_pool)


async def test_a_report_that_sees_what_nobody_woke_the_relay_for_lets_it_look(
    catalog_pool: Pool, catalog_database: PostgresDsn, kafka: str, looks: list[int]
) -> None:
    async with (
        database.connect(catalog_database) as other,
        relaying(catalog_pool, kafka, AN_HOUR),
    ):
        await rests(catalog_pool, looks)

        await put(other)

        await all_sent(catalog_pool)


END_LISTENERS = text("""
    SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
    WHERE query ILIKE 'LISTEN%' AND datname = current_database()
""")


async def end_listeners(pool: Pool) -> None:
    """Break the connections that listen, once there are any."""

    async def are_ended() -> bool:
        async with autocommit(pool) as db:
            return bool(await db.scalar(END_LISTENERS))

    await eventually(are_ended, within=120)


async def test_after_a_broken_connection_notifications_are_heard_again(
    catalog_pool: Pool, catalog_database: PostgresDsn
) -> None:
    async with database.connect(catalog_database) as other, waking(catalog_pool) as waker:
        async with asyncio.timeout(20):
            await waker.alarm.sleep(FOREVER_S)  # rings when it listens

            await end_listeners(other)
            await waker.alarm.sleep(FOREVER_S)  # the same once more
            async with autocommit(other) as db:
                await db.execute(NOTIFY)

            assert await waker.alarm.sleep(FOREVER_S)


async def test_who_listens_learns_that_it_hears_nothing_any_more(
    catalog_pool: Pool, catalog_database: PostgresDsn
) -> None:
    async with (
        database.connect(catalog_database) as other,
        asyncio.timeout(20),
        asyncio.TaskGroup() as tasks,
    ):
        tasks.create_task(end_listeners(other))
        with pytest.raises(Unavailable):
            await database.listen(catalog_pool, "outbox", lambda: None)

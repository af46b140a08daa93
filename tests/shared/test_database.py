"""The database: what a transaction promises, and whose time it is."""

import asyncio
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError

from shared import database
from shared.database import Pool, business_clock, transaction
from shared.errors import Unavailable


async def test_business_time_is_the_databases_moved_by_the_shift(catalog_pool: Pool) -> None:
    clock = business_clock(catalog_pool)
    before = await clock()
    async with transaction(catalog_pool) as db:
        await db.execute(text("UPDATE clock SET shift = '400 days'"))

    after = await clock()

    assert timedelta(days=400) <= after - before < timedelta(days=400, minutes=1)


async def test_the_next_test_finds_the_rows_that_migrations_made(catalog_pool: Pool) -> None:
    async with transaction(catalog_pool) as db:
        rows = (await db.execute(text("SELECT shift FROM clock"))).scalars().all()
        relays = (await db.execute(text("SELECT name, owner, epoch, beat FROM relays"))).all()

    assert rows == [timedelta()]
    assert relays == [("outbox", None, 0, 0)]


async def test_what_raises_is_rolled_back(catalog_pool: Pool) -> None:
    with suppress(ZeroDivisionError):
        async with transaction(catalog_pool) as db:
            await db.execute(text("DELETE FROM clock"))
            raise ZeroDivisionError

    async with transaction(catalog_pool) as db:
        assert await db.scalar(text("SELECT count(*) FROM clock")) == 1


async def test_a_database_that_is_away_is_unavailable(no_pool: Pool) -> None:
    with pytest.raises(Unavailable):
        await database.ping(no_pool)


async def test_a_connection_that_the_server_ended_is_unavailable(catalog_pool: Pool) -> None:
    with pytest.raises(Unavailable):
        async with transaction(catalog_pool) as db:
            await db.execute(text("SELECT pg_terminate_backend(pg_backend_pid())"))

    await database.ping(catalog_pool)


async def test_a_mistake_of_ours_is_not_unavailable(catalog_pool: Pool) -> None:
    with pytest.raises(Exception, match="does_not_exist") as caught:
        async with transaction(catalog_pool) as db:
            await db.execute(text("SELECT does_not_exist"))

    assert not isinstance(caught.value, Unavailable)


async def test_copying_is_part_of_the_transaction(catalog_pool: Pool) -> None:
    columns = ("consumer", "topic", "partition", "position")

    with suppress(ZeroDivisionError):
        async with transaction(catalog_pool) as db:
            await database.copy(db, "offsets", columns, [("a", "b", 0, 1)])
            raise ZeroDivisionError

    async with transaction(catalog_pool) as db:
        assert await db.scalar(text("SELECT count(*) FROM offsets")) == 0


async def test_a_value_that_no_column_takes_is_a_mistake_of_ours(catalog_pool: Pool) -> None:
    with pytest.raises(DBAPIError):
        async with transaction(catalog_pool) as db:
            await db.execute(text("SELECT CAST(:n AS int)"), {"n": 1 << 40})


async def test_of_two_that_wait_for_each_other_one_may_try_again(catalog_pool: Pool) -> None:
    async def take(first: int, second: int, both: asyncio.Barrier) -> str:
        async with transaction(catalog_pool) as db:
            await db.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
            await db.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": first})
            await both.wait()
            await db.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": second})
        return "done"

    async with asyncio.timeout(10):
        both = asyncio.Barrier(2)
        answers = await asyncio.gather(take(1, 2, both), take(2, 1, both), return_exceptions=True)

    assert {type(answer) for answer in answers} == {str, Unavailable}

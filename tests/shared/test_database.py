"""The database: what a transaction promises, and whose time it is."""

import asyncio
import traceback
from contextlib import suppress
from datetime import datetime, timedelta, timezone

import pytest
from asyncpg import InternalClientError, UniqueViolationError
from pydantic import PostgresDsn
from sqlalchemy import text
from sqlalchemy.exc import IntegrityError

from shared import database, encoded
from shared.database import (
    ISOLATION,
    Pool,
    RawConnection,
    autocommit,
    business_clock,
    savepoint,
    transaction,
)
from shared.database_errors import Unstorable, is_fault_of_record, translate_errors
from shared.errors import Unavailable
from shared.testing import eventually


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


async def test_a_connection_comes_back_though_the_first_one_still_asks_what_the_server_is(
    catalog_database: PostgresDsn, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with database.connect(catalog_database) as pool:
        monkeypatch.setattr(pool.dialect, "initialize", lambda _: None)  # it has no answer yet

        for _ in range(2):
            async with autocommit(pool) as db:
                assert await db.scalar(text("SHOW transaction_isolation")) == ISOLATION.lower()
        async with transaction(pool) as db:
            assert await db.scalar(text("SHOW transaction_isolation")) == ISOLATION.lower()


async def test_a_database_that_is_away_is_unavailable(no_pool: Pool) -> None:
    with pytest.raises(Unavailable):
        await database.ping(no_pool)


FATAL = b"SFATAL\0VFATAL\0C57P01\0Mterminating connection\0\0"
LAST_WORDS = b"E" + (len(FATAL) + 4).to_bytes(4) + FATAL


async def test_a_server_that_ends_between_two_statements_is_unavailable(
    catalog_database: PostgresDsn,
) -> None:
    """Its last words have come, and the end of the connection has not."""

    async def ask(connection: RawConnection) -> None:
        connection._protocol.data_received(LAST_WORDS)  # noqa: SLF001 - as the loop does
        await connection.fetchval("SELECT 1")

    async def use(pool: Pool) -> None:
        async with autocommit(pool) as db:
            await db.execute(text("SELECT 1"))

    async with database.connect(catalog_database, admit=ask) as pool:
        with pytest.raises(Unavailable):
            await use(pool)


def test_no_row_is_to_blame_for_a_server_that_ends() -> None:
    assert not is_fault_of_record(InternalClientError("cannot switch to state 12"))


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


@pytest.mark.parametrize("how", ["a ping", "a statement"])
async def test_a_setting_that_the_driver_refuses_is_not_unavailable(
    catalog_database: PostgresDsn, how: str
) -> None:
    wrong = PostgresDsn(f"{catalog_database}?target_session_attrs=nonsense")
    async with database.connect(wrong) as pool:
        ask = database.ping(pool) if how == "a ping" else business_clock(pool)()
        with pytest.raises(Exception, match="target_session_attrs") as caught:
            await ask

    assert not isinstance(caught.value, Unavailable)


@pytest.mark.parametrize("is_committed", [True, False])
async def test_what_is_to_be_done_at_the_end_of_a_transaction_sees_what_it_has_done(
    catalog_pool: Pool, is_committed: bool
) -> None:
    seen: list[bool] = []
    with suppress(ZeroDivisionError):
        async with transaction(catalog_pool) as db:
            database.when_ended(db, lambda: seen.append(db.in_transaction()))
            assert not seen
            assert is_committed or 1 / 0

    assert seen == [False]


async def test_outside_of_a_transaction_it_is_done_at_once(catalog_pool: Pool) -> None:
    seen: list[bool] = []
    async with autocommit(catalog_pool) as db:
        database.when_ended(db, lambda: seen.append(True))

        assert seen


BACKEND = text("SELECT pg_backend_pid()")


async def backend(pool: Pool) -> int:
    async with autocommit(pool) as db:
        return int(await db.scalar(BACKEND) or 0)


async def test_a_connection_is_kept_for_the_next_statement_outside_of_a_transaction(
    catalog_pool: Pool,
) -> None:
    first = await backend(catalog_pool)
    async with transaction(catalog_pool) as db:
        assert await db.scalar(BACKEND) != first

    assert await backend(catalog_pool) == first


async def test_a_kept_connection_that_broke_is_replaced(catalog_pool: Pool) -> None:
    async with autocommit(catalog_pool) as db:
        first = await db.scalar(BACKEND)
        driver = await database.driver_of(db)
    async with transaction(catalog_pool) as db:
        await db.execute(text("SELECT pg_terminate_backend(:pid)"), {"pid": first})

    async def is_known_to_be_closed() -> bool:
        return bool(driver.is_closed())

    await eventually(is_known_to_be_closed, within=120)
    assert await backend(catalog_pool) != first


async def test_who_needs_the_last_connection_gets_the_kept_one(
    catalog_database: PostgresDsn,
) -> None:
    async with database.connect(catalog_database, size=2) as pool:
        await backend(pool)

        async with transaction(pool) as one, transaction(pool) as other:
            assert await one.scalar(BACKEND) != await other.scalar(BACKEND)


OFFSETS = ("consumer", "topic", "partition", "position")


async def test_copying_is_part_of_the_transaction(catalog_pool: Pool) -> None:
    with suppress(ZeroDivisionError):
        async with transaction(catalog_pool) as db:
            await database.copy(db, "offsets", OFFSETS, [("a", "b", 0, 1)])
            raise ZeroDivisionError

    async with transaction(catalog_pool) as db:
        assert await db.scalar(text("SELECT count(*) FROM offsets")) == 0


PHONE = 79161234567


@pytest.mark.parametrize(
    ("query", "value", "why"),
    [
        ("SELECT CAST(:value AS int)", PHONE, "OverflowError"),
        ("SELECT CAST(:value AS int[])", [1, PHONE], "OverflowError"),
        ("SELECT CAST(CAST(:value AS bigint) AS int)", PHONE, "NumericValueOutOfRangeError"),
        ("SELECT CAST(:value AS text)", f"{PHONE}\0", "CharacterNotInRepertoireError"),
        ("SELECT CAST(:value AS text)", f"{PHONE}\ud800", "UnicodeEncodeError"),
        ("SELECT CAST(CAST(:value AS text) AS date)", str(PHONE), "DatetimeFieldOverflowError"),
        (
            "SELECT CAST(CAST(:value AS text) AS jsonb)",
            f'"{PHONE}\\u0000"',
            "UntranslatableCharacterError",
        ),
        (
            "SELECT CAST(:value AS timestamptz)",
            datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))),
            "OverflowError",
        ),
    ],
)
async def test_a_value_that_no_column_takes_is_unstorable_and_not_repeated(
    catalog_pool: Pool, query: str, value: object, why: str
) -> None:
    with pytest.raises(Unstorable) as caught:
        async with transaction(catalog_pool) as db:
            await db.execute(text(query), {"value": value})

    assert str(caught.value) == why
    told = "".join(traceback.format_exception(caught.value))
    assert str(PHONE) not in told
    assert "await db.execute(text(query)" in told, "its place"


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (("a", "b\0", 0, 1), "CharacterNotInRepertoireError"),
        (("a", "b", PHONE, 1), "OverflowError"),
    ],
)
async def test_a_value_that_cannot_be_copied_is_unstorable(
    catalog_pool: Pool, row: tuple[object, ...], why: str
) -> None:
    with pytest.raises(Unstorable) as caught:
        async with transaction(catalog_pool) as db:
            await database.copy(db, "offsets", OFFSETS, [("a", "b", 0, 1), row])

    assert str(caught.value) == why
    assert str(PHONE) not in "".join(traceback.format_exception(caught.value))


@pytest.mark.parametrize("partition", [1 << 40, 0], ids=["unstorable", "there already"])
async def test_what_fails_after_a_savepoint_is_undone_and_the_rest_goes_on(
    catalog_pool: Pool, partition: int
) -> None:
    async with transaction(catalog_pool) as db:
        await database.copy(db, "offsets", OFFSETS, [("a", "b", 0, 1)])
        with suppress(Unstorable, UniqueViolationError):
            async with savepoint(db):
                await database.copy(db, "offsets", OFFSETS, [("a", "b", 1, 1)])
                await database.copy(db, "offsets", OFFSETS, [("a", "b", partition, 1)])
        await database.copy(db, "offsets", OFFSETS, [("a", "b", 2, 1)])

    async with transaction(catalog_pool) as db:
        kept = await db.scalars(text("SELECT partition FROM offsets ORDER BY partition"))
        assert kept.all() == [0, 2]


@pytest.mark.parametrize("how", ["a statement", "a copy", "a check"])
async def test_an_error_of_a_statement_shows_no_value_of_its_row(
    catalog_pool: Pool, how: str
) -> None:
    phone, row = str(PHONE), ("a", str(PHONE), 0, 1)
    statement = "INSERT INTO offsets (consumer, topic, partition, position) VALUES (:a, :t, 0, 1)"

    async def write_twice() -> None:
        async with transaction(catalog_pool) as db:
            for _ in range(2):
                if how == "a copy":
                    await database.copy(db, "offsets", OFFSETS, [row])
                elif how == "a check":
                    values = {"a": phone}
                    relays = "INSERT INTO relays (name, epoch) VALUES (:a, 0)"
                    await db.execute(text(relays), values)
                else:
                    await db.execute(text(statement), {"a": "a", "t": phone})

    with pytest.raises(Exception, match="violates") as caught:
        await write_twice()

    assert phone not in "".join(traceback.format_exception(caught.value))


def test_an_error_around_another_shows_no_value_of_its_row() -> None:
    def insert() -> None:
        found = Exception(f"a duplicate\nDETAIL:  Key (phone)=({PHONE}) already exists.")
        raise IntegrityError("INSERT", None, found) from found  # as older releases of SQLAlchemy

    with pytest.raises(IntegrityError, match="a duplicate") as caught, translate_errors():
        insert()

    assert str(PHONE) not in "".join(traceback.format_exception(caught.value))


async def test_of_two_that_wait_for_each_other_one_may_try_again(catalog_pool: Pool) -> None:
    async def take(first: int, second: int, both: asyncio.Barrier) -> str:
        async with transaction(catalog_pool) as db:
            await db.execute(text("SET LOCAL deadlock_timeout = '10ms'"))
            await db.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": first})
            await both.wait()
            await db.execute(text("SELECT pg_advisory_xact_lock(:n)"), {"n": second})
        return "done"

    async with asyncio.timeout(60):
        both = asyncio.Barrier(2)
        answers = await asyncio.gather(take(1, 2, both), take(2, 1, both), return_exceptions=True)

    assert {type(answer) for answer in answers} == {str, Unavailable}


async def test_business_time_goes_on_inside_of_a_transaction(catalog_pool: Pool) -> None:
    async with transaction(catalog_pool) as db:
        before = await database.now(db)
        assert await database.now(db) > before


@pytest.mark.parametrize(("is_rebuildable", "waits"), [(False, "on"), (True, "off")])
async def test_only_what_can_be_rebuilt_commits_without_waiting_for_the_disk(
    catalog_database: PostgresDsn, is_rebuildable: bool, waits: str
) -> None:
    async with (
        database.connect(catalog_database, is_rebuildable=is_rebuildable) as pool,
        transaction(pool) as db,
    ):
        assert await db.scalar(text("SHOW synchronous_commit")) == waits


async def test_a_statement_that_takes_too_long_is_given_up(
    catalog_database: PostgresDsn, monkeypatch: pytest.MonkeyPatch
) -> None:
    limit_s = database.LIMITS["command_timeout"]
    monkeypatch.setitem(database.LIMITS, "command_timeout", limit_s / 600)  # not to wait for it
    async with asyncio.timeout(20), database.connect(catalog_database) as pool:
        with pytest.raises(Unavailable):
            async with transaction(pool) as db:
                await db.execute(text("SELECT pg_sleep(60)"))


async def test_rows_of_which_one_is_there_already_are_not_added_and_the_rest_goes_on(
    catalog_pool: Pool,
) -> None:
    names, position = (encoded.text("a"), encoded.text("b")), encoded.data(bytes(8))
    rows = [encoded.row(*names, encoded.integer(each), position) for each in (0, 1)]
    async with transaction(catalog_pool) as db:
        assert await database.copy_if_new(db, "offsets", OFFSETS, rows[:1])
        assert not await database.copy_if_new(db, "offsets", OFFSETS, rows)
        await database.copy(db, "offsets", OFFSETS, [("a", "b", 2, 1)])

    async with transaction(catalog_pool) as db:
        kept = await db.scalars(text("SELECT partition FROM offsets ORDER BY partition"))
        assert kept.all() == [0, 2]

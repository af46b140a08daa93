"""The database: one pool per process, the only place where transactions begin, and its time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from typing import Any, Final, NoReturn, TypeAlias, cast
from weakref import WeakKeyDictionary

import asyncpg
from pydantic import PostgresDsn
from sqlalchemy import TextClause, event, make_url, text
from sqlalchemy.exc import DisconnectionError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine

from shared import encoded, kept, liveness, telemetry
from shared.clock import Clock
from shared.database_errors import Unstorable, translate_errors
from shared.errors import Unavailable
from shared.event import Instant

Pool: TypeAlias = AsyncEngine
Connection: TypeAlias = AsyncConnection
# A connection as the driver makes it; and what looks at it before it is used, and may refuse it.
RawConnection: TypeAlias = asyncpg.Connection
Admit: TypeAlias = Callable[[RawConnection], Awaitable[None]]

# A statement that takes longer is a bug; the caller may try again later (seconds).
LIMITS: dict[str, Any] = {
    "timeout": 10,
    "command_timeout": 30,
    "server_settings": {"timezone": "UTC", "idle_in_transaction_session_timeout": "60000"},
}
ISOLATION: Final = "READ COMMITTED"  # PostgreSQL's own default; nothing of ours sets another


def fragment(statement: str, **pieces: str) -> str:
    """Return SQL with `pieces` of SQL of ours where it has their names in braces.

    Never for values: those are parameters.
    """
    return statement.format(**pieces)


def sql(statement: str, **pieces: str) -> TextClause:
    """Return a statement to be executed, made of `pieces` as `fragment` does."""
    return text(fragment(statement, **pieces))


# The business instant: the only SQL of ours that reads a clock.
INSTANT = "(SELECT clock_timestamp() + shift FROM clock)"
NOW = text(f"SELECT {INSTANT}")


@asynccontextmanager
async def connect(
    url: PostgresDsn,
    *,
    size: int = 10,
    is_rebuildable: bool = False,
    admit: Admit | None = None,
) -> AsyncIterator[Pool]:
    """Open a pool for as long as the block lasts. It connects when it is first used.

    What can be rebuilt from the log need not wait for the disk: a commit that a power cut takes
    away takes the consumer's offsets with it, and its records are read again.
    """
    server = LIMITS["server_settings"] | {"synchronous_commit": "off" if is_rebuildable else "on"}
    driver = make_url(str(url)).set(drivername="postgresql+asyncpg")
    pool = create_async_engine(
        driver,
        pool_size=size,
        max_overflow=0,
        pool_timeout=5,
        pool_use_lifo=True,  # what is idle stays idle
        hide_parameters=True,  # they hold phones and names; errors are logged
        connect_args=LIMITS | {"server_settings": server} | _creator(admit),
    )
    # SQLAlchemy asks the server for it on the first connection, and needs it to take back one from
    # `autocommit`: a second one, made at the same time, may come back before the answer.
    pool.dialect.default_isolation_level = ISOLATION
    event.listen(pool.sync_engine, "checkout", _replace_closed)
    event.listen(pool.sync_engine, "before_cursor_execute", _beat)
    telemetry.watch_statements(pool.sync_engine)
    try:
        yield pool
    finally:
        await kept.drop(pool)
        await pool.dispose()


def _replace_closed(connection: Any, _: object, __: object) -> None:  # noqa: ANN401 - SQLAlchemy's
    """Make the pool connect anew instead of using a connection that is known to be closed.

    After a restart of the server none from before is used. The check takes no round trip.
    """
    if connection.driver_connection.is_closed():
        raise DisconnectionError


def _beat(*_: object) -> None:
    """Note that the loop gets on whose statement is executed: each of them ends in time."""
    liveness.beat()


def _creator(admit: Admit | None) -> dict[str, Any]:
    """Return the argument by which `admit` checks each connection first."""
    if admit is None:
        return {}

    async def create(*arguments: Any, **named: Any) -> asyncpg.Connection:  # noqa: ANN401 - asyncpg's
        connection = await asyncpg.connect(*arguments, **named)
        try:
            await admit(connection)
        except BaseException:
            connection.terminate()
            raise
        return connection

    return {"async_creator_fn": create}


@asynccontextmanager
async def transaction(pool: Pool) -> AsyncIterator[Connection]:
    """Commit what the block did, or roll it back if it raises.

    Raises:
        Unavailable: The database cannot be reached, went away, or chose us as a victim. What
            the block did may be committed all the same if the connection broke then.
        Unstorable: Among what the block wrote is a value that the database does not take.
    """
    calls: list[Callable[[], None]] = []
    try:
        with translate_errors():
            await kept.make_room(pool)
            async with pool.begin() as db:
                _when_ended[db] = calls
                yield db
    finally:  # what failed may be committed all the same
        for call in calls:
            call()


_when_ended: WeakKeyDictionary[Connection, list[Callable[[], None]]] = WeakKeyDictionary()


def when_ended(db: Connection, call: Callable[[], None]) -> None:
    """Call `call` once the transaction has ended, committed or not; outside of one, now."""
    if (calls := _when_ended.get(db)) is None:
        call()
    else:
        calls.append(call)


@asynccontextmanager
async def savepoint(db: Connection) -> AsyncIterator[None]:
    """Undo what the block did if it raises; the transaction around it goes on.

    Raises:
        Unavailable: As `transaction`; then that is lost as well.
        Unstorable: As `transaction`.
    """
    with translate_errors():
        async with db.begin_nested():
            yield


@asynccontextmanager
async def autocommit(pool: Pool) -> AsyncIterator[Connection]:
    """Open a connection on which each statement is a transaction: a third of the round trips.

    Raises:
        Unavailable: As `transaction`.
        Unstorable: As `transaction`.
    """
    with translate_errors():
        async with kept.connection(pool) as db:
            yield db


async def ping(pool: Pool) -> None:
    """Check that the database answers, on a connection of its own: the pool may be busy.

    Raises:
        Unavailable: It does not.
    """
    url = pool.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with translate_errors():
        db = await asyncpg.connect(url, **LIMITS)
        try:
            await db.execute("SELECT 1")
        finally:
            await db.close(timeout=1)


async def listen(pool: Pool, channel: str, heard: Callable[[], None]) -> NoReturn:
    """Call `heard` now that it listens, and at each NOTIFY, on a connection of its own.

    Raises:
        Unavailable: The database cannot be reached, or the connection broke: some may be lost.
    """
    url = pool.url.set(drivername="postgresql").render_as_string(hide_password=False)
    with translate_errors():
        db = await asyncpg.connect(url, **LIMITS)
        is_over = asyncio.Event()
        try:
            db.add_termination_listener(lambda _: is_over.set())
            await db.add_listener(channel, lambda *_: heard())
            heard()
            with liveness.waiting():
                await is_over.wait()
        finally:
            db.terminate()
    raise Unavailable


async def now(db: Connection) -> Instant:
    """Return the business instant."""
    return cast("Instant", await db.scalar(NOW))


def business_clock(pool: Pool) -> Clock:
    """Return a clock that shows the database's time, moved by the table `clock`."""

    async def read() -> Instant:
        async with autocommit(pool) as db:
            return await now(db)

    return read


async def fetch(db: Connection, query: str, *values: object) -> list[asyncpg.Record]:
    """Return rows by the thousand, as the driver makes them; `query` has `$1` and so on."""
    driver = await driver_of(db)
    with telemetry.statement(query):
        return cast("list[asyncpg.Record]", await driver.fetch(query, *values))


async def copy(
    db: Connection, table: str, columns: Sequence[str], rows: Iterable[Sequence[Any]]
) -> None:
    """Add `rows` the fastest way there is; a duplicate key fails all of them.

    Raises:
        asyncpg.UniqueViolationError: A row was there already.
        Unstorable: A number or an instant is too large.
    """
    driver = await driver_of(db)
    try:
        with telemetry.statement(f"COPY {table}"):
            await driver.copy_records_to_table(table, columns=columns, records=rows)
    except OverflowError as error:  # of an encoder; for other statements the driver wraps it
        raise Unstorable(type(error).__name__) from None


async def copy_encoded(
    db: Connection, table: str, columns: Sequence[str], rows: Iterable[bytes]
) -> None:
    """Do the same with rows that `shared.encoded` encodes, which costs half.

    Raises:
        asyncpg.UniqueViolationError, Unstorable: As `copy`.
    """
    driver = await driver_of(db)
    try:
        with telemetry.statement(f"COPY {table}"):
            source = memoryview(encoded.rows(rows))  # bytes would be the path of a file
            await driver.copy_to_table(table, columns=columns, source=source, format="binary")
    except OverflowError as error:
        raise Unstorable(type(error).__name__) from None


async def copy_if_new(
    db: Connection, table: str, columns: Sequence[str], rows: Iterable[bytes]
) -> bool:
    """Add encoded rows, or none of them and return False if one is there already."""
    try:
        async with db.begin_nested():
            await copy_encoded(db, table, columns, rows)
    except asyncpg.UniqueViolationError:
        return False
    return True


async def driver_of(db: Connection) -> asyncpg.Connection:
    """Return the connection below SQLAlchemy's, inside the transaction of `db`."""
    liveness.beat()  # what is executed there goes past `_beat`
    driver = (await db.get_raw_connection()).driver_connection
    if driver is None or not driver.is_in_transaction():
        await db.execute(text("SELECT 1"))  # SQLAlchemy begins with the first statement
        driver = (await db.get_raw_connection()).driver_connection
    return cast("asyncpg.Connection", driver)

"""The fixtures: real stores, one of each per run and only if asked for; a clock that stands still.

`TEST_DATABASE_URL` (postgresql://user@host:port/postgres) and `TEST_KAFKA_SERVERS` name stores
that run already; those that are not named are started here, and ended with the run.
"""

import asyncio
import gc
import os
import shutil
import tempfile
from collections.abc import AsyncIterator, Awaitable, Callable, Generator, Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeAlias

import pytest
import structlog
from hypothesis import HealthCheck, settings
from pydantic import PostgresDsn
from sqlalchemy import make_url, text

from deploy.local.stack import Stack
from shared import contracts, database, kept, migrate
from shared.database import Pool
from shared.event import Instant
from shared.kafka import end_offsets, topics
from shared.telemetry import metrics
from shared.telemetry.metrics import Recorded
from shared.testing import eventually
from tests import stacks
from tests.lanes import Lanes

# The same examples in each run, and however slow the machine is.
SLOW = [HealthCheck.too_slow]
settings.register_profile("same", derandomize=True, deadline=None, suppress_health_check=SLOW)
settings.load_profile("same")

PARTITIONS = 3  # enough to have several, few enough to be fast
ENDS_WITHIN_S = 30  # a task that nobody waits for, as one that serves a closed connection

# What the migrations leave in the tables is kept aside, and put back after each test.
KEEP = text("""
    DO $$ DECLARE each text; has_rows bool; BEGIN
        CREATE SCHEMA made;
        FOR each IN SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM public.%s)', each) INTO has_rows;
            IF has_rows THEN EXECUTE
                format('CREATE TABLE made.%s AS SELECT * FROM public.%s', each, each);
            END IF;
        END LOOP;
    END $$
""")
# What is as the migrations left it stays: to empty a table costs more than to compare a few rows,
# and one that takes no space has none.
RESTORE = text("""
    DO $$ DECLARE each text; is_changed bool; has_rows bool; BEGIN
        SET LOCAL lock_timeout = '5s';
        SET LOCAL client_min_messages = 'warning';
        FOR each IN SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'public' LOOP
            IF to_regclass('made.' || each) IS NOT NULL THEN EXECUTE format(
                'SELECT EXISTS (
                    (SELECT now::text FROM public.%s AS now
                    EXCEPT ALL SELECT made::text FROM made.%s AS made)
                    UNION ALL
                    (SELECT made::text FROM made.%s AS made
                    EXCEPT ALL SELECT now::text FROM public.%s AS now)
                )', each, each, each, each) INTO is_changed;
            ELSIF pg_relation_size('public.' || each) = 0 THEN
                is_changed := false;
            ELSE EXECUTE
                format('SELECT EXISTS (SELECT FROM public.%s)', each) INTO is_changed;
            END IF;
            IF is_changed THEN EXECUTE
                format('TRUNCATE public.%s RESTART IDENTITY CASCADE', each);
            END IF;
        END LOOP;
        FOR each IN SELECT quote_ident(tablename) FROM pg_tables WHERE schemaname = 'made' LOOP
            EXECUTE format('SELECT EXISTS (SELECT FROM public.%s)', each) INTO has_rows;
            IF NOT has_rows THEN EXECUTE format(
                'INSERT INTO public.%s OVERRIDING SYSTEM VALUE SELECT * FROM made.%s', each, each
            ); END IF;
        END LOOP;
    END $$
""")

FromHere: TypeAlias = Callable[[Pool, str], Awaitable[None]]


def pytest_configure(config: pytest.Config) -> None:
    """Make the folder of the prepared stores; workers get it from the process that starts them."""
    if stacks.FOLDER in os.environ:
        return
    folder = os.environ[stacks.FOLDER] = tempfile.mkdtemp(prefix="mailings-stores-")

    def remove() -> None:
        del os.environ[stacks.FOLDER]
        shutil.rmtree(folder, ignore_errors=True)

    config.add_cleanup(remove)


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Lanes:
    return Lanes(config, log)


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Generator[None, object, object]:
    """Search nothing for garbage that all tests need: their modules, and what is known of them."""
    gc.disable()
    try:
        return (yield)
    finally:
        gc.freeze()
        gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for store in {"postgres", "kafka"} & set(getattr(item, "fixturenames", ())):
            item.add_marker(store)


@pytest.fixture(scope="session", autouse=True)
def _plain_tracebacks() -> None:
    """Show errors without the values of variables: to draw those takes ten seconds a traceback."""
    renderer = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, renderer])


@pytest.fixture(autouse=True)
def _shared_loop(request: pytest.FixtureRequest) -> None:
    """Look after the loop that all tests share; first, so that it is looked at last."""
    mark = request.node.get_closest_marker("asyncio")
    if mark is not None and mark.kwargs.get("loop_scope") != "function":
        request.getfixturevalue("_nothing_left")


@pytest.fixture
async def _nothing_left() -> AsyncIterator[None]:
    """Fail a test that leaves a task or a handler of errors to those that come after it."""
    yield
    loop = asyncio.get_running_loop()
    if others := asyncio.all_tasks() - {asyncio.current_task()}:
        _, left = await asyncio.wait(others, timeout=ENDS_WITHIN_S)
    else:
        left = set()
    for each in left:
        each.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    handler = loop.get_exception_handler()
    loop.set_exception_handler(None)
    assert not left, f"The test has left tasks: {left}"
    assert handler is None, "The test has left a handler of the loop's errors."


@pytest.fixture
def now() -> Instant:
    return datetime(2026, 1, 1, 12, tzinfo=UTC)


@contextmanager
def _running(part: str, home: Path) -> Iterator[Stack]:
    said: list[str] = []
    stack = stacks.PreparedStack(home, parts=[part], report=said.append, ephemeral=True)
    asyncio.run(stack.start())
    try:
        yield stack
    finally:
        asyncio.run(stack.stop())


@pytest.fixture(scope="session")
def postgres(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PostgresDsn]:
    """Give a server, by its database `postgres`."""
    if "TEST_DATABASE_URL" in os.environ:
        yield PostgresDsn(os.environ["TEST_DATABASE_URL"])
        return
    with _running("postgres", tmp_path_factory.mktemp("postgres")) as stack:
        yield _database_of(PostgresDsn(stack.env["CATALOG_DATABASE_URL"]), "postgres")


@pytest.fixture(scope="session")
def kafka(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Give the servers of a Kafka that has all topics."""
    if "TEST_KAFKA_SERVERS" in os.environ:
        servers = os.environ["TEST_KAFKA_SERVERS"]
        asyncio.run(topics.create(servers, partitions=PARTITIONS))
        yield servers
        return
    with _running("kafka", tmp_path_factory.mktemp("kafka")) as stack:
        servers = stack.env["KAFKA_SERVERS"]
        asyncio.run(topics.create(servers, partitions=PARTITIONS))
        yield servers


@pytest.fixture
def from_here(kafka: str) -> FromHere:
    """Give what makes a consumer begin behind all that earlier tests have sent."""

    async def begin(pool: Pool, consumer: str) -> None:
        for topic in contracts.TOPICS.values():
            ends = await end_offsets(kafka, topic)
            rows = [(consumer, topic.name, number, end) for number, end in ends.items()]
            columns = ("consumer", "topic", "partition", "position")
            async with database.transaction(pool) as db:
                await database.copy(db, "offsets", columns, rows)

    return begin


def _database_of(server: PostgresDsn, name: str) -> PostgresDsn:
    url = make_url(str(server)).set(database=name)
    return PostgresDsn(url.render_as_string(hide_password=False))


async def _execute(server: PostgresDsn, statement: str) -> None:
    async with database.connect(server) as pool, pool.connect() as db:
        await db.execution_options(isolation_level="AUTOCOMMIT")
        await db.execute(text(statement))


@contextmanager
def _migrated(server: PostgresDsn, service: str) -> Iterator[PostgresDsn]:
    name = f"test_{os.getpid()}_{service}"
    own = _database_of(server, name)

    async def make() -> None:
        if "TEST_DATABASE_URL" not in os.environ:
            await _execute(server, f'CREATE DATABASE "{name}" TEMPLATE "{service}"')
        await migrate.migrate(service, own)
        async with database.connect(own) as pool, database.transaction(pool) as db:
            await db.execute(KEEP)

    try:
        asyncio.run(make())
        yield own
    finally:
        asyncio.run(_execute(server, f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)'))


async def _in_use(pool: Pool) -> int:
    """Return how many connections a test has not given back; what was cancelled has its time."""
    queue: Any = pool.pool

    async def is_whole() -> bool:
        await kept.drop(pool)
        return not queue.checkedout()

    with suppress(AssertionError):
        await eventually(is_whole, within=ENDS_WITHIN_S)
    return int(queue.checkedout())


async def _emptied(pool: Pool) -> AsyncIterator[Pool]:
    """Lend a pool to one test, and put its database back to what the migrations left."""
    yield pool
    in_use = await _in_use(pool)
    if in_use:
        await pool.dispose()  # the next test gets new connections
    async with database.transaction(pool) as db:
        await db.execute(RESTORE)
    assert not in_use, f"The test has not given back {in_use} connections."


@pytest.fixture(scope="session")
def catalog_database(postgres: PostgresDsn) -> Iterator[PostgresDsn]:
    with _migrated(postgres, "catalog") as url:
        yield url


@pytest.fixture(scope="session")
def scheduler_database(postgres: PostgresDsn) -> Iterator[PostgresDsn]:
    with _migrated(postgres, "scheduler") as url:
        yield url


@pytest.fixture(scope="session")
def dispatcher_database(postgres: PostgresDsn) -> Iterator[PostgresDsn]:
    with _migrated(postgres, "dispatcher") as url:
        yield url


@pytest.fixture(scope="session")
def stats_database(postgres: PostgresDsn) -> Iterator[PostgresDsn]:
    with _migrated(postgres, "stats") as url:
        yield url


@pytest.fixture(scope="session")
async def _catalog_kept(catalog_database: PostgresDsn) -> AsyncIterator[Pool]:
    async with database.connect(catalog_database) as pool:
        yield pool


@pytest.fixture
async def catalog_pool(_catalog_kept: Pool) -> AsyncIterator[Pool]:
    async for pool in _emptied(_catalog_kept):
        yield pool


@pytest.fixture(scope="session")
async def _scheduler_kept(scheduler_database: PostgresDsn) -> AsyncIterator[Pool]:
    async with database.connect(scheduler_database) as pool:
        yield pool


@pytest.fixture
async def scheduler_pool(_scheduler_kept: Pool) -> AsyncIterator[Pool]:
    async for pool in _emptied(_scheduler_kept):
        yield pool


@pytest.fixture(scope="session")
async def _dispatcher_kept(dispatcher_database: PostgresDsn) -> AsyncIterator[Pool]:
    async with database.connect(dispatcher_database) as pool:
        yield pool


@pytest.fixture
async def dispatcher_pool(_dispatcher_kept: Pool) -> AsyncIterator[Pool]:
    async for pool in _emptied(_dispatcher_kept):
        yield pool


@pytest.fixture(scope="session")
async def _stats_kept(stats_database: PostgresDsn) -> AsyncIterator[Pool]:
    async with database.connect(stats_database) as pool:
        yield pool


@pytest.fixture
async def stats_pool(_stats_kept: Pool) -> AsyncIterator[Pool]:
    async for pool in _emptied(_stats_kept):
        yield pool


@pytest.fixture
async def no_pool() -> AsyncIterator[Pool]:
    """Give a pool whose database is away."""
    async with database.connect(PostgresDsn("postgresql://nobody@127.0.0.1:1/none")) as pool:
        yield pool


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Recorded:
    """Give an empty record of metrics, as of a process that begins."""
    empty = Recorded()
    monkeypatch.setattr(metrics, "_recorded", empty)
    return empty

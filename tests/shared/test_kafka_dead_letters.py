"""Records that cannot be applied: set aside with all that must not overtake them, replayed."""

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer
from pydantic import PostgresDsn
from sqlalchemy import text
from structlog.testing import capture_logs

from shared.contracts.catalog import MailingPaused
from shared.database import Connection, Pool, transaction
from shared.event import Received
from shared.kafka import Handlers, applying, dead_letters, listen, requests
from shared.kafka.dead_letters import HELD
from shared.kafka.requests import Choice
from shared.testing import eventually
from tests.shared.test_kafka import CONSUMER, pause

ROOT = Path(__file__).parents[2]


@dataclass
class Handler:
    """A handler that fails at some mailings; what it does commits with the positions."""

    pool: Pool
    bad: set[UUID] = field(default_factory=set)
    error: Exception = field(default_factory=lambda: RuntimeError("7916" + "1234567"))

    async def handle(self, db: Connection, received: Sequence[Received[Any]]) -> None:
        for each in received:
            if each.event.mailing_id in self.bad:
                raise self.error
            statement = "INSERT INTO dead_letters VALUES ('applied', :key, 0, :at, :n, now())"
            order = text("SELECT count(*) FROM dead_letters WHERE consumer = 'applied'")
            values = {"key": each.key, "at": each.version, "n": str(await db.scalar(order))}
            await db.execute(text(statement), values)

    async def applied(self, mailing_id: UUID) -> list[int]:
        """Return the versions of a mailing's events, in the order in which they were applied."""
        statement = text(
            "SELECT \"offset\" FROM dead_letters WHERE consumer = 'applied' AND topic = :key"
            " ORDER BY CAST(reason AS int)"
        )
        async with transaction(self.pool) as db:
            return list(await db.scalars(statement, {"key": str(mailing_id)}))

    async def applies(self, mailing_id: UUID, *versions: int) -> None:
        async def are_all_there() -> bool:
            return await self.applied(mailing_id) == list(versions)

        await eventually(are_all_there, within=120)


@pytest.fixture
async def handler(catalog_pool: Pool, from_here: Any) -> Handler:
    await from_here(catalog_pool, CONSUMER)
    return Handler(catalog_pool)


@pytest.fixture
async def producer(kafka: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    yield producer
    await producer.stop()


@asynccontextmanager
async def listening(handler: Handler, servers: str) -> AsyncIterator["asyncio.Task[None]"]:
    handlers: Handlers = {MailingPaused: handler.handle}
    task = asyncio.create_task(
        listen(handler.pool, servers, CONSUMER, handlers, without_group=True)
    )
    try:
        yield task
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def letters(pool: Pool) -> list[tuple[UUID | None, str]]:
    found = await requests.letters(pool, Choice(CONSUMER))
    return [(each.key, each.reason) for each in found]


async def test_a_record_that_fails_holds_back_those_of_its_mailing_and_no_other(
    handler: Handler, producer: AIOKafkaProducer, kafka: str
) -> None:
    bad, good = uuid4(), uuid4()
    handler.bad = {bad}
    for version in (1, 2, 3):
        await pause(producer, bad, version)
        await pause(producer, good, version)

    with capture_logs() as logs:
        async with listening(handler, kafka):
            await handler.applies(good, 1, 2, 3)
            handler.bad = set()  # what is held back waits all the same, also in a new batch
            await pause(producer, bad, 4)
            await pause(producer, good, 4)
            await handler.applies(good, 1, 2, 3, 4)

    assert await handler.applied(bad) == []
    failed = (bad, "fails: RuntimeError")
    assert await letters(handler.pool) == [failed, *[(bad, HELD)] * 3]
    reasons = [each["reason"] for each in logs if each["event"] == "kafka.dead_letter"]
    assert reasons == [failed[1], *[HELD] * 3]
    assert "79161234567" not in str(logs)


async def test_what_was_set_aside_is_replayed_in_order_and_then_nothing_waits(
    handler: Handler, producer: AIOKafkaProducer, kafka: str
) -> None:
    bad, other = uuid4(), uuid4()
    handler.bad = {bad, other}
    for version in (1, 2, 3):
        await pause(producer, bad, version)
    await pause(producer, other)

    async with listening(handler, kafka):
        await eventually(lambda: _count(handler.pool, 4), within=120)
        handler.bad = {other}
        await requests.request_replay(handler.pool, Choice(CONSUMER, bad))
        await handler.applies(bad, 1, 2, 3)
        await pause(producer, bad, 4)
        await handler.applies(bad, 1, 2, 3, 4)

    assert await letters(handler.pool) == [(other, "fails: RuntimeError")]


async def test_what_fails_again_stays_set_aside_with_all_that_waits_behind_it(
    handler: Handler, producer: AIOKafkaProducer, kafka: str
) -> None:
    bad = uuid4()
    handler.bad = {bad}
    for version in (1, 2):
        await pause(producer, bad, version)

    async with listening(handler, kafka):
        await eventually(lambda: _count(handler.pool, 2), within=120)
        handler.error = KeyError()
        await requests.request_replay(handler.pool, Choice(CONSUMER))

        async def failed_again() -> bool:
            return (bad, "fails: KeyError") in await letters(handler.pool)

        await eventually(failed_again, within=120)

    assert await letters(handler.pool) == [(bad, "fails: KeyError"), (bad, HELD)]


async def test_what_is_given_up_lets_those_behind_it_be_applied(
    handler: Handler, producer: AIOKafkaProducer, kafka: str
) -> None:
    bad = uuid4()
    handler.bad = {bad}
    for version in (1, 2, 3):
        await pause(producer, bad, version)

    async with listening(handler, kafka):
        await eventually(lambda: _count(handler.pool, 3), within=120)
        handler.bad = set()
        assert await requests.discard(handler.pool, Choice(CONSUMER, bad)) == 1
        await handler.applies(bad, 2, 3)

    assert await letters(handler.pool) == []


@pytest.mark.parametrize("error", [MemoryError(), RuntimeError()])
async def test_what_is_no_fault_of_records_ends_the_process_and_sets_nothing_aside(
    handler: Handler,
    producer: AIOKafkaProducer,
    kafka: str,
    monkeypatch: pytest.MonkeyPatch,
    error: Exception,
) -> None:
    monkeypatch.setattr(dead_letters, "MOST_UNEXPECTED", 2)
    handler.bad, handler.error = {uuid4(), uuid4(), uuid4()}, error
    for mailing_id in handler.bad:
        await pause(producer, mailing_id)

    with pytest.raises((MemoryError, applying.TooManyFail)):
        async with asyncio.timeout(20):
            await listen(
                handler.pool, kafka, CONSUMER, {MailingPaused: handler.handle}, without_group=True
            )

    assert await letters(handler.pool) == []


async def test_a_statement_that_is_wrong_is_no_fault_of_records(
    handler: Handler, producer: AIOKafkaProducer, kafka: str
) -> None:
    async def handle(db: Connection, _: Sequence[Received[Any]]) -> None:
        await db.execute(text("SELECT no_such_column FROM offsets"))

    await pause(producer, uuid4())

    with pytest.raises(Exception, match="no_such_column"):
        async with asyncio.timeout(20):
            await listen(handler.pool, kafka, CONSUMER, {MailingPaused: handle})

    assert await letters(handler.pool) == []


async def test_the_command_shows_what_was_set_aside_and_replays_it(
    handler: Handler, producer: AIOKafkaProducer, kafka: str, catalog_database: PostgresDsn
) -> None:
    bad = uuid4()
    handler.bad = {bad}
    await pause(producer, bad)

    async with listening(handler, kafka):
        await eventually(lambda: _count(handler.pool, 1), within=120)
        shown = await command(catalog_database, kafka, "letters")
        failed = await command(catalog_database, kafka, "replay")
        handler.bad = set()
        replayed = await command(catalog_database, kafka, "replay", "--key", str(bad))
        nothing = await command(catalog_database, kafka, "replay")

    code, output = shown
    assert (code, output.rstrip().endswith(f"{bad}: fails: RuntimeError")) == (0, True)
    assert failed[0] == 1
    assert replayed == (0, "applied: 1, left: 0\n")
    assert nothing[0] == 1
    assert await handler.applied(bad) == [1]


async def command(url: PostgresDsn, servers: str, name: str, *more: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "shared.kafka", name, "catalog", "--consumer", CONSUMER, *more),
        cwd=ROOT,
        env={**os.environ, "CATALOG_DATABASE_URL": str(url), "KAFKA_SERVERS": servers},
        stdout=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def _count(pool: Pool, count: int) -> bool:
    return len(await letters(pool)) == count

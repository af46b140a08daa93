"""Positions, on a real Kafka: the database's win, and what the log lacks is never jumped over."""

import asyncio
import sys
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any, ClassVar, cast
from uuid import uuid4

import httpx
import pytest
from aiokafka import AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic, RecordsToDelete
from pydantic import PostgresDsn
from sqlalchemy import text
from structlog.testing import capture_logs

from shared import database, http, stops
from shared.contracts.catalog import CLIENTS, MAILINGS
from shared.database import Connection, Pool, autocommit, transaction
from shared.event import Event, Received
from shared.kafka import Handlers, Listener, PositionsLost, listen
from shared.kafka.limits import lost_positions, readable_from
from shared.kafka.positions import (
    PartitionProgress,
    PositionsBehind,
    advance_positions,
    hold_positions,
)
from shared.testing import eventually
from shared.topic import Topic

CONSUMER = "test"


@dataclass
class Log:
    """A topic of its own with one partition, and a consumer that writes down what it applies."""

    pool: Pool
    servers: str
    kind: type[Event]
    admin: AIOKafkaAdminClient
    producer: AIOKafkaProducer

    @property
    def topic(self) -> str:
        assert self.kind.topic is not None
        return self.kind.topic.name

    @property
    def partition(self) -> TopicPartition:
        return TopicPartition(self.topic, 0)

    async def send(self, *names: str) -> None:
        for name in names:
            headers = [("ce_type", self.kind.type_name().encode())]
            await self.producer.send_and_wait(self.topic, b"{}", name.encode(), headers=headers)

    async def handle(self, db: Connection, received: Sequence[Received[Any]]) -> None:
        for each in received:
            applied = text("INSERT INTO dead_letters VALUES ('it', :key, 0, 0, '', now())")
            await db.execute(applied, {"key": each.key})

    async def applied(self) -> list[str]:
        async with transaction(self.pool) as db:
            rows = text("SELECT topic FROM dead_letters WHERE consumer = 'it' ORDER BY topic")
            return list(await db.scalars(rows))

    async def position(self) -> int | None:
        async with transaction(self.pool) as db:
            query = text("SELECT position FROM offsets WHERE consumer = 'test'")
            return cast("int | None", await db.scalar(query))

    async def go_back(self, *lost: str, to: int | None) -> None:
        """Do what a crash or an older backup does: rows and position are as they were."""
        async with transaction(self.pool) as db:
            if to is None:
                await db.execute(text("DELETE FROM offsets"))
            else:
                await db.execute(text("UPDATE offsets SET position = :to"), {"to": to})
            for name in lost:
                row = text("DELETE FROM dead_letters WHERE topic = :topic")
                assert (await db.execute(row, {"topic": name})).rowcount == 1

    async def eventually_applied(self, *names: str) -> None:
        async def is_so() -> bool:
            return await self.applied() == sorted(names)

        await eventually(is_so, within=120)

    async def delete_before(self, offset: int) -> None:
        await self.admin.delete_records({self.partition: RecordsToDelete(before_offset=offset)})

    async def make_anew(self) -> None:
        await self.admin.delete_topics([self.topic])

        async def is_there() -> bool:
            await self.admin.create_topics([NewTopic(self.topic, 1, 1)])
            return self.topic in await self.admin.list_topics()

        await asyncio.sleep(0.5)
        await eventually(is_there, within=120, every=0.5)


@pytest.fixture(autouse=True)
def _looks_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("shared.kafka.listener.POLL_MS", 100)
    for name in ("listener.STORE_EVERY", "listener.CHECK_EVERY", "deciding.DECIDED_EVERY"):
        monkeypatch.setattr(f"shared.kafka.{name}", 0.1)


@pytest.fixture
async def log(catalog_pool: Pool, kafka: str) -> AsyncIterator[Log]:
    own = Topic(f"test.{uuid4()}", is_bulk=True)

    class Happened(Event, frozen=True, kw_only=True):
        topic: ClassVar = own

    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await admin.start()
    await producer.start()
    try:
        await admin.create_topics([NewTopic(own.name, 1, 1)])
        yield Log(catalog_pool, kafka, Happened, admin, producer)
    finally:
        await producer.stop()
        await admin.delete_topics([own.name])
        await admin.close()


@asynccontextmanager
async def listening(log: Log, *, without_group: bool = True) -> AsyncIterator[None]:
    handlers: Handlers = {log.kind: log.handle}
    loop = listen(log.pool, log.servers, CONSUMER, handlers, without_group=without_group)
    task = asyncio.create_task(loop)
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        stops.resumed(f"consumer {CONSUMER}")


@pytest.mark.parametrize("is_idle", [False, True])
@pytest.mark.parametrize(
    ("to", "without_group"),
    [(1, True), (0, True), (None, True), (1, False), (None, False)],
    ids=["a moment", "all", "from before it began", "a moment, in a group", "all, in a group"],
)
async def test_what_the_database_lost_is_applied_again_at_once(
    log: Log, to: int | None, *, without_group: bool, is_idle: bool
) -> None:
    await log.send("a", "b", "c")
    async with listening(log, without_group=without_group):
        await log.eventually_applied("a", "b", "c")

        await log.go_back(*["a", "b", "c"][to or 0 :], to=to)
        if not is_idle:
            await log.send("d")

        await log.eventually_applied("a", "b", "c", *([] if is_idle else ["d"]))
        assert await log.position() == (3 if is_idle else 4)


async def test_of_replicas_that_share_positions_none_jumps_over_what_the_database_lost(
    log: Log,
) -> None:
    await log.send("a", "b", "c")
    async with listening(log), listening(log), listening(log):
        await log.eventually_applied("a", "b", "c")
        for number in range(5):
            await log.go_back("b", "c", *(f"d{n}" for n in range(number)), to=1)
            await log.send(f"d{number}")
            await log.eventually_applied("a", "b", "c", *(f"d{n}" for n in range(number + 1)))


async def test_going_back_is_logged_and_what_another_has_applied_is_not_repeated(
    log: Log,
) -> None:
    await log.send("a", "b", "c")
    with capture_logs() as logs:
        async with listening(log):
            await log.eventually_applied("a", "b", "c")
            await log.go_back("b", "c", to=1)
            await log.eventually_applied("a", "b", "c")

    [line] = [each for each in logs if each["event"] == "kafka.rewind"]
    assert line["partitions"] == f"{log.topic}/0"


FIRST, SECOND = TopicPartition("some.topic", 0), TopicPartition("some.topic", 1)


def reached(
    partition: TopicPartition, start: int, position: int, behind: timedelta | None = None
) -> PartitionProgress:
    return PartitionProgress(partition, start, position, behind)


async def stored(pool: Pool) -> dict[int, tuple[int, Any]]:
    query = text("SELECT partition, position, as_of FROM offsets WHERE consumer = 'test'")
    async with transaction(pool) as db:
        return {row.partition: (row.position, row.as_of) for row in await db.execute(query)}


async def test_positions_that_move_without_records_go_forward_only(catalog_pool: Pool) -> None:
    async with transaction(catalog_pool) as db:
        await hold_positions(db, CONSUMER, [FIRST, SECOND])
    async with autocommit(catalog_pool) as db:
        before = await database.now(db)
        await advance_positions(db, CONSUMER, [reached(FIRST, 0, 7), reached(SECOND, 0, 9)])
        assert await stored(catalog_pool) == {0: (7, None), 1: (9, None)}

        await advance_positions(db, CONSUMER, [reached(FIRST, 7, 7, timedelta(hours=1))])
        position, as_of = (await stored(catalog_pool))[0]
        assert position == 7
        assert timedelta() <= as_of - (before - timedelta(hours=1)) < timedelta(minutes=1)

        # another replica is further: its word on how old its figures are stands as well
        await advance_positions(db, CONSUMER, [reached(FIRST, 3, 5, timedelta())])
        assert (await stored(catalog_pool))[0] == (7, as_of)


async def test_what_the_database_lost_is_noticed_without_records_and_the_others_are_stored(
    catalog_pool: Pool,
) -> None:
    async with transaction(catalog_pool) as db:
        await hold_positions(db, CONSUMER, [FIRST, SECOND])
    async with autocommit(catalog_pool) as db:
        with pytest.raises(PositionsBehind) as behind:
            await advance_positions(db, CONSUMER, [reached(FIRST, 3, 4), reached(SECOND, 0, 9)])

    assert behind.value.partitions == [FIRST]
    assert await stored(catalog_pool) == {0: (0, None), 1: (9, None)}


async def eventually_stopped() -> str:
    async def reason() -> str | None:
        return stops.reasons().get(f"consumer {CONSUMER}")

    return await eventually(reason, within=120)


async def command(log: Log, url: PostgresDsn, *arguments: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "shared.kafka", *arguments),
        cwd=Path(__file__).parents[2],
        env={"CATALOG_DATABASE_URL": str(url), "KAFKA_SERVERS": log.servers},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    async with asyncio.timeout(60):
        told, _ = await process.communicate()
    return told.decode()


@pytest.mark.parametrize("without_group", [False, True])
async def test_records_that_were_deleted_stop_their_consumer_until_that_is_accepted(
    log: Log, catalog_database: PostgresDsn, *, without_group: bool
) -> None:
    await log.send("a")
    async with listening(log, without_group=without_group):
        await log.eventually_applied("a")
    await log.send("b", "c", "d")
    await log.delete_before(3)

    async with listening(log, without_group=without_group):
        reason = await eventually_stopped()
        shown = await command(log, catalog_database, "positions", "catalog")
        assert await log.applied() == ["a"]
        assert await log.position() == 1

        accepted = await command(log, catalog_database, "accept", "catalog", CONSUMER)
        await log.eventually_applied("a", "d")

        async def is_ready() -> bool:
            return not stops.reasons()

        await eventually(is_ready, within=120)

    assert f"{log.topic}/0 is read up to 1, but the log has 3 to 4" in reason
    assert f"test {log.topic}/0 at 1 of 3-4: LOST" in shown
    assert accepted.strip().endswith("goes on at 3")


async def test_records_that_are_deleted_after_a_look_at_the_log_stop_a_consumer_too(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def look_then_delete(client: Any, positions: Any, may_be_cut: Any) -> Any:
        starts = await readable_from(client, positions, may_be_cut)
        await log.delete_before(2)
        return starts

    monkeypatch.setattr("shared.kafka.listener.readable_from", look_then_delete)
    await log.send("a", "b", "c")
    listener = Listener(log.pool, log.servers, CONSUMER, {log.kind: log.handle})

    with pytest.raises(PositionsLost):
        async with asyncio.timeout(20):
            await listener.catch_up({log.partition: 3})

    assert await log.applied() == []
    assert await log.position() == 0


@pytest.mark.parametrize(("target", "found"), [("start", ["z"]), ("end", [])])
async def test_a_topic_that_was_made_anew_stops_its_consumers_until_that_is_accepted(
    log: Log, catalog_database: PostgresDsn, target: str, found: list[str]
) -> None:
    await log.send("a", "b", "c")
    async with listening(log):
        await log.eventually_applied("a", "b", "c")
    await log.make_anew()
    await log.send("z")

    async with listening(log):
        reason = await eventually_stopped()
        assert await log.applied() == ["a", "b", "c"]

        await command(log, catalog_database, "accept", "catalog", CONSUMER, "--to", target)
        await log.send("y")
        await log.eventually_applied("a", "b", "c", "y", *found)

    assert f"{log.topic}/0 is read up to 3, but the log has 0 to 1" in reason


async def test_a_new_consumer_does_not_begin_behind_what_was_deleted(log: Log) -> None:
    await log.send("a", "b")
    await log.delete_before(1)

    async with listening(log):
        reason = await eventually_stopped()

    assert await log.applied() == []
    assert f"{log.topic}/0 is read up to 0, but the log has 1 to 2" in reason


COMPACTED, PLAIN = TopicPartition(CLIENTS.name, 0), TopicPartition(MAILINGS.name, 0)


@pytest.mark.parametrize(
    ("partition", "position", "is_lost"),
    [
        (PLAIN, 4, True),  # deleted
        (PLAIN, 5, False),
        (PLAIN, 7, False),
        (PLAIN, 9, False),  # all is read
        (PLAIN, 10, True),  # another log
        (PLAIN, 0, True),
        (COMPACTED, 0, False),  # the last record of each key is there
        (COMPACTED, 4, True),
        (COMPACTED, 10, True),
    ],
)
def test_a_position_is_lost_before_the_start_and_beyond_the_end(
    partition: TopicPartition, position: int, *, is_lost: bool
) -> None:
    lost = lost_positions({partition: position}, {partition: 5}, {partition: 9})

    assert bool(lost) == is_lost


async def test_a_part_that_has_stopped_is_named_by_readiness(catalog_pool: Pool) -> None:
    app = http.create_app("test", (), catalog_pool, database.business_clock(catalog_pool), None)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://test") as api:
        before = await api.get("/readyz")
        stops.stopped("consumer x", "because")
        try:
            meanwhile = await api.get("/readyz")
            metrics = await api.get("/metrics")
        finally:
            stops.resumed("consumer x")
        after = await api.get("/readyz")

    assert (before.status_code, meanwhile.status_code, after.status_code) == (204, 503, 204)
    assert "consumer x: because" in meanwhile.text
    assert metrics.status_code == 200

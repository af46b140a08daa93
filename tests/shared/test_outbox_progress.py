"""The progress of an outbox: never later than what is committed and not published, or will be."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition
from sqlalchemy import text

from shared import database, ids, outbox
from shared.contracts.catalog import CLIENTS, MAILINGS, SUPPRESSIONS
from shared.contracts.platform import PROGRESS, OutboxPublished
from shared.database import Connection, Pool, autocommit, transaction
from shared.event import Instant
from shared.kafka import end_offsets
from shared.outbox import Batch, Record
from shared.outbox.lease import RelayLease
from shared.outbox.producer import End, partition_of
from shared.outbox.progress import (
    OLDEST_ROW,
    WRITERS,
    AcknowledgedEnds,
    Progress,
    ends_at_takeover,
    published_until,
)
from shared.testing import eventually
from tests.shared.test_relay import LEASE, all_sent, relaying

NEWS = Batch(MAILINGS.name, [], [Record(b"m", b"1", [])])


@pytest.fixture
async def lease(catalog_pool: Pool) -> RelayLease:
    """Give the lease on the catalog's outbox."""
    lease = RelayLease(catalog_pool, LEASE)
    await lease.wait()
    return lease


async def progress(pool: Pool, lease: RelayLease) -> Instant:
    async with autocommit(pool) as db:
        published = await published_until(db, lease)
    assert published is not None
    return published.until


async def now(pool: Pool) -> Instant:
    async with autocommit(pool) as db:
        return await database.now(db)


async def oldest_row(pool: Pool) -> Instant:
    async with autocommit(pool) as db:
        at: Instant = await db.scalar(text("SELECT min(recorded_at) FROM outbox"))
        return at


async def test_with_nothing_to_publish_progress_is_the_present(
    catalog_pool: Pool, lease: RelayLease
) -> None:
    before = await now(catalog_pool)

    as_of = await progress(catalog_pool, lease)

    assert before < as_of < await now(catalog_pool)


async def test_progress_is_business_time(catalog_pool: Pool, lease: RelayLease) -> None:
    async with transaction(catalog_pool) as db:
        await db.execute(text("UPDATE clock SET shift = '-400 days'"))
    async with transaction(catalog_pool) as writer:
        await outbox.put(writer, [NEWS])
        began_at = await database.now(writer)

        as_of = await progress(catalog_pool, lease)

    assert timedelta() < began_at - as_of < timedelta(seconds=10)
    assert await progress(catalog_pool, lease) == await oldest_row(catalog_pool)


async def test_what_is_not_published_holds_progress_back_from_its_insertion_on(
    catalog_pool: Pool, lease: RelayLease
) -> None:
    async with transaction(catalog_pool) as writer:
        await outbox.put(writer, [NEWS])
        while_open = await progress(catalog_pool, lease)
    committed = await progress(catalog_pool, lease)
    inserted_at = await oldest_row(catalog_pool)
    async with transaction(catalog_pool) as db:
        await db.execute(text("DELETE FROM outbox"))

    assert while_open < inserted_at == committed < await progress(catalog_pool, lease)


async def test_what_commits_late_is_not_passed_by_what_came_after_it(
    catalog_pool: Pool, lease: RelayLease
) -> None:
    async with transaction(catalog_pool) as late:
        await outbox.put(late, [NEWS])
        inserted_by = await now(catalog_pool)
        async with transaction(catalog_pool) as early:
            await outbox.put(early, [NEWS])
        async with transaction(catalog_pool) as db:  # what is visible is published
            await db.execute(text("DELETE FROM outbox"))

        assert await progress(catalog_pool, lease) < inserted_by

    assert await progress(catalog_pool, lease) == await oldest_row(catalog_pool) < inserted_by


async def test_the_oldest_row_counts_wherever_it_stands(
    catalog_pool: Pool, lease: RelayLease
) -> None:
    for _ in range(3):
        async with transaction(catalog_pool) as db:
            await outbox.put(db, [NEWS])
    async with transaction(catalog_pool) as db:
        await db.execute(
            text("""
                UPDATE outbox SET recorded_at = recorded_at - interval '1 minute'
                WHERE position = (SELECT max(position) FROM outbox)
            """)
        )

    assert await progress(catalog_pool, lease) == await oldest_row(catalog_pool)


HARMLESS = {
    "a backup": "LOCK TABLE outbox IN ACCESS SHARE MODE",
    "a long read": "SELECT count(*) FROM outbox",
    "a vacuum": "LOCK TABLE outbox IN SHARE UPDATE EXCLUSIVE MODE",
    "a writer of other tables": "UPDATE clock SET shift = shift",
    "a relay that stands by": "SELECT * FROM relays FOR SHARE",
}


@pytest.mark.parametrize("what", HARMLESS)
async def test_transactions_that_do_not_write_the_outbox_hold_nothing_back(
    catalog_pool: Pool, lease: RelayLease, what: str
) -> None:
    async with catalog_pool.connect() as other:
        await other.execution_options(isolation_level="REPEATABLE READ")
        await other.execute(text(HARMLESS[what]))
        before = await now(catalog_pool)

        assert before < await progress(catalog_pool, lease)


async def test_writers_of_another_database_hold_nothing_back(
    catalog_pool: Pool, scheduler_pool: Pool, lease: RelayLease
) -> None:
    async with transaction(scheduler_pool) as other:
        await outbox.put(other, [NEWS])
        before = await now(catalog_pool)

        assert before < await progress(catalog_pool, lease)


@dataclass
class Spied:
    """A connection; `between` is called before each statement that is named."""

    db: Connection
    between: dict[Any, Callable[[], Awaitable[None]]]

    async def execute(self, statement: Any, *args: Any) -> Any:
        await self._call(statement)
        return await self.db.execute(statement, *args)

    async def scalar(self, statement: Any, *args: Any) -> Any:
        await self._call(statement)
        return await self.db.scalar(statement, *args)

    async def _call(self, statement: Any) -> None:
        if statement in self.between:
            await self.between.pop(statement)()


STEPS = (database.NOW, WRITERS, OLDEST_ROW, None)
ORDERS = [
    (first, second, third)
    for first in range(4)
    for second in range(first, 4)
    for third in range(second, 4)
]


@pytest.mark.parametrize(("begun", "inserted", "committed"), ORDERS)
async def test_no_transaction_slips_through_whenever_it_begins_inserts_and_commits(
    catalog_pool: Pool, lease: RelayLease, begun: int, inserted: int, committed: int
) -> None:
    async with AsyncExitStack() as stack, autocommit(catalog_pool) as db:
        writer: Any = None

        async def begin() -> None:
            nonlocal writer
            writer = await stack.enter_async_context(transaction(catalog_pool))
            await writer.execute(text("SELECT 1"))

        async def insert() -> None:
            await outbox.put(writer, [NEWS])

        async def commit() -> None:
            await stack.aclose()

        at: dict[Any, list[Callable[[], Awaitable[None]]]] = {step: [] for step in STEPS}
        for step, what in ((begun, begin), (inserted, insert), (committed, commit)):
            at[STEPS[step]].append(what)

        def all_of(those: list[Callable[[], Awaitable[None]]]) -> Callable[[], Awaitable[None]]:
            async def call() -> None:
                for each in those:
                    await each()

            return call

        spied: Any = Spied(db, {step: all_of(those) for step, those in at.items()})
        published = await published_until(spied, lease)
        await all_of(at[None])()

    assert published is not None
    assert published.until <= await oldest_row(catalog_pool)


async def test_without_the_lease_nothing_is_said(catalog_pool: Pool, lease: RelayLease) -> None:
    async with transaction(catalog_pool) as db:
        await db.execute(text("UPDATE relays SET epoch = epoch + 1"))

    async with autocommit(catalog_pool) as db:
        assert await published_until(db, lease) is None


async def test_while_a_writers_beginning_is_hidden_nothing_is_said(
    catalog_pool: Pool, lease: RelayLease
) -> None:
    role = f"guest_{ids.new_id().hex}"
    async with transaction(catalog_pool) as writer, transaction(catalog_pool) as db:
        await outbox.put(writer, [NEWS])
        for grant in (
            f"CREATE ROLE {role}",
            f"GRANT SELECT ON clock, outbox, relays, unpublished TO {role}",
            f"SET LOCAL ROLE {role}",
        ):
            await db.execute(text(grant))

        assert await published_until(db, lease) is None

        await db.rollback()


@dataclass
class Hand:
    """A monotonic clock that is moved by hand."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@dataclass
class Reporting:
    """Progress that is asked for a report every tenth of a second."""

    pool: Pool
    lease: RelayLease
    clock: Hand = field(default_factory=Hand)

    def __post_init__(self) -> None:
        self.progress = Progress("catalog", AcknowledgedEnds({}), self.clock, self.clock)

    async def reports(self, seconds: int, *, is_busy: bool) -> int:
        reports = 0
        for _ in range(10 * seconds):
            if is_busy:
                self.progress.acknowledged([End(MAILINGS.name, 0, 7)])
            reports += bool(await self.progress.next_report(self.pool, self.lease))
            self.clock.seconds += 0.1
        return reports


async def test_progress_is_reported_twice_a_second_and_little_less_often_when_idle(
    catalog_pool: Pool, lease: RelayLease
) -> None:
    reporting = Reporting(catalog_pool, lease)

    assert await reporting.reports(4, is_busy=True) in (8, 7)  # tenths add up inexactly
    assert await reporting.reports(6, is_busy=False) in (9, 10, 11)


async def test_ends_are_those_acknowledged_last_in_the_order_of_partitions() -> None:
    ends = AcknowledgedEnds({"a": {2: 30, 0: 10, 1: 20}})

    ends.update([End("a", 1, 25), End("b", 1, 5), End("a", 1, 26)])

    assert ends.by_topic() == {"a": [10, 26, 30], "b": [0, 5]}


# On a real Kafka


@asynccontextmanager
async def reader(kafka: str) -> AsyncIterator[Callable[[], Awaitable[list[OutboxPublished]]]]:
    """Give what returns the catalog's reports that came since, oldest first."""
    key = b"catalog"
    number = partition_of(key, len(await end_offsets(kafka, PROGRESS)))
    partition = TopicPartition(PROGRESS.name, number)
    client = AIOKafkaConsumer(bootstrap_servers=kafka)
    await client.start()
    client.assign([partition])
    await client.seek_to_end(partition)

    async def read() -> list[OutboxPublished]:
        found = await client.getmany(timeout_ms=100)
        return [
            OutboxPublished.read(record.value)
            for record in found.get(partition, [])
            if record.key == key
        ]

    try:
        yield read
    finally:
        await client.stop()


async def ends_of_catalog(kafka: str) -> dict[str, list[int]]:
    ends = {
        each.name: await end_offsets(kafka, each) for each in (CLIENTS, SUPPRESSIONS, MAILINGS)
    }
    return {name: [offset for _, offset in sorted(of.items())] for name, of in ends.items()}


async def test_a_relay_reports_its_instant_with_the_ends_that_are_acknowledged(
    catalog_pool: Pool, kafka: str
) -> None:
    async with reader(kafka) as read, relaying(catalog_pool, kafka):
        keys = [str(uuid4()).encode() for _ in range(50)]
        batches = [
            Batch(topic.name, [], [Record(key, b"1", []) for key in keys])
            for topic in (CLIENTS, MAILINGS)
        ]
        async with transaction(catalog_pool) as db:
            await outbox.put(db, batches)
        await all_sent(catalog_pool)
        published_by = await now(catalog_pool)

        async def later_report() -> OutboxPublished | None:
            return next((each for each in await read() if each.as_of > published_by), None)

        report = await eventually(later_report, within=120)

    assert report is not None
    assert report.database == "catalog"
    assert report.ends == await ends_of_catalog(kafka)
    assert min(report.ends[MAILINGS.name]) > 0


async def test_what_earlier_relays_have_sent_is_among_the_ends(
    catalog_pool: Pool, kafka: str
) -> None:
    async with transaction(catalog_pool) as db:
        await outbox.put(db, [NEWS])
    async with relaying(catalog_pool, kafka):
        await all_sent(catalog_pool)

    ends = await ends_at_takeover(kafka, "catalog")

    assert ends.by_topic() == await ends_of_catalog(kafka)


async def test_a_relay_that_cannot_publish_reports_nothing(
    catalog_pool: Pool, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    from shared.outbox import producer  # noqa: PLC0415 - beside what it replaces

    send, is_stuck = producer.send, asyncio.Event()

    async def stuck(client: Any, batches: list[Batch]) -> list[End]:
        if batches[0].topic != PROGRESS.name:
            is_stuck.set()
            await asyncio.Event().wait()
        return await send(client, batches)

    async with reader(kafka) as read, relaying(catalog_pool, kafka):
        await eventually(read, within=120)
        monkeypatch.setattr(producer, "send", stuck)
        async with transaction(catalog_pool) as db:
            await outbox.put(db, [NEWS])
        await is_stuck.wait()
        inserted_at = await oldest_row(catalog_pool)
        await read()  # what was reported before

        reports = [each for _ in range(20) for each in await read()]

    assert all(each.as_of <= inserted_at for each in reports)

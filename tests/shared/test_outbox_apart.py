"""What Kafka refuses of the outbox: set aside with what must not overtake it; the rest goes on."""

import asyncio
import os
import random
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.errors import KafkaError, MessageSizeTooLargeError, TopicAuthorizationFailedError
from pydantic import PostgresDsn
from sqlalchemy import text
from structlog.testing import capture_logs

from shared import contracts, telemetry
from shared.contracts.catalog import CLIENTS, MAILINGS
from shared.database import Pool, autocommit, transaction
from shared.event import Instant
from shared.kafka import end_offsets
from shared.outbox import Batch, Record, producer, relay, requests, store, unpublished
from shared.outbox.apart import Apart
from shared.outbox.lease import RelayLease
from shared.outbox.producer import End
from shared.outbox.progress import published_until
from shared.outbox.unpublished import HELD, RelayLeaseLost
from shared.testing import eventually
from tests.shared.conftest import Read
from tests.shared.test_relay import (
    LEASE,
    SOON,
    all_sent,
    batch,
    leave,
    left,
    relaying,
)

ROOT = Path(__file__).parents[2]
TOO_LARGE = random.Random(7).randbytes(1_200_000)  # noqa: S311 - what compresses would be taken
REFUSED = "MessageSizeTooLargeError"


@pytest.fixture(autouse=True)
def any_size(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let records into the outbox that Kafka refuses."""
    monkeypatch.setattr(store, "RECORD_LIMIT_BYTES", 10_000_000)


async def all_settled(pool: Pool) -> None:
    """Wait until nothing is left, and the relay is connected again for what comes."""
    await all_sent(pool)
    await leave(pool, batch(CLIENTS, (str(uuid4()), b"")))
    await all_sent(pool)


async def set_aside(pool: Pool) -> list[tuple[bytes | None, str]]:
    return [(each.key, each.reason) for each in await requests.events(pool)]


async def sent(read: Read, *keys: str) -> dict[str, list[bytes | None]]:
    """Return the values of each key, in order; what was sent twice counts once."""
    values: dict[str, list[bytes | None]] = {key: [] for key in keys}
    for record in await read(MAILINGS):
        of_key = values.setdefault(record.key.decode(), [])
        if record.value not in of_key:
            of_key.append(record.value)
    return values


async def test_what_is_refused_holds_back_its_key_and_nothing_else(
    catalog_pool: Pool, kafka: str, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    counted: list[Any] = []
    monkeypatch.setattr(telemetry, "count", lambda *args, **more: counted.append((args, more)))
    bad, good = str(uuid4()), str(uuid4())
    await leave(catalog_pool, batch(MAILINGS, (bad, b"1"), (good, b"1")))
    await leave(
        catalog_pool,
        batch(MAILINGS, (good, b"2"), (bad, TOO_LARGE), (good, b"3"), (bad, b"3"), (good, b"4")),
    )
    await leave(catalog_pool, batch(MAILINGS, (bad, b"4"), (good, b"5")))

    with capture_logs() as logs:
        async with relaying(catalog_pool, kafka):
            await all_settled(catalog_pool)
            await leave(catalog_pool, batch(MAILINGS, (bad, b"5"), (good, b"6")))
            await all_settled(catalog_pool)

    assert await sent(read, bad, good) == {
        bad: [b"1"],
        good: [b"1", b"2", b"3", b"4", b"5", b"6"],
    }
    assert await set_aside(catalog_pool) == [
        (bad.encode(), REFUSED),
        *[(bad.encode(), HELD)] * 3,
    ]
    reasons = [each["reason"] for each in logs if each["event"] == "outbox.set_aside"]
    assert reasons == [REFUSED, HELD, HELD, HELD]
    assert counted.count((("outbox.set_aside", 1), {"topic": MAILINGS.name})) == 4


async def test_the_next_relay_lets_wait_what_the_last_one_has_held_back(
    catalog_pool: Pool, kafka: str, read: Read
) -> None:
    bad, good = str(uuid4()), str(uuid4())
    await leave(catalog_pool, batch(MAILINGS, (bad, TOO_LARGE)))
    async with relaying(catalog_pool, kafka):
        await all_settled(catalog_pool)
    await leave(catalog_pool, batch(MAILINGS, (bad, b"2"), (good, b"1")))

    async with relaying(catalog_pool, kafka):
        await all_settled(catalog_pool)

    assert await sent(read, bad, good) == {bad: [], good: [b"1"]}


async def test_a_key_waits_on_one_topic_and_not_on_another(
    catalog_pool: Pool, kafka: str, read: Read
) -> None:
    key = str(uuid4())
    await leave(catalog_pool, batch(CLIENTS, (key, TOO_LARGE)), batch(MAILINGS, (key, b"1")))

    async with relaying(catalog_pool, kafka):
        await all_settled(catalog_pool)

    assert await sent(read, key) == {key: [b"1"]}


async def test_records_that_share_a_partition_key_wait_together_and_keep_their_partition(
    catalog_pool: Pool, kafka: str, read: Read
) -> None:
    own = f"{uuid4()}".encode()
    values = [(b"a", TOO_LARGE), (b"b", b"1"), (b"c", b"2")]
    for key, value in values:
        await leave(catalog_pool, Batch(MAILINGS.name, [], [Record(key, value, [])], own))
    other = f"{uuid4()}".encode()
    await leave(catalog_pool, Batch(MAILINGS.name, [], [Record(b"d", b"3", [])], other))

    async with relaying(catalog_pool, kafka):
        await all_settled(catalog_pool)
        assert await set_aside(catalog_pool) == [(own, REFUSED), (own, HELD), (own, HELD)]
        await requests.discard(catalog_pool, own)

        async def is_published() -> bool:
            return not await set_aside(catalog_pool)

        await eventually(is_published, within=120)

    partitions = {each.key: each.partition for each in await read(MAILINGS)}
    count = len(await end_offsets(kafka, MAILINGS))
    assert partitions == {
        b"b": producer.partition_of(own, count),
        b"c": producer.partition_of(own, count),
        b"d": producer.partition_of(other, count),
    }


async def test_nothing_follows_in_a_partition_on_what_was_refused(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = await end_offsets(kafka, MAILINGS)
    send, begun = AIOKafkaProducer.send_batch, list[int]()

    async def spy(self: Any, builder: Any, topic: str, *, partition: int) -> Any:
        begun.append(partition)
        return await send(self, builder, topic, partition=partition)

    monkeypatch.setattr(AIOKafkaProducer, "send_batch", spy)
    key = str(uuid4())
    async with producer.producing(kafka) as client:
        with pytest.raises(MessageSizeTooLargeError):
            await producer.send(client, [batch(MAILINGS, (key, TOO_LARGE), (key, b"2"))])

    assert len(begun) == 1
    assert await end_offsets(kafka, MAILINGS) == before


# What is not even a record


async def damage(pool: Pool) -> None:
    """Damage the oldest row."""
    statement = """
        UPDATE outbox SET batches = '\\x05000000ff'
        WHERE position = (SELECT min(position) FROM outbox)
    """
    async with transaction(pool) as db:
        await db.execute(text(statement))


async def test_a_row_that_cannot_be_decoded_stops_no_other(
    catalog_pool: Pool, kafka: str, read: Read
) -> None:
    key = str(uuid4())
    await leave(catalog_pool, batch(MAILINGS, (key, b"1")))
    await damage(catalog_pool)
    await leave(catalog_pool, batch(MAILINGS, (key, b"2")))

    async with relaying(catalog_pool, kafka):
        await all_settled(catalog_pool)

    assert await sent(read, key) == {key: [b"2"]}
    assert await set_aside(catalog_pool) == [(None, "it cannot be decoded")]


@pytest.mark.parametrize("name", ["", ".", "with spaces", "x" * 250, "ü"])
async def test_a_topic_that_none_can_be_stops_no_other(
    catalog_pool: Pool, kafka: str, read: Read, name: str
) -> None:
    key = str(uuid4())
    await leave(catalog_pool, Batch(name, [], batch(MAILINGS, (key, b"1")).records))
    await leave(catalog_pool, batch(MAILINGS, (key, b"2")))

    async with relaying(catalog_pool, kafka):
        await all_settled(catalog_pool)

    assert await sent(read, key) == {key: [b"2"]}
    assert await set_aside(catalog_pool) == [(key.encode(), "InvalidTopicError")]


async def test_a_topic_that_only_a_later_release_knows_is_published(
    catalog_pool: Pool, kafka: str, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    known = {name: each for name, each in contracts.TOPICS.items() if name != MAILINGS.name}
    monkeypatch.setattr(contracts, "TOPICS", known)
    key = str(uuid4())
    await leave(catalog_pool, batch(CLIENTS, (key, b"1")), batch(MAILINGS, (key, b"1")))

    async with relaying(catalog_pool, kafka):
        await all_settled(catalog_pool)

    assert await sent(read, key) == {key: [b"1"]}


# What is no record's fault


async def test_what_is_no_fault_of_a_record_sets_nothing_aside(
    catalog_pool: Pool, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    failures = iter([TopicAuthorizationFailedError, TimeoutError, KafkaError])
    send, tries = producer.send, list[str]()

    async def fail(client: AIOKafkaProducer, batches: Sequence[Batch]) -> list[End]:
        if batches[0].topic == MAILINGS.name and (failure := next(failures, None)):
            tries.append(failure.__name__)
            raise failure
        return await send(client, batches)

    monkeypatch.setattr(producer, "send", fail)
    await leave(catalog_pool, batch(MAILINGS, (str(uuid4()), b"1")))

    async with relaying(catalog_pool, kafka):
        await all_settled(catalog_pool)

    assert len(tries) == 3
    assert await set_aside(catalog_pool) == []


@pytest.fixture
def all_fail(monkeypatch: pytest.MonkeyPatch) -> Callable[[type[Exception]], list[int]]:
    """Give what lets all mailings fail, and returns how many were sent at a time."""
    send, tries = producer.send, list[int]()

    def choose(kind: type[Exception]) -> list[int]:
        async def fail(client: AIOKafkaProducer, batches: Sequence[Batch]) -> list[End]:
            if batches[0].topic != MAILINGS.name:
                return await send(client, batches)
            tries.append(len(batches))
            raise kind

        monkeypatch.setattr(producer, "send", fail)
        return tries

    return choose


@asynccontextmanager
async def relaying_to_its_end(pool: Pool, kafka: str) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(relay.relay(pool, kafka, "catalog", every=SOON, lease=LEASE))
    try:
        yield task
    finally:
        task.cancel()
        await asyncio.wait([task])


async def test_more_than_can_be_the_fault_of_records_stay_in_the_outbox(
    catalog_pool: Pool,
    kafka: str,
    monkeypatch: pytest.MonkeyPatch,
    all_fail: Callable[[type[Exception]], list[int]],
) -> None:
    monkeypatch.setattr(unpublished, "MOST", 2)
    tries = all_fail(MessageSizeTooLargeError)
    for _ in range(4):
        await leave(catalog_pool, batch(MAILINGS, (str(uuid4()), b"1")))

    async with relaying(catalog_pool, kafka):

        async def is_tried_again() -> bool:
            return len(tries) > 6

        await eventually(is_tried_again, within=120)

    assert await left(catalog_pool) == 2
    assert [reason for _, reason in await set_aside(catalog_pool)] == [REFUSED] * 2


async def test_within_a_row_too_no_more_are_set_aside_than_can_be_their_fault(
    catalog_pool: Pool,
    kafka: str,
    monkeypatch: pytest.MonkeyPatch,
    all_fail: Callable[[type[Exception]], list[int]],
) -> None:
    monkeypatch.setattr(unpublished, "MOST", 2)
    all_fail(RuntimeError)
    await leave(catalog_pool, batch(MAILINGS, *[(str(uuid4()), b"1") for _ in range(4)]))

    async with relaying_to_its_end(catalog_pool, kafka) as task:
        with pytest.raises(RuntimeError):  # an error that is none of Kafka's ends the process
            await asyncio.wait_for(task, 20)

    assert await left(catalog_pool) == 1
    assert await set_aside(catalog_pool) == []


async def test_who_lost_the_lease_sets_nothing_aside(catalog_pool: Pool, kafka: str) -> None:
    lease = RelayLease(catalog_pool, LEASE)
    await lease.wait()
    apart = Apart(catalog_pool, lease, kafka)
    await leave(catalog_pool, batch(MAILINGS, (str(uuid4()), b"1")))
    await damage(catalog_pool)
    async with transaction(catalog_pool) as db:
        await db.execute(text("UPDATE relays SET epoch = epoch + 1"))

    with pytest.raises(RelayLeaseLost):
        await apart.publish(lambda _: None)

    assert await left(catalog_pool) == 1
    assert await set_aside(catalog_pool) == []


# Progress, and what becomes of it


async def as_of(pool: Pool, lease: RelayLease) -> Instant:
    async with autocommit(pool) as db:
        published = await published_until(db, lease)
    assert published is not None
    return published.until


async def test_progress_is_never_later_than_what_was_set_aside(
    catalog_pool: Pool, kafka: str
) -> None:
    await leave(catalog_pool, batch(MAILINGS, (str(uuid4()), TOO_LARGE)))
    async with transaction(catalog_pool) as db:
        recorded_at: Instant = await db.scalar(text("SELECT recorded_at FROM outbox"))
    async with relaying(catalog_pool, kafka):
        await all_settled(catalog_pool)
    await leave(catalog_pool, batch(MAILINGS, (str(uuid4()), b"1")))
    lease = RelayLease(catalog_pool, LEASE)
    await lease.wait()

    before = await as_of(catalog_pool, lease)
    await requests.discard(catalog_pool)
    after = await as_of(catalog_pool, lease)

    assert before == recorded_at < after


async def limit(kafka: str, size: int) -> None:
    """Let the topic of mailings take records up to a size."""
    client = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await client.start()
    try:
        change = {"cleanup.policy": "delete", "retention.ms": "-1", "max.message.bytes": str(size)}
        resource = ConfigResource(ConfigResourceType.TOPIC, MAILINGS.name, change)
        await client.alter_configs([resource])
    finally:
        await client.close()


@pytest.fixture
async def raise_limit(kafka: str) -> AsyncIterator[Callable[[], Awaitable[None]]]:
    """Give what lets the topic of mailings take larger records."""

    async def to_two_million() -> None:
        await limit(kafka, 2_000_000)

    yield to_two_million
    await limit(kafka, 1_048_588)


async def command(url: PostgresDsn, name: str, *more: str) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "shared.outbox", name, "catalog", *more),
        cwd=ROOT,
        env={**os.environ, "CATALOG_DATABASE_URL": str(url)},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.STDOUT,
    )
    output, _ = await process.communicate()
    return process.returncode or 0, output.decode()


async def test_what_was_set_aside_is_published_in_order_when_somebody_wants_it(
    catalog_database: PostgresDsn,
    catalog_pool: Pool,
    kafka: str,
    read: Read,
    raise_limit: Callable[[], Awaitable[None]],
) -> None:
    bad, key = str(uuid4()), str(uuid4())
    await leave(catalog_pool, batch(MAILINGS, (bad, TOO_LARGE), (bad, b"2")))
    async with relaying(catalog_pool, kafka):
        await all_settled(catalog_pool)
        shown = await command(catalog_database, "letters")
        refused = await command(catalog_database, "replay")

        await raise_limit()
        replayed = await command(catalog_database, "replay", "--key", bad)
        nothing = await command(catalog_database, "replay")
        await leave(catalog_pool, batch(MAILINGS, (bad, b"3"), (key, b"1")))
        await all_settled(catalog_pool)

    assert shown[0] == 0
    assert shown[1].count(f"{MAILINGS.name} {bad}: ") == 2
    assert refused[0] == 1
    assert refused[1].startswith("published: 0, left: 2\n")
    assert replayed == (0, "published: 2, left: 0\n")
    assert nothing == (1, "nothing is set aside there\n")
    assert await sent(read, bad, key) == {bad: [TOO_LARGE, b"2", b"3"], key: [b"1"]}


async def test_what_is_given_up_lets_go_what_waits_behind_it(
    catalog_database: PostgresDsn, catalog_pool: Pool, kafka: str, read: Read
) -> None:
    bad = str(uuid4())
    await leave(catalog_pool, batch(MAILINGS, (bad, TOO_LARGE), (bad, b"2")))
    async with relaying(catalog_pool, kafka):
        await all_settled(catalog_pool)

        discarded = await command(catalog_database, "discard", "--key", bad)

        async def nothing_waits() -> bool:
            return not await set_aside(catalog_pool)

        await eventually(nothing_waits, within=120)
        await all_settled(catalog_pool)

    assert discarded == (0, "discarded: 1\n")
    assert await sent(read, bad) == {bad: [b"2"]}


async def test_what_was_published_apart_is_among_the_ends_of_the_next_report(
    catalog_pool: Pool, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    reports: list[dict[str, list[int]]] = []
    from shared.outbox.progress import Progress  # noqa: PLC0415 - beside what it replaces

    next_report = Progress.next_report

    async def spy(self: Progress, pool: Pool, lease: RelayLease) -> Any:
        report = await next_report(self, pool, lease)
        if report is not None:
            reports.append(report.ends)
        return report

    monkeypatch.setattr(Progress, "next_report", spy)
    key = str(uuid4())
    await leave(catalog_pool, batch(MAILINGS, (key, TOO_LARGE), (key, b"2")))
    async with relaying(catalog_pool, kafka):
        await all_settled(catalog_pool)
        await requests.discard(catalog_pool)

        async def is_reported() -> bool:
            ends = await end_offsets(kafka, MAILINGS)
            wanted = [end for _, end in sorted(ends.items())]
            is_done = not await set_aside(catalog_pool)
            return is_done and bool(reports) and reports[-1][MAILINGS.name] == wanted

        await eventually(is_reported, within=120)
        await all_settled(catalog_pool)

"""The relay, on a real Kafka: from the outbox to the topics, in order, one relay at a time."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.producer.message_accumulator import BatchBuilder
from sqlalchemy import func, select, text

from shared import outbox
from shared.contracts.catalog import CLIENTS, MAILINGS
from shared.database import Connection, Pool, transaction
from shared.errors import Unavailable
from shared.outbox import Batch, Record, producer, relay, store
from shared.outbox.lease import RelayLease, holder
from shared.outbox.producer import End, partition_of
from shared.tables import outbox as table
from shared.testing import eventually
from shared.topic import Topic
from tests.otlp import links_of, recorded_spans, traceparent
from tests.shared.conftest import Read

LEASE, SHORT = timedelta(seconds=4), timedelta(seconds=0.2)
SOON = timedelta(milliseconds=10)


@dataclass
class Hand:
    """A monotonic clock that is moved by hand, and counts who looks at it."""

    seconds: float = 0.0
    looks: int = 0

    def __call__(self) -> float:
        self.looks += 1
        return self.seconds

    async def is_read(self) -> None:
        """Wait until somebody has looked at it again, twice: all that was before is seen."""
        before = self.looks

        async def often_enough() -> bool:
            return self.looks >= before + 2

        await eventually(often_enough, within=120)


async def leave(pool: Pool, *batches: Batch) -> None:
    async with transaction(pool) as db:
        await outbox.put(db, batches)


async def left(pool: Pool) -> int:
    async with transaction(pool) as db:
        return (await db.scalar(select(func.count()).select_from(table))) or 0


def batch(topic: Topic, *records: tuple[str, bytes | None]) -> Batch:
    return Batch(
        topic.name,
        [("shared", b"1")],
        [Record(key.encode(), value, [("own", key.encode())]) for key, value in records],
    )


@asynccontextmanager
async def relaying(pool: Pool, kafka: str, **more: Any) -> AsyncIterator[None]:
    task = asyncio.create_task(
        relay.relay(pool, kafka, "catalog", every=SOON, **({"lease": LEASE} | more))
    )
    try:
        yield
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def all_sent(pool: Pool) -> None:
    async def nothing_is_left() -> bool:
        return await left(pool) == 0

    await eventually(nothing_is_left, within=120)


async def test_what_was_committed_reaches_kafka_with_key_value_and_headers(
    catalog_pool: Pool, kafka: str, read: Read
) -> None:
    key = str(uuid4())
    await leave(catalog_pool, batch(CLIENTS, (key, b"value"), (key, None)))

    async with relaying(catalog_pool, kafka):
        await all_sent(catalog_pool)

    found = [(record.key, record.value, dict(record.headers)) for record in await read(CLIENTS)]
    headers = {"own": key.encode(), "shared": b"1"}
    assert found == [(key.encode(), b"value", headers), (key.encode(), None, headers)]


async def test_a_turn_of_the_relay_links_to_the_traces_of_what_it_publishes(
    catalog_pool: Pool, kafka: str
) -> None:
    for number in range(1, 41):
        records = [Record(str(uuid4()).encode(), b"value", [])]
        trace = ("traceparent", traceparent(number).encode())
        await leave(catalog_pool, Batch(CLIENTS.name, [trace], records))

    with recorded_spans() as spans:
        async with relaying(catalog_pool, kafka):
            await all_sent(catalog_pool)

    turns = spans.named("publish outbox")
    linked = [trace for each in turns for trace in links_of(each)]
    assert sorted(linked) == [f"{number:032x}" for number in range(1, 41)]
    assert max(len(each.links) for each in turns) == 32  # as many rows as a turn has


async def test_the_records_of_a_key_stay_in_order(
    catalog_pool: Pool, kafka: str, read: Read
) -> None:
    keys = [str(uuid4()) for _ in range(5)]
    for turn in range(40):
        records = [(key, f"{turn}.{half}".encode()) for half in (0, 1) for key in keys]
        await leave(catalog_pool, batch(CLIENTS, *records))

    async with relaying(catalog_pool, kafka):
        await all_sent(catalog_pool)

    sent = await read(CLIENTS)
    expected = [f"{turn}.{half}".encode() for turn in range(40) for half in (0, 1)]
    for key in keys:
        mine = [found for found in sent if found.key == key.encode()]
        assert [found.value for found in mine] == expected
        assert {found.partition for found in mine} == {partition_of(key.encode(), 3)}


async def test_records_that_share_a_partition_key_go_to_its_partition(
    catalog_pool: Pool, kafka: str, read: Read
) -> None:
    keys = [f"{number}" for number in range(6)]
    records = [Record(key.encode(), b"{}", []) for key in keys]
    await leave(catalog_pool, Batch(MAILINGS.name, [], records, b"their own"))

    async with relaying(catalog_pool, kafka):
        await all_sent(catalog_pool)

    found = await read(MAILINGS)
    assert [each.key.decode() for each in found] == keys
    assert {each.partition for each in found} == {partition_of(b"their own", 3)}


async def test_a_record_as_large_as_the_outbox_takes_is_sent(
    catalog_pool: Pool, kafka: str, read: Read
) -> None:
    value = b"x" * outbox.RECORD_LIMIT_BYTES
    await leave(catalog_pool, batch(MAILINGS, ("a", b"1"), ("a", value), ("a", b"3")))

    async with relaying(catalog_pool, kafka):
        await all_sent(catalog_pool)

    assert [len(record.value) for record in await read(MAILINGS)] == [1, len(value), 1]


async def test_no_more_is_read_at_once_than_there_is_room_for_but_a_row_at_least(
    catalog_pool: Pool, kafka: str, read: Read, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = [1_000, 1_000, 1_000, 1_000, 1_000, 9_000, 1_000]
    for size in sizes:
        await leave(catalog_pool, batch(MAILINGS, ("m", b"x" * size)))
    send, at_once = producer.send, []

    async def spy(producer: AIOKafkaProducer, batches: Sequence[Batch]) -> list[End]:
        if batches[0].topic == MAILINGS.name:
            at_once.append(len(batches))
        return await send(producer, batches)

    monkeypatch.setattr(producer, "send", spy)
    monkeypatch.setattr(store, "BYTES", 2_500)
    async with relaying(catalog_pool, kafka):
        await all_sent(catalog_pool)

    assert at_once == [2, 2, 1, 1, 1]
    assert [len(record.value) for record in await read(MAILINGS)] == sizes


async def test_a_mailing_is_sent_when_the_clients_before_it_are_acknowledged(
    catalog_pool: Pool,
    kafka: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clients = [(str(uuid4()), b"x" * 1000) for _ in range(5000)]
    sent: list[str] = []
    send = AIOKafkaProducer.send_batch

    async def spy(
        self: Any,
        builder: BatchBuilder,
        topic: str,
        *,
        partition: int,
    ) -> Any:
        acknowledged = await send(self, builder, topic, partition=partition)
        sent.append(f"{topic} begun")
        acknowledged.add_done_callback(lambda _: sent.append(f"{topic} acknowledged"))
        return acknowledged

    monkeypatch.setattr(AIOKafkaProducer, "send_batch", spy)
    await leave(catalog_pool, batch(CLIENTS, *clients))
    await leave(catalog_pool, batch(MAILINGS, ("m", b"1")))

    async with relaying(catalog_pool, kafka):
        await all_sent(catalog_pool)

    at = sent.index("catalog.mailings begun")
    assert sent[:at].count("catalog.clients begun") > 3
    assert sent[:at].count("catalog.clients acknowledged") == sent.count("catalog.clients begun")


async def test_rows_go_only_when_kafka_has_them(catalog_pool: Pool) -> None:
    await leave(catalog_pool, batch(MAILINGS, ("m", b"1")))

    async with relaying(catalog_pool, "127.0.0.1:1"):

        async def somebody_is_at_work() -> bool:
            return (await holder(catalog_pool)).owner is not None

        await eventually(somebody_is_at_work, within=120)

    assert await left(catalog_pool) == 1


# Whose turn it is


@asynccontextmanager
async def waiting(turn: RelayLease) -> AsyncIterator["asyncio.Task[None]"]:
    task = asyncio.create_task(turn.wait())
    try:
        yield task
    finally:
        task.cancel()


async def test_of_two_relays_one_is_at_work(catalog_pool: Pool) -> None:
    ours, theirs = Hand(), Hand()
    first, second = RelayLease(catalog_pool, LEASE, ours), RelayLease(catalog_pool, SHORT, theirs)
    await first.wait()

    async with waiting(second) as task:
        await theirs.is_read()

        assert not task.done()
        assert await first.renew()
        assert not await second.renew()


async def test_a_relay_that_renews_is_never_overtaken(catalog_pool: Pool) -> None:
    ours, theirs = Hand(), Hand()
    first, second = RelayLease(catalog_pool, SHORT, ours), RelayLease(catalog_pool, SHORT, theirs)
    await first.wait()

    async with waiting(second) as task:
        for _ in range(12):  # three leases long, by either clock
            ours.seconds += SHORT.total_seconds() / 4
            theirs.seconds += SHORT.total_seconds() / 4
            assert await first.renew()
            await theirs.is_read()

        assert not task.done()


async def test_a_relay_that_died_is_followed_after_a_whole_lease(catalog_pool: Pool) -> None:
    clock = Hand()
    dead, heir = RelayLease(catalog_pool, SHORT), RelayLease(catalog_pool, SHORT, clock)
    await dead.wait()

    async with asyncio.timeout(20), waiting(heir) as task:
        await clock.is_read()
        clock.seconds += 0.9 * SHORT.total_seconds()
        await clock.is_read()
        assert not task.done(), "not a whole lease yet"
        clock.seconds += 0.2 * SHORT.total_seconds()
        await task

    assert heir.epoch == 2
    assert await heir.renew()


async def test_who_was_overtaken_notices_at_the_next_renewal(catalog_pool: Pool) -> None:
    ours, theirs = Hand(), Hand()
    slow, heir = RelayLease(catalog_pool, SHORT, ours), RelayLease(catalog_pool, SHORT, theirs)
    await slow.wait()
    async with asyncio.timeout(20), waiting(heir) as task:
        await theirs.is_read()
        theirs.seconds += 2 * SHORT.total_seconds()
        await task

    ours.seconds += SHORT.total_seconds()

    assert not await slow.renew()
    assert slow.epoch is None
    assert await heir.renew()


async def test_without_a_database_nobody_is_at_work(no_pool: Pool) -> None:
    with pytest.raises(Unavailable):
        await RelayLease(no_pool, LEASE).wait()


async def test_who_leaves_lets_the_next_one_begin_at_once(catalog_pool: Pool) -> None:
    clock = Hand()
    first, second = (RelayLease(catalog_pool, LEASE, clock) for _ in range(2))
    await first.wait()

    await first.release()

    async with asyncio.timeout(60):  # the lease lasts for ever by this clock
        await second.wait()
    assert second.epoch == 2


async def test_a_relay_that_ends_leaves(catalog_pool: Pool, kafka: str) -> None:
    await leave(catalog_pool, batch(MAILINGS, ("m", b"1")))

    async with relaying(catalog_pool, kafka):
        await all_sent(catalog_pool)

    assert (await holder(catalog_pool)).owner is None


async def test_what_was_sent_after_a_rival_took_over_is_repaired_and_stays(
    catalog_pool: Pool, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    await leave(catalog_pool, batch(MAILINGS, ("m", b"1")))
    rival, repaired = UUID(int=7), asyncio.Event()
    send = producer.send  # the moment between sending and deleting

    async def overtaken(*args: Any) -> list[End]:
        ends = await send(*args)
        async with transaction(catalog_pool) as db:
            await db.execute(
                text("UPDATE relays SET owner = :rival, epoch = epoch + 1"), {"rival": rival}
            )
        return ends

    seen: list[Batch] = []

    async def repair(_: Connection, batches: Sequence[Batch]) -> None:
        seen.extend(batches)
        repaired.set()

    monkeypatch.setattr(producer, "send", overtaken)
    async with asyncio.timeout(20), relaying(catalog_pool, kafka, repair=repair):
        await repaired.wait()

    assert [each.topic for each in seen] == ["catalog.mailings"]
    assert await left(catalog_pool) == 1
    assert (await holder(catalog_pool)).owner == rival


async def test_what_is_taken_over_is_sent_by_the_next_relay(
    catalog_pool: Pool, kafka: str, read: Read
) -> None:
    dead = RelayLease(catalog_pool, LEASE)
    await dead.wait()
    await leave(catalog_pool, batch(MAILINGS, ("m", b"1")))

    async with relaying(catalog_pool, kafka, lease=SHORT):
        await all_sent(catalog_pool)

    assert [record.value for record in await read(MAILINGS)] == [b"1"]

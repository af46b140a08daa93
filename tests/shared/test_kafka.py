"""The listener, on a real Kafka: exactly once in effect, whatever comes and whatever fails."""

import asyncio
import json
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any
from uuid import UUID, uuid4

import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.structs import ConsumerRecord
from sqlalchemy import select, text
from structlog.testing import capture_logs

from shared.alarm import Alarm
from shared.contracts.catalog import (
    CLIENTS,
    MAILINGS,
    ClientRemoved,
    MailingPaused,
    MailingResumed,
)
from shared.contracts.dispatcher import MessageAttempted
from shared.database import Connection, Pool, transaction
from shared.errors import Unavailable
from shared.event import Event, Received
from shared.event_store import Append
from shared.kafka import Handlers, Listener, cluster, end_offsets, ends, listen
from shared.kafka import listener as listener_module
from shared.kafka.limits import readable_from
from shared.kafka.records import Unreadable, read
from shared.loop import Backoff
from shared.outbox import recorded_batches
from shared.tables import dead_letters, offsets
from shared.testing import eventually
from shared.topic import Topic

CONSUMER = "test"
NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)


@dataclass
class Ledger:
    """What a handler did; its rows commit with the offsets, in a table of the test's."""

    pool: Pool
    failures: list[Exception] = field(default_factory=list)
    calls: int = 0

    async def note(self, db: Connection, received: Sequence[Received[Any]]) -> None:
        self.calls += 1
        await db.execute(
            text(
                "INSERT INTO dead_letters SELECT 'heard', key, 0, at, kind, now() FROM unnest("
                "CAST(:keys AS text[]), CAST(:at AS int[]), CAST(:kinds AS text[])"
                ") AS t (key, at, kind)"
            ),
            {
                "keys": [each.key for each in received],
                "at": [each.version for each in received],
                "kinds": [type(each.event).__name__ for each in received],
            },
        )
        if self.failures:
            raise self.failures.pop(0)

    async def heard(self) -> list[tuple[str, int, str]]:
        """Return keys, versions and kinds; were one applied twice, its key would be too."""
        table = dead_letters.c
        rows = select(table.topic, table.offset, table.reason).where(table.consumer == "heard")
        async with transaction(self.pool) as db:
            found = await db.execute(rows.order_by(table.topic, table.offset))
            return [(key, version, kind) for key, version, kind in found]

    async def hears(self, count: int) -> None:
        async def enough() -> bool:
            return len(await self.heard()) >= count

        await eventually(enough, within=120)


@pytest.fixture
async def ledger(catalog_pool: Pool, from_here: Any) -> Ledger:
    await from_here(catalog_pool, CONSUMER)
    return Ledger(catalog_pool)


@pytest.fixture
async def producer(kafka: str) -> AsyncIterator[AIOKafkaProducer]:
    producer = AIOKafkaProducer(bootstrap_servers=kafka)
    await producer.start()
    yield producer
    await producer.stop()


@asynccontextmanager
async def listening(ledger: Ledger, servers: str, **more: Any) -> AsyncIterator[None]:
    handlers: Handlers = dict.fromkeys((MailingPaused, ClientRemoved), ledger.note)
    task = asyncio.create_task(listen(ledger.pool, servers, CONSUMER, handlers, **more))
    try:
        yield
        assert not task.done(), task.exception()
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def send(producer: AIOKafkaProducer, stream: str, event: Event, version: int = 1) -> None:
    """Send an event as the relay would."""
    [recorded] = Append(stream, [event], version - 1).recorded(NOW)
    [batch] = recorded_batches([(recorded, event.json())], "catalog")
    for record in batch.records:
        await producer.send_and_wait(
            batch.topic, record.value, record.key, headers=record.headers + batch.headers
        )


async def pause(producer: AIOKafkaProducer, mailing_id: UUID, version: int = 1) -> None:
    event = MailingPaused(mailing_id=mailing_id, paused_at=NOW)
    await send(producer, f"mailing-{mailing_id}", event, version)


async def positions(pool: Pool, topic: Topic) -> dict[int, int]:
    rows = select(offsets.c.partition, offsets.c.position).where(
        offsets.c.consumer == CONSUMER, offsets.c.topic == topic.name
    )
    async with transaction(pool) as db:
        return {row.partition: row.position for row in await db.execute(rows)}


@pytest.mark.parametrize("without_group", [False, True])
async def test_events_are_heard_once_and_in_order(
    ledger: Ledger, producer: AIOKafkaProducer, kafka: str, *, without_group: bool
) -> None:
    ids = [uuid4() for _ in range(4)]
    for version in (1, 2, 3):
        for mailing_id in ids:
            await pause(producer, mailing_id, version)

    async with listening(ledger, kafka, without_group=without_group):
        await ledger.hears(12)

    expected = [(str(each), version, "MailingPaused") for each in ids for version in (1, 2, 3)]
    assert await ledger.heard() == sorted(expected)


@pytest.mark.parametrize("gathers_first", [False, True])
async def test_who_waits_for_what_is_heard_is_woken_by_it(
    ledger: Ledger, kafka: str, producer: AIOKafkaProducer, gathers_first: bool
) -> None:
    alarm = Alarm()
    async with listening(ledger, kafka, alarm=alarm, gathers_first=gathers_first):
        await pause(producer, uuid4())

        async with asyncio.timeout(20):
            assert await alarm.sleep(3_600)
        assert len(await ledger.heard()) == 1

        keys = [uuid4() for _ in range(20)]
        for key in keys:
            await pause(producer, key)
        await ledger.hears(21)

    assert len(await ledger.heard()) == 21


async def test_what_comes_again_with_the_same_offsets_is_applied_once(
    ledger: Ledger, producer: AIOKafkaProducer, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first, second = uuid4(), uuid4()
    begin = await positions(ledger.pool, MAILINGS)
    await pause(producer, first)
    async with listening(ledger, kafka, without_group=True):
        await ledger.hears(1)

    async def seek_back(listener: Any, client: Any, partitions: Any) -> None:
        for each in partitions:
            at = begin[each.partition] if each.topic == MAILINGS.name else 0
            client.seek(each, at)
            listener._positions[each] = at  # noqa: SLF001 - as `seek` leaves it

    monkeypatch.setattr(Listener, "seek", seek_back)
    await pause(producer, second)
    async with listening(ledger, kafka, without_group=True):
        await ledger.hears(2)

    assert {key for key, _, _ in await ledger.heard()} == {str(first), str(second)}


async def test_who_starts_again_goes_on_where_the_last_one_ended(
    ledger: Ledger, producer: AIOKafkaProducer, kafka: str
) -> None:
    first, second = uuid4(), uuid4()
    await pause(producer, first)
    async with listening(ledger, kafka):
        await ledger.hears(1)
    await pause(producer, second)

    async with listening(ledger, kafka):
        await ledger.hears(2)

    assert len(await ledger.heard()) == 2


async def test_the_effect_and_the_position_commit_together(
    ledger: Ledger, producer: AIOKafkaProducer, kafka: str
) -> None:
    begin = await positions(ledger.pool, MAILINGS)
    ledger.failures = [MemoryError()]
    await pause(producer, uuid4())

    handlers: Handlers = {MailingPaused: ledger.note}
    with pytest.raises(MemoryError):
        async with asyncio.timeout(20):
            await listen(ledger.pool, kafka, CONSUMER, handlers, without_group=True)

    assert ledger.calls == 1
    assert await ledger.heard() == []
    assert await positions(ledger.pool, MAILINGS) == begin


async def test_what_fails_for_the_moment_is_tried_again_and_nothing_is_lost(
    ledger: Ledger, producer: AIOKafkaProducer, kafka: str
) -> None:
    ledger.failures = [Unavailable(), Unavailable()]
    ids = [uuid4() for _ in range(3)]
    for mailing_id in ids:
        await pause(producer, mailing_id)

    async with listening(ledger, kafka):
        await ledger.hears(3)

    assert {key for key, _, _ in await ledger.heard()} == set(map(str, ids))
    assert ledger.calls >= 3


async def test_an_event_that_nobody_handles_is_passed_over(
    ledger: Ledger, producer: AIOKafkaProducer, kafka: str
) -> None:
    mailing_id = uuid4()
    resumed = MailingResumed(mailing_id=mailing_id, resumed_at=NOW)
    await send(producer, f"mailing-{mailing_id}", resumed, 1)
    await pause(producer, mailing_id, 2)

    async with listening(ledger, kafka):
        await ledger.hears(1)

    assert await ledger.heard() == [(str(mailing_id), 2, "MailingPaused")]
    assert await letters(ledger.pool) == []


async def letters(pool: Pool) -> list[str]:
    mine = select(dead_letters.c.reason).where(dead_letters.c.consumer == CONSUMER)
    async with transaction(pool) as db:
        return list(await db.scalars(mine.order_by(dead_letters.c.offset)))


GOOD = {"ce_type": b"MailingPaused.v1", "ce_id": str(UUID(int=1)).encode(), "ce_sequence": b"1"}
VALUE = {"mailing_id": str(UUID(int=1)), "paused_at": "2026-01-01T12:00:00Z"}


DATA = json.dumps(VALUE).encode()
UNREADABLE: list[tuple[bytes | None, bytes | None, dict[str, bytes], str]] = [
    (b"k", b"{", GOOD, "DecodeError"),
    (b"k", b"\xff\xfe", GOOD, "DecodeError"),
    (b"k", b"{}", GOOD, "ValidationError: Object missing required field `mailing_id`"),
    (b"k", b"", GOOD, "DecodeError"),
    (b"k", b'{"more":' + b"[" * 20_000, GOOD, "RecursionError"),
    (b"k", None, GOOD, "ValidationError: no MailingPaused has a tombstone"),
    (b"\xff", DATA, GOOD, "UnicodeDecodeError"),
    (None, DATA, GOOD, "no key"),
    (b"k", DATA, {}, "no type that is known"),
    (b"k", DATA, GOOD | {"ce_type": b"MailingPaused.v9"}, "no type"),
    (b"k", DATA, GOOD | {"ce_sequence": b"one"}, "ce_sequence"),
    (b"k", DATA, GOOD | {"ce_sequence": b"1" * 5_000}, "ce_sequence"),
    (b"k", DATA, GOOD | {"ce_id": b"one"}, "ce_id"),
    (b"k", DATA, {"ce_type": GOOD["ce_type"]}, "ce_sequence"),
]


@pytest.mark.parametrize("record", UNREADABLE, ids=range(len(UNREADABLE)))
async def test_a_record_that_cannot_be_read_is_a_dead_letter_and_the_next_is_heard(
    ledger: Ledger,
    producer: AIOKafkaProducer,
    kafka: str,
    record: tuple[bytes | None, bytes | None, dict[str, bytes], str],
) -> None:
    mailing_id = uuid4()
    key, value, headers, reason = record
    await producer.send_and_wait(
        MAILINGS.name, value, key, headers=list(headers.items()), partition=0
    )
    await pause(producer, mailing_id)

    async with listening(ledger, kafka, without_group=True):
        await ledger.hears(1)

    [told] = await letters(ledger.pool)
    assert told.startswith(reason)
    assert await ledger.heard() == [(str(mailing_id), 1, "MailingPaused")]


@pytest.mark.parametrize(
    ("kind", "value", "reason"),
    [
        (MailingPaused, None, "no MailingPaused has a tombstone"),
        (ClientRemoved, None, "Invalid UUID - at `$.client_id`"),
        (MailingPaused, {"mailing_id": "79161234567"}, "Invalid UUID - at `$.mailing_id`"),
        (MessageAttempted, {"state": "'79161234567"}, "Invalid enum value - at `$.state`"),
        (MessageAttempted, {"state": "79161234567'\0"}, "Invalid enum value - at `$.state`"),
    ],
)
def test_why_a_record_cannot_be_read_is_said_without_what_it_says(
    kind: type[Event], value: dict[str, str] | None, reason: str
) -> None:
    data = None if value is None else json.dumps(value).encode()
    headers = (("ce_type", kind.type_name().encode()),)
    place = ("topic", 0, 0, 0, 0)
    record = ConsumerRecord(*place, b"79161234567\0", data, None, 0, 0, headers)

    with pytest.raises(Unreadable) as caught:
        read(record, {kind.type_name().encode(): kind})

    assert str(caught.value) == f"ValidationError: {reason}"


UNSTORABLE = [
    (b"no\0key", GOOD, "cannot be stored: CharacterNotInRepertoireError"),
    (b"key", GOOD | {"ce_sequence": b"9876543210"}, "cannot be stored: OverflowError"),
]


@pytest.mark.parametrize(("key", "headers", "reason"), UNSTORABLE)
async def test_a_record_that_cannot_be_stored_is_a_dead_letter_and_all_others_are_heard(
    ledger: Ledger,
    producer: AIOKafkaProducer,
    kafka: str,
    key: bytes,
    headers: dict[str, bytes],
    reason: str,
) -> None:
    mailing_id = uuid4()
    begin = await positions(ledger.pool, MAILINGS)
    for version in range(1, 12):
        await pause(producer, mailing_id, version)
        for partition in begin if version in {3, 4, 9} else ():
            await producer.send_and_wait(
                MAILINGS.name, DATA, key, headers=list(headers.items()), partition=partition
            )

    with capture_logs() as logs:
        await catch_up(ledger, kafka)

    expected = [(str(mailing_id), version, "MailingPaused") for version in range(1, 12)]
    assert await ledger.heard() == expected
    assert (
        [each["reason"] for each in logs]
        == await letters(ledger.pool)
        == [reason] * 3 * len(begin)
    )
    noted = await positions(ledger.pool, MAILINGS)
    assert sum(noted.values()) == sum(begin.values()) + 11 + 3 * len(begin)


async def test_what_cannot_be_read_is_told_once_though_its_batch_is_applied_twice(
    ledger: Ledger, producer: AIOKafkaProducer, kafka: str
) -> None:
    mailing_id = uuid4()
    key, headers, reason = UNSTORABLE[0]
    for each in ({}, headers):
        await producer.send_and_wait(
            MAILINGS.name, DATA, key, headers=list(each.items()), partition=0
        )
    await pause(producer, mailing_id)

    with capture_logs() as logs:
        await catch_up(ledger, kafka)

    assert await letters(ledger.pool) == ["no type that is known", reason]
    assert [each["reason"] for each in logs] == ["no type that is known", reason]
    assert await ledger.heard() == [(str(mailing_id), 1, "MailingPaused")]


async def catch_up(ledger: Ledger, kafka: str) -> None:
    handlers: Handlers = dict.fromkeys((MailingPaused, ClientRemoved), ledger.note)
    listener = Listener(ledger.pool, kafka, CONSUMER, handlers)
    async with asyncio.timeout(20):
        await listener.catch_up(await ends(kafka, handlers))


async def test_a_tombstone_is_heard_as_the_removal_it_follows(
    ledger: Ledger, producer: AIOKafkaProducer, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    client_id = uuid4()
    heard: list[Received[Any]] = []

    async def keep(_: Connection, received: Sequence[Received[Any]]) -> None:
        heard.extend(received)

    monkeypatch.setattr(ledger, "note", keep)
    await send(producer, f"client-{client_id}", ClientRemoved(client_id=client_id), 3)

    async with listening(ledger, kafka):

        async def both() -> bool:
            return len(heard) == 2

        await eventually(both, within=120)

    assert [each.event for each in heard] == [ClientRemoved(client_id=client_id)] * 2
    assert [each.version for each in heard] == [3, 3]


async def test_positions_are_noted_though_nothing_comes(
    ledger: Ledger, producer: AIOKafkaProducer, kafka: str
) -> None:
    await producer.send_and_wait(
        CLIENTS.name, b"{}", b"k", headers=[("ce_type", b"ClientChanged.v1")]
    )
    ends = await end_offsets(kafka, CLIENTS)

    async def all_is_noted() -> bool:
        return await positions(ledger.pool, CLIENTS) == ends

    async with listening(ledger, kafka):
        await eventually(all_is_noted, within=120)

        async def is_up_to_date() -> bool:
            async with transaction(ledger.pool) as db:
                ours = offsets.c.topic.in_([CLIENTS.name, MAILINGS.name])
                missing = select(offsets.c.topic).where(ours, offsets.c.as_of.is_(None))
                return not (await db.execute(missing)).all()

        await eventually(is_up_to_date, within=120)

    assert ledger.calls == 0


async def test_a_client_that_has_lost_its_positions_is_replaced(
    ledger: Ledger, producer: AIOKafkaProducer, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[AIOKafkaConsumer] = []
    position = AIOKafkaConsumer.position

    async def wait_in_the_first(self: AIOKafkaConsumer, partition: TopicPartition) -> int:
        asked.append(self)
        if self is asked[0]:
            await asyncio.Event().wait()
        return int(await position(self, partition))

    monkeypatch.setattr(AIOKafkaConsumer, "position", wait_in_the_first)
    monkeypatch.setattr(listener_module, "STUCK", 5.0)

    async with listening(ledger, kafka):
        await pause(producer, uuid4())

        async def another_is_asked() -> bool:
            return bool(asked) and asked[-1] is not asked[0]

        await eventually(another_is_asked, within=120)
        await ledger.hears(1)


async def test_replicas_share_the_partitions_and_apply_each_event_once(
    ledger: Ledger, producer: AIOKafkaProducer, kafka: str
) -> None:
    ids = [uuid4() for _ in range(20)]

    async with listening(ledger, kafka), listening(ledger, kafka):
        for mailing_id in ids:
            await pause(producer, mailing_id)
        await ledger.hears(20)

    assert {key for key, _, _ in await ledger.heard()} == set(map(str, ids))


class Asking(Listener):
    """A listener that notes of which partitions it asks the database where it is."""

    def __init__(self, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        self.asked: list[set[TopicPartition]] = []

    async def seek(self, client: AIOKafkaConsumer, partitions: Collection[TopicPartition]) -> None:
        await super().seek(client, partitions)
        self.asked.append(set(partitions))


async def test_after_a_rebalance_the_database_is_asked_anew_for_what_a_replica_keeps(
    ledger: Ledger, producer: AIOKafkaProducer, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(cluster.CONSUMER, "heartbeat_interval_ms", 50)  # notices others soon
    first = Asking(ledger.pool, kafka, CONSUMER, {MailingPaused: ledger.note})
    second = AIOKafkaConsumer(MAILINGS.name, bootstrap_servers=kafka, group_id=CONSUMER)

    async def has_asked_anew() -> bool:
        [every, *later] = first.asked
        kept = every - second.assignment()
        return len(kept) < len(every) and any(kept <= each for each in later)

    task = asyncio.create_task(first.run(Backoff("test")))
    try:
        await pause(producer, uuid4())
        await ledger.hears(1)
        await second.start()
        try:
            await eventually(has_asked_anew, within=120)
        finally:
            await second.stop()
        await pause(producer, uuid4())
        await ledger.hears(2)  # so it is connected, and leaves nothing half open
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task


async def test_a_partition_that_is_taken_away_while_it_is_sought_is_left_to_others(
    ledger: Ledger, kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    own, taken = TopicPartition(MAILINGS.name, 0), TopicPartition(MAILINGS.name, 1)
    loser = Listener(ledger.pool, kafka, CONSUMER, {MailingPaused: ledger.note})
    async with cluster.connected(kafka) as client:
        client.assign([own, taken])

        async def lose_one(*arguments: Any) -> Any:
            client.assign([own])
            return await readable_from(*arguments)

        monkeypatch.setattr(listener_module, "readable_from", lose_one)
        await loser.seek(client, {own, taken})

        assert set(loser._positions) == {own}  # noqa: SLF001 - what it takes for known


async def test_a_batch_whose_partition_is_taken_away_meanwhile_is_not_taken_for_stored(
    ledger: Ledger, producer: AIOKafkaProducer, kafka: str
) -> None:
    mailing_id = uuid4()
    await pause(producer, mailing_id)
    until = await ends(kafka, {MailingPaused: ledger.note})

    async def note_and_lose(db: Connection, received: Sequence[Received[Any]]) -> None:
        await ledger.note(db, received)
        listener.drop_positions(until)  # as a rebalance does

    listener = Asking(ledger.pool, kafka, CONSUMER, {MailingPaused: note_and_lose})
    await listener.catch_up(until)

    assert len(await ledger.heard()) == 1
    assert listener.asked == [set(until)] * 2


async def test_who_listens_alone_reads_every_partition_and_still_nothing_twice(
    ledger: Ledger, producer: AIOKafkaProducer, kafka: str
) -> None:
    ids = [uuid4() for _ in range(20)]

    async with (
        listening(ledger, kafka, without_group=True),
        listening(ledger, kafka, without_group=True),
    ):
        for mailing_id in ids:
            await pause(producer, mailing_id)
        await ledger.hears(20)

    assert {key for key, _, _ in await ledger.heard()} == set(map(str, ids))


async def test_without_kafka_a_listener_waits(ledger: Ledger) -> None:
    async with listening(ledger, "127.0.0.1:1", without_group=True):
        pass

    assert ledger.calls == 0


async def test_without_kafka_end_offsets_are_unavailable() -> None:
    with pytest.raises(Unavailable):
        await end_offsets("127.0.0.1:1", CLIENTS)

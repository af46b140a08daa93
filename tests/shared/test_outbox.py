"""The outbox's rows and the relay's lease, one statement beside another."""

import asyncio
import threading
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeAlias
from uuid import UUID

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError
from sqlalchemy import text

from shared import outbox
from shared.contracts.catalog import MAILINGS
from shared.database import Connection, Pool, autocommit, transaction
from shared.errors import Unavailable
from shared.outbox import Batch, Record, cache, lease, producer, store
from shared.outbox.batch import decode, encode
from shared.outbox.cache import BatchCache, cache_of, caching
from shared.outbox.lease import RelayLease, holder
from shared.outbox.producer import End
from shared.testing import eventually
from tests.shared.test_relay import LEASE, SHORT, all_sent, left, relaying

OTHER = UUID(int=7)
Begin: TypeAlias = Callable[[Pool], AbstractAsyncContextManager[Connection]]


def news(value: bytes = b"1") -> list[Batch]:
    return [Batch(MAILINGS.name, [], [Record(b"m", value, [])])]


async def put(pool: Pool, *values: bytes) -> None:
    """Put each value in a transaction of its own."""
    for value in values:
        async with transaction(pool) as db:
            await outbox.put(db, news(value))


async def positions(pool: Pool) -> list[int]:
    async with autocommit(pool) as db:
        return list(await db.scalars(text("SELECT position FROM outbox ORDER BY position")))


async def taken(pool: Pool) -> RelayLease:
    ours = RelayLease(pool, LEASE)
    await ours.wait()
    return ours


async def a_statement_waits(pool: Pool) -> bool:
    async with autocommit(pool) as db:
        return bool(await db.scalar(text("SELECT count(*) FROM pg_locks WHERE NOT granted")))


# Putting


async def test_what_takes_long_to_compress_is_left_to_a_thread(
    catalog_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    row_of, were_here = store.row_of, list[bool]()

    def noted(batches: Sequence[Batch]) -> store.Row | None:
        were_here.append(threading.current_thread() is threading.main_thread())
        return row_of(batches)

    monkeypatch.setattr(store, "row_of", noted)
    many = [Batch(MAILINGS.name, [], [Record(b"m", b"1", [])] * store.MANY)]
    async with transaction(catalog_pool) as db:
        await outbox.put(db, news())
        await outbox.put(db, many)
        await outbox.put(db, [])

    assert were_here == [True, False, True]
    async with autocommit(catalog_pool) as db:
        rows = (await db.scalars(text("SELECT batches FROM outbox ORDER BY position"))).all()
    assert [decode(row) for row in rows] == [news(), many]


# Deleting under the lease


async def test_rows_stay_when_the_lease_is_being_taken_over(catalog_pool: Pool) -> None:
    ours = await taken(catalog_pool)
    await put(catalog_pool, b"1")
    deleted = store.delete(catalog_pool, await positions(catalog_pool), ours.owner, ours.epoch)

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:  # noqa: SIM117 - a task outlives the transaction
        async with transaction(catalog_pool) as other:
            before = await holder(catalog_pool)
            await other.execute(
                lease.TAKE, {"owner": OTHER, "epoch": before.epoch, "beat": before.beat}
            )
            deleting = tasks.create_task(deleted)
            await eventually(lambda: a_statement_waits(catalog_pool), within=120)

    assert not deleting.result()
    assert await left(catalog_pool) == 1


async def test_the_lease_is_not_taken_over_before_what_is_being_deleted_is_gone(
    catalog_pool: Pool,
) -> None:
    ours = await taken(catalog_pool)
    await put(catalog_pool, b"1")
    before = await holder(catalog_pool)

    async def take() -> int | None:
        async with transaction(catalog_pool) as other:
            await other.execute(
                lease.TAKE, {"owner": OTHER, "epoch": before.epoch, "beat": before.beat}
            )
            seen: int | None = await other.scalar(text("SELECT count(*) FROM outbox"))
            return seen

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:  # noqa: SIM117 - a task outlives the transaction
        async with transaction(catalog_pool) as db:
            await db.execute(
                store.DELETE,
                {
                    "owner": ours.owner,
                    "epoch": ours.epoch,
                    "positions": await positions(catalog_pool),
                },
            )
            taking = tasks.create_task(take())
            await eventually(lambda: a_statement_waits(catalog_pool), within=120)

    assert taking.result() == 0


@pytest.mark.parametrize("whose", ["another owner's", "an earlier one's"])
async def test_under_another_lease_nothing_is_deleted(catalog_pool: Pool, whose: str) -> None:
    ours = await taken(catalog_pool)
    await put(catalog_pool, b"1")
    owner, epoch = (OTHER, 1) if whose == "another owner's" else (ours.owner, 0)

    is_deleted = await store.delete(catalog_pool, await positions(catalog_pool), owner, epoch)

    assert not is_deleted
    assert await left(catalog_pool) == 1


async def test_only_the_rows_that_are_named_are_deleted(catalog_pool: Pool) -> None:
    ours = await taken(catalog_pool)
    await put(catalog_pool, b"1", b"2", b"3")
    first, second, third = await positions(catalog_pool)

    assert await store.delete(catalog_pool, [first, third], ours.owner, ours.epoch)

    assert await positions(catalog_pool) == [second]


# Taking and renewing


@dataclass
class Hand:
    """A monotonic clock that is moved by hand."""

    seconds: float = 0.0

    def __call__(self) -> float:
        return self.seconds


@pytest.fixture
def clock() -> Hand:
    return Hand()


@pytest.fixture
def slow(monkeypatch: pytest.MonkeyPatch, clock: Hand) -> Callable[[float], None]:
    """Give what lets the answers of all statements about leases take so many seconds."""
    seconds = 0.0

    def delayed(begin: Begin) -> Begin:
        @asynccontextmanager
        async def begin_late(pool: Pool) -> AsyncIterator[Connection]:
            async with begin(pool) as db:
                yield db
            clock.seconds += seconds

        return begin_late

    def set_delay(to: float) -> None:
        nonlocal seconds
        seconds = to

    monkeypatch.setattr(lease, "transaction", delayed(transaction))
    monkeypatch.setattr(lease, "autocommit", delayed(autocommit))
    return set_delay


QUARTER = LEASE.total_seconds() / 4


async def test_a_lease_counts_from_the_question_that_took_it(
    catalog_pool: Pool, clock: Hand, slow: Callable[[float], None]
) -> None:
    ours = RelayLease(catalog_pool, LEASE, clock)
    slow(QUARTER)
    await ours.wait()
    slow(0.0)
    before = await holder(catalog_pool)

    assert await ours.renew()

    assert (await holder(catalog_pool)).beat == before.beat + 1


async def test_a_lease_counts_from_the_question_that_renewed_it(
    catalog_pool: Pool, clock: Hand, slow: Callable[[float], None]
) -> None:
    ours = RelayLease(catalog_pool, LEASE, clock)
    await ours.wait()
    clock.seconds += QUARTER
    slow(QUARTER)
    assert await ours.renew()
    slow(0.0)
    before = await holder(catalog_pool)

    assert await ours.renew()

    assert (await holder(catalog_pool)).beat == before.beat + 1


async def test_a_fresh_lease_is_not_renewed_again(catalog_pool: Pool, clock: Hand) -> None:
    ours = RelayLease(catalog_pool, LEASE, clock)
    await ours.wait()
    before = await holder(catalog_pool)
    clock.seconds += 0.9 * QUARTER

    assert await ours.renew()

    assert await holder(catalog_pool) == before


async def test_a_lease_that_was_renewed_after_it_seemed_stale_is_not_taken(
    catalog_pool: Pool, clock: Hand
) -> None:
    living = RelayLease(catalog_pool, LEASE, clock)
    await living.wait()
    seemed_stale = await holder(catalog_pool)
    clock.seconds += QUARTER
    assert await living.renew()
    other = RelayLease(catalog_pool, LEASE, clock)

    await other._take(seemed_stale)  # noqa: SLF001 - between two statements of `wait`

    assert other.epoch is None
    assert (await holder(catalog_pool)).owner == living.owner


async def test_a_relay_that_ends_late_releases_no_lease_but_its_own(catalog_pool: Pool) -> None:
    late = await taken(catalog_pool)
    async with transaction(catalog_pool) as db:
        await db.execute(
            text("UPDATE relays SET owner = :other, epoch = epoch + 1"), {"other": OTHER}
        )

    await late.release()

    assert (await holder(catalog_pool)).owner == OTHER


# What may have been sent beside another relay


Send = Callable[[AIOKafkaProducer, Sequence[Batch]], Awaitable[list[End]]]


@pytest.fixture
def overtaken(monkeypatch: pytest.MonkeyPatch, catalog_pool: Pool) -> None:
    """Let another relay take over, once, while ours sends, whose sending fails after that."""
    send, failures = producer.send, iter([KafkaError])

    async def fail(client: AIOKafkaProducer, batches: Sequence[Batch]) -> list[End]:
        ends = await send(client, batches)
        if batches[0].topic != MAILINGS.name or not (failure := next(failures, None)):
            return ends
        async with transaction(catalog_pool) as db:
            taken = text("UPDATE relays SET owner = :other, epoch = epoch + 1, beat = beat + 1")
            await db.execute(taken, {"other": OTHER})
        raise failure

    monkeypatch.setattr(producer, "send", fail)


@pytest.mark.usefixtures("overtaken")
async def test_what_was_sent_is_repaired_though_the_sending_failed(
    catalog_pool: Pool, kafka: str
) -> None:
    await put(catalog_pool, b"1")
    repaired, batches = asyncio.Event(), list[Batch]()

    async def repair(_: Connection, sent: Sequence[Batch]) -> None:
        batches.extend(sent)
        repaired.set()

    async with asyncio.timeout(20), relaying(catalog_pool, kafka, lease=SHORT, repair=repair):
        await repaired.wait()

    assert batches == news(b"1")


@pytest.mark.usefixtures("overtaken")
async def test_a_repair_that_failed_is_done_again(catalog_pool: Pool, kafka: str) -> None:
    await put(catalog_pool, b"1")
    repaired, tries = asyncio.Event(), list[Sequence[Batch]]()

    async def repair(_: Connection, sent: Sequence[Batch]) -> None:
        tries.append(sent)
        if len(tries) == 1:
            raise Unavailable
        repaired.set()

    async with asyncio.timeout(20), relaying(catalog_pool, kafka, lease=SHORT, repair=repair):
        await repaired.wait()

    assert tries == [news(b"1"), news(b"1")]


async def test_what_was_acknowledged_is_not_repaired_when_another_relay_takes_over_later(
    catalog_pool: Pool, kafka: str
) -> None:
    await put(catalog_pool, b"1")
    repaired = list[Batch]()

    async def repair(_: Connection, sent: Sequence[Batch]) -> None:
        repaired.extend(sent)

    async def is_ours_again() -> bool:
        return (await holder(catalog_pool)).epoch == 3

    async with relaying(catalog_pool, kafka, lease=SHORT, repair=repair):
        await all_sent(catalog_pool)
        async with transaction(catalog_pool) as db:  # it took over, and has left since
            await db.execute(text("UPDATE relays SET owner = NULL, epoch = 2"))
        await eventually(is_ours_again, within=120)
        await put(catalog_pool, b"2")
        await all_sent(catalog_pool)

    assert repaired == []


async def test_a_batch_that_is_acknowledged_without_its_offset_is_not_taken_for_sent(
    kafka: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    send = AIOKafkaProducer.send_batch

    async def without_offset(*args: Any, **more: Any) -> Any:
        acknowledged = await send(*args, **more)
        answer: asyncio.Future[Any] = asyncio.get_running_loop().create_future()
        answer.set_result((await acknowledged)._replace(offset=-1))
        return answer

    monkeypatch.setattr(AIOKafkaProducer, "send_batch", without_offset)
    async with producer.producing(kafka) as client:
        with pytest.raises(KafkaError):
            await producer.send(client, news())


# Order, and what is kept in memory


async def values(pool: Pool, kept: BatchCache) -> list[bytes | None]:
    return [
        record.value
        for _, batches in await store.oldest(pool, kept)
        for batch in batches
        for record in batch.records
    ]


async def test_the_oldest_rows_are_read_by_their_position_wherever_they_lie(
    catalog_pool: Pool,
) -> None:
    await put(catalog_pool, b"1", b"2", b"3")
    async with transaction(catalog_pool) as db:  # a row that is written again lies behind all
        await db.execute(
            text("""
                UPDATE outbox SET batches = batches
                WHERE position = (SELECT min(position) FROM outbox)
            """)
        )

    assert await values(catalog_pool, BatchCache()) == [b"1", b"2", b"3"]


async def test_no_more_rows_are_read_than_asked_for_and_those_are_the_oldest(
    catalog_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store, "ROWS", 2)
    await put(catalog_pool, b"1", b"2", b"3")

    assert await values(catalog_pool, BatchCache()) == [b"1", b"2"]


async def test_what_the_cache_has_no_room_for_is_read_back_in_order(
    catalog_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = encode(news(b"1"))[1]
    monkeypatch.setattr(cache, "CACHE_LIMIT_BYTES", 2 * size)
    with caching(catalog_pool) as kept:
        await put(catalog_pool, b"1", b"2", b"3")
        async with transaction(catalog_pool) as db:  # so that one sees where a row comes from
            await db.execute(
                text("UPDATE outbox SET batches = :batches"), {"batches": encode(news(b"read"))[0]}
            )

        assert await values(catalog_pool, kept) == [b"1", b"2", b"read"]


async def test_a_cache_never_holds_more_than_its_limit_and_has_room_again_when_rows_are_gone(
    catalog_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cache, "CACHE_LIMIT_BYTES", 250)
    async with autocommit(catalog_pool) as db:
        at = await db.scalar(text("SELECT clock_timestamp()"))
    kept = BatchCache()
    for position in range(1, 6):
        kept.add((position, at), news(), 100)
    held = [position for position in range(1, 6) if kept.get((position, at))]

    kept.drop(1)
    kept.add((6, at), news(), 100)
    kept.add((7, at), news(), 100)

    assert held == [1, 2]
    assert [position for position in range(1, 8) if kept.get((position, at))] == [2, 6]


async def test_what_was_rolled_back_leaves_the_cache_with_what_is_published_after_it(
    catalog_pool: Pool,
) -> None:
    with caching(catalog_pool) as kept:
        with suppress(ZeroDivisionError):
            async with transaction(catalog_pool) as db:
                await outbox.put(db, news())
                row = (await db.execute(text("SELECT position, recorded_at FROM outbox"))).one()
                raise ZeroDivisionError
        was_kept = kept.get((row.position, row.recorded_at)) is not None
        await put(catalog_pool, b"1")
        [published] = await positions(catalog_pool)

        kept.drop(published)

    assert was_kept
    assert kept.get((row.position, row.recorded_at)) is None


async def test_a_position_that_came_back_after_a_failover_is_not_taken_from_the_cache(
    catalog_pool: Pool,
) -> None:
    with caching(catalog_pool) as kept:
        await put(catalog_pool, b"of the lost server")
        async with transaction(catalog_pool) as db:
            await db.execute(
                text("""
                    UPDATE outbox SET batches = :batches,
                        recorded_at = recorded_at + interval '1 second'
                """),
                {"batches": encode(news(b"of the new one"))[0]},
            )

        assert await values(catalog_pool, kept) == [b"of the new one"]


async def test_what_is_published_leaves_the_cache(catalog_pool: Pool, kafka: str) -> None:
    async with relaying(catalog_pool, kafka):

        async def is_at_work() -> BatchCache | None:
            return cache_of(catalog_pool)

        kept = await eventually(is_at_work, within=120)
        assert kept is not None
        async with transaction(catalog_pool) as db:
            await outbox.put(db, news())
            row = (await db.execute(text("SELECT position, recorded_at FROM outbox"))).one()
            is_kept = kept.get((row.position, row.recorded_at)) is not None
        await all_sent(catalog_pool)

        async def is_gone() -> bool:
            return kept.get((row.position, row.recorded_at)) is None

        await eventually(is_gone, within=120)

    assert is_kept
    assert cache_of(catalog_pool) is None

"""What PostgreSQL adds to an event store: one transaction for the log, the tables, the outbox."""

import asyncio
from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from opentelemetry import trace
from sqlalchemy import Text, cast, func, select, text

from services.catalog.domain.client import RemoveClient, client
from services.catalog.domain.mailing_state import MailingBegan
from services.catalog.domain.profile import FIELDS
from services.catalog.projections import project
from services.catalog.tables import clients
from shared import outbox
from shared.contracts.catalog import (
    CLIENTS,
    MAILINGS,
    ClientChanged,
    ClientRegistered,
    ClientRemoved,
    Filter,
    MailingCreated,
    MailingPaused,
)
from shared.database import Pool, transaction
from shared.errors import StaleVersion, Unavailable
from shared.event import Cause, Instant
from shared.event_store import Append
from shared.event_store.postgres import PostgresEventStore, execute_in, load
from shared.event_store.republish import republish_latest
from shared.outbox import Batch
from shared.tables import events
from shared.tables import outbox as table
from shared.testing import eventually

TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


@pytest.fixture
def store(catalog_pool: Pool) -> PostgresEventStore:
    return PostgresEventStore("catalog", catalog_pool, project)


def registered(number: int, now: Instant, **fields: Any) -> Append:
    client_id = UUID(int=number)
    values: dict[str, Any] = dict.fromkeys(FIELDS) | {
        "phone": f"7916{number:07}",
        "tags": ("vip",),
    }
    event = ClientRegistered(client_id=client_id, registered_at=now, **(values | fields))
    return Append(f"client-{client_id}", [event], 0)


def changed(number: int, now: Instant, version: int, **fields: Any) -> Append:
    [event] = registered(number, now, **fields).events
    assert isinstance(event, ClientRegistered)
    values = {name: getattr(event, name) for name in ("client_id", *FIELDS)}
    return Append(
        f"client-{event.client_id}", [ClientChanged(changed_at=now, **values)], version - 1
    )


def removed(number: int, version: int) -> Append:
    client_id = UUID(int=number)
    return Append(f"client-{client_id}", [ClientRemoved(client_id=client_id)], version - 1)


async def rows(pool: Pool, statement: Any) -> list[Any]:
    async with transaction(pool) as db:
        return list(await db.scalars(statement))


async def outbox_rows(pool: Pool) -> list[list[Batch]]:
    left = await rows(pool, select(table.c.batches).order_by(table.c.position))
    return [outbox.read(batches) for batches in left]


async def test_a_chunk_leaves_one_row_to_the_relay(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    await store.append_many([registered(n, now) for n in range(3)], now=now)

    [[batch]] = await outbox_rows(catalog_pool)
    assert batch.topic == "catalog.clients"
    assert [record.key.decode() for record in batch.records] == [
        str(UUID(int=n)) for n in (0, 1, 2)
    ]
    assert [ClientRegistered.read(record.value) for record in batch.records if record.value] == [
        registered(n, now).events[0] for n in range(3)
    ]


def paused(number: int, now: Instant) -> Append:
    mailing_id = UUID(int=number)
    return Append(
        f"mailing-{mailing_id}", [MailingPaused(mailing_id=mailing_id, paused_at=now)], 0
    )


async def test_a_record_says_what_it_is_and_where_it_comes_from(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    append = paused(1, now)
    cause = Cause(UUID(int=7), UUID(int=8), TRACE)

    await store.append_many([append], now=now, cause=cause)

    [[batch]] = await outbox_rows(catalog_pool)
    [recorded] = append.recorded(now, cause)
    assert dict(batch.headers + batch.records[0].headers) == {
        "ce_specversion": b"1.0",
        "ce_source": b"/services/catalog",
        "ce_time": b"2026-01-01T12:00:00+00:00",
        "content-type": b"application/json",
        "ce_id": str(recorded.id).encode(),
        "ce_type": b"MailingPaused.v1",
        "ce_subject": append.stream.encode(),
        "ce_sequence": b"1",
        "ce_correlationid": str(UUID(int=8)).encode(),
        "ce_causationid": str(UUID(int=7)).encode(),
        "traceparent": TRACE.encode(),
    }


async def test_a_record_of_a_client_has_the_headers_that_readers_need_and_no_more(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    append = registered(1, now)
    cause = Cause(traceparent=TRACE)

    await store.append_many([append], now=now, cause=cause)

    [[batch]] = await outbox_rows(catalog_pool)
    [recorded] = append.recorded(now, cause)
    assert dict(batch.headers + batch.records[0].headers) == {
        "ce_id": str(recorded.id).encode(),
        "ce_type": b"ClientRegistered.v1",
        "ce_sequence": b"1",
        "traceparent": TRACE.encode(),
    }


async def test_what_all_records_of_an_append_have_in_common_is_said_once(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    cause = Cause(UUID(int=7), UUID(int=8), TRACE)

    await store.append_many([paused(n, now) for n in range(3)], now=now, cause=cause)

    [[batch]] = await outbox_rows(catalog_pool)
    assert {"ce_time", "ce_causationid", "traceparent"} <= dict(batch.headers).keys()
    for record in batch.records:
        assert dict(record.headers).keys().isdisjoint(dict(batch.headers))


async def test_the_log_keeps_an_event_as_it_was_written(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    append = registered(1, now, full_name="Анна", comment='says "\\"')

    await store.append_many([append], now=now)

    [kept] = await rows(catalog_pool, select(cast(events.c.data, Text)))
    assert kept.encode() == append.events[0].json()


async def test_a_private_event_is_kept_but_not_told(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    private = MailingBegan(mailing_id=UUID(int=1), began_at=now)

    await store.append_many([Append(f"mailing-{UUID(int=1)}", [private], 0)], now=now)

    assert await rows(catalog_pool, select(events.c.type)) == ["MailingBegan.v1"]
    assert await outbox_rows(catalog_pool) == []


async def test_a_tombstone_with_the_version_follows_a_removal(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    await store.append_many([registered(1, now)], now=now)
    await store.append_many([removed(1, 2)], now=now)

    [_, [batch]] = await outbox_rows(catalog_pool)
    removal, tombstone = batch.records
    assert removal.value == removed(1, 2).events[0].json()
    assert (tombstone.key, tombstone.value) == (removal.key, None)
    assert dict(tombstone.headers)["ce_sequence"] == b"2"
    assert dict(tombstone.headers)["ce_type"] == b"ClientRemoved.v1"


async def test_records_go_to_their_topics_in_their_order(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    mailing = MailingCreated(
        mailing_id=UUID(int=9),
        name="spring",
        body="Hello",
        subject=None,
        filter=Filter(),
        starts_at=now,
        ends_at=now,
        gateway="log",
        created_at=now,
    )
    new = Append(f"mailing-{UUID(int=9)}", [mailing], 0)

    await store.append_many([registered(1, now), new, registered(2, now)], now=now)

    [batches] = await outbox_rows(catalog_pool)
    told = [(batch.topic, len(batch.records)) for batch in batches]
    assert told == [("catalog.clients", 1), ("catalog.mailings", 1), ("catalog.clients", 1)]


async def test_the_read_tables_change_with_the_log(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    await store.append_many([registered(n, now) for n in range(3)], now=now)

    assert await rows(catalog_pool, select(func.count()).select_from(clients)) == [3]


async def test_if_the_read_tables_cannot_follow_nothing_is_kept(
    catalog_pool: Pool, now: Instant
) -> None:
    async def fail(*_: object) -> None:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await PostgresEventStore("catalog", catalog_pool, fail).append_many(
            [registered(1, now)], now=now
        )

    assert await rows(catalog_pool, select(events.c.position)) == []
    assert await outbox_rows(catalog_pool) == []


async def test_the_instant_is_the_callers(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    await store.append_many([registered(1, now)], now=now)

    assert await rows(catalog_pool, select(events.c.recorded_at)) == [now]


async def test_an_answer_continues_the_story_of_its_cause(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    await store.append_many(
        [registered(1, now)], now=now, cause=Cause(UUID(int=7), UUID(int=8), TRACE)
    )

    [row] = await _all(catalog_pool)
    assert (row.causation_id, row.correlation_id, row.traceparent) == (
        UUID(int=7),
        UUID(int=8),
        TRACE,
    )


async def test_without_a_cause_a_story_begins(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    await store.append_many([registered(1, now)], now=now)

    [row] = await _all(catalog_pool)
    assert (row.causation_id, row.correlation_id, row.traceparent) == (None, row.id, None)


async def test_a_persons_request_leaves_its_trace(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    context = trace.SpanContext(0xA, 0xB, is_remote=False, trace_flags=trace.TraceFlags(1))

    with trace.use_span(trace.NonRecordingSpan(context)):
        await store.append_many([registered(1, now)], now=now)

    [row] = await _all(catalog_pool)
    assert row.traceparent == f"00-{0xA:032x}-{0xB:016x}-01"


async def _all(pool: Pool) -> Sequence[Any]:
    async with transaction(pool) as db:
        return (await db.execute(select(events))).all()


async def test_what_a_newer_release_wrote_can_be_loaded(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    await store.append_many([registered(1, now)], now=now)
    async with transaction(catalog_pool) as db:
        await db.execute(
            text("""UPDATE events SET data = CAST(data AS jsonb) || '{"by": "Ann"}'""")
        )

    history = await store.load(registered(1, now).stream, [ClientRegistered])

    assert history == registered(1, now).events


async def test_a_record_that_kafka_would_not_take_is_refused_and_nothing_is_kept(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    large = registered(1, now, comment="c" * outbox.RECORD_LIMIT_BYTES)

    with pytest.raises(outbox.TooLarge):
        await store.append_many([large], now=now)

    assert await rows(catalog_pool, select(events.c.position)) == []


async def test_without_a_database_the_caller_may_try_again(no_pool: Pool, now: Instant) -> None:
    store = PostgresEventStore("catalog", no_pool, project)

    with pytest.raises(Unavailable):
        await store.append_many([registered(1, now)], now=now)


async def test_what_is_told_anew_is_the_latest_of_each_aggregate(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    later = now + timedelta(seconds=1)
    await store.append_many([registered(n, now) for n in (1, 2, 3)], now=now)
    sent = [batch for batches in await outbox_rows(catalog_pool) for batch in batches]
    await store.append_many([changed(1, later, 2, comment="new"), removed(2, 2)], now=later)
    async with transaction(catalog_pool) as db:
        await db.execute(table.delete())
        await republish_latest(store, "client", CLIENTS, client.events, db, sent)

    [batches] = await outbox_rows(catalog_pool)
    records = [(record, dict(record.headers + b.headers)) for b in batches for record in b.records]
    told = [
        (record.key.decode()[-1], headers["ce_type"], headers["ce_sequence"], record.value is None)
        for record, headers in records
    ]
    assert told == [
        ("1", b"ClientChanged.v1", b"2", False),
        ("2", b"ClientRemoved.v1", b"2", False),
        ("2", b"ClientRemoved.v1", b"2", True),
        ("3", b"ClientRegistered.v1", b"1", False),
    ]
    first, _ = records[0]
    assert first.value
    assert ClientChanged.read(first.value).comment == "new"


async def test_of_other_topics_nothing_is_told_anew(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    await store.append_many([registered(1, now)], now=now)
    sent = [outbox.Batch(MAILINGS.name, [], [outbox.Record(str(UUID(int=1)).encode(), b"1", [])])]

    async with transaction(catalog_pool) as db:
        await db.execute(table.delete())
        await republish_latest(store, "client", CLIENTS, client.events, db, sent)

    assert await outbox_rows(catalog_pool) == []


async def test_who_writes_while_it_is_told_anew_comes_behind_it(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    await store.append_many([registered(1, now)], now=now)
    [sent] = await outbox_rows(catalog_pool)

    async def a_writer_waits() -> bool:
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool((await rows(catalog_pool, waiting))[0])

    async with asyncio.TaskGroup() as tasks:  # noqa: SIM117 - a task outlives the transaction
        async with transaction(catalog_pool) as db:
            await republish_latest(store, "client", CLIENTS, client.events, db, sent)
            tasks.create_task(store.append_many([removed(1, 2)], now=now))
            await eventually(a_writer_waits, within=60)

    told = [
        dict(batch.records[0].headers)["ce_type"] for [batch] in await outbox_rows(catalog_pool)
    ]
    assert told == [b"ClientRegistered.v1", b"ClientRegistered.v1", b"ClientRemoved.v1"]


async def test_a_command_in_the_callers_transaction_commits_with_it(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    register = registered(1, now)
    remove = RemoveClient(client_id=UUID(int=1), now=now)

    async with transaction(catalog_pool) as db:
        await store.append_in(db, [register], now=now)
        decided = await execute_in(db, store, client, register.stream, remove)
        again = await execute_in(db, store, client, register.stream, remove)

    assert decided == [ClientRemoved(client_id=UUID(int=1))]
    assert again == []
    assert await rows(catalog_pool, select(events.c.type).order_by(events.c.version)) == [
        "ClientRegistered.v1",
        "ClientRemoved.v1",
    ]


async def test_a_command_in_a_transaction_that_is_rolled_back_leaves_nothing(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    await store.append_many([registered(1, now)], now=now)
    remove = RemoveClient(client_id=UUID(int=1), now=now)

    async def remove_and_fail() -> None:
        async with transaction(catalog_pool) as db:
            await execute_in(db, store, client, registered(1, now).stream, remove)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await remove_and_fail()

    assert await rows(catalog_pool, select(events.c.type)) == ["ClientRegistered.v1"]


@pytest.mark.parametrize("are_new", [True, False])
async def test_streams_are_written_in_one_order_so_that_two_writers_never_deadlock(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant, are_new: bool
) -> None:
    if not are_new:
        await store.append_many([registered(n, now) for n in (1, 2)], now=now)

    def change(number: int) -> Append:
        return registered(number, now) if are_new else changed(number, now, 2, comment="new")

    async def a_writer_waits() -> bool:
        waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
        return bool((await rows(catalog_pool, waiting))[0])

    async def write_both() -> None:
        with pytest.raises(StaleVersion):
            await store.append_many([change(2), change(1)], now=now)

    async with asyncio.timeout(20), asyncio.TaskGroup() as tasks:  # noqa: SIM117 - a task outlives the transaction
        async with transaction(catalog_pool) as first:
            await store.append_in(first, [change(1)], now=now)
            tasks.create_task(write_both())
            await eventually(a_writer_waits, within=120)
            # It waits for the first of the two in that order, and has not written the other.
            await store.append_many([change(2)], now=now)


async def test_a_history_is_loaded_in_the_order_of_its_versions_wherever_its_rows_lie(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    first = registered(1, now)
    await store.append_many([first], now=now)
    await store.append_many([changed(1, now, 2, comment="new")], now=now)
    async with transaction(catalog_pool) as db:  # a row that is written again lies behind all
        await db.execute(text("UPDATE events SET data = data WHERE version = 1"))
        for how in ("indexscan", "bitmapscan"):
            await db.execute(text(f"SET LOCAL enable_{how} = off"))
        history = await load(db, first.stream, client.events)

    assert [type(each) for each in history] == [ClientRegistered, ClientChanged]

"""States of long streams are kept: a command reads few events, and is decided as without them."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import event as sqlalchemy_event
from sqlalchemy import text

from services.catalog.domain.mailing import mailing
from services.catalog.domain.mailing_commands import PauseMailing, ResumeMailing
from shared.contracts.catalog import Filter, MailingCreated
from shared.database import Pool, transaction
from shared.decider import Decider, Snapshots
from shared.event import Instant
from shared.event_store import Append, execute
from shared.event_store.postgres import PostgresEventStore
from tests.shared.test_event_store import project_nothing

ID = UUID(int=1)
STREAM = f"mailing-{ID}"
EVERY = 10
SHORT: Decider[Any, Any, Any] = replace(mailing, snapshots=Snapshots(every=EVERY, shape=1))
WITHOUT: Decider[Any, Any, Any] = replace(mailing, snapshots=None)

pytestmark = pytest.mark.postgres


@pytest.fixture
def store(catalog_pool: Pool) -> PostgresEventStore:
    return PostgresEventStore("catalog", catalog_pool, project_nothing)


async def grow(store: PostgresEventStore, now: Instant, commands: int) -> None:
    """Create a mailing, then pause and resume it by turns."""
    created = MailingCreated(
        mailing_id=ID,
        name="spring",
        body="Hello",
        subject=None,
        filter=Filter(tags=("vip",)),
        starts_at=now,
        ends_at=now.replace(year=9000),
        gateway="log",
        created_at=now,
    )
    await store.append_many([Append(STREAM, [created], 0)], now=now)
    for number in range(commands):
        command = (PauseMailing, ResumeMailing)[number % 2](mailing_id=ID, now=now)
        await execute(store, SHORT, STREAM, command)


async def kept(pool: Pool) -> list[tuple[int, int]]:
    async with transaction(pool) as db:
        found = await db.execute(text("SELECT version, shape FROM snapshots"))
        return [(row.version, row.shape) for row in found]


@asynccontextmanager
async def events_read(pool: Pool) -> AsyncIterator[list[int]]:
    """Give how many rows each statement about events returned."""
    counts: list[int] = []

    @sqlalchemy_event.listens_for(pool.sync_engine, "after_cursor_execute")
    def note(_: object, cursor: Any, statement: str, *__: object) -> None:
        if "FROM events" in statement and "JOIN unnest" in statement:
            counts.append(cursor.rowcount)

    yield counts
    sqlalchemy_event.remove(pool.sync_engine, "after_cursor_execute", note)


async def test_a_command_reads_only_the_events_behind_the_last_snapshot(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    await grow(store, now, 5 * EVERY + 3)

    async with events_read(catalog_pool) as counts:
        version = await execute(store, SHORT, STREAM, PauseMailing(mailing_id=ID, now=now))

    assert version == 5 * EVERY + 4  # it was resumed last but one; this changes nothing
    assert counts
    assert max(counts) <= EVERY


async def test_a_state_is_the_same_with_snapshots_and_without(
    store: PostgresEventStore, now: Instant
) -> None:
    await grow(store, now, 3 * EVERY + 1)

    [known] = (await store.load_states([STREAM], SHORT)).values()
    [replayed] = (await store.load_states([STREAM], WITHOUT)).values()

    assert known == replayed
    assert known.version == 3 * EVERY + 2


async def test_a_snapshot_of_another_shape_is_passed_over_and_replaced(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    await grow(store, now, 2 * EVERY)
    async with transaction(catalog_pool) as db:
        await db.execute(text("UPDATE snapshots SET shape = 0, data = '{}', version = 999"))

    [known] = (await store.load_states([STREAM], SHORT)).values()

    assert known.version == 2 * EVERY + 1
    assert await kept(catalog_pool) == [(2 * EVERY + 1, 1)]


async def test_a_snapshot_that_cannot_be_read_is_passed_over_and_replaced(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    await grow(store, now, 2 * EVERY)
    async with transaction(catalog_pool) as db:
        await db.execute(text("UPDATE snapshots SET data = CAST(:bad AS json)"), {"bad": "[]"})

    [first] = (await store.load_states([STREAM], SHORT)).values()
    [again] = (await store.load_states([STREAM], SHORT)).values()

    assert first == again
    assert first.version == 2 * EVERY + 1
    assert await kept(catalog_pool) == [(2 * EVERY + 1, 1)]


async def test_short_streams_have_no_snapshots(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    await grow(store, now, EVERY - 2)

    assert await kept(catalog_pool) == []
    assert await store.load_states(["mailing-none"], SHORT) == {}


async def test_a_later_snapshot_is_not_replaced_by_an_earlier_one(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    await grow(store, now, 2 * EVERY)
    async with transaction(catalog_pool) as db:  # another one kept it meanwhile
        await db.execute(text("UPDATE snapshots SET version = 1000 WHERE version < 1000"))
        before = await kept(catalog_pool)
    await store.load_states([STREAM], replace(SHORT, snapshots=Snapshots(every=1, shape=1)))

    assert before == [] or await kept(catalog_pool) == [(1000, 1)]

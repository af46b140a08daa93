"""An event store: one suite for all of them."""

import asyncio
from collections.abc import Sequence
from typing import Any
from uuid import UUID

import pytest

from services.catalog.domain.mailing import mailing
from services.catalog.domain.mailing_commands import PauseMailing, ResumeMailing
from shared.contracts.catalog import Filter, MailingCreated, MailingPaused
from shared.contracts.catalog import MailingResumed as Resumed
from shared.errors import StaleVersion
from shared.event import Cause, Event, Instant
from shared.event_store import Append, EventStore, execute
from shared.event_store.postgres import PostgresEventStore
from shared.testing import InMemoryEventStore

ID = UUID(int=1)
KINDS: Sequence[Any] = mailing.events


async def project_nothing(*_: object) -> None:
    """Leave the read tables alone."""


@pytest.fixture(params=["memory", pytest.param("postgres", marks=pytest.mark.postgres)])
def store(request: pytest.FixtureRequest) -> EventStore:
    if request.param == "memory":
        return InMemoryEventStore()
    pool = request.getfixturevalue("catalog_pool")
    return PostgresEventStore("catalog", pool, project_nothing)


@pytest.fixture
def created(now: Instant) -> Event:
    return MailingCreated(
        mailing_id=ID,
        name="spring",
        body="Hello",
        subject=None,
        filter=Filter(),
        starts_at=now,
        ends_at=now,
        gateway="log",
        created_at=now,
    )


@pytest.fixture
def paused(now: Instant) -> Event:
    return MailingPaused(mailing_id=ID, paused_at=now)


@pytest.fixture
def resumed(now: Instant) -> Event:
    return Resumed(mailing_id=ID, resumed_at=now)


async def test_a_stream_that_does_not_exist_is_empty(store: EventStore) -> None:
    assert await store.load("mailing-1", KINDS) == []


async def test_what_was_appended_is_loaded_in_its_order(
    store: EventStore, now: Instant, created: Event, paused: Event, resumed: Event
) -> None:
    await store.append_many([Append("mailing-1", [created], 0)], now=now)
    await store.append_many([Append("mailing-1", [paused, resumed], 1)], now=now)

    assert await store.load("mailing-1", KINDS) == [created, paused, resumed]


async def test_streams_do_not_mix(store: EventStore, now: Instant, created: Event) -> None:
    await store.append_many([Append("mailing-1", [created], 0)], now=now)

    assert await store.load("mailing-10", KINDS) == []


@pytest.mark.parametrize("expected", [0, 2])
async def test_a_writer_who_expects_another_version_is_refused(
    store: EventStore, now: Instant, created: Event, paused: Event, expected: int
) -> None:
    await store.append_many([Append("mailing-1", [created], 0)], now=now)

    with pytest.raises(StaleVersion):
        await store.append_many([Append("mailing-1", [paused, paused], expected)], now=now)

    assert await store.load("mailing-1", KINDS) == [created]


async def test_of_many_writers_at_once_one_wins(
    store: EventStore, now: Instant, created: Event
) -> None:
    append = Append("mailing-1", [created], 0)

    async with asyncio.timeout(60):
        answers = await asyncio.gather(
            *(store.append_many([append], now=now) for _ in range(8)), return_exceptions=True
        )

    assert sorted(map(repr, answers)) == ["None", *["StaleVersion()"] * 7]


async def test_a_chunk_reaches_all_its_streams(
    store: EventStore, now: Instant, created: Event, paused: Event
) -> None:
    await store.append_many([Append("mailing-0", [created], 0)], now=now)
    new = [Append(f"mailing-{n}", [created, paused], 0) for n in range(1, 500)]

    await store.append_many([*new, Append("mailing-0", [paused], 1)], now=now)

    assert await store.load("mailing-0", KINDS) == [created, paused]
    assert await store.load("mailing-499", KINDS) == [created, paused]


async def test_a_chunk_with_one_stale_stream_reaches_none(
    store: EventStore, now: Instant, created: Event, paused: Event
) -> None:
    await store.append_many([Append("mailing-2", [created], 0)], now=now)
    chunk = [Append("mailing-1", [created], 0), Append("mailing-2", [paused], 0)]

    with pytest.raises(StaleVersion):
        await store.append_many(chunk, now=now)

    assert await store.load("mailing-1", KINDS) == []
    assert await store.load("mailing-2", KINDS) == [created]


@pytest.mark.parametrize("expected", [0, 1])
async def test_a_chunk_that_names_a_stream_twice_is_refused(
    store: EventStore, now: Instant, created: Event, paused: Event, expected: int
) -> None:
    chunk = [Append("mailing-1", [created], 0), Append("mailing-1", [paused], expected)]

    with pytest.raises(StaleVersion):
        await store.append_many(chunk, now=now)

    assert await store.load("mailing-1", KINDS) == []


def test_all_events_of_an_append_bear_the_story_of_their_cause(
    now: Instant, created: Event, paused: Event
) -> None:
    caused = Append("mailing-1", [created, paused], 0).recorded(
        now, Cause(UUID(int=7), UUID(int=8))
    )
    first, second = Append("mailing-1", [created, paused], 0).recorded(now)

    assert [each.correlation_id for each in caused] == [UUID(int=8)] * 2
    assert first.correlation_id == second.correlation_id == first.id, (
        "without a cause: the first's"
    )
    assert second.id != first.id


async def test_an_empty_chunk_changes_nothing(store: EventStore, now: Instant) -> None:
    await store.append_many([], now=now)

    assert await store.load("mailing-1", KINDS) == []


async def test_of_many_commands_at_once_none_is_refused(
    store: EventStore, now: Instant, created: Event, paused: Event
) -> None:
    await store.append_many([Append("mailing-1", [created], 0)], now=now)
    pause = PauseMailing(mailing_id=ID, now=now)

    async with asyncio.timeout(60):
        versions = await asyncio.gather(
            *(execute(store, mailing, "mailing-1", pause) for _ in range(8))
        )

    assert versions == [2] * 8
    assert await store.load("mailing-1", KINDS) == [created, paused]


async def test_a_command_for_another_version_is_refused(
    store: EventStore, now: Instant, created: Event
) -> None:
    await store.append_many([Append("mailing-1", [created], 0)], now=now)
    pause = PauseMailing(mailing_id=ID, now=now)

    with pytest.raises(StaleVersion):
        await execute(store, mailing, "mailing-1", pause, expected={2, 7})


async def test_a_command_for_any_of_several_versions_is_carried_out(
    store: EventStore, now: Instant, created: Event, paused: Event
) -> None:
    await store.append_many([Append("mailing-1", [created, paused], 0)], now=now)
    resume = ResumeMailing(mailing_id=ID, now=now)

    assert await execute(store, mailing, "mailing-1", resume, expected={1, 2, 7}) == 3


async def test_of_many_commands_for_one_version_one_wins(
    store: EventStore, now: Instant, created: Event, paused: Event
) -> None:
    await store.append_many([Append("mailing-1", [created], 0)], now=now)
    pause = PauseMailing(mailing_id=ID, now=now)

    async with asyncio.timeout(60):
        answers = await asyncio.gather(
            *(execute(store, mailing, "mailing-1", pause, expected={1}) for _ in range(4)),
            return_exceptions=True,
        )

    assert sorted(map(repr, answers)) == ["2", *["StaleVersion()"] * 3]
    assert await store.load("mailing-1", KINDS) == [created, paused]

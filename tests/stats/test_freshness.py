"""How old the figures are: as old as the oldest progress that they have passed."""

from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from sqlalchemy import text

from services.stats.projections import progress
from services.stats.projections.progress import SLICES
from services.stats.queries.freshness import NEEDED, freshness
from services.stats.subscriptions import subscriptions
from shared.contracts.platform import OutboxPublished
from shared.database import Pool, transaction
from shared.testing import received
from tests.stats.story import NOON

MESSAGES, RUNS = "dispatcher.messages", "dispatcher.runs"
SECOND = timedelta(seconds=1)


def report(database: str, as_of: datetime, **ends: list[int]) -> OutboxPublished:
    named = {name.replace("_", "."): offsets for name, offsets in ends.items()}
    return OutboxPublished(database=database, as_of=as_of, ends=named)


async def told(pool: Pool, *reports: OutboxPublished) -> None:
    """Apply reports as the listener does."""
    handler = subscriptions()[OutboxPublished]
    async with transaction(pool) as db:
        await handler(db, [received(each, each.database) for each in reports])


async def read_to(
    pool: Pool, positions: Mapping[tuple[str, int], int], who: str = "stats"
) -> None:
    """Note how far the statistics have read."""
    async with transaction(pool) as db:
        for (topic, partition), position in positions.items():
            await db.execute(
                text("""
                    INSERT INTO offsets (consumer, topic, partition, position)
                    VALUES (:who, :topic, :partition, :position)
                    ON CONFLICT ON CONSTRAINT offsets_pkey DO UPDATE SET position = :position
                """),
                {"who": who, "topic": topic, "partition": partition, "position": position},
            )


async def as_of(pool: Pool) -> datetime | None:
    async with transaction(pool) as db:
        found: datetime | None = (await freshness(db))["as_of"]
    return found


@pytest.fixture
async def others(stats_pool: Pool) -> None:
    """Let all other databases be far ahead."""
    for name in NEEDED:
        if name != "dispatcher":
            await told(stats_pool, report(name, NOON + timedelta(days=1)))


def test_every_database_that_figures_come_from_is_needed() -> None:
    assert NEEDED == ["catalog", "dispatcher", "scheduler"]


async def test_figures_are_as_old_as_the_database_that_is_furthest_behind(
    stats_pool: Pool,
) -> None:
    for name, behind in zip(NEEDED, (2, 3, 1), strict=True):
        await told(stats_pool, report(name, NOON - behind * SECOND))

    async with transaction(stats_pool) as db:
        await db.execute(
            text("UPDATE clock SET shift = CAST(:at AS timestamptz) - clock_timestamp()"),
            {"at": NOON},
        )
        fresh = await freshness(db)

    assert fresh["as_of"] == NOON - 3 * SECOND
    assert 3 <= fresh["lag_s"] < 10


@pytest.mark.parametrize("absent", NEEDED)
async def test_as_long_as_a_database_has_never_reported_nobody_knows_how_old_they_are(
    stats_pool: Pool, absent: str
) -> None:
    await told(stats_pool, *(report(name, NOON) for name in NEEDED if name != absent))

    async with transaction(stats_pool) as db:
        assert await freshness(db) == {"as_of": None, "lag_s": None}


@pytest.mark.usefixtures("others")
async def test_a_database_more_counts_from_its_first_report_on(stats_pool: Pool) -> None:
    await told(stats_pool, report("dispatcher", NOON), report("dispatcher-2", NOON - SECOND))

    assert await as_of(stats_pool) == NOON - SECOND


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize(
    ("positions", "expected"),
    [
        ({}, None),
        ({(MESSAGES, 0): 99, (MESSAGES, 1): 99}, None),  # a partition is not read yet
        ({(MESSAGES, 0): 99, (MESSAGES, 1): 99, (RUNS, 0): 4}, None),
        ({(MESSAGES, 0): 10, (MESSAGES, 1): 20, (RUNS, 0): 5}, NOON),
        ({(MESSAGES, 0): 11, (MESSAGES, 1): 20, (RUNS, 0): 7}, NOON),
        ({(MESSAGES, 0): 99, (MESSAGES, 1): 24, (RUNS, 0): 9}, NOON),
        ({(MESSAGES, 0): 12, (MESSAGES, 1): 25, (RUNS, 0): 7}, NOON + SECOND),
    ],
)
async def test_a_report_holds_once_all_its_offsets_are_passed(
    stats_pool: Pool, positions: dict[Any, int], expected: datetime | None
) -> None:
    first = report("dispatcher", NOON, dispatcher_messages=[10, 20], dispatcher_runs=[5, 0])
    second = report(
        "dispatcher", NOON + SECOND, dispatcher_messages=[12, 25], dispatcher_runs=[7, 0]
    )
    await told(stats_pool, first, second)
    await read_to(stats_pool, positions)
    await read_to(stats_pool, {(MESSAGES, 0): 99, (MESSAGES, 1): 99, (RUNS, 0): 99}, "other")

    assert await as_of(stats_pool) == expected


@pytest.mark.usefixtures("others")
async def test_topics_that_no_figure_is_made_of_are_not_waited_for(stats_pool: Pool) -> None:
    await told(stats_pool, report("dispatcher", NOON, catalog_clients=[7, 7], elsewhere=[1]))

    assert await as_of(stats_pool) == NOON


@pytest.mark.usefixtures("others")
async def test_a_clock_that_is_moved_back_takes_what_was_reported_later_with_it(
    stats_pool: Pool,
) -> None:
    for at in (NOON, NOON + timedelta(hours=1), NOON + SECOND):
        await told(stats_pool, report("dispatcher", at))

    assert await as_of(stats_pool) == NOON + SECOND


@pytest.mark.usefixtures("others")
async def test_a_report_that_is_read_again_changes_nothing(stats_pool: Pool) -> None:
    for _ in range(2):
        await told(stats_pool, report("dispatcher", NOON))

    assert await as_of(stats_pool) == NOON


async def kept(pool: Pool) -> list[datetime]:
    async with transaction(pool) as db:
        rows = text("SELECT as_of FROM progress WHERE database = 'dispatcher' ORDER BY as_of")
        return list(await db.scalars(rows))


@pytest.mark.usefixtures("others")
@pytest.mark.parametrize("at_once", [1, 100, 1_000])
async def test_of_many_reports_that_are_not_passed_some_are_kept_all_along_the_way(
    stats_pool: Pool, at_once: int
) -> None:
    many = [
        report("dispatcher", NOON + each * SECOND, dispatcher_runs=[each + 1])
        for each in range(300)
    ]
    for first in range(0, len(many), at_once):
        await told(stats_pool, *many[first : first + at_once])

    found = await kept(stats_pool)

    assert len(found) <= 2 * SLICES
    assert found[-1] == many[-1].as_of
    if at_once == 1:  # else they came at once, and are passed as soon as the last of them is
        gaps = [later - earlier for earlier, later in pairwise(found)]
        assert max(gaps) <= timedelta(seconds=300) / 10


@pytest.mark.usefixtures("others")
async def test_what_is_passed_is_dropped_but_for_the_newest(
    stats_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "KEPT", 5)
    await told(
        stats_pool,
        *(
            report("dispatcher", NOON + each * SECOND, dispatcher_runs=[each + 1])
            for each in range(5)
        ),
    )
    await read_to(stats_pool, {(RUNS, 0): 3})
    await told(stats_pool, report("dispatcher", NOON + 5 * SECOND, dispatcher_runs=[9]))

    assert await kept(stats_pool) == [NOON + each * SECOND for each in (2, 3, 4, 5)]


@pytest.mark.usefixtures("others")
async def test_what_is_passed_is_kept_however_many_follow_that_are_not(stats_pool: Pool) -> None:
    await told(stats_pool, report("dispatcher", NOON))
    for each in range(1, 100):
        await told(stats_pool, report("dispatcher", NOON + each * SECOND, dispatcher_runs=[each]))

    assert await as_of(stats_pool) == NOON


async def test_a_rebuild_leaves_progress_to_the_live_consumer() -> None:
    assert OutboxPublished not in subscriptions(2)

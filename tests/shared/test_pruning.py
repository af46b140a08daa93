"""What was set aside goes some time later, unless something waits for a decision."""

from datetime import timedelta
from typing import Any
from uuid import uuid4

import pytest
from sqlalchemy import text

from shared import database, pruning
from shared.database import Pool, transaction
from shared.event import Instant
from shared.pruning import prune

KEPT = timedelta(days=90)
DAY = timedelta(days=1)


async def now_of(pool: Pool) -> Instant:
    async with transaction(pool) as db:
        return await database.now(db)


async def add_letter(pool: Pool, offset: int, age: timedelta, **fields: Any) -> None:
    values = {
        "offset": offset,
        "at": await now_of(pool) - age,
        "key": None,
        "is_held": False,
        "is_requested": False,
    } | fields
    async with transaction(pool) as db:
        await db.execute(
            text("""
                INSERT INTO dead_letters VALUES
                    ('it', 'topic', 0, :offset, 'why', :at, :key, :is_held, :is_requested)
            """),
            values,
        )


async def left(pool: Pool) -> list[int]:
    async with transaction(pool) as db:
        return list(await db.scalars(text('SELECT "offset" FROM dead_letters ORDER BY 1')))


async def test_old_letters_go_and_those_that_somebody_has_to_decide_on_stay(
    catalog_pool: Pool,
) -> None:
    key = uuid4()
    await add_letter(catalog_pool, 1, KEPT + DAY)
    await add_letter(catalog_pool, 2, KEPT - DAY)
    await add_letter(catalog_pool, 3, KEPT + DAY, key=key)
    await add_letter(catalog_pool, 4, KEPT + DAY, key=key, is_held=True)
    await add_letter(catalog_pool, 5, KEPT + DAY, is_requested=True)

    assert not await prune(catalog_pool, KEPT)

    assert await left(catalog_pool) == [2, 3, 4, 5]


async def test_many_go_slice_by_slice(catalog_pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pruning, "SLICE", 2)
    for offset in range(5):
        await add_letter(catalog_pool, offset, KEPT + DAY)

    found = [await prune(catalog_pool, KEPT) for _ in range(3)]

    assert found == [True, True, False]
    assert await left(catalog_pool) == []


async def test_a_row_that_its_loop_tries_no_more_is_noted_no_more(catalog_pool: Pool) -> None:
    now = await now_of(catalog_pool)
    rows = {"settled": now - KEPT - DAY, "waits": now + DAY, "tried": now - DAY}
    async with transaction(catalog_pool) as db:
        for loop, retry_at in rows.items():
            values = {"loop": loop, "item": uuid4(), "at": now - 2 * KEPT, "retry_at": retry_at}
            await db.execute(
                text("INSERT INTO set_aside VALUES (:loop, :item, 9, 'why', :at, :retry_at)"),
                values,
            )

    await prune(catalog_pool, KEPT)

    async with transaction(catalog_pool) as db:
        loops = list(await db.scalars(text("SELECT loop FROM set_aside ORDER BY loop")))
    assert loops == ["tried", "waits"]

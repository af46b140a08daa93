"""Encoded rows: PostgreSQL keeps what the driver would have it keep."""

from datetime import UTC, datetime, timedelta, timezone
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from shared import database, encoded
from shared.database import Pool, transaction
from shared.database_errors import Unstorable

TABLE = """
    CREATE TEMPORARY TABLE {name} (
        title text, kind text, tags text[], data json, id uuid, number int, at timestamptz,
        is_so boolean
    ) ON COMMIT DROP
"""
COLUMNS = ("title", "kind", "tags", "data", "id", "number", "at", "is_so")
FIRST = datetime.min.replace(tzinfo=UTC)
LAST = datetime.max.replace(tzinfo=UTC)
NOW = datetime(2026, 11, 30, 10, 30, 0, 123456, UTC)
ROWS: list[tuple[Any, ...]] = [
    ("Анна", "vip", ("news", "vip"), '{"name":"Анна"}', UUID(int=1), 1, NOW, True),
    ("", "", (), "{}", UUID(int=(1 << 128) - 1), -(1 << 31), NOW - timedelta(days=500_000), False),
    ("\U0001f600\n\t\\N", '"', ("", "{}", 'a"b', "\\", "NULL"), "[]", UUID(int=0), (1 << 31) - 1,
        datetime(1999, 12, 31, 23, 59, 59, 999999, timezone(timedelta(hours=14))), True),
    (None, None, ("one",), "null", None, 0, None, False),
    ("x" * 100_000, "vip", ("y" * 9_000,), "1", UUID(int=2), 7, FIRST, True),
    ("last", "vip", ("news", "vip"), "2", UUID(int=3), 8, LAST, True),
]  # fmt: skip


def _row(values: tuple[Any, ...]) -> bytes:
    title, kind, tags, data, key, number, at, is_so = values
    return encoded.row(
        encoded.text(title),
        encoded.word(kind),
        encoded.texts(tags),
        encoded.data(data.encode()),
        encoded.uuid(key),
        encoded.integer(number),
        encoded.instant(at),
        encoded.TRUE if is_so else encoded.FALSE,
    )


async def test_encoded_rows_are_those_of_the_driver(catalog_pool: Pool) -> None:
    async with transaction(catalog_pool) as db:
        for name in ("ours", "theirs"):
            await db.execute(database.sql(TABLE, name=name))
        await database.copy(db, "theirs", COLUMNS, ROWS)
        await database.copy_encoded(db, "ours", COLUMNS, map(_row, ROWS))
        kept = (await db.execute(text("SELECT * FROM ours"))).all()
        theirs = (await db.execute(text("SELECT * FROM theirs"))).all()

    assert len(kept) == len(ROWS)
    assert kept == theirs


async def test_no_rows_are_none(catalog_pool: Pool) -> None:
    assert await _copy(catalog_pool, []) == 0


@pytest.mark.parametrize(
    ("place", "value", "why"),
    [
        (0, "a\0", "CharacterNotInRepertoireError"),
        (5, 1 << 31, "OverflowError"),
        (6, datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=14))), "OverflowError"),
    ],
)
async def test_a_value_that_cannot_be_encoded_is_unstorable(
    catalog_pool: Pool, place: int, value: object, why: str
) -> None:
    row = (*ROWS[0][:place], value, *ROWS[0][place + 1 :])
    with pytest.raises(Unstorable, match=why):
        await _copy(catalog_pool, [ROWS[0], row])


async def _copy(pool: Pool, rows: list[tuple[Any, ...]]) -> int:
    """Copy rows into a table that is there for so long; return how many it has then."""
    async with transaction(pool) as db:
        await db.execute(database.sql(TABLE, name="ours"))
        await database.copy_encoded(db, "ours", COLUMNS, map(_row, rows))
        return int(await db.scalar(text("SELECT count(*) FROM ours")) or 0)

"""A page of clients reads few, wherever it is and however many have a tag."""

from datetime import UTC, datetime
from uuid import UUID

import pytest
from sqlalchemy import text

from services.catalog.queries import clients as queries
from services.catalog.queries.search import Asked
from shared.database import Pool, autocommit, transaction

AT = datetime(2026, 1, 1, tzinfo=UTC)  # of all: then the later identifier is the newer one
CLIENTS, WINDOW, FEW, PAGE = 50_000, 1_000, 100, 20

# `early` are the first thousand; of each code there are 500. They are stored in another order.
REGISTER = text("""
    INSERT INTO clients (
        client_id, phone, operator_code, tags, version, created_at, changed_at
    )
    SELECT CAST(lpad(to_hex(n), 32, '0') AS uuid), CAST(79160000000 + n AS text),
        CAST(900 + n % 100 AS text),
        array_remove(ARRAY[
            CASE WHEN n % 500 = 0 THEN 'rare' END, CASE WHEN n % 2 = 0 THEN 'half' END,
            CASE WHEN n <= 1000 THEN 'early' END
        ], NULL), 1, :at, :at
    FROM generate_series(1, CAST(:count AS int)) AS n ORDER BY n * 7919 % 50021
""")
# What was read before the transaction may still be in it.
ROWS_READ = text("""
    SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_xact_user_tables WHERE relname = 'clients'
""")


# Those who have it, by their numbers.
RARE, HALF = range(500, CLIENTS + 1, 500), range(2, CLIENTS + 1, 2)
EARLY, CODE = range(1, 1_001), range(50, CLIENTS + 1, 100)


@pytest.fixture
async def many(catalog_pool: Pool, monkeypatch: pytest.MonkeyPatch) -> Pool:
    monkeypatch.setattr(queries, "WINDOW", WINDOW)
    async with autocommit(catalog_pool) as db:
        await db.execute(REGISTER, {"count": CLIENTS, "at": AT})
        await db.execute(text("ANALYZE clients"))
    return catalog_pool


async def page(pool: Pool, before: int, asked: Asked) -> tuple[list[int], int]:
    """Return the numbers of the clients of a page, and how many rows it reads."""
    async with transaction(pool) as db:
        read = await db.scalar(ROWS_READ)
        found = await queries.clients(db, asked, before=(AT, UUID(int=before)), limit=PAGE)
        return [each.client_id.int for each in found], await db.scalar(ROWS_READ) - read


@pytest.mark.parametrize(
    ("asked", "having"),
    [
        (Asked(tags=["rare"]), RARE),
        (Asked(tags=["half"]), HALF),
        (Asked(tags=["early"]), EARLY),
        (Asked(tags=["none"]), range(0)),
        (Asked(tags=["rare", "half"]), RARE),
        (Asked(operator_code="950"), CODE),
        (Asked(operator_code="950", tags=["half"]), CODE),
        (Asked(phone="79160000500", tags=["rare"]), range(500, 501)),
        (Asked(client_ids=[UUID(int=500), UUID(int=501)], tags=["rare"]), range(500, 501)),
    ],
    ids=[
        "rare",
        "common",
        "only old ones",
        "nobody",
        "two tags",
        "code",
        "code and tag",
        "phone",
        "ids",
    ],
)
async def test_a_page_reads_a_window_and_those_who_have_it(
    many: Pool, asked: Asked, having: range
) -> None:
    for before in (1, 2, 900, 25_000, CLIENTS - WINDOW, CLIENTS, CLIENTS + 1) * 2:
        # So often that PostgreSQL may keep one plan for all values.
        found, read = await page(many, before, asked)

        assert found == [number for number in reversed(having) if number < before][:PAGE]
        assert read <= 2 * WINDOW + min(len(having), 1_000) + 2 * PAGE

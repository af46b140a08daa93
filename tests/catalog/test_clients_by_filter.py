"""A page of clients reads few, wherever it is and however many have a tag."""

from uuid import UUID

import pytest
from sqlalchemy import text

from services.catalog.queries import clients as queries
from shared.database import Pool, autocommit, transaction

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
        ], NULL), 1, now(), now()
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
        await db.execute(REGISTER, {"count": CLIENTS})
        await db.execute(text("ANALYZE clients"))
    return catalog_pool


async def page(pool: Pool, after: int, **wanted: str) -> tuple[list[int], int]:
    """Return the numbers of the clients of a page, and how many rows it reads."""
    having = {"phone": None, "operator_code": None, "tag": None} | wanted
    async with transaction(pool) as db:
        before = await db.scalar(ROWS_READ)
        found = await queries.clients(db, after=UUID(int=after), limit=PAGE, having=having)
        return [each.client_id.int for each in found], await db.scalar(ROWS_READ) - before


@pytest.mark.parametrize(
    ("wanted", "having"),
    [
        ({"tag": "rare"}, RARE),
        ({"tag": "half"}, HALF),
        ({"tag": "early"}, EARLY),
        ({"tag": "none"}, range(0)),
        ({"operator_code": "950"}, CODE),
        ({"operator_code": "950", "tag": "half"}, CODE),
        ({"phone": "79160000500", "tag": "rare"}, range(500, 501)),
    ],
    ids=["rare", "common", "only the first", "nobody", "code", "code and tag", "phone"],
)
async def test_a_page_reads_a_window_and_those_who_have_it(
    many: Pool, wanted: dict[str, str], having: range
) -> None:
    for after in (0, 1, 900, 25_000, CLIENTS - WINDOW, CLIENTS - 1, CLIENTS) * 2:
        # So often that PostgreSQL may keep one plan for all values.
        found, read = await page(many, after, **wanted)

        assert found == [number for number in having if number > after][:PAGE]
        assert read <= 2 * WINDOW + min(len(having), 1_000) + 2 * PAGE

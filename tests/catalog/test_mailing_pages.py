"""Mailings are found by words of their names, gateway, status and identifier, the newest first."""

from datetime import timedelta
from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text

from services.catalog.queries import mailing_pages
from services.catalog.routes.asked_clients import LATEST
from shared.database import Pool, autocommit
from shared.testing import FrozenClock

NAMES = ("Весенняя Распродажа 2026", "Spring-sale: ёлки!", "night NEWS", "Straße & Ärger_7")
SPRING, SALE, NEWS, STREET = NAMES
PLAN = {"body": "Hello", "starts_at": "2026-01-02T12:00:00Z", "ends_at": "2026-01-03T12:00:00Z"}


@pytest.fixture
async def known(http: AsyncClient, clock: FrozenClock) -> dict[str, str]:
    """Return identifiers by name; the later in NAMES, the newer."""
    ids = {}
    for name in NAMES:
        clock.now += timedelta(seconds=1)
        gateway = "log" if name in (SALE, STREET) else "http"
        answer = await http.post("/mailings", json=PLAN | {"name": name, "gateway": gateway})
        assert answer.status_code == 201, answer.text
        ids[name] = answer.json()["mailing_id"]
    return ids


async def found(http: AsyncClient, **params: Any) -> list[str]:
    response = await http.get("/mailings", params=params)
    assert response.status_code == 200, response.text
    return [each["name"] for each in response.json()["items"]]


@pytest.mark.parametrize("window", [1, 2, 1_000])
@pytest.mark.parametrize(
    ("typed", "names"),
    [
        ("весен", [SPRING]),
        ("РАСПРОДАЖА вес", [SPRING]),
        ("202", [SPRING]),
        ("s", [STREET, SALE]),
        ("sale", [SALE]),
        ("Елк", [SALE]),
        ("ЁЛКИ", [SALE]),
        ("spring-sale", [SALE]),
        ("News, night?", [NEWS]),
        ("straß", [STREET]),
        ("ÄRGER_7", [STREET]),
        ("sale news", []),
        ("ale", []),
        ("!!!", []),
        ("' & | ! :* \\", []),
        ("it's:*", []),
    ],
)
async def test_mailings_are_found_by_the_beginnings_of_words(
    http: AsyncClient,
    known: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    typed: str,
    names: list[str],
    window: int,
) -> None:
    monkeypatch.setattr(mailing_pages, "WINDOW", window)

    assert await found(http, q=typed) == names
    assert await found(http, q=typed, ids=list(known.values())) == names


async def test_mailings_have_all_of_what_is_asked_for(
    http: AsyncClient, known: dict[str, str]
) -> None:
    await http.post(f"/mailings/{known[SALE]}/pause")

    assert await found(http) == [STREET, NEWS, SALE, SPRING]
    assert await found(http, gateway="log") == [STREET, SALE]
    assert await found(http, gateway="log", status="paused") == [SALE]
    assert await found(http, gateway="log", q="s", status="created") == [STREET]
    assert await found(http, gateway="nobody") == []
    assert await found(http, ids=[known[NEWS], known[SALE]]) == [NEWS, SALE]
    assert await found(http, ids=[known[NEWS], known[SALE]], status="paused") == [SALE]


async def test_a_mailing_is_found_by_its_present_name(
    http: AsyncClient, known: dict[str, str]
) -> None:
    await http.patch(f"/mailings/{known[NEWS]}", json={"name": "Evening"})
    await http.delete(f"/mailings/{known[SALE]}")

    assert await found(http, q="night") == []
    assert await found(http, q="eve") == ["Evening"]
    assert await found(http, q="sale") == []


@pytest.mark.parametrize("window", [1, 2, 1_000])
@pytest.mark.parametrize("params", [{}, {"q": "s"}, {"gateway": "http"}, {"status": "created"}])
async def test_pages_follow_each_other_whatever_is_asked_for(
    http: AsyncClient,
    known: dict[str, str],
    monkeypatch: pytest.MonkeyPatch,
    params: dict[str, Any],
    window: int,
) -> None:
    assert known
    monkeypatch.setattr(mailing_pages, "WINDOW", window)
    whole, shown, cursor = await found(http, **params), [], None
    while True:
        asked = params | {"limit": 1} | ({"cursor": cursor} if cursor else {})
        page = (await http.get("/mailings", params=asked)).json()
        shown += [each["name"] for each in page["items"]]
        cursor = page["next_cursor"]
        if cursor is None:
            break

    assert shown == whole != []


@pytest.mark.parametrize(
    "params", [{"q": "x" * 201}, {"ids": ["nobody"]}, {"ids": ["0" * 32] * 101}, {"status": "x"}]
)
async def test_what_cannot_be_asked_for_is_refused(
    http: AsyncClient, params: dict[str, Any]
) -> None:
    assert (await http.get("/mailings", params=params)).status_code == 422


async def test_the_index_is_asked_only_for_what_the_newest_do_not_have(
    known: dict[str, str], catalog_pool: Pool
) -> None:
    """Of 20,000 mailings one has a rare word, and few a rare gateway.

    Rows that are read are counted, and no time.
    """
    assert known
    async with autocommit(catalog_pool) as db:
        await db.execute(
            text("""
                INSERT INTO mailings (mailing_id, name, body, filter, starts_at, ends_at, gateway,
                    status, has_begun, version, created_at, changed_at)
                SELECT gen_random_uuid(), 'common ' || n, 'x', '{}', now(), now(), 'http',
                    'finished', false, 1, timestamptz '2020-01-01Z' + n * interval '1 s', now()
                FROM generate_series(1, 20000) AS n
            """)
        )
        await db.execute(text("ANALYZE mailings"))

    assert await rows_read(catalog_pool, "common") <= 5 * mailing_pages.WINDOW
    assert await rows_read(catalog_pool, "night") <= 5 * mailing_pages.WINDOW
    assert await rows_read(catalog_pool, "s", gateway="log") <= 10 * len(NAMES)
    assert await rows_read(catalog_pool, "s", status="created") <= 10 * len(NAMES)
    both = {"gateway": "log", "status": "finished"}
    assert await rows_read(catalog_pool, "common", **both) <= 5 * mailing_pages.WINDOW


STATEMENTS = {
    (): mailing_pages.SELECT_OF_ANY,
    ("gateway",): mailing_pages.SELECT_OF_GATEWAY,
    ("status",): mailing_pages.SELECT_OF_STATUS,
    ("gateway", "status"): mailing_pages.SELECT_OF_BOTH,
}


async def rows_read(pool: Pool, typed: str, **narrowed: str) -> int:
    """Return how many rows a search for a page reads, as PostgreSQL counts them."""
    values = narrowed | {
        "typed": typed,
        "at": LATEST[0],
        "id": LATEST[1],
        "window": mailing_pages.WINDOW,
        "limit": 51,
    }
    statement = f"EXPLAIN (ANALYZE, FORMAT JSON) {STATEMENTS[tuple(narrowed)].text}"
    async with autocommit(pool) as db:
        [plan] = await db.scalar(text(statement), values)

    def read(node: dict[str, Any]) -> int:
        own = node["Actual Rows"] + node.get("Rows Removed by Filter", 0)
        own += node.get("Rows Removed by Index Recheck", 0)
        inner = sum(map(read, node.get("Plans", ())))
        return int(own * node["Actual Loops"]) + inner

    return read(plan["Plan"])

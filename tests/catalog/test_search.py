# ruff: noqa: RUF001 - text in Russian
"""Clients are found by the beginnings of words, the newest first, and counted by tag and code."""

from typing import Any

import pytest
from httpx import AsyncClient
from sqlalchemy import text

from services.catalog.domain import search as domain
from services.catalog.domain.search import gate_of, next_segments, query_of, words_of
from services.catalog.handlers.searching import follow_changes
from services.catalog.queries import facets
from shared.database import Pool, autocommit

CLIENTS = (
    "phone,email,full_name,tags\n"
    "79161234567,anna.smith@example.com,Анна-Мария Ёлкина,vip\n"
    "79171234568,boris@mail.example,Boris O'Hara,vip|new\n"
    "79031119999,,Анатолий Ежов,new\n"
)
ANNA, BORIS, ANATOLY = "79161234567", "79171234568", "79031119999"


@pytest.fixture
async def http(http: AsyncClient, catalog_pool: Pool) -> AsyncClient:
    headers = {"Content-Type": "text/csv"}
    await http.post("/imports", content=CLIENTS, headers=headers)
    await follow(catalog_pool)
    return http


async def follow(pool: Pool) -> None:
    while await follow_changes(pool):
        pass


async def found(http: AsyncClient, **params: Any) -> list[str]:
    response = await http.get("/clients", params=params)
    assert response.status_code == 200, response.text
    return sorted(each["phone"] for each in response.json()["items"])


@pytest.mark.parametrize(
    ("typed", "phones"),
    [
        ("анн", [ANNA]),
        ("АНА", [ANATOLY]),
        ("ан", [ANNA, ANATOLY]),
        ("мария", [ANNA]),
        ("елк", [ANNA]),
        ("Ёж", [ANATOLY]),
        ("анна елк", [ANNA]),
        ("анна-мар", [ANNA]),
        ("анна ежов", []),
        ("нна", []),
        ("o'hara", [BORIS]),
        ("hara", [BORIS]),
        ("anna.sm", [ANNA]),
        ("anna.smith@example.com", [ANNA]),
        ("@exam", [ANNA]),
        ("example.com", [ANNA]),
        ("mail.ex", [BORIS]),
        ("7916", [ANNA]),
        ("916", [ANNA]),
        ("+7 (916) 123", [ANNA]),
        ("8 916 123", [ANNA]),
        ("4567", [ANNA]),
        ("34-56-8", [BORIS]),
        ("23-45-68", [BORIS]),
        ("4568 boris", []),
        ("79", [ANNA, BORIS, ANATOLY]),
        ("!!!", []),
        ("' & | ! :* \\", []),
        ("it's:*", []),
    ],
)
async def test_clients_are_found_by_the_beginning_of_words(
    http: AsyncClient, typed: str, phones: list[str]
) -> None:
    assert await found(http, q=typed) == sorted(phones)


async def test_all_that_is_asked_for_must_be_had(http: AsyncClient) -> None:
    anna = (await http.get("/clients", params={"q": "анна"})).json()["items"][0]["client_id"]

    assert await found(http, q="79", tag=["vip"]) == [ANNA, BORIS]
    assert await found(http, q="79", tag=["vip", "new"]) == [BORIS]
    assert await found(http, tag=["vip", "new"]) == [BORIS]
    assert await found(http, q="79", operator_code="903") == [ANATOLY]
    assert await found(http, q="bor", phone=ANNA) == []
    assert await found(http, q="анна", phone=ANNA) == [ANNA]
    assert await found(http, ids=[anna]) == [ANNA]
    assert await found(http, ids=[anna], q="boris") == []
    assert await found(http, ids=[anna], q="мария", tag="vip") == [ANNA]


async def test_the_newest_client_stands_first_and_pages_follow(
    http: AsyncClient, catalog_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    for segment in (1, 2, 10_000):
        monkeypatch.setattr(domain, "SEGMENT", segment)
        async with autocommit(catalog_pool) as db:
            await db.execute(text("DELETE FROM client_search"))
            await db.execute(text("UPDATE clients SET version = version"))
        await follow(catalog_pool)
        for params in ({}, {"q": "79"}, {"q": "an 79"}):
            whole = (await http.get("/clients", params=params)).json()["items"]
            page = (await http.get("/clients", params={**params, "limit": 1})).json()
            shown: list[Any] = page["items"]
            while page["next_cursor"]:
                more = {**params, "limit": 1, "cursor": page["next_cursor"]}
                page = (await http.get("/clients", params=more)).json()
                shown += page["items"]

            assert shown == whole
            keys = [(each["created_at"], each["client_id"]) for each in whole]
            assert keys == sorted(keys, reverse=True)


async def test_who_changes_or_goes_is_found_so(http: AsyncClient, catalog_pool: Pool) -> None:
    listed = {c["phone"]: c["client_id"] for c in (await http.get("/clients")).json()["items"]}
    await http.patch(f"/clients/{listed[ANNA]}", json={"full_name": "Vera", "tags": ["old"]})
    await http.delete(f"/clients/{listed[BORIS]}")

    assert await found(http, q="boris") == []
    await follow(catalog_pool)

    assert await found(http, q="анна") == []
    assert await found(http, q="vera") == [ANNA]
    facets = (await http.get("/clients/facets")).json()
    assert facets["count"] == 2
    assert {each["value"]: each["count"] for each in facets["tags"]} == {"old": 1, "new": 1}


async def test_facets_count_what_is_asked_for_by_tag_and_code(http: AsyncClient) -> None:
    def shown(facets: dict[str, Any]) -> tuple[Any, ...]:
        tags = [(each["value"], each["count"]) for each in facets["tags"]]
        codes = [(each["value"], each["count"]) for each in facets["operator_codes"]]
        return facets["count"], facets["is_exact"], tags, codes

    everybody = (await http.get("/clients/facets")).json()
    some = (await http.get("/clients/facets", params={"q": "ан"})).json()
    tagged = (await http.get("/clients/facets", params={"tag": "vip"})).json()
    nobody = (await http.get("/clients/facets", params={"q": "!!"})).json()
    one = (await http.get("/clients/facets", params={"phone": ANNA})).json()

    all_codes = [("903", 1), ("916", 1), ("917", 1)]
    assert shown(everybody) == (3, True, [("new", 2), ("vip", 2)], all_codes)
    assert shown(some) == (2, True, [("new", 1), ("vip", 1)], [("903", 1), ("916", 1)])
    assert shown(tagged) == (2, True, [("vip", 2), ("new", 1)], [("916", 1), ("917", 1)])
    assert shown(nobody) == (0, True, [], [])
    assert shown(one) == (1, True, [("vip", 1)], [("916", 1)])


async def test_of_very_many_a_number_is_a_lower_bound_or_known_from_a_counter(
    http: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facets, "COUNTED", 1)

    typed = (await http.get("/clients/facets", params={"q": "79"})).json()
    tagged = (await http.get("/clients/facets", params={"tag": "vip"})).json()

    assert (typed["count"], typed["is_exact"], typed["counted"]) == (2, False, 2)
    assert (tagged["count"], tagged["is_exact"], tagged["counted"]) == (2, True, 2)


async def test_two_who_follow_at_once_do_not_count_twice(
    http: AsyncClient, catalog_pool: Pool
) -> None:
    async with autocommit(catalog_pool) as db:
        await db.execute(text("UPDATE clients SET version = version"))
    async with catalog_pool.begin() as db:
        await db.execute(text("SELECT pg_advisory_xact_lock(7206949)"))
        assert not await follow_changes(catalog_pool)
    await follow(catalog_pool)

    assert (await http.get("/clients/facets")).json()["count"] == 3


def test_words_are_those_of_name_mail_and_phone() -> None:
    assert words_of("Anna-Maria", "A.B@Example.com", ANNA) == [
        "anna", "maria", "a.b@example.com", "example.com", ANNA, "~76543216197",
    ]  # fmt: skip


def test_what_is_typed_is_quoted() -> None:
    assert query_of("a'b\\") == "('a''b\\\\':* | ('a':* & 'b':*))"
    assert query_of(" ?! ") is None


@pytest.mark.parametrize(
    ("typed", "marks", "gate"),
    [
        ("79 vera", (), "'3:vera':*"),
        ("79", ("tag:vip",), "'3:tag:vip'"),
        ("(79) 7", ("tag:vip",), "'3:tag:vip'"),
        ("79 o'k", ("code:916",), "'3:code:916' & ('3:o''k':* | ('3:o':* & '3:k':*))"),
        ("79", (), None),
        ("vera", ("tag:vip",), None),
        ("7916 vera", (), None),
        ("79 16 12", ("tag:vip",), None),
        (None, ("tag:vip",), None),
    ],
)
def test_of_beginnings_that_nearly_all_phones_have_the_rest_is_asked_first(
    typed: str | None, marks: tuple[str, ...], gate: str | None
) -> None:
    assert gate_of(typed, marks, "3:") == gate


def test_a_segment_is_filled_before_the_next_one_begins(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(domain, "SEGMENT", 3)

    assert next_segments(1, 0, 4) == [1, 1, 1, 2]
    assert next_segments(7, 2, 5) == [7, 8, 8, 8, 9]
    assert next_segments(7, 3, 1) == [8]


async def test_a_statement_that_touches_very_many_is_followed_at_once(
    http: AsyncClient, catalog_pool: Pool
) -> None:
    async with autocommit(catalog_pool) as db:
        await db.execute(
            text("""
                INSERT INTO clients (client_id, phone, tags, version, created_at, changed_at)
                SELECT gen_random_uuid(), CAST(79200000000 + n AS text), '{}', 1, now(), now()
                FROM generate_series(1, 40000) AS n
            """)
        )
    await follow(catalog_pool)

    assert (await http.get("/clients/facets")).json()["count"] == 40_003
    typed = (await http.get("/clients/facets", params={"q": "792"})).json()
    assert (typed["counted"], typed["is_exact"]) == (10_001, False)

"""Filters with conditions over HTTP: what is taken, what becomes of phones, what is shown."""

import json
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient
from sqlalchemy import text

from shared import outbox
from shared.database import Pool, autocommit
from tests.catalog.test_routes_mailings import SPRING, created

ALL: dict[str, Any] = {"operator_codes": [], "tags": []}
CONDITION = {
    "all_tags": ["vip", "new"],
    "time_zones": ["Europe/Kyiv"],
    "or": [{"has_email": True}, {"not": {"no_tags": ["old"]}, "operator_codes": ["916"]}],
}
PHONES = ["79161234567", "79161234568", "79990000000"]


@pytest.fixture
async def ids(http: AsyncClient) -> list[str]:
    """Give the ids of two clients, who have the first of the phones."""
    found = [(await http.post("/clients", json={"phone": each})).json() for each in PHONES[:2]]
    return [each["client_id"] for each in found]


async def test_a_filter_with_conditions_is_shown_as_it_was_sent(http: AsyncClient) -> None:
    wanted = {**ALL, "include": CONDITION, "exclude": {"and": [{"tags": ["staff"]}]}}

    mailing = await created(http, filter=wanted)

    assert mailing["filter"] == wanted
    assert (await http.get("/mailings")).json()["items"] == [mailing]
    again = await created(http, **{**SPRING, "filter": mailing["filter"]})
    assert again["filter"] == wanted


async def test_zones_are_kept_under_todays_names(http: AsyncClient) -> None:
    zones = ["Europe/Kiev", "Europe/Kyiv", "Asia/Calcutta"]

    mailing = await created(http, filter={"exclude": {"not": {"time_zones": zones}}})

    found = mailing["filter"]["exclude"]["not"]["time_zones"]
    assert found == ["Europe/Kyiv", "Asia/Kolkata"]


async def test_phones_become_ids_and_those_of_nobody_are_said_and_kept_nowhere(
    http: AsyncClient, ids: list[str], catalog_pool: Pool
) -> None:
    include = {"or": [{"phones": PHONES[1:], "client_ids": [str(UUID(int=7))]}]}

    mailing = await created(http, filter={"include": include, "exclude": {"phones": PHONES[:1]}})

    assert mailing["unknown_phones"] == ["/filter/include/or/0/phones/1"]
    assert mailing["filter"] == {
        **ALL,
        "include": {"or": [{"client_ids": [str(UUID(int=7)), ids[1]]}]},
        "exclude": {"client_ids": [ids[0]]},
    }
    async with autocommit(catalog_pool) as db:
        kept = await db.execute(text("SELECT data::text FROM events WHERE stream LIKE 'mailing%'"))
        rows = await db.execute(text("SELECT filter::text FROM mailings"))
        put = (await db.execute(text("SELECT batches FROM outbox"))).scalars().all()
    sent = [
        record.value
        for each in put
        for batch in outbox.read(each)
        for record in batch.records
        if batch.topic == "catalog.mailings"
    ]
    assert sent
    whole = " ".join([*kept.scalars(), *rows.scalars(), *map(str, sent)])
    assert not any(phone in whole for phone in PHONES)


async def test_of_phones_that_are_nobodys_nobody_is_chosen(http: AsyncClient) -> None:
    await http.post("/clients", json={"phone": PHONES[0]})
    mailing = await created(http, filter={"include": {"phones": PHONES[2:]}})

    preview = await http.post(f"/mailings/{mailing['mailing_id']}/preview", json={})

    assert mailing["unknown_phones"] == ["/filter/include/phones/0"]
    assert mailing["filter"]["include"] == {"client_ids": []}
    assert preview.json()["clients"] == 0


async def test_a_preview_counts_whom_conditions_select(http: AsyncClient, ids: list[str]) -> None:
    await http.patch(f"/clients/{ids[0]}", json={"tags": ["vip"], "time_zone": "Europe/Kiev"})
    counts = []
    for wanted in (
        {"include": {"time_zones": ["Europe/Kyiv"]}},
        {"exclude": {"tags": ["vip"]}},
        {"include": {"client_ids": ids}, "exclude": {"has_email": True}},
        {"include": {"phones": PHONES}},
        {"include": {"has_email": True}},
    ):
        found = await http.post("/mailings/preview", json={**SPRING, "filter": wanted})
        counts.append(found.json()["clients"])

    assert counts == [1, 1, 2, 2, 0]


async def test_a_part_that_is_changed_is_replaced_as_a_whole_and_null_removes_it(
    http: AsyncClient, ids: list[str]
) -> None:
    wanted = {"tags": ["vip"], "include": CONDITION, "exclude": {"tags": ["staff"]}}
    path = f"/mailings/{(await created(http, filter=wanted))['mailing_id']}"

    one = await http.patch(path, json={"filter": {"include": {"phones": PHONES}}})
    two = await http.patch(path, json={"filter": {"include": None, "tags": None}})
    three = await http.patch(path, json={"filter": None})

    assert one.json()["unknown_phones"] == ["/filter/include/phones/2"]
    assert one.json()["filter"] == {
        "operator_codes": [],
        "tags": ["vip"],
        "include": {"client_ids": sorted(ids)},
        "exclude": {"tags": ["staff"]},
    }
    assert two.json()["filter"] == {**ALL, "exclude": {"tags": ["staff"]}}
    assert "unknown_phones" not in two.json()
    assert three.json()["filter"] == ALL


def nested(depth: int) -> dict[str, Any]:
    inner: dict[str, Any] = {"has_phone": True}
    for _ in range(depth - 1):
        inner = {"not": inner}
    return inner


MANY = [str(UUID(int=n)) for n in range(20_001)]
WRONG: list[tuple[dict[str, Any], str, str]] = [
    ({}, "/filter/include", "required"),
    ({"and": []}, "/filter/include/and", "length"),
    ({"tags": []}, "/filter/include/tags", "length"),
    ({"or": [{"has_phone": True}, {}]}, "/filter/include/or/1", "required"),
    ({"operator_codes": ["9161"]}, "/filter/include/operator_codes/0", "operator_code"),
    ({"not": {"no_tags": ["a", "\n"]}}, "/filter/include/not/no_tags/1", "tags"),
    ({"all_tags": ["t" * 101]}, "/filter/include/all_tags/0", "tags"),
    ({"time_zones": ["UTC", "Moscow"]}, "/filter/include/time_zones/1", "time_zone"),
    ({"time_zones": ["localtime"]}, "/filter/include/time_zones/0", "time_zone"),
    ({"phones": ["89161234567"]}, "/filter/include/phones/0", "string_pattern_mismatch"),
    ({"client_ids": ["7"]}, "/filter/include/client_ids/0", "uuid_parsing"),
    ({"has_phone": "yes"}, "/filter/include/has_phone", "bool_type"),
    ({"vip": True}, "/filter/include/vip", "extra_forbidden"),
    ({"and_": [{"has_phone": True}]}, "/filter/include/and_", "extra_forbidden"),
    (nested(6), "/filter/include/not/not/not/not/not", "too_deep"),
    ({"or": [{"has_phone": True}] * 100}, "/filter", "too_many"),
    (
        {"or": [{"client_ids": MANY[:10_001]}, {"client_ids": MANY[10_000:]}]},
        "/filter",
        "too_many",
    ),
]


@pytest.mark.parametrize(("include", "pointer", "code"), WRONG, ids=lambda each: str(each)[:40])
async def test_a_filter_with_a_mistake_is_refused_with_its_place(
    http: AsyncClient, include: dict[str, Any], pointer: str, code: str
) -> None:
    response = await http.post("/mailings", json={**SPRING, "filter": {"include": include}})

    assert response.status_code == 422
    errors = response.json()["errors"]
    assert [(each["pointer"], each["code"]) for each in errors] == [(pointer, code)]


async def test_five_conditions_within_each_other_are_taken(http: AsyncClient) -> None:
    assert (await created(http, filter={"exclude": nested(5)}))["filter"]["exclude"] == nested(5)


async def test_what_is_nested_without_end_is_refused(http: AsyncClient) -> None:
    deep = '{"not":' * 50_000 + "{}" + "}" * 50_000
    body = json.dumps(SPRING | {"filter": {"include": "DEEP"}}).replace('"DEEP"', deep)

    response = await http.post(
        "/mailings", content=body, headers={"Content-Type": "application/json"}
    )

    assert 400 <= response.status_code < 500


async def test_twenty_thousand_ids_fit_and_a_list_says_only_how_many(http: AsyncClient) -> None:
    mailing = await created(http, filter={"include": {"not": {"client_ids": MANY[:20_000]}}})

    (listed,) = (await http.get("/mailings")).json()["items"]

    assert mailing["filter"]["include"]["not"]["client_ids"] == MANY[:20_000]
    assert listed["filter"]["include"] == {"not": {"ids_left_out": 20_000}}


async def test_what_is_larger_than_a_record_is_refused(http: AsyncClient) -> None:
    ids = {"include": {"client_ids": MANY[:20_000]}}
    mail = {"gateway": "smtp", "subject": "News", "body": "😀" * 50_000}
    mailing = await created(http, filter=ids, **mail)
    html = json.dumps({"html": "😀" * 99_999}, ensure_ascii=False)

    response = await http.patch(
        f"/mailings/{mailing['mailing_id']}",
        content=html.encode(),
        headers={"Content-Type": "application/merge-patch+json"},
    )

    assert response.status_code == 422
    (error,) = response.json()["errors"]
    assert (error["pointer"], error["code"]) == ("/filter", "too_large")

"""Imports over HTTP as the caller wants them: dry, cancelled, by other keys, in other charsets."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient
from sqlalchemy import func, select

from services.catalog import tables
from services.catalog.domain.imports import ImportCancelled
from services.catalog.files import read_rows
from services.catalog.files.rows import ROWS
from services.catalog.handlers import importing
from shared.database import Pool, transaction
from shared.event_store.postgres import PostgresEventStore
from shared.tables import events
from shared.testing import eventually

ID = UUID(int=1)
ANNA, BORIS = "79161234567", "79161234568"


async def imported(
    http: AsyncClient, body: str | bytes, content_type: str = "text/csv", **params: Any
) -> dict[str, Any]:
    headers = {"Content-Type": content_type}
    response = await http.post("/imports", content=body, headers=headers, params=params)
    assert response.status_code == 201, response.text
    result: dict[str, Any] = response.json()
    return result


def counts(result: dict[str, Any]) -> tuple[int, ...]:
    return tuple(result[name] for name in ("rows", "created", "changed", "unchanged", "rejected"))


async def clients(http: AsyncClient) -> list[dict[str, Any]]:
    items: list[dict[str, Any]] = (await http.get("/clients", params={"limit": 1000})).json()[
        "items"
    ]
    return items


async def reasons(http: AsyncClient, result: dict[str, Any]) -> list[str]:
    page = await http.get(f"/imports/{result['import_id']}/rejections")
    return [each["reason"] for each in page.json()["items"]]


async def test_an_import_says_what_it_found_the_file_to_be(http: AsyncClient) -> None:
    body = f"Телефон;Возраст;ФИО\r\n{ANNA};33;Анна\r\n".encode("cp1251")

    result = await imported(http, body, file_name="Клиенты.csv", unknown_columns="ignore")

    assert (result["file_name"], result["format"]) == ("Клиенты.csv", "csv")
    assert (result["charset"], result["delimiter"]) == ("windows-1251", ";")
    assert result["columns"] == [
        {"name": "Телефон", "field": "phone"},
        {"name": "ФИО", "field": "full_name"},
    ]
    assert result["ignored_columns"] == ["Возраст"]
    assert (await clients(http))[0]["full_name"] == "Анна"


async def test_a_charset_may_be_named_by_the_content_type(http: AsyncClient) -> None:
    body = f"phone,full_name\n{ANNA},Анна\n".encode("koi8-r")

    await imported(http, body, "text/csv; charset=KOI8-R")

    assert (await clients(http))[0]["full_name"] == "Анна"


@pytest.mark.parametrize(
    ("params", "pointer"),
    [
        ({"charset": "klingon"}, "/charset"),
        ({"delimiter": "x"}, "/delimiter"),
        ({"mode": "merge"}, "/mode"),
        ({"key": "name"}, "/key/0"),
        ({"columns": "[]"}, "/columns"),
        ({"columns": '{"a": "age"}'}, "/columns"),
        ({"empty": "drop"}, "/empty"),
    ],
)
async def test_what_is_no_option_is_refused_by_its_name(
    http: AsyncClient, params: dict[str, str], pointer: str
) -> None:
    headers = {"Content-Type": "text/csv"}
    response = await http.post("/imports", content="phone\n", headers=headers, params=params)

    assert response.status_code == 422
    assert [each["pointer"] for each in response.json()["errors"]] == [pointer]


async def test_a_dry_run_tells_what_the_import_would_do_and_changes_nothing(
    http: AsyncClient, catalog_pool: Pool
) -> None:
    first = "phone,full_name\n" + "".join(f"7916{n:07},a\n" for n in range(10))
    await imported(http, first)
    far = "".join(f"7917{n:07},x\n" for n in range(ROWS))  # another chunk begins behind them
    body = f"{first}7916,x\n{far}79170000000,y\n79170000001,x\n79160000000,b\n"

    dry = await imported(http, body, dry_run=True)
    async with transaction(catalog_pool) as db:
        written = await db.scalar(select(func.count()).select_from(events))
        kept = await db.scalar(select(func.count()).select_from(tables.import_drafts))
    real = await imported(http, body)

    assert (dry["dry_run"], real["dry_run"]) == (True, False)
    assert counts(dry) == counts(real) == (ROWS + 14, ROWS, 2, 11, 1)
    assert await reasons(http, dry) == await reasons(http, real)
    assert (written, kept) == (10, 0)


async def test_a_dry_run_and_the_import_are_not_the_same_under_one_key(http: AsyncClient) -> None:
    headers = {"Content-Type": "text/csv", "Idempotency-Key": "k"}
    body = f"phone\n{ANNA}\n"
    await http.post("/imports", content=body, headers=headers, params={"dry_run": True})

    real = await http.post("/imports", content=body, headers=headers)

    assert (real.status_code, real.json()["type"]) == (422, "ImportDiffers")


async def test_by_email_rows_change_the_phone_of_their_client(http: AsyncClient) -> None:
    await imported(http, f"phone,email\n{ANNA},anna@example.com\n{BORIS},b@example.com\n")

    body = f"email,phone\nANNA@example.com,79161234569\nb@example.com,{ANNA}\n"
    result = await imported(http, body, key="email")

    assert counts(result) == (2, 0, 1, 0, 1)
    assert await reasons(http, result) == ["another client has this phone"]
    assert {each["phone"] for each in await clients(http)} == {"79161234569", BORIS}


async def test_an_email_that_several_have_names_none_of_them(http: AsyncClient) -> None:
    await imported(http, f"phone,email\n{ANNA},a@example.com\n{BORIS},a@example.com\n")

    result = await imported(http, "email,full_name\na@example.com,A\n", key="email")

    assert await reasons(http, result) == ["several clients have this e-mail"]


async def test_by_external_id_rows_find_their_clients(http: AsyncClient) -> None:
    await imported(http, f"phone,external_id\n{ANNA},A1\n")

    body = f"external_id,phone\nA1,{BORIS}\nA2,79161234569\n"
    result = await imported(http, body, key="external_id")

    assert counts(result) == (2, 1, 1, 0, 0)
    assert {each["external_id"]: each["phone"] for each in await clients(http)} == {
        "A1": BORIS,
        "A2": "79161234569",
    }


async def test_an_external_id_is_one_clients(http: AsyncClient) -> None:
    await http.post("/clients", json={"phone": ANNA, "external_id": "A1"})

    response = await http.post("/clients", json={"phone": BORIS, "external_id": "A1"})

    assert (response.status_code, response.json()["type"]) == (409, "ExternalIdTaken")
    assert [each["pointer"] for each in response.json()["errors"]] == ["/external_id"]


async def test_modes_reject_the_rows_that_they_are_not_for(http: AsyncClient) -> None:
    await imported(http, f"phone\n{ANNA}\n")
    body = f"phone,full_name\n{ANNA},Anna\n{BORIS},Boris\n"

    inserted = await imported(http, body, mode="insert")
    updated = await imported(http, f"{body}79161234569,C\n", mode="update")

    assert counts(inserted) == (2, 1, 0, 0, 1)
    assert counts(updated) == (3, 0, 1, 1, 1)
    names = {each["phone"]: each["full_name"] for each in await clients(http)}
    assert names == {ANNA: "Anna", BORIS: "Boris"}


async def test_tags_are_added_and_empty_cells_keep_what_was(http: AsyncClient) -> None:
    await imported(http, f"phone,full_name,tags\n{ANNA},Anna,vip\n")

    await imported(http, f"phone,full_name,tags\n{ANNA},,new\n", tags="add", empty="keep")

    [anna] = await clients(http)
    assert (anna["full_name"], anna["tags"]) == ("Anna", ["vip", "new"])


async def test_an_import_that_is_cancelled_takes_no_more_rows_and_is_not_gone_on_with(
    http: AsyncClient, store: PostgresEventStore
) -> None:
    go_on = asyncio.Event()

    async def pieces() -> AsyncIterator[bytes]:
        yield b"phone\n" + b"".join(b"7916%07d\n" % n for n in range(ROWS))
        await go_on.wait()
        yield b"".join(b"7917%07d\n" % n for n in range(2 * ROWS))

    async def has_begun() -> bool:
        return bool(await clients(http))

    chunks = read_rows(pieces(), "text/csv")
    work = asyncio.create_task(importing.import_clients(store, ID, chunks))
    await eventually(has_begun, within=120)
    cancelled = await http.post(f"/imports/{ID}/cancel")
    again = await http.post(f"/imports/{ID}/cancel")
    go_on.set()
    with pytest.raises(ImportCancelled):
        await work

    assert (cancelled.status_code, again.status_code) == (200, 200)
    assert cancelled.json()["status"] == "cancelled"
    shown = (await http.get(f"/imports/{ID}")).json()
    assert (shown["status"], shown["rows"]) == ("cancelled", ROWS)
    resent = await http.post(
        "/imports",
        content="phone\n",
        headers={"Content-Type": "text/csv"},
        params={"import_id": str(ID)},
    )
    assert (resent.status_code, resent.json()["type"]) == (409, "ImportCancelled")


async def test_an_import_that_has_ended_or_never_was_is_not_cancelled(http: AsyncClient) -> None:
    ended = await imported(http, "phone\n")

    done = await http.post(f"/imports/{ended['import_id']}/cancel")
    unknown = await http.post(f"/imports/{ID}/cancel")

    assert (done.status_code, done.json()["type"]) == (409, "ImportEnded")
    assert (unknown.status_code, unknown.json()["type"]) == (404, "ImportUnknown")

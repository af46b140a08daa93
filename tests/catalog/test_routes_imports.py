"""Imports over HTTP: clients by the file."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient
from sqlalchemy import func, select, text

from services.catalog.domain.client import client
from services.catalog.domain.imports import Chunk, ImportBrokenOff, ImportOvertaken
from services.catalog.domain.profile import FIELDS
from services.catalog.files.rows import ROWS, read_rows
from services.catalog.handlers import import_writing, importing
from services.catalog.queue.import_clients import Wanted
from shared import outbox
from shared.database import Connection, Pool, transaction
from shared.errors import Unavailable
from shared.event_store.postgres import PostgresEventStore
from shared.tables import events
from shared.tables import outbox as outbox_table
from shared.testing import eventually
from tests.reading import statements

ID = UUID(int=1)
CSV, NDJSON = {"Content-Type": "text/csv"}, {"Content-Type": "application/x-ndjson"}


async def imported(
    http: AsyncClient, body: str | bytes, headers: dict[str, str] = CSV, **params: str
) -> dict[str, Any]:
    response = await http.post("/imports", content=body, headers=headers, params=params)
    assert response.status_code == 201, response.text
    result: dict[str, Any] = response.json()
    assert response.headers["location"] == f"/v1/imports/{result['import_id']}"
    return result


def counts(result: dict[str, Any]) -> tuple[int, ...]:
    names = ("rows", "created", "changed", "unchanged", "rejected")
    return tuple(result[name] for name in names)


async def clients(http: AsyncClient) -> dict[str, dict[str, Any]]:
    page = (await http.get("/clients", params={"limit": 1000})).json()
    return {each["phone"]: each for each in page["items"]}


def lines(numbers: Sequence[int], comment: str = "") -> str:
    return "phone,comment\n" + "".join(f"7916{n:07},{comment}\n" for n in numbers)


async def test_a_file_of_csv_registers_its_clients(http: AsyncClient) -> None:
    body = (
        "phone,operator_code,tags,time_zone,email,full_name,comment\n"
        "79161234567,,vip|new,Europe/Moscow,anna@example.com,Anna,calls back\n"
        "79161234568,999,,,,,\n"
    )

    result = await imported(http, body, {"Content-Type": "text/csv; charset=utf-8"})

    assert (result["status"], counts(result)) == ("completed", (2, 2, 0, 0, 0))
    assert (result["bytes"], result["failure_reason"]) == (len(body), None)
    assert result["ended_at"] >= result["started_at"]
    found = await clients(http)
    assert {name: found["79161234567"][name] for name in FIELDS} == {
        "phone": "79161234567",
        "operator_code": "916",
        "tags": ["vip", "new"],
        "time_zone": "Europe/Moscow",
        "email": "anna@example.com",
        "full_name": "Anna",
        "comment": "calls back",
        "external_id": None,
        "preferred_times": [],
    }
    assert found["79161234568"]["operator_code"] == "999"


@pytest.mark.parametrize("content_type", ["application/x-ndjson", "application/jsonl"])
async def test_a_file_of_json_registers_its_clients(http: AsyncClient, content_type: str) -> None:
    body = '{"phone": "79161234567", "tags": ["vip"]}\n{"phone": "79161234568"}\n'

    result = await imported(http, body, {"Content-Type": content_type})

    assert counts(result) == (2, 2, 0, 0, 0)
    assert (await clients(http))["79161234567"]["tags"] == ["vip"]


async def test_the_same_file_twice_changes_nothing(http: AsyncClient, catalog_pool: Pool) -> None:
    await imported(http, lines(range(10), "a"))

    result = await imported(http, lines(range(10), "a"))

    assert counts(result) == (10, 0, 0, 10, 0)
    async with transaction(catalog_pool) as db:
        assert await db.scalar(select(func.count()).select_from(events)) == 10
        assert await db.scalar(select(func.count()).select_from(outbox_table)) == 1


async def test_a_row_changes_the_client_that_has_its_phone(http: AsyncClient) -> None:
    await http.post("/clients", json={"phone": "79160000001", "full_name": "Anna", "comment": "a"})

    result = await imported(http, lines([1, 2], "b"))

    assert counts(result) == (2, 1, 1, 0, 0)
    anna = (await clients(http))["79160000001"]
    assert (anna["full_name"], anna["comment"], anna["version"]) == ("Anna", "b", 2)


async def test_rows_with_one_phone_build_on_each_other(http: AsyncClient) -> None:
    body = (
        '{"phone": "79161234567", "full_name": "Anna"}\n'
        '{"phone": "79161234567", "comment": "a"}\n'
        '{"phone": "79161234567", "comment": "a"}\n'
    )

    result = await imported(http, body, NDJSON)

    assert counts(result) == (3, 1, 1, 1, 0)
    [client] = (await clients(http)).values()
    assert (client["full_name"], client["comment"], client["version"]) == ("Anna", "a", 2)


async def test_of_rows_with_one_phone_the_last_one_stays_however_often_the_file_comes(
    http: AsyncClient,
) -> None:
    body = "phone,full_name\n79161234567,First\n79161234567,Second\n79161234567,Third\n"

    first = await imported(http, body)
    [client] = (await clients(http)).values()
    again = await imported(http, body + "79161234568,Other\n")

    assert counts(first) == (3, 1, 2, 0, 0)
    assert (client["full_name"], client["version"]) == ("Third", 3)
    assert counts(again) == (4, 1, 3, 0, 0)
    assert {each["full_name"] for each in (await clients(http)).values()} == {"Third", "Other"}


async def test_each_rejected_row_is_kept_with_its_column_and_its_reason(http: AsyncClient) -> None:
    body = (
        "phone,time_zone\n"
        "79161234567,\n"
        "8916,Petushki\n"
        "\0,\n"
        ",Europe/Moscow\n"
        "79161234568\n"
        "79161234569,Europe/Moscow\n"
    )

    result = await imported(http, body)

    assert (result["status"], counts(result)) == ("completed", (6, 2, 0, 0, 4))
    path = f"/imports/{result['import_id']}/rejections"
    told = (await http.get(path)).json()["items"]
    shown = ("row", "column", "code", "limits", "reason")
    assert [tuple(each[name] for name in shown) for each in told] == [
        (2, "phone", "phone", [], "7 and ten digits, as in 79161234567"),
        (2, "time_zone", "time_zone", [], "of IANA, as in Europe/Moscow"),
        (3, "phone", "phone", [], "7 and ten digits, as in 79161234567"),
        (4, "phone", "missing", [], "a row needs a phone"),
        (5, None, "cells", [2], "1 cells where the header has 2"),
    ]
    assert set(await clients(http)) == {"79161234567", "79161234569"}


async def test_a_rejected_row_is_shown_with_whose_it_is_and_with_what_is_wrong(
    http: AsyncClient,
) -> None:
    body = (
        "Phone;Name;Time zone;Comment\n"
        "+7 912 345;Roman Chernov;Petushki;secret\n"
        f";{'x' * 300};Europe/Moscow;\n"
        "one;two\n"
    )
    result = await imported(http, body)

    path = f"/imports/{result['import_id']}/rejections"
    told = (await http.get(path)).json()["items"]

    def cells(row: int, column: str | None) -> list[tuple[str, str]]:
        [found] = [each for each in told if (each["row"], each["column"]) == (row, column)]
        return [(each["field"], each["value"]) for each in found["cells"]]

    who = [("full_name", "Roman Chernov"), ("phone", "+7 912 345")]
    assert cells(1, "phone") == who
    assert cells(1, "time_zone") == [*who, ("time_zone", "Petushki")]
    assert cells(2, "phone") == [("full_name", "x" * 200)]
    assert cells(3, None) == []


async def test_a_rejected_line_of_ndjson_is_shown_with_whose_it_is(http: AsyncClient) -> None:
    line = b'{"full_name": "Anna", "Phone": 12, "comment": "secret"}\n'
    answer = await http.post(
        "/imports", content=line, headers={"Content-Type": "application/x-ndjson"}
    )

    path = f"/imports/{answer.json()['import_id']}/rejections"
    [first, *_] = (await http.get(path)).json()["items"]

    assert first["cells"] == [
        {"field": "full_name", "value": "Anna"},
        {"field": "phone", "value": "12"},
    ]


async def test_a_damaged_file_is_read_to_its_end_and_its_bad_lines_are_named(
    http: AsyncClient,
) -> None:
    good = lines(range(40)).partition("\n")[2]
    body = f'phone,comment\n79161234567,"a\n{good}79161234568,b"\n7,"c\nd"\n'

    result = await imported(http, body)

    assert (counts(result), result["lines"]) == ((43, 41, 0, 0, 2), 45)
    assert {f"7916{n:07}" for n in range(40)} < set(await clients(http))
    shown = (await http.get(f"/imports/{result['import_id']}/rejections")).json()["items"]
    assert [(each["row"], each["line"], each["last_line"]) for each in shown] == [
        (1, 2, 2),
        (43, 44, 45),
    ]


async def test_pages_of_rejections_follow_each_other(http: AsyncClient) -> None:
    result = await imported(http, "phone,time_zone\n" + "1,x\n" * 3)
    path = f"/imports/{result['import_id']}/rejections"

    shown, cursor = [], None
    for _ in range(2):
        params = {"limit": 3} | ({"cursor": cursor} if cursor else {})
        page = (await http.get(path, params=params)).json()
        shown += [(each["row"], each["column"]) for each in page["items"]]
        cursor = page["next_cursor"]

    assert shown == [(row, name) for row in (1, 2, 3) for name in ("phone", "time_zone")]
    assert cursor is None


async def test_chunks_become_one_row_of_the_outbox_each(
    http: AsyncClient, catalog_pool: Pool
) -> None:
    result = await imported(http, lines(range(ROWS + 1)))

    assert counts(result) == (ROWS + 1, ROWS + 1, 0, 0, 0)
    async with transaction(catalog_pool) as db:
        left = (await db.scalars(select(outbox_table.c.batches))).all()
    assert {len(outbox.read(each)[0].records) for each in left} == {ROWS, 1}


@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("", "no header"),
        ("full_name\nAnna\n", "no column 'phone'"),
        ("phone,age\n7,7\n", "unknown column 2, 'age'"),
        ("phone,phone\n7,7\n", "twice"),
    ],
)
async def test_what_is_no_list_of_clients_is_refused_as_a_whole(
    http: AsyncClient, body: str, told: str
) -> None:
    response = await http.post(
        "/imports", content=body, headers=CSV, params={"import_id": str(ID)}
    )

    assert (response.status_code, response.json()["type"]) == (422, "ImportRefused")
    assert told in response.json()["errors"][0]["detail"]
    shown = (await http.get(f"/imports/{ID}")).json()
    assert (shown["status"], counts(shown)) == ("failed", (0, 0, 0, 0, 0))
    assert told in shown["failure_reason"]


@pytest.mark.parametrize("content_type", ["application/json", "image/png", ""])
async def test_a_file_of_another_type_is_refused(http: AsyncClient, content_type: str) -> None:
    response = await http.post(
        "/imports", content="phone\n", headers={"Content-Type": content_type}
    )

    assert response.status_code == 415
    assert "text/csv" in response.json()["title"]


async def test_an_unknown_import_is_a_404(http: AsyncClient) -> None:
    for path in (f"/imports/{ID}", f"/imports/{ID}/rejections"):
        response = await http.get(path)

        assert (response.status_code, response.json()["type"]) == (404, "ImportUnknown")


async def test_the_newest_import_stands_first_and_pages_follow(http: AsyncClient) -> None:
    ids = [(await imported(http, "phone\n"))["import_id"] for _ in range(3)]

    first = (await http.get("/imports", params={"limit": 2})).json()
    second = (await http.get("/imports", params={"cursor": first["next_cursor"]})).json()

    assert [each["import_id"] for each in first["items"]] == sorted(ids)[:0:-1]
    assert [each["import_id"] for each in second["items"]] == sorted(ids)[:1]


async def test_the_newest_import_stands_first_whatever_its_identifier(http: AsyncClient) -> None:
    ids = [str(UUID(int=number)) for number in (3, 1, 4, 2)]
    for each in ids:
        await imported(http, "phone\n", import_id=each)

    shown: list[str] = []
    cursor: dict[str, str] = {}
    for _ in ids:
        page = (await http.get("/imports", params={"limit": "1"} | cursor)).json()
        shown += [each["import_id"] for each in page["items"]]
        cursor = {"cursor": page["next_cursor"]}

    assert shown == ids[::-1]
    assert cursor == {"cursor": None}


# What goes wrong on the way


async def cut(chunks: AsyncIterator[Chunk], at: int, error: BaseException) -> AsyncIterator[Chunk]:
    number = 0
    async for chunk in chunks:
        if number == at:
            raise error
        number += 1
        yield chunk


async def pieces(*bodies: str) -> AsyncIterator[bytes]:
    for body in bodies:
        yield body.encode()


async def test_an_import_that_breaks_off_leaves_whole_chunks_and_says_so(
    http: AsyncClient, store: PostgresEventStore
) -> None:
    chunks = read_rows(pieces(lines(range(2 * ROWS))), "text/csv")

    with pytest.raises(ImportBrokenOff):
        await importing.import_clients(store, ID, cut(chunks, 1, ImportBrokenOff()))

    shown = (await http.get(f"/imports/{ID}")).json()
    assert (shown["status"], counts(shown)) == ("failed", (ROWS, ROWS, 0, 0, 0))
    assert "connection was lost" in shown["failure_reason"]
    assert shown["ended_at"] is not None


async def test_an_import_that_broke_off_can_be_sent_again(
    http: AsyncClient, store: PostgresEventStore
) -> None:
    body = lines(range(ROWS)) + "bad,\n" * 3 + lines(range(ROWS, 2 * ROWS)).partition("\n")[2]
    chunks = read_rows(pieces(body), "text/csv")
    with pytest.raises(ImportBrokenOff):
        await importing.import_clients(store, ID, cut(chunks, 2, ImportBrokenOff()))

    result = await imported(http, body, import_id=str(ID))

    assert result["status"] == "completed"
    assert result["failure_reason"] is None
    assert counts(result)[0] == 2 * ROWS + 3
    assert sum(counts(result)[1:]) == 2 * ROWS + 3
    assert counts(result)[4] == 3
    rejections = (await http.get(f"/imports/{ID}/rejections")).json()["items"]
    assert [each["row"] for each in rejections] == [ROWS + 1, ROWS + 2, ROWS + 3]


async def test_an_import_whose_process_died_can_be_sent_again_and_the_old_one_ends(
    http: AsyncClient, store: PostgresEventStore
) -> None:
    begun, go_on = asyncio.Event(), asyncio.Event()

    async def slow() -> AsyncIterator[Chunk]:
        begun.set()
        await go_on.wait()
        async for chunk in read_rows(pieces(lines([1], "old")), "text/csv"):
            yield chunk

    async with asyncio.timeout(20):
        old = asyncio.create_task(importing.import_clients(store, ID, slow()))
        await begun.wait()
        result = await imported(http, lines([1, 2], "new"), import_id=str(ID))
        go_on.set()
        with pytest.raises(ImportOvertaken):
            await old

    assert counts(result) == (2, 2, 0, 0, 0)
    assert (await http.get(f"/imports/{ID}")).json() == result
    assert {each["comment"] for each in (await clients(http)).values()} == {"new"}


async def test_an_import_that_is_under_way_shows_how_far_it_is(
    http: AsyncClient, store: PostgresEventStore
) -> None:
    go_on = asyncio.Event()

    async def slow() -> AsyncIterator[bytes]:
        yield lines(range(ROWS)).encode()
        await go_on.wait()

    async def shown() -> dict[str, Any]:
        response = await http.get(f"/imports/{ID}")
        return response.json() if response.status_code == 200 else {}

    async with asyncio.timeout(20):
        chunks = read_rows(slow(), "text/csv")
        task = asyncio.create_task(importing.import_clients(store, ID, chunks))

        async def has_rows() -> bool:
            return bool((await shown()).get("rows"))

        await eventually(has_rows, within=120)
        meanwhile = await shown()
        go_on.set()
        await task

    assert (meanwhile["status"], counts(meanwhile)) == ("running", (ROWS, ROWS, 0, 0, 0))
    assert meanwhile["ended_at"] is None
    assert (await shown())["status"] == "completed"


async def test_two_imports_of_the_same_phones_at_once_register_each_client_once(
    http: AsyncClient,
) -> None:
    there, back = list(range(ROWS)), list(range(ROWS - 1, -1, -1))

    async with asyncio.timeout(60):
        results = await asyncio.gather(
            imported(http, lines(there, "a")), imported(http, lines(back, "b"))
        )

    totals = [sum(each) for each in zip(*(counts(result) for result in results), strict=True)]
    assert totals == [2 * ROWS, ROWS, ROWS, 0, 0]


async def test_an_import_waits_for_who_changes_its_clients_one_by_one(
    http: AsyncClient, store: PostgresEventStore
) -> None:
    await imported(http, lines(range(100), "a"))
    ids = [each["client_id"] for each in (await clients(http)).values()]

    async def change_all() -> None:
        for client_id in ids:
            response = await http.patch(f"/clients/{client_id}", json={"full_name": "Anna"})
            assert response.status_code in {200, 503}

    async with asyncio.timeout(60), asyncio.TaskGroup() as tasks:
        tasks.create_task(change_all())
        for comment in ("b", "c", "d"):
            await imported(http, lines(range(100), comment))

    assert {each["comment"] for each in (await clients(http)).values()} == {"d"}
    history = await store.load(f"client-{ids[0]}", client.events)
    assert len(history) == (await http.get(f"/clients/{ids[0]}")).json()["version"]


async def test_who_changes_a_client_at_each_try_of_an_import_loses_to_the_second(
    http: AsyncClient, catalog_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    await imported(http, lines(range(10), "a"))
    changed = (await clients(http))["79160000000"]["client_id"]
    known_clients = import_writing.known_clients  # type: ignore[attr-defined]
    rivals: list[asyncio.Task[Any]] = []

    async def with_a_rival(db: Connection, wanted: Wanted) -> Any:
        found = await known_clients(db, wanted)
        full_name = {"full_name": f"Anna {len(rivals)}"}
        rival = asyncio.create_task(http.patch(f"/clients/{changed}", json=full_name))
        rivals.append(rival)

        async def is_done_or_waits() -> bool:
            async with catalog_pool.connect() as other:
                waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
                return rival.done() or bool(await other.scalar(waiting))

        await eventually(is_done_or_waits, within=120)
        return found

    monkeypatch.setattr(import_writing, "known_clients", with_a_rival)
    await imported(http, lines(range(10), "b"))

    assert [(await rival).status_code for rival in rivals] == [200, 200]
    last = (await clients(http))["79160000000"]
    assert (last["comment"], last["full_name"]) == ("b", "Anna 1")


async def test_an_import_outlives_a_database_that_is_away_for_a_moment(
    http: AsyncClient, catalog_pool: Pool
) -> None:
    async def body() -> AsyncIterator[bytes]:
        yield lines(range(ROWS)).encode()
        async with catalog_pool.connect() as db:
            await db.execute(
                text(
                    "SELECT pg_terminate_backend(pid, 10000) FROM pg_stat_activity"
                    " WHERE pid <> pg_backend_pid() AND datname = current_database()"
                )
            )
        yield lines(range(ROWS, 2 * ROWS)).partition("\n")[2].encode()

    response = await http.post("/imports", content=body(), headers=CSV)

    assert (response.status_code, counts(response.json())[:2]) == (201, (2 * ROWS, 2 * ROWS))


async def test_a_chunk_whose_commit_was_not_heard_of_is_counted_once(
    store: PostgresEventStore,
    http: AsyncClient,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    lost: list[bool] = []

    async def committed_but_not_heard_of(*args: Any) -> None:
        await try_chunk(*args)
        if not lost:
            lost.append(True)
            raise Unavailable

    try_chunk = import_writing._try_chunk  # noqa: SLF001 - the moment after its commit
    monkeypatch.setattr(import_writing, "_try_chunk", committed_but_not_heard_of)
    body = lines(range(5)) + "no phone,\n"

    await importing.import_clients(store, ID, read_rows(pieces(body), "text/csv"))

    shown = (await http.get(f"/imports/{ID}")).json()
    assert (lost, counts(shown)) == ([True], (6, 5, 0, 0, 1))


async def test_new_and_changed_clients_are_written_together_however_the_rows_are_mixed(
    http: AsyncClient, catalog_pool: Pool
) -> None:
    await imported(http, lines(range(0, 200, 2)))

    with statements(catalog_pool) as sent:
        result = await imported(http, lines(range(200), comment="new"))

    assert counts(result) == (200, 100, 100, 0, 0)
    assert len(sent) < 40
    assert {each["comment"] for each in (await clients(http)).values()} == {"new"}


async def test_without_a_database_an_import_may_be_repeated_later(no_pool: Pool) -> None:
    store = PostgresEventStore("catalog", no_pool, _nothing)

    with pytest.raises(Unavailable):
        await importing.import_clients(store, ID, read_rows(pieces("phone\n"), "text/csv"))


async def _nothing(*_: object) -> None: ...

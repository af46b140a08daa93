"""An import that is requested again: the same file goes on, another one is refused."""

import asyncio
import gzip
from collections.abc import AsyncIterator, Sequence
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient

from services.catalog.domain.imports import Chunk, ImportBrokenOff
from services.catalog.files import read_rows
from services.catalog.files.rows import ROWS
from services.catalog.handlers import import_writing, importing
from shared.event_store.postgres import PostgresEventStore
from shared.testing import eventually

ID = UUID(int=1)
CSV = {"Content-Type": "text/csv"}
KEY = {"Idempotency-Key": "k1"}
HEADER = "phone,comment\n"


def lines(numbers: Sequence[int], comment: str = "") -> str:
    return "".join(f"7916{n:07},{comment}\n" for n in numbers)


FILE = HEADER + lines(range(ROWS)) + "bad,\n" * 2 + lines(range(ROWS, 3 * ROWS))


async def post(http: AsyncClient, body: str | bytes, **headers: str) -> tuple[int, dict[str, Any]]:
    response = await http.post("/imports", content=body, headers=CSV | headers)
    return response.status_code, response.json()


async def again(http: AsyncClient, body: str) -> tuple[int, dict[str, Any]]:
    response = await http.post(
        "/imports", content=body, headers=CSV, params={"import_id": str(ID)}
    )
    return response.status_code, response.json()


async def shown(http: AsyncClient) -> dict[str, Any]:
    view: dict[str, Any] = (await http.get(f"/imports/{ID}")).json()
    return view


async def clients(http: AsyncClient) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    cursor = None
    while True:
        params = {"limit": 1000} | ({"cursor": cursor} if cursor else {})
        page = (await http.get("/clients", params=params)).json()
        found |= {each["phone"]: each for each in page["items"]}
        if not (cursor := page["next_cursor"]):
            return found


async def everything(http: AsyncClient) -> tuple[Any, ...]:
    rejections = (await http.get(f"/imports/{ID}/rejections")).json()
    return await shown(http), rejections, await clients(http)


async def chunks_of(body: str, stop_at: int | None = None) -> AsyncIterator[Chunk]:
    async def pieces() -> AsyncIterator[bytes]:
        yield body.encode()

    async for chunk in read_rows(pieces(), "text/csv"):
        if chunk.number == stop_at:
            raise ImportBrokenOff
        yield chunk


async def break_off(store: PostgresEventStore, body: str, at: int) -> None:
    """Import `body` up to its chunk `at`."""
    with pytest.raises(ImportBrokenOff):
        await importing.import_clients(store, ID, chunks_of(body, at))


# Completed


async def test_the_same_file_under_the_same_key_is_the_same_import(http: AsyncClient) -> None:
    first = await post(http, HEADER + lines([1]), **KEY)

    second = await post(http, HEADER + lines([1]), **KEY)
    packed = gzip.compress((HEADER + lines([1])).encode())
    third = await post(http, packed, **KEY, **{"Content-Encoding": "gzip"})

    assert (first[0], first[1]["rows"]) == (201, 1)
    assert first == second == third


@pytest.mark.parametrize(
    "other",
    [
        HEADER + lines([1, 2]),
        HEADER + lines([2]),
        HEADER + lines([1], "x"),
        HEADER + lines([1]) + "\n",
        HEADER + lines([1]).rstrip(),
        HEADER + lines([1]) + "bad\n",
        HEADER,
    ],
)
async def test_another_file_under_the_same_key_is_refused(http: AsyncClient, other: str) -> None:
    _, first = await post(http, HEADER + lines([1]), **KEY)

    status, problem = await post(http, other, **KEY)

    assert (status, problem["type"]) == (422, "ImportDiffers")
    assert (await http.get(f"/imports/{first['import_id']}")).json() == first
    assert [each["comment"] for each in (await clients(http)).values()] == [None]
    assert set(await clients(http)) == {"79160000001"}


async def test_another_file_for_an_import_that_is_completed_is_refused(http: AsyncClient) -> None:
    await again(http, FILE)
    before = await everything(http)

    status, problem = await again(http, FILE + lines([99_999]))

    assert (status, problem["type"]) == (422, "ImportDiffers")
    assert await everything(http) == before


async def test_the_same_lines_as_another_type_are_another_file(http: AsyncClient) -> None:
    await post(http, HEADER, **KEY)

    response = await http.post(
        "/imports", content=HEADER, headers={"Content-Type": "application/x-ndjson"} | KEY
    )

    assert response.json()["type"] == "ImportDiffers"


# Not completed


async def test_an_import_that_broke_off_goes_on_where_it_did(
    http: AsyncClient, store: PostgresEventStore
) -> None:
    await break_off(store, FILE, at=2)
    edited = (await clients(http))["79160000000"]["client_id"]
    await http.patch(f"/clients/{edited}", json={"comment": "by hand"})

    status, view = await again(http, FILE)

    names = ("rows", "created", "changed", "unchanged", "rejected", "lines", "status")
    assert status == 201
    expected = (3 * ROWS + 2, 3 * ROWS, 0, 0, 2, 3 * ROWS + 3, "completed")
    assert tuple(view[name] for name in names) == expected
    rejections = (await http.get(f"/imports/{ID}/rejections")).json()["items"]
    assert [each["line"] for each in rejections] == [ROWS + 2, ROWS + 3]
    found = await clients(http)
    assert len(found) == 3 * ROWS
    assert found["79160000000"]["comment"] == "by hand"  # what was written is not written again


@pytest.mark.parametrize(
    "other",
    [
        HEADER + lines(range(4 * ROWS), "x"),
        FILE.replace(f"7916{2 * ROWS - 3:07},", f"7916{2 * ROWS - 3:07},x"),
        HEADER + lines(range(ROWS)),
        HEADER,
    ],
    ids=["from the first row on", "in the last chunk that is written", "shorter", "no rows"],
)
async def test_another_file_for_an_import_that_broke_off_changes_nothing(
    http: AsyncClient, store: PostgresEventStore, other: str
) -> None:
    await break_off(store, FILE, at=2)
    before = await everything(http)

    status, problem = await again(http, other)

    assert (status, problem["type"]) == (422, "ImportDiffers")
    assert await everything(http) == before
    assert (await again(http, FILE))[0] == 201


async def test_another_file_does_not_disturb_an_import_under_way(
    http: AsyncClient, store: PostgresEventStore
) -> None:
    has_begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[Chunk]:
        async for chunk in chunks_of(FILE):
            if chunk.number == 2:
                has_begun.set()
                await go_on.wait()
            yield chunk

    async def has_rows() -> bool:
        return bool((await shown(http))["rows"] == 2 * ROWS)

    async with asyncio.timeout(60):
        task = asyncio.create_task(importing.import_clients(store, ID, slowly()))
        await has_begun.wait()
        await eventually(has_rows, within=120)
        status, problem = await again(http, HEADER + lines(range(3 * ROWS), "x"))
        go_on.set()
        await task

    assert (status, problem["type"]) == (422, "ImportDiffers")
    view = await shown(http)
    assert (view["status"], view["rows"]) == ("completed", 3 * ROWS + 2)
    assert {each["comment"] for each in (await clients(http)).values()} == {None}


@pytest.fixture
def without_the_second_chunk(monkeypatch: pytest.MonkeyPatch) -> pytest.MonkeyPatch:
    """Let the second chunk fail, and those beside it succeed."""
    try_chunk = import_writing._try_chunk  # noqa: SLF001 - which fails for one reason or another

    async def fail(writer: Any, chunk: Chunk, phones: Any) -> None:
        if chunk.number == 1:
            raise ImportBrokenOff
        await try_chunk(writer, chunk, phones)

    monkeypatch.setattr(import_writing, "_try_chunk", fail)
    return monkeypatch


async def test_a_chunk_that_failed_between_others_is_all_that_is_written_later(
    http: AsyncClient, store: PostgresEventStore, without_the_second_chunk: pytest.MonkeyPatch
) -> None:
    with pytest.raises(ImportBrokenOff):
        await importing.import_clients(store, ID, chunks_of(FILE))
    before = await shown(http)
    without_the_second_chunk.undo()
    differs_there = FILE.replace(f"7916{ROWS + 5:07},", f"7916{ROWS + 5:07},x")

    refused = await again(http, differs_there)
    between = await shown(http)
    status, view = await again(http, FILE)

    assert before["rows"] > ROWS + 2
    assert (refused[0], between) == (422, before)
    assert (status, view["rows"], view["created"]) == (201, 3 * ROWS + 2, 3 * ROWS)
    assert len(await clients(http)) == 3 * ROWS


async def test_an_import_that_died_before_its_end_was_written_is_completed(
    http: AsyncClient, store: PostgresEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Died(BaseException):
        """The process is no more."""

    async def die(*_: object) -> None:
        raise Died

    with monkeypatch.context() as patched:
        patched.setattr(importing, "_complete", die)
        with pytest.raises(Died):
            await importing.import_clients(store, ID, chunks_of(FILE))
    assert (await shown(http))["status"] == "running"

    status, view = await again(http, FILE)

    assert (status, view["status"], view["rows"]) == (201, "completed", 3 * ROWS + 2)
    assert (await again(http, FILE))[1] == view


async def test_of_a_file_that_was_refused_nothing_is_compared(http: AsyncClient) -> None:
    assert (await again(http, "name\nAnna\n"))[0] == 422

    status, view = await again(http, HEADER + lines([1]))

    assert (status, view["rows"], view["failure_reason"]) == (201, 1, None)

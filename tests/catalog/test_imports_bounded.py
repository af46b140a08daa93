"""What an import may bring, and what is kept of it: bounded, impersonal, deletable."""

import asyncio
import gzip
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx import ASGITransport, AsyncClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import func, select, text

from services.catalog import tables, workers
from services.catalog.domain.imports import DEFAULT_LIMITS, ImportLimits, ImportOvertaken
from services.catalog.files import read_rows
from services.catalog.handlers import importing
from services.catalog.handlers.import_plan import plan_chunk
from services.catalog.handlers.pruning import prune_imports
from services.catalog.queue.import_clients import KnownClients
from services.catalog.routes import routers
from shared.database import Pool, transaction
from shared.errors import Error
from shared.event_store.postgres import PostgresEventStore
from shared.http import create_app
from shared.testing import FrozenClock, eventually

ID = UUID(int=1)
NOW = datetime(2026, 1, 1, tzinfo=UTC)
CSV = {"Content-Type": "text/csv"}
SMALL = ImportLimits(bytes=100_000, rows=4_000, rejections=5)
DETAILS = (tables.import_rejections, tables.import_rejection_counts, tables.import_chunks)


@pytest.fixture
async def small(
    catalog_pool: Pool, store: PostgresEventStore, clock: FrozenClock
) -> AsyncIterator[AsyncClient]:
    app = create_app("catalog", routers, catalog_pool, clock, store)
    app.state.import_limits = SMALL
    async with AsyncClient(transport=ASGITransport(app), base_url="http://catalog/v1") as client:
        yield client


async def post(
    http: AsyncClient, body: str | bytes | AsyncIterator[bytes], **headers: str
) -> tuple[int, dict[str, Any]]:
    response = await http.post(
        "/imports", content=body, headers=CSV | headers, params={"import_id": str(ID)}
    )
    return response.status_code, response.json()


async def shown(http: AsyncClient) -> dict[str, Any]:
    view: dict[str, Any] = (await http.get(f"/imports/{ID}")).json()
    return view


async def kept(pool: Pool) -> int:
    """Return how many rows there are about imports, those of the imports not counted."""
    async with transaction(pool) as db:
        counts = [await db.scalar(select(func.count()).select_from(each)) for each in DETAILS]
    return sum(count or 0 for count in counts)


def lines(count: int) -> str:
    return "phone\n" + "".join(f"7916{n:07}\n" for n in range(count))


# Size


async def test_a_file_that_says_it_is_too_large_is_refused_before_it_is_read(
    small: AsyncClient,
) -> None:
    status, problem = await post(small, lines(10_000))

    assert (status, problem["type"]) == (413, "ImportTooLarge")
    assert (await small.get(f"/imports/{ID}")).status_code == 404


async def pieces(body: str) -> AsyncIterator[bytes]:
    for at in range(0, len(body), 1000):
        yield body[at : at + 1000].encode()


@pytest.mark.parametrize(
    ("body", "detail", "rows"),
    [
        (lines(10_000), "more than 100000 bytes", 8_000 // 2),
        ("phone\n" + "7\n" * 4_001, "more than 4000 rows", 4_000),
    ],
)
async def test_a_file_that_grows_too_large_ends_there_and_what_came_before_is_imported(
    small: AsyncClient, body: str, detail: str, rows: int
) -> None:
    small_rows = replace(SMALL, rows=10_000) if "bytes" in detail else SMALL
    small._transport.app.state.import_limits = small_rows  # type: ignore[attr-defined] # noqa: SLF001

    status, problem = await post(small, pieces(body))

    assert (status, problem["type"]) == (413, "ImportTooLarge")
    view = await shown(small)
    assert (view["status"], view["failure_reason"]) == ("failed", detail)
    assert rows <= view["rows"] < 10_000


async def test_the_size_is_that_of_what_is_unpacked(small: AsyncClient) -> None:
    packed = gzip.compress(lines(10_000).encode())
    assert len(packed) < SMALL.bytes

    status, problem = await post(small, packed, **{"Content-Encoding": "gzip"})

    assert (status, problem["type"]) == (413, "ImportTooLarge")


# Rejections


async def test_of_many_rejections_the_first_are_kept_and_all_are_counted_by_reason(
    small: AsyncClient, catalog_pool: Pool
) -> None:
    body = "phone,time_zone\n" + "1,x\n" * 3 + "1\n" * 2_997 + "79161234567,x\n"

    status, view = await post(small, body)

    assert (status, view["rows"], view["rejected"]) == (201, 3_001, 3_001)
    assert view["rejection_counts"] == [
        {"column": None, "code": "cells", "count": 2_997},
        {"column": "time_zone", "code": "time_zone", "count": 4},
        {"column": "phone", "code": "phone", "count": 3},
    ]
    page = (await small.get(f"/imports/{ID}/rejections", params={"limit": 1000})).json()
    assert [each["line"] for each in page["items"]] == [2, 2, 3, 3, 4, 4, 5, 6]
    assert await kept(catalog_pool) == 8 + 3


async def test_rejections_of_a_try_that_is_begun_anew_are_not_counted_twice(
    http: AsyncClient, catalog_pool: Pool
) -> None:
    await post(http, "phone\n1\n2\n")
    async with transaction(catalog_pool) as db:  # as an earlier release left it: without digests
        await db.execute(text("UPDATE imports SET status = 'failed', digest = NULL"))

    _, view = await post(http, "phone\n1\n")

    assert (view["rows"], view["rejected"]) == (1, 1)
    assert view["rejection_counts"] == [{"column": "phone", "code": "phone", "count": 1}]
    page = (await http.get(f"/imports/{ID}/rejections")).json()
    assert [each["line"] for each in page["items"]] == [2]


# Deleted


async def test_an_import_that_is_deleted_leaves_only_its_clients(
    http: AsyncClient, catalog_pool: Pool
) -> None:
    await post(http, "phone\n79161234567\n1\n")

    answers = [await http.delete(f"/imports/{ID}") for _ in range(2)]

    assert [answer.status_code for answer in answers] == [204, 204]
    assert await kept(catalog_pool) == 0
    for path in (f"/imports/{ID}", f"/imports/{ID}/rejections"):
        assert (await http.get(path)).json()["type"] == "ImportUnknown"
    assert (await http.get("/imports")).json()["items"] == []
    assert len((await http.get("/clients")).json()["items"]) == 1


async def test_a_key_whose_import_was_deleted_is_refused(http: AsyncClient) -> None:
    await post(http, "phone\n")
    await http.delete(f"/imports/{ID}")

    status, problem = await post(http, "phone\n")

    assert (status, problem["type"]) == (409, "ImportWasDeleted")


async def test_a_failed_import_is_deleted_with_its_reason_and_its_chunks(
    http: AsyncClient, store: PostgresEventStore, catalog_pool: Pool
) -> None:
    async def too_short() -> AsyncIterator[Any]:
        async for chunk in read_rows(pieces(lines(2_001)), "text/csv"):
            if chunk.number:
                raise ImportOvertaken
            yield chunk

    with pytest.raises(ImportOvertaken):
        await importing.import_clients(store, ID, too_short())
    before = await kept(catalog_pool)

    assert (await http.delete(f"/imports/{ID}")).status_code == 204

    assert (before, await kept(catalog_pool)) == (1, 0)
    async with transaction(catalog_pool) as db:
        row = (await db.execute(select(tables.imports))).one()
    assert (row.status, row.failure_reason, row.digest) == ("deleted", None, None)


async def test_an_import_that_runs_is_not_deleted(
    http: AsyncClient, store: PostgresEventStore
) -> None:
    has_begun, go_on = asyncio.Event(), asyncio.Event()

    async def slowly() -> AsyncIterator[Any]:
        has_begun.set()
        await go_on.wait()
        async for chunk in read_rows(pieces("phone\n"), "text/csv"):
            yield chunk

    async with asyncio.timeout(30):
        task = asyncio.create_task(importing.import_clients(store, ID, slowly()))
        await has_begun.wait()
        response = await http.delete(f"/imports/{ID}")
        go_on.set()
        await task

    assert (response.status_code, response.json()["type"]) == (409, "ImportRunning")
    assert (await shown(http))["status"] == "completed"


async def test_an_unknown_import_cannot_be_deleted(http: AsyncClient) -> None:
    assert (await http.delete(f"/imports/{ID}")).status_code == 404


async def move_clock(pool: Pool, by: timedelta) -> None:
    async with transaction(pool) as db:
        await db.execute(text("UPDATE clock SET shift = shift + :by"), {"by": by})


@pytest.mark.parametrize("body", ["phone\n79161234567\n1\n", "name\n79161234567\n"])
async def test_an_import_is_gone_some_time_after_its_end(
    http: AsyncClient, catalog_pool: Pool, body: str
) -> None:
    await post(http, body)
    retention = timedelta(days=30)

    await move_clock(catalog_pool, retention - timedelta(minutes=1))
    await prune_imports(catalog_pool, retention)
    assert (await http.get(f"/imports/{ID}")).status_code == 200
    await move_clock(catalog_pool, timedelta(minutes=2))
    await prune_imports(catalog_pool, retention)

    assert (await http.get(f"/imports/{ID}")).status_code == 404
    assert await kept(catalog_pool) == 0
    assert (await post(http, body))[0] in {201, 422}  # its key is free again


async def test_the_worker_prunes_by_itself(http: AsyncClient, catalog_pool: Pool) -> None:
    await post(http, "phone\n")
    await move_clock(catalog_pool, timedelta(days=1))
    every = timedelta(milliseconds=5)
    worker = asyncio.create_task(
        workers.prune_ended_imports(catalog_pool, timedelta(hours=1), every=every)
    )

    async def is_gone() -> bool:
        return (await http.get(f"/imports/{ID}")).status_code == 404

    try:
        await eventually(is_gone, within=120)
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


# Personal data in a wrong place


PHONES = st.from_regex(r"\+?7[- (]?9\d\d[-) ]?\d{3}[- ]?\d\d[- ]?\d\d", fullmatch=True)
ADDRESSES = st.from_regex(r"[a-z]{3,9}\.[a-z]{3,9}@[a-z]{3,9}\.(com|ru)", fullmatch=True)
NAMES = st.just("Анна Петрова") | st.just("Anna Petrova")
PERSONAL = PHONES | ADDRESSES | NAMES
PLACES = [
    ("text/csv", "{0}\n7916123456,x\n"),
    ("text/csv", "phone,{0}\n7916123456,x\n"),
    ("text/csv", "phone,full_name,{0}\n7916123456,x\n"),
    ("text/csv", "79161234567,{0},vip\n79161234568,x,y\n"),
    ("text/csv", '"{0}\n7\n'),
    ("text/csv", "phone,phone,{0}\n7\n"),
    ("text/csv", "phone,tags,time_zone\n{0},{0},{0}\n{0}\n{0},{0},{0},{0}\n"),
    ("text/csv", 'phone,email\n79161234567,"{0}\n\n7,"x"{0}\n79161234567,{0} x\n'),
    ("application/x-ndjson", '{{"phone": "7", "{0}": 1}}\n{{"{0}": 1}}\n'),
    ("application/x-ndjson", '{{"phone": {{"{0}": 1}}}}\n{{"phone": ["{0}"]}}\n'),
    ("application/x-ndjson", '{{"phone": "{0}", "{0}": "x", "phone": 1}}\n{0}\n"{0}"\n'),
    ("application/x-ndjson", '{{"phone": "{0}", "tags": ["{0}", 1], "email": "{0} x"}}\n'),
]


@pytest.mark.parametrize(("content_type", "place"), PLACES)
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(PERSONAL)
async def test_no_reason_repeats_personal_data_that_stands_in_a_wrong_place(
    content_type: str, place: str, personal: str
) -> None:
    body = place.format(personal)
    reasons: list[str] = []
    try:
        async for chunk in read_rows(pieces(body), content_type, DEFAULT_LIMITS):
            plan = plan_chunk(chunk, KnownClients(), NOW)  # with what is wrong in a client
            reasons += [str(each.field_errors) for each in plan.rejections]
    except Error as error:
        reasons.append(str(error.field_errors))

    assert reasons
    for reason in reasons:
        without_examples = reason.replace("79161234567", "").replace("anna@example.com", "")
        assert personal not in without_examples
        digits = "".join(each for each in without_examples if each.isdigit())
        assert len(digits) < 10
        assert "@" not in without_examples
        assert len(reason) < 1_000

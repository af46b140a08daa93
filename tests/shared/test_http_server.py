"""The server before real sockets: heads that do not come, clients that hang up, bursts."""

import asyncio
import signal
import socket
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta

import httpx
import pytest
from fastapi import APIRouter
from pydantic import PostgresDsn
from sqlalchemy import text

from shared import database
from shared.database import Pool, business_clock
from shared.errors import Overloaded
from shared.http import Body, Database, create_app, protocol, serve, strict_router
from shared.http.admission import Admission
from shared.testing import eventually
from tests.reading import statements

router = strict_router("/test", "test")


class Thing(Body):
    name: str


@router.get("/read")
async def read(db: Database) -> int:
    return int(await db.scalar(text("SELECT 1")))


@router.get("/slow")
async def slow(db: Database) -> int:
    return int(await db.scalar(text("SELECT count(pg_sleep(0.3))")))


@router.post("/things")
async def add_thing(body: Thing) -> str:
    return body.name


@asynccontextmanager
async def served(pool: Pool, routers: Sequence[APIRouter] = (router,)) -> AsyncIterator[int]:
    """Serve on a port of its own, as a service does."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    app = create_app("test", routers, pool, business_clock(pool), None)
    task = asyncio.create_task(serve(app, host="127.0.0.1", port=port, drain=timedelta(seconds=1)))

    async def is_open() -> bool:
        try:
            _, writer = await asyncio.open_connection("127.0.0.1", port)
        except OSError:
            return False
        writer.close()
        return True

    try:
        await eventually(is_open, within=120)
        yield port
    finally:
        if signal.getsignal(signal.SIGTERM) is not signal.SIG_DFL:  # else it has ended already
            signal.raise_signal(signal.SIGTERM)
        await task


async def said(port: int, *pieces: bytes, within: float = 60) -> bytes:
    """Send the pieces one after the other; return all that is answered until the end."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    try:
        for piece in pieces:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0.05)
        async with asyncio.timeout(within):
            return await reader.read()
    finally:
        writer.close()


GET = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n"


@pytest.fixture
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(protocol, "HEAD_WITHIN_S", 0.4)


@pytest.mark.usefixtures("_impatient")
@pytest.mark.parametrize(
    ("pieces", "answer"),
    [
        ((b"",), b""),
        ((b"G",), b"HTTP/1.1 408"),
        ((GET,), b"HTTP/1.1 408"),
        ((GET, b"X: 1\r\n", b"Y: 1\r\n"), b"HTTP/1.1 408"),
        ((b"\r\n", b"\r\n"), b"HTTP/1.1 408"),
        ((GET + b"\r\n", GET), b"HTTP/1.1 204"),
        ((GET + b"\r\n" + GET,), b"HTTP/1.1 204"),
    ],
)
async def test_a_head_that_is_not_sent_in_time_ends_its_connection(
    no_pool: Pool, pieces: tuple[bytes, ...], answer: bytes
) -> None:
    async with served(no_pool) as port:
        assert (await said(port, *pieces, within=30)).startswith(answer)


@pytest.mark.usefixtures("_impatient")
async def test_a_head_that_comes_in_pieces_but_in_time_is_answered(no_pool: Pool) -> None:
    async with served(no_pool) as port:
        answer = await said(port, GET[:9], GET[9:], b"Connection: close\r\n\r\n")

    assert answer.startswith(b"HTTP/1.1 204")


@pytest.mark.usefixtures("_impatient")
async def test_a_body_may_take_longer_than_a_head(no_pool: Pool) -> None:
    head = (
        b"POST /test/things HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n"
        b"Content-Type: application/json\r\nContent-Length: 13\r\n\r\n"
    )
    async with served(no_pool) as port:
        answer = await said(port, head, *[b""] * 12, b'{"name": "a"}')

    assert answer.startswith(b"HTTP/1.1 200")


async def test_a_head_without_end_is_refused(no_pool: Pool) -> None:
    async with served(no_pool) as port:
        answer = await said(port, GET, *[b"X: " + b"x" * 30_000 + b"\r\n"] * 3)

    assert answer.startswith(b"HTTP/1.1 431")


@pytest.mark.parametrize("text", [b"nonsense\r\n\r\n", b"GET / HTTP/9\r\n\r\n"])
async def test_what_is_no_http_is_refused_like_everything_else(no_pool: Pool, text: bytes) -> None:
    async with served(no_pool) as port:
        answer = (await said(port, text)).lower()

    assert answer.startswith(b"http/1.1 400")
    assert b"x-content-type-options: nosniff" in answer
    assert b"cache-control: no-store" in answer
    assert b"content-type: application/problem+json" in answer


# Its end


async def test_an_ending_server_answers_once_more_on_each_connection(no_pool: Pool) -> None:
    async with served(no_pool) as port:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        begun, begun_writer = await asyncio.open_connection("127.0.0.1", port)
        unused, unused_writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(GET + b"\r\n")
        first = await reader.readuntil(b"\r\n\r\n")
        signal.raise_signal(signal.SIGTERM)

        async def is_closed() -> bool:
            try:
                _, other = await asyncio.open_connection("127.0.0.1", port)
            except OSError:
                return True
            other.close()
            return False

        await eventually(is_closed, within=120)
        writer.write(GET + b"\r\n")
        begun_writer.write(GET)
        last = await reader.read()
        assert await unused.read() == b""  # closed without a request
        begun_writer.write(b"\r\n")
        completed = await begun.read()
        for each in (writer, begun_writer, unused_writer):
            each.close()

    assert b"connection: close" not in first.lower()
    for answer in (last, completed):
        assert answer.startswith(b"HTTP/1.1 204")
        assert b"connection: close" in answer.lower()


# Reads at once


async def test_a_burst_of_a_thousand_reads_is_answered(catalog_pool: Pool) -> None:
    app = create_app("test", [router], catalog_pool, business_clock(catalog_pool), None)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answers = await asyncio.gather(*(client.get("/test/read") for _ in range(1_000)))

    assert {answer.status_code for answer in answers} == {200}


async def test_a_read_takes_one_round_trip(catalog_pool: Pool) -> None:
    app = create_app("test", [router], catalog_pool, business_clock(catalog_pool), None)
    transport = httpx.ASGITransport(app)
    await catalog_pool.dispose()  # to connect must not take one either
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        with statements(catalog_pool) as sent:
            await client.get("/test/read")

    assert sent == [False]  # neither BEGIN nor COMMIT, and nothing before it


async def execute(url: PostgresDsn, statement: str) -> None:
    async with database.connect(url) as pool, database.autocommit(pool) as db:
        await db.execute(text(statement))


async def test_a_connection_that_was_lost_while_it_rested_is_not_used(
    catalog_pool: Pool, catalog_database: PostgresDsn
) -> None:
    app = create_app("test", [router], catalog_pool, business_clock(catalog_pool), None)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        await client.get("/test/read")
        async with catalog_pool.connect() as db:
            number = await db.scalar(text("SELECT pg_backend_pid()"))
        await execute(catalog_database, f"SELECT pg_terminate_backend({number}, 10000)")
        answers = [(await client.get("/test/read")).status_code for _ in range(3)]

    assert answers == [200, 200, 200]


async def test_who_waits_too_long_for_a_turn_is_told_so(catalog_pool: Pool) -> None:
    app = create_app("test", [router], catalog_pool, business_clock(catalog_pool), None)
    app.state.admission = Admission(1, wait_s=0.1)
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://localhost") as client:
        answers = await asyncio.gather(*(client.get("/test/slow") for _ in range(3)))

    refused = [answer for answer in answers if answer.status_code == 503]
    assert sorted(answer.status_code for answer in answers) == [200, 503, 503]
    for answer in refused:
        assert (answer.json()["type"], answer.headers["retry-after"]) == ("Overloaded", "1")
        assert answer.json()["title"] == Overloaded.__doc__


async def test_turns_are_taken_in_order() -> None:
    admission, order = Admission(1, wait_s=10), list[int]()

    async def work(number: int) -> None:
        async with admission:
            order.append(number)
            await asyncio.sleep(0)

    await asyncio.gather(*(work(number) for number in range(50)))

    assert order == list(range(50))


async def test_readiness_does_not_wait_for_the_pool(catalog_database: PostgresDsn) -> None:
    async with database.connect(catalog_database, size=1) as pool, pool.connect() as held:
        await held.execute(text("SELECT 1"))
        app = create_app("test", [router], pool, business_clock(pool), None)
        transport = httpx.ASGITransport(app)
        async with (
            httpx.AsyncClient(transport=transport, base_url="http://localhost") as client,
            asyncio.timeout(60),  # the pool gives up after five, and it would not be ready then
        ):
            assert (await client.get("/readyz")).status_code == 204


async def test_a_pool_that_is_exhausted_is_told_as_such(catalog_database: PostgresDsn) -> None:
    async with database.connect(catalog_database, size=1) as pool, pool.connect() as held:
        pool.pool._timeout = 0.1  # type: ignore[attr-defined]  # noqa: SLF001 - five seconds are long
        await held.execute(text("SELECT 1"))
        with pytest.raises(Overloaded):
            async with database.autocommit(pool) as db:
                await db.execute(text("SELECT 1"))

"""How many imports are taken at once, and what becomes of the others."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from httpx import ASGITransport, AsyncClient, Response

from services.catalog.domain.imports import IMPORTS_AT_ONCE, TooManyImports
from services.catalog.routes import routers
from shared.database import Pool
from shared.event_store.postgres import PostgresEventStore
from shared.http import Admission, create_app
from shared.testing import FrozenClock, eventually

FIRST, SECOND = (f"00000000-0000-0000-0000-{number:012}" for number in (1, 2))
CSV = {"Content-Type": "text/csv"}
AT_ONCE, PATIENT_S = 0.0, 30.0


async def send(
    http: AsyncClient, import_id: str, body: bytes | AsyncIterator[bytes] = b"phone\n79161234567\n"
) -> Response:
    return await http.post("/imports", params={"import_id": import_id}, content=body, headers=CSV)


@asynccontextmanager
async def one_under_way(http: AsyncClient, import_id: str = FIRST) -> AsyncIterator[asyncio.Event]:
    """Send an import that ends with the block, or once the event is set."""
    may_end = asyncio.Event()

    async def body() -> AsyncIterator[bytes]:
        yield b"phone\n"
        await may_end.wait()
        yield b"79161234568\n"

    async def is_running() -> bool:
        return (await http.get(f"/imports/{import_id}")).status_code == 200

    sending = asyncio.create_task(send(http, import_id, body()))
    try:
        await eventually(is_running, within=120)
        yield may_end
    finally:
        may_end.set()
        assert (await sending).status_code == 201


class AppOf:
    """Makes a catalog that takes one import at once; another waits for it that long."""

    def __init__(self, pool: Pool, store: PostgresEventStore, clock: FrozenClock) -> None:
        self._parts = pool, clock, store

    @asynccontextmanager
    async def __call__(self, wait_s: float) -> AsyncIterator[AsyncClient]:
        app = create_app("catalog", routers, *self._parts)
        app.state.import_admission = Admission(1, wait_s, TooManyImports)
        transport = ASGITransport(app)
        async with AsyncClient(transport=transport, base_url="http://catalog/v1") as client:
            yield client


@pytest.fixture
def app_of(catalog_pool: Pool, store: PostgresEventStore, clock: FrozenClock) -> AppOf:
    return AppOf(catalog_pool, store, clock)


async def test_an_import_more_than_are_taken_at_once_is_refused_and_can_be_sent_again(
    app_of: AppOf,
) -> None:
    async with app_of(AT_ONCE) as http:
        async with one_under_way(http):
            refused = await send(http, SECOND)
            shown = await http.get(f"/imports/{SECOND}")
        again = await send(http, SECOND)

    assert (refused.status_code, refused.headers["retry-after"]) == (503, "5")
    assert refused.json()["type"] == "TooManyImports"
    assert refused.json()["title"] == TooManyImports.__doc__
    assert shown.status_code == 404  # nothing of it was begun
    assert (again.status_code, again.json()["created"]) == (201, 1)


async def test_an_import_is_taken_when_another_ends_within_its_time(app_of: AppOf) -> None:
    async with app_of(PATIENT_S) as http, one_under_way(http) as may_end:
        waiting = asyncio.create_task(send(http, SECOND))
        may_end.set()
        answer = await waiting

    assert answer.status_code == 201


async def test_an_import_that_failed_makes_room(app_of: AppOf) -> None:
    async with app_of(AT_ONCE) as http:
        failed = await send(http, FIRST, b"name\n")
        answer = await send(http, SECOND)

    assert (failed.status_code, answer.status_code) == (422, 201)


async def test_other_requests_are_answered_meanwhile(app_of: AppOf) -> None:
    async with app_of(AT_ONCE) as http, one_under_way(http):
        registered = await http.post("/clients", json={"phone": "79161234569"})
        listed = await http.get("/imports")
        wrong = await http.post("/imports", content=b"", headers={"Content-Type": "image/png"})

    assert (registered.status_code, listed.status_code) == (201, 200)
    assert wrong.status_code == 415  # what would be refused anyway needs no turn


async def test_without_settings_imports_are_bounded_as_well(
    http: AsyncClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("services.catalog.routes.imports.WAIT_S", AT_ONCE)
    async with one_under_way(http), one_under_way(http, SECOND):
        refused = await send(http, SECOND.replace("2", "3"))

    assert IMPORTS_AT_ONCE == 2
    assert refused.status_code == 503

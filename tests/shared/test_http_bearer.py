"""The token of a service: who shows it is answered, and nobody else, on any route."""

from collections.abc import AsyncIterator, Iterator, Mapping
from importlib import import_module

import pytest
from fastapi import FastAPI
from fastapi.routing import iter_route_contexts
from httpx import ASGITransport, AsyncClient
from pydantic import SecretStr

from deploy.env_example import SERVICES
from shared.database import Pool
from shared.event import Instant
from shared.http import Callers, create_app
from shared.testing import FrozenClock, InMemoryEventStore

TOKEN = "c0ffee" * 8
LINK = "/u/token"  # of the catalog: whoever has one may use it, and it is its own permission
OPEN = {"/livez", "/readyz", "/metrics"}  # no personal data, and nothing that changes anything
METHODS = ("GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "TRACE")


def app_of(service: str, pool: Pool, now: Instant) -> FastAPI:
    """Return the application of a service as it is served, with a token."""
    routers = import_module(f"services.{service}.routes").routers
    callers = Callers(token=SecretStr(TOKEN))
    clock, store = FrozenClock(now), InMemoryEventStore()
    return create_app(service, routers, pool, clock, store, callers=callers)


def paths_of(app: FastAPI) -> Iterator[str]:
    for route in iter_route_contexts(app.routes):
        assert route.path is not None
        yield route.path.replace("{", "").replace("}", "")


@pytest.fixture(params=SERVICES)
async def served(
    request: pytest.FixtureRequest, no_pool: Pool, now: Instant
) -> AsyncIterator[tuple[FastAPI, AsyncClient]]:
    app = app_of(request.param, no_pool, now)
    async with AsyncClient(
        transport=ASGITransport(app), base_url="http://127.0.0.1:8001"
    ) as client:
        yield app, client


async def test_every_route_but_the_probes_wants_the_token(
    served: tuple[FastAPI, AsyncClient],
) -> None:
    app, client = served
    paths = {*paths_of(app), "/", "/nowhere", "/livez/", "//livez", "/readyz/x"}
    assert len(paths) > 10

    answers = {
        (method, path): (await client.request(method, path)).status_code
        for path in paths
        for method in METHODS
    }

    answered = {path for (_, path), status in answers.items() if status != 401}
    public = {path for path in paths if path.startswith("/public/")}
    assert answered == OPEN | public | ({LINK} & paths)


async def test_every_route_is_answered_with_the_token(
    served: tuple[FastAPI, AsyncClient],
) -> None:
    app, client = served

    statuses = [
        (await client.options(path, headers={"Authorization": f"Bearer {TOKEN}"})).status_code
        for path in paths_of(app)
    ]

    assert set(statuses) == {204}


@pytest.fixture
async def client(no_pool: Pool, now: Instant) -> AsyncIterator[AsyncClient]:
    async with AsyncClient(
        transport=ASGITransport(app_of("stats", no_pool, now)), base_url="http://localhost"
    ) as client:
        yield client


@pytest.mark.parametrize(
    ("headers", "challenge"),
    [
        ({}, "Bearer"),
        ({"Authorization": ""}, "Bearer"),
        ({"Authorization": TOKEN}, "Bearer"),
        ({"Authorization": f"Basic {TOKEN}"}, "Bearer"),
        ({"X-Token": TOKEN}, "Bearer"),
        ({"Authorization": "Bearer"}, 'Bearer error="invalid_token"'),
        ({"Authorization": f"Bearer {TOKEN}0"}, 'Bearer error="invalid_token"'),
        ({"Authorization": f"Bearer {TOKEN[:-1]}"}, 'Bearer error="invalid_token"'),
        ({"Authorization": f"Bearer {TOKEN.upper()}"}, 'Bearer error="invalid_token"'),
        ({"Authorization": f"Bearer {TOKEN} {TOKEN}"}, 'Bearer error="invalid_token"'),
    ],
)
async def test_who_does_not_show_it_learns_what_to_do_and_not_what_the_token_is(
    client: AsyncClient, headers: Mapping[str, str], challenge: str
) -> None:
    response = await client.get("/openapi.json", headers=headers)

    assert (response.status_code, response.headers["www-authenticate"]) == (401, challenge)
    assert response.headers["content-type"] == "application/problem+json"
    problem = response.json()
    assert problem["type"] == "Unauthorized"
    assert "token" in problem["title"]
    assert TOKEN not in response.text


async def test_two_tokens_are_none(client: AsyncClient) -> None:
    given = ("Authorization", f"Bearer {TOKEN}")

    assert (await client.get("/openapi.json", headers=[given, given])).status_code == 401


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
async def test_the_scheme_may_be_written_in_any_case(client: AsyncClient, scheme: str) -> None:
    headers = {"Authorization": f"{scheme} {TOKEN}"}

    assert (await client.get("/openapi.json", headers=headers)).status_code == 200


async def test_nothing_of_a_body_is_read_before_the_token(no_pool: Pool, now: Instant) -> None:
    async def body() -> AsyncIterator[bytes]:
        raise AssertionError("it is read")
        yield b""

    async with AsyncClient(
        transport=ASGITransport(app_of("catalog", no_pool, now)), base_url="http://localhost"
    ) as client:
        response = await client.post("/v1/imports", content=body())

    assert response.status_code == 401

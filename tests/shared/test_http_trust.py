"""Who is answered: no page of a stranger, and nobody who asks for a name that is not ours."""

from collections.abc import AsyncIterator, Mapping
from itertools import product

import pytest
from httpx import ASGITransport, AsyncClient

from shared.database import Pool
from shared.event import Instant
from shared.http import Callers, create_app, strict_router
from shared.testing import FrozenClock, InMemoryEventStore

router = strict_router("/test", "test")

KNOWN = [
    "localhost",
    "localhost:8001",
    "LOCALHOST",
    "localhost.",
    "page.localhost",
    "127.0.0.1",
    "127.0.0.1:8001",
    "10.0.0.7:80",
    "[::1]",
    "[::1]:8001",
    "[fe80::1]",
    "catalog",
    "catalog:8001",
    "catalog.mailings.svc",
    "catalog.mailings.svc.cluster.local",
    "catalog.mailings.svc.cluster.local.:80",
    "mailings.example.com",
    "MAILINGS.example.com:443",
    "one.example.org",
    "one.two.example.org",
]
UNKNOWN = [
    "evil.example",
    "evil.example:8001",
    "localhost.evil.example",
    "127.0.0.1.evil.example",
    "1.2.3",
    "svc.evil.example",
    "catalog.svc.cluster.local.evil.example",
    "mailings.example.com.evil.example",
    "evilmailings.example.com",
    "example.org",
    "user@localhost",
    "localhost:8001:8002",
    "localhost/evil.example",
    "localhost,evil.example",
    "local host",
    "[::1].evil.example",
    "[nonsense]",
    "",
    ":8001",
    ".",
]


@router.get("/things")
async def things() -> str:
    return "seen"


@router.post("/things")
async def stop_things() -> str:
    return "stopped"


@pytest.fixture
async def client(no_pool: Pool, now: Instant) -> AsyncIterator[AsyncClient]:
    app = create_app(
        "test",
        [router],
        no_pool,
        FrozenClock(now),
        InMemoryEventStore(),
        callers=Callers(("mailings.example.com", "*.example.org")),
    )
    async with AsyncClient(
        transport=ASGITransport(app), base_url="http://127.0.0.1:8001/test"
    ) as client:
        yield client


@pytest.mark.parametrize("host", KNOWN)
async def test_a_name_that_is_ours_is_answered(client: AsyncClient, host: str) -> None:
    response = await client.get("/things", headers={"Host": host})

    assert (response.status_code, response.json()) == (200, "seen")


@pytest.mark.parametrize(("host", "method"), list(product(UNKNOWN, ["GET", "POST"])))
async def test_a_name_that_is_not_ours_is_refused(
    client: AsyncClient, host: str, method: str
) -> None:
    response = await client.request(method, "/things", headers={"Host": host})

    assert (response.status_code, response.json()["type"]) == (421, "MisdirectedRequest")
    assert response.headers["content-type"] == "application/problem+json"


@pytest.mark.parametrize("path", ["/docs", "/openapi.json", "/nowhere"])
async def test_every_path_asks_for_a_name(client: AsyncClient, path: str) -> None:
    response = await client.get(f"http://evil.example{path}")

    assert response.status_code == 421


async def test_two_names_are_none(client: AsyncClient) -> None:
    response = await client.get("/things", headers=[("Host", "catalog"), ("Host", "catalog")])

    assert response.status_code == 421


@pytest.mark.parametrize("path", ["/livez", "/metrics", "/readyz"])
async def test_probes_ask_for_no_name(client: AsyncClient, path: str) -> None:
    response = await client.get(f"http://evil.example{path}")

    assert response.status_code in (200, 204, 503)


FROM_ELSEWHERE: list[Mapping[str, str]] = [
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "nonsense"},
    {"Sec-Fetch-Site": "cross-site", "Origin": "http://127.0.0.1:8001"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"},
    {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "embed"},
    {"Origin": "https://evil.example"},
    {"Origin": "http://127.0.0.1"},
    {"Origin": "http://127.0.0.1:3000"},
    {"Origin": "http://localhost:8001"},
    {"Origin": "null"},
    {"Origin": "file://"},
    {"Origin": "nonsense"},
    {"Origin": "http://127.0.0.1:nonsense"},
    {"Origin": ""},
    {"Origin": "https://mailings.example.com.evil.example"},
    {"Sec-Fetch-Site": "none", "Origin": "https://evil.example"},
]
FROM_HERE: list[Mapping[str, str]] = [
    {},
    {"Sec-Fetch-Site": "none"},
    {"Sec-Fetch-Site": "same-origin"},
    {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:8001"},
    {"Origin": "http://127.0.0.1:8001"},
    {"Origin": "https://mailings.example.com"},  # a proxy that speaks TLS, and renames the host
    {"Origin": "https://one.example.org:8443"},
    {"Origin": "http://catalog", "Host": "catalog"},
    {"Origin": "https://catalog", "Host": "catalog"},
    {"Origin": "http://[::1]:8001", "Host": "[::1]:8001"},
]


@pytest.mark.parametrize(("headers", "method"), list(product(FROM_ELSEWHERE, ["GET", "POST"])))
async def test_a_page_of_another_site_is_refused(
    client: AsyncClient, headers: Mapping[str, str], method: str
) -> None:
    response = await client.request(method, "/things", headers=headers)

    assert (response.status_code, response.json()["type"]) == (403, "Forbidden")


@pytest.mark.parametrize("headers", FROM_HERE)
async def test_what_comes_from_no_page_or_from_ours_is_answered(
    client: AsyncClient, headers: Mapping[str, str]
) -> None:
    response = await client.post("/things", headers=headers)

    assert (response.status_code, response.json()) == (200, "stopped")


@pytest.mark.parametrize("site", ["cross-site", "same-site"])
async def test_a_link_on_another_page_can_be_followed_but_starts_nothing(
    client: AsyncClient, site: str
) -> None:
    headers = {
        "Sec-Fetch-Site": site,
        "Sec-Fetch-Mode": "navigate",
        "Sec-Fetch-Dest": "document",
    }

    assert (await client.get("/things", headers=headers)).status_code == 200
    assert (await client.post("/things", headers=headers)).status_code == 403


async def test_another_page_gets_no_permission_to_ask(client: AsyncClient) -> None:
    response = await client.options(
        "/things",
        headers={
            "Origin": "https://evil.example",
            "Sec-Fetch-Site": "cross-site",
            "Access-Control-Request-Method": "POST",
        },
    )

    assert response.status_code == 403
    assert not [name for name in response.headers if name.startswith("access-control")]

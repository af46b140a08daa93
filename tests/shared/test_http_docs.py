"""The documentation works where there is no internet."""

import re
from collections.abc import AsyncIterator

import pytest
from httpx import ASGITransport, AsyncClient

from shared.database import Pool
from shared.event import Instant
from shared.http import create_app
from shared.testing import FrozenClock

ADDRESS = re.compile(r"""(?:src|href)="([^"]*)\"""")


@pytest.fixture
async def client(no_pool: Pool, now: Instant) -> AsyncIterator[AsyncClient]:
    app = create_app("test", (), no_pool, FrozenClock(now), None)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://localhost/") as client:
        yield client


async def test_all_that_the_page_needs_is_here_and_may_be_used(client: AsyncClient) -> None:
    page = await client.get("/docs")

    addresses = ADDRESS.findall(page.text)
    assert {each.rpartition(".")[2] for each in addresses} == {"js", "css", "png"}
    for address in addresses:
        assert "//" not in address
        part = await client.get(f"/{address}")
        assert (part.status_code, len(part.content) > 100) == (200, True)
        assert not part.headers["content-type"].startswith(("text/plain", "application/json"))
    assert "<script>" not in page.text  # which the policy would not let run


async def test_the_page_asks_nobody_else(client: AsyncClient) -> None:
    page, start = await client.get("/docs"), await client.get("/docs/start.js")

    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "'unsafe-eval'" not in policy
    assert "script-src 'self';" in policy
    assert not re.search(r"https?:", policy + page.text + start.text)
    assert "validatorUrl: null" in start.text  # else it asks a validator on the internet


async def test_the_page_shows_the_document(client: AsyncClient) -> None:
    start = await client.get("/docs/start.js")
    [url] = re.findall(r'url: "([^"]*)"', start.text)

    assert (await client.get(f"/{url}")).json()["info"]["title"] == "test"


@pytest.mark.parametrize("path", ["/redoc", "/docs/oauth2-redirect", "/docs/../server.py"])
async def test_nothing_else_is_shown(client: AsyncClient, path: str) -> None:
    assert (await client.get(path)).status_code == 404

"""No cursor that somebody makes up is an internal error, in any list of any service."""

from base64 import urlsafe_b64encode
from collections.abc import AsyncIterator
from uuid import UUID

import pytest
from httpx import ASGITransport, AsyncClient

from services.catalog import routes as catalog
from services.dispatcher import routes as dispatcher
from services.scheduler import routes as scheduler
from services.stats import routes as stats
from shared import database, http
from shared.database import Pool

ID = str(UUID(int=2**128 - 1))
NUMBERS = ("-1", "2147483647", "2147483648", "9223372036854775808", "9" * 30, "1_0", "१", "nan")
INSTANTS = (
    *(
        "0001-01-01T00:00:00+00:00",
        "0001-01-01T00:00:00+14:00",
        "9999-12-31T23:59:59.999999+00:00",
    ),
    *("9999-12-31T23:59:59.999999-14:00", "2026-01-01", "1e400", "now", "infinity"),
)
TEXTS = [
    *("", "\0", "\n", "x" * 5_000, ID, ID.replace("-", ""), f"{ID},", f",{ID}", "/", "//", ",,"),
    *(f"{at},{ID}" for at in INSTANTS),
    *(
        f"{mark.join([first, *rest])}"
        for mark in ",/"
        for first in (ID, *NUMBERS)
        for rest in (["1"], [ID], ["9" * 30], [ID, "1"], [ID, "9" * 30])
    ),
    *(f"{at}/{ID}/{number}" for at in (ID, *INSTANTS) for number in NUMBERS),
]
CURSORS = [*(urlsafe_b64encode(each.encode()).decode() for each in TEXTS), "no base64", "\ud7ff"]


@pytest.fixture
async def clients(
    catalog_pool: Pool, scheduler_pool: Pool, dispatcher_pool: Pool, stats_pool: Pool
) -> AsyncIterator[list[tuple[AsyncClient, list[str]]]]:
    services = {
        "catalog": (catalog_pool, catalog.routers),
        "scheduler": (scheduler_pool, scheduler.routers),
        "dispatcher": (dispatcher_pool, dispatcher.routers),
        "stats": (stats_pool, stats.routers),
    }
    found = []
    for name, (pool, routers) in services.items():
        app = http.create_app(name, routers, pool, database.business_clock(pool), None)
        app.state.senders = []
        transport = ASGITransport(app, raise_app_exceptions=False)
        paths = [
            path.replace("{", "").replace("import_id}", ID).replace("run_id}", ID)
            for path, methods in app.openapi()["paths"].items()
            if any(
                each["name"] == "cursor" for each in methods.get("get", {}).get("parameters", [])
            )
        ]
        found.append((AsyncClient(transport=transport, base_url=f"http://{name}"), paths))
    yield found
    for client, _ in found:
        await client.aclose()


async def test_a_cursor_that_is_none_of_ours_is_refused_or_leads_nowhere(
    clients: list[tuple[AsyncClient, list[str]]],
) -> None:
    assert sum(len(paths) for _, paths in clients) >= 9
    for client, paths in clients:
        for path in paths:
            for cursor in CURSORS:
                scope = {"run_id": ID} if path == "/v1/messages" else {}
                answer = await client.get(path, params={"cursor": cursor, **scope})
                assert answer.status_code in {200, 404, 422}, (path, cursor, answer.text)

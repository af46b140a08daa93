"""Since when a client is registered: always later than the removal that freed its phone.

So a run that began between the two has only one of them.
"""

from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx import ASGITransport, AsyncClient

from services.catalog.domain.client import RemoveClient
from services.catalog.handlers import handle, import_writing
from services.catalog.queue.import_clients import Wanted
from services.catalog.routes import routers
from shared import database
from shared.database import Connection, Pool, transaction
from shared.event import Instant
from shared.event_store.postgres import PostgresEventStore
from shared.http import create_app

PHONE = "79161234567"


async def registered(http: AsyncClient) -> dict[str, Any]:
    response = await http.post("/clients", json={"phone": PHONE})
    assert response.status_code == 201, response.text
    client: dict[str, Any] = response.json()
    return client


async def imported(http: AsyncClient, comment: str) -> dict[str, Any]:
    body = f"phone,comment\n{PHONE},{comment}\n"
    headers = {"Content-Type": "text/csv"}
    assert (await http.post("/imports", content=body, headers=headers)).status_code == 201
    client: dict[str, Any]
    (client,) = (await http.get("/clients")).json()["items"]
    return client


def since(client: dict[str, Any]) -> datetime:
    return datetime.fromisoformat(client["created_at"])


async def test_a_phone_is_registered_anew_after_its_removal_however_long_that_takes(
    http: AsyncClient, store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    before = await registered(http)
    removed_at = now + timedelta(seconds=1)

    class Clock:
        """Lets the client be removed just after the instant of the request was read."""

        questions = 0

        async def __call__(self) -> Instant:
            self.questions += 1
            if self.questions > 1:
                return removed_at + timedelta(seconds=1)
            removal = RemoveClient(client_id=UUID(before["client_id"]), now=removed_at)
            await handle(store, removal)
            return now

    app = create_app("catalog", routers, catalog_pool, Clock(), store)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://catalog/v1") as slow:
        again = await registered(slow)

    assert since(again) > removed_at


async def test_a_phone_is_imported_anew_after_its_removal_however_long_that_takes(
    http: AsyncClient,
    catalog_pool: Pool,
    store: PostgresEventStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    before = await imported(http, "first")
    known_clients = import_writing.known_clients  # type: ignore[attr-defined]
    removed_at: list[Instant] = []

    async def remove_first(db: Connection, wanted: Wanted) -> Any:
        async with transaction(catalog_pool) as other:
            removed_at.append(await database.now(other))
        await handle(store, RemoveClient(client_id=UUID(before["client_id"]), now=removed_at[0]))
        return await known_clients(db, wanted)

    monkeypatch.setattr(import_writing, "known_clients", remove_first)
    after = await imported(http, "anew")

    assert after["client_id"] != before["client_id"]
    assert since(after) > removed_at[0]


async def test_a_change_says_since_when_its_client_is_registered(
    http: AsyncClient, catalog_pool: Pool
) -> None:
    client = await imported(http, "first")
    await imported(http, "second")
    await http.patch(f"/clients/{client['client_id']}", json={"comment": "third"})

    async with catalog_pool.connect() as db:
        query = "SELECT data FROM events WHERE type = 'ClientChanged.v1'"
        changes = (await db.exec_driver_sql(query)).scalars().all()
    assert [datetime.fromisoformat(each["registered_at"]) for each in changes] == [
        since(client)
    ] * 2


async def test_a_phone_that_another_client_has_is_still_refused(http: AsyncClient) -> None:
    await registered(http)

    response = await http.post("/clients", json={"phone": PHONE})

    assert (response.status_code, response.json()["type"]) == (409, "PhoneTaken")

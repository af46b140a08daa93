"""Erasing a client: what goes, what stays, and that it holds whoever writes meanwhile."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text

from services.catalog.domain.contact_keys import ContactKeys
from services.catalog.domain.mailing_state import in_stream
from services.catalog.handlers import erasing
from services.catalog.handlers.searching import follow_changes
from services.catalog.projections import project
from services.catalog.routes import routers
from shared import outbox
from shared.contracts.catalog import ClientRemoved
from shared.database import Pool, transaction
from shared.event_store.postgres import PostgresEventStore
from shared.http import create_app
from shared.testing import FrozenClock

KEYS = ContactKeys((b"k" * 32,))
PHONE, EMAIL, NAME = "79995557130", "anna@example.com", "Anna Serinus"
OTHER_PHONE = "79995557131"
PERSON = {"phone": PHONE, "email": EMAIL, "full_name": NAME, "comment": "calls back"}
HINTS = ("9995557130", "9995557131", "anna", "erinus", "calls")


@pytest.fixture
def store(catalog_pool: Pool) -> PostgresEventStore:
    return PostgresEventStore("catalog", catalog_pool, project, in_stream, KEYS.published)


@pytest.fixture
async def keyed(
    catalog_pool: Pool, store: PostgresEventStore, clock: FrozenClock
) -> AsyncIterator[AsyncClient]:
    app = create_app("catalog", routers, catalog_pool, clock, store)
    app.state.contact_keys = KEYS
    async with AsyncClient(transport=ASGITransport(app), base_url="http://catalog/v1") as http:
        yield http


async def registered(http: AsyncClient, key: str = "", **fields: Any) -> str:
    headers = {"Idempotency-Key": key} if key else {}
    answer = await http.post("/clients", json=PERSON | fields, headers=headers)
    assert answer.status_code == 201, answer.text
    return str(answer.json()["client_id"])


async def erase(http: AsyncClient, client_id: str, **headers: str) -> Any:
    answer = await http.delete(f"/clients/{client_id}", params={"erase": True}, headers=headers)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def rows(pool: Pool, table: str) -> list[str]:
    async with transaction(pool) as db:
        named = text(f"SELECT CAST(to_jsonb(t) AS text) FROM {table} AS t")
        return list((await db.scalars(named)).all())


async def published(pool: Pool) -> list[tuple[str, bytes | None, dict[str, bytes]]]:
    async with transaction(pool) as db:
        found = (await db.scalars(text("SELECT batches FROM outbox ORDER BY position"))).all()
    return [
        (record.key.decode(), record.value, dict(record.headers))
        for row in found
        for batch in outbox.read(row)
        for record in batch.records
        if batch.topic == "catalog.clients"
    ]


async def sent(pool: Pool) -> None:
    """Let the relay have published all."""
    async with transaction(pool) as db:
        await db.execute(text("DELETE FROM outbox"))


async def tables_naming(pool: Pool) -> set[str]:
    """Return the tables in whose rows the person is found, when words have followed."""
    while await follow_changes(pool):
        pass
    async with transaction(pool) as db:
        names = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'"
        tables = list((await db.scalars(text(names))).all())
    found = set()
    for table in tables:
        if table != "outbox" and any(h in row for row in await rows(pool, table) for h in HINTS):
            found.add(table)
    if any(
        hint.encode() in (value or b"") for _, value, _ in await published(pool) for hint in HINTS
    ):
        found.add("outbox")
    return found


async def test_no_row_has_anything_of_an_erased_client(
    keyed: AsyncClient, catalog_pool: Pool
) -> None:
    client_id = await registered(keyed)
    await keyed.patch(f"/clients/{client_id}", json={"phone": OTHER_PHONE})
    file = f"phone,full_name\n+7 (999) 55571-3,{NAME}\n8 999 555 71 30 x,x\n"
    imported = await keyed.post("/imports", content=file, headers={"content-type": "text/csv"})
    assert imported.status_code == 201, imported.text
    before = {"clients", "client_search", "events", "import_rejections", "outbox"}
    assert await tables_naming(catalog_pool) == before
    await sent(catalog_pool)

    done = await erase(keyed, client_id)

    assert await tables_naming(catalog_pool) == set()
    assert (done["client_id"], done["kept_suppressions"]) == (client_id, [])
    assert (await keyed.get(f"/clients/{client_id}")).status_code == 404


async def test_the_stream_is_one_event_of_the_next_version(
    keyed: AsyncClient, catalog_pool: Pool
) -> None:
    client_id = await registered(keyed)
    await keyed.patch(f"/clients/{client_id}", json={"full_name": "Anne"})

    await erase(keyed, client_id)

    async with transaction(catalog_pool) as db:
        found = await db.execute(
            text("SELECT version, CAST(data AS text) AS data FROM events WHERE stream = :stream"),
            {"stream": f"client-{client_id}"},
        )
        [(version, data)] = [(row.version, row.data) for row in found]
    assert version == 3
    assert ClientRemoved.read(data) == ClientRemoved(client_id=UUID(client_id), is_erased=True)


async def test_others_hear_of_it_by_the_removal_and_by_its_tombstone(
    keyed: AsyncClient, catalog_pool: Pool
) -> None:
    client_id = await registered(keyed)
    await sent(catalog_pool)

    await erase(keyed, client_id)

    erased = ClientRemoved(client_id=UUID(client_id), is_erased=True)
    (key, value, headers), (same, nothing, of_tombstone) = await published(catalog_pool)
    assert (key, same, nothing) == (client_id, client_id, None)
    assert ClientRemoved.read(value or b"") == erased
    assert ClientRemoved.of_tombstone(key, of_tombstone["tombstone"]) == erased
    assert (headers["ce_sequence"], of_tombstone["ce_sequence"]) == (b"2", b"2")


async def test_the_tombstone_of_a_removal_is_as_it_was(
    keyed: AsyncClient, catalog_pool: Pool
) -> None:
    client_id = await registered(keyed)
    await sent(catalog_pool)

    assert (await keyed.delete(f"/clients/{client_id}")).status_code == 204

    (_, value, headers), (_, _, of_tombstone) = await published(catalog_pool)
    assert value == f'{{"client_id":"{client_id}"}}'.encode()
    assert of_tombstone == headers


async def test_what_the_person_refused_stays_and_is_said(keyed: AsyncClient) -> None:
    client_id = await registered(keyed)
    await keyed.patch(f"/clients/{client_id}", json={"phone": OTHER_PHONE})
    for body in ({"phone": PHONE}, {"email": EMAIL, "topic": "news"}, {"client_id": client_id}):
        assert (await keyed.post("/suppressions", json=body)).status_code == 200

    done = await erase(keyed, client_id)

    kept = {(each["kind"], each["topic"]) for each in done["kept_suppressions"]}
    assert kept == {("phone", None), ("email", "news"), ("client", None)}
    assert (await erase(keyed, client_id))["kept_suppressions"] == done["kept_suppressions"]
    found = await keyed.get("/suppressions", params={"phone": PHONE})
    assert len(found.json()["items"]) == 1


async def test_erasing_again_says_the_same_and_publishes_it_again(
    keyed: AsyncClient, catalog_pool: Pool, clock: FrozenClock
) -> None:
    client_id = await registered(keyed)
    first = await erase(keyed, client_id)
    await sent(catalog_pool)
    clock.now += timedelta(hours=1)

    assert await erase(keyed, client_id) == first

    assert len(await published(catalog_pool)) == 2
    assert (await keyed.delete(f"/clients/{client_id}")).status_code == 204


async def test_a_removed_client_can_be_erased(keyed: AsyncClient, catalog_pool: Pool) -> None:
    client_id = await registered(keyed)
    await keyed.delete(f"/clients/{client_id}")
    await sent(catalog_pool)
    assert await tables_naming(catalog_pool) == {"events"}

    await erase(keyed, client_id)

    assert await tables_naming(catalog_pool) == set()


async def test_who_never_was_cannot_be_erased(keyed: AsyncClient) -> None:
    path = "/clients/01900000-0000-7000-8000-000000000000"
    answer = await keyed.delete(path, params={"erase": True})
    assert answer.status_code == 404


async def test_the_key_by_which_a_client_was_registered_brings_it_back_no_more(
    keyed: AsyncClient, catalog_pool: Pool
) -> None:
    client_id = await registered(keyed, key="one")
    await erase(keyed, client_id)
    await sent(catalog_pool)

    again = await keyed.post("/clients", json=PERSON, headers={"Idempotency-Key": "one"})

    assert again.status_code == 409
    assert await tables_naming(catalog_pool) == set()
    assert (await keyed.patch(f"/clients/{client_id}", json={"comment": "x"})).status_code == 404


async def test_another_version_than_expected_erases_nothing(keyed: AsyncClient) -> None:
    client_id = await registered(keyed)

    path = f"/clients/{client_id}"
    stale = await keyed.delete(path, params={"erase": True}, headers={"If-Match": '"7"'})

    assert stale.status_code == 412
    assert (await keyed.get(path)).status_code == 200
    await erase(keyed, client_id, **{"If-Match": '"1"'})


async def test_who_changes_a_client_meanwhile_is_first_or_is_refused(
    keyed: AsyncClient, catalog_pool: Pool
) -> None:
    client_id = await registered(keyed)
    path = f"/clients/{client_id}"

    changes = [keyed.patch(path, json={"comment": f"anna {n}"}) for n in range(8)]
    _, *answers = await asyncio.gather(erase(keyed, client_id), *changes)

    assert {each.status_code for each in answers} <= {200, 404}
    await sent(catalog_pool)
    assert await tables_naming(catalog_pool) == set()


async def test_what_kafka_refused_of_a_client_goes_too(
    keyed: AsyncClient, catalog_pool: Pool
) -> None:
    client_id = await registered(keyed)
    async with transaction(catalog_pool) as db:
        set_aside = text("""
            INSERT INTO unpublished (recorded_at, topic, key, batches, reason, is_held)
            SELECT recorded_at, 'catalog.clients', :key, batches, 'refused', false FROM outbox
        """)
        await db.execute(set_aside, {"key": client_id.encode()})

    await erase(keyed, client_id)

    assert await rows(catalog_pool, "unpublished") == []


async def later(pool: Pool, store: PostgresEventStore, *, by: str) -> list[Any]:
    """Return what is published when the tombstones are due, or so much before or after that."""
    async with transaction(pool) as db:
        moved = text("""
            UPDATE clock SET shift = CAST(CAST(:by AS text) AS interval)
                + ((SELECT coalesce(max(republish_at), now()) FROM erasures) - clock_timestamp())
        """)
        await db.execute(moved, {"by": by})
    await erasing.republish_due(store)
    return await published(pool)


async def test_the_tombstone_comes_once_more_so_that_what_is_before_it_is_compacted(
    keyed: AsyncClient, catalog_pool: Pool, store: PostgresEventStore
) -> None:
    client_id = await registered(keyed)
    done = await erase(keyed, client_id)
    assert done["log_compacted_by"] > done["erased_at"]
    await sent(catalog_pool)
    early = await later(catalog_pool, store, by="-1 second")

    await later(catalog_pool, store, by="1 second")
    await erasing.republish_due(store)

    assert early == []
    assert [(key, value is None) for key, value, _ in await published(catalog_pool)] == [
        (client_id, False),
        (client_id, True),
    ]


async def test_a_subject_gets_all_that_there_is_of_it(keyed: AsyncClient) -> None:
    client_id = await registered(keyed)
    await keyed.post("/suppressions", json={"phone": PHONE})
    file = f"phone,full_name\n+7 (999) 55571-3,{NAME}\n"
    await keyed.post("/imports", content=file, headers={"content-type": "text/csv"})
    path = f"/clients/{client_id}/subject-data"

    before = (await keyed.get(path)).json()
    await erase(keyed, client_id)
    after = (await keyed.get(path)).json()

    assert (before["client"]["phone"], before["erased_at"]) == (PHONE, None)
    assert [each["data"]["full_name"] for each in before["events"]] == [NAME]
    assert NAME in before["rejected_rows"][0]["raw"]
    assert (after["client"], after["rejected_rows"]) == (None, [])
    assert [each["type"] for each in after["events"]] == ["ClientRemoved.v1"]
    assert after["suppressions"] == before["suppressions"]
    unknown = "/clients/01900000-0000-7000-8000-000000000000/subject-data"
    assert (await keyed.get(unknown)).status_code == 404

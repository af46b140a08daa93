"""Whom not to write to: over HTTP, in the stream, and what others get to know of it."""

import csv
import io
import json
from collections.abc import AsyncIterator, Mapping
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx import ASGITransport, AsyncClient
from sqlalchemy import select, text

from services.catalog.domain.contact_keys import ContactKeys
from services.catalog.domain.mailing_state import in_stream
from services.catalog.handlers import republishing
from services.catalog.projections import project
from services.catalog.queries import export
from services.catalog.routes import routers
from shared import outbox
from shared.contracts.catalog import (
    ClientRegistered,
    SuppressedKind,
    SuppressionChanged,
    SuppressionLifted,
)
from shared.database import Pool, transaction
from shared.event_store.postgres import PostgresEventStore
from shared.http import create_app
from shared.setting_values import keys_of
from shared.tables import outbox as rows_to_send
from shared.telemetry.metrics import Recorded
from shared.testing import FrozenClock
from tests.recorded import shown

OLD, NEW = b"o" * 32, b"n" * 32
KEYS = ContactKeys((NEW,))
EMAIL = "anna@example.com"
PHONE = "79161234567"


def door(pool: Pool, clock: FrozenClock, keys: ContactKeys) -> AsyncClient:
    """Return the HTTP door of a catalog that has these keys."""
    store = PostgresEventStore("catalog", pool, project, in_stream, keys.published)
    app = create_app("catalog", routers, pool, clock, store)
    app.state.contact_keys = keys
    return AsyncClient(transport=ASGITransport(app), base_url="http://catalog/v1")


@pytest.fixture
async def keyed(catalog_pool: Pool, clock: FrozenClock) -> AsyncIterator[AsyncClient]:
    async with door(catalog_pool, clock, KEYS) as http:
        yield http


async def published(pool: Pool) -> list[tuple[str, str, str]]:
    """Return topic, key and value of all that waits to be sent, in order."""
    async with transaction(pool) as db:
        found = (
            await db.scalars(select(rows_to_send.c.batches).order_by(rows_to_send.c.position))
        ).all()
    return [
        (batch.topic, record.key.decode(), (record.value or b"").decode())
        for row in found
        for batch in outbox.read(row)
        for record in batch.records
    ]


async def suppress(http: AsyncClient, **body: Any) -> Mapping[str, Any]:
    response = await http.post("/suppressions", json=body)
    assert response.status_code == 200, response.text
    shown: Mapping[str, Any] = response.json()
    return shown


async def listed(http: AsyncClient, **wanted: str) -> list[Mapping[str, Any]]:
    response = await http.get("/suppressions", params=wanted)
    assert response.status_code == 200, response.text
    items: list[Mapping[str, Any]] = response.json()["items"]
    return items


async def client(http: AsyncClient, **fields: Any) -> str:
    response = await http.post("/clients", json={"phone": PHONE, "email": EMAIL} | fields)
    assert response.status_code == 201, response.text
    return str(response.json()["client_id"])


async def test_a_contact_is_suppressed_under_a_hash_that_does_not_show_it(
    keyed: AsyncClient, catalog_pool: Pool
) -> None:
    shown = await suppress(keyed, email=EMAIL, topic="news", source="shop")

    (own,) = KEYS.hashes(SuppressedKind.EMAIL, EMAIL)
    assert shown == {
        "subject": own,
        "kind": "email",
        "topic": "news",
        "reason": "requested",
        "source": "shop",
        "since": "2026-01-01T12:00:00Z",
        "key_id": KEYS.ids[0],
    }
    [(topic, key, value)] = await published(catalog_pool)
    assert (topic, key) == ("catalog.suppressions", own)
    assert [each.topic for each in SuppressionChanged.read(value).entries] == ["news"]
    async with transaction(catalog_pool) as db:
        everything = await db.scalar(text("SELECT json_agg(e) FROM events e"))
    assert EMAIL not in value
    assert EMAIL not in str(everything)


async def test_what_is_newly_suppressed_is_counted_by_its_reason(
    keyed: AsyncClient, recorded: Recorded
) -> None:
    await suppress(keyed, email=EMAIL, topic="news")
    await suppress(keyed, email=EMAIL, topic="news")
    await suppress(keyed, phone=PHONE, reason="complained")

    found = shown(recorded)
    assert found["catalog_suppressions_total", "requested"] == 1
    assert found["catalog_suppressions_total", "complained"] == 1


async def test_of_clients_it_is_shown_by_what_they_are_suppressed(
    catalog_pool: Pool, clock: FrozenClock
) -> None:
    async with door(catalog_pool, clock, ContactKeys((OLD,))) as http:
        await suppress(http, email=EMAIL, topic="news")
    async with door(catalog_pool, clock, ContactKeys((NEW, OLD))) as http:
        both = await client(http, email="Anna@Example.com")
        by_phone = await client(http, phone="79161234568", email="other@example.com")
        nothing = await client(http, phone="79161234569", email=None)
        await suppress(http, client_id=both)
        await suppress(http, phone="79161234568", topic="news")
        await suppress(http, phone="79161234568")
        asked = {"ids": [both, by_phone, nothing, str(UUID(int=0))]}
        response = await http.get("/suppressions/clients", params=asked)

    assert response.status_code == 200, response.text
    expected = [
        {"client_id": both, "kind": "client", "is_whole": True},
        {"client_id": both, "kind": "email", "is_whole": False},
        {"client_id": by_phone, "kind": "phone", "is_whole": True},
    ]
    assert sorted(response.json()["items"], key=str) == sorted(expected, key=str)


async def test_however_it_is_written_it_is_the_same_contact(keyed: AsyncClient) -> None:
    first = await suppress(keyed, email=EMAIL)

    assert await suppress(keyed, email="Anna@Example.COM", source="other") == first
    assert await listed(keyed) == [first]
    assert await listed(keyed, email="ANNA@example.com") == [first]
    assert await listed(keyed, phone=PHONE) == []

    phone = await suppress(keyed, phone="+7 (916) 123-45-67")
    assert await listed(keyed, phone=PHONE) == [phone]
    assert await listed(keyed, phone="8 916 123-45-67") == [phone]


async def test_clients_are_published_with_the_hashes_of_their_contacts(
    keyed: AsyncClient, catalog_pool: Pool
) -> None:
    await client(keyed)

    [(_, _, value)] = await published(catalog_pool)
    event = ClientRegistered.read(value)
    assert event.phone_hashes == KEYS.hashes(SuppressedKind.PHONE, PHONE)
    assert event.email_hashes == KEYS.hashes(SuppressedKind.EMAIL, EMAIL)
    assert event.phone_hashes != event.email_hashes


async def test_the_stream_of_a_client_keeps_no_hash(
    keyed: AsyncClient, catalog_pool: Pool
) -> None:
    await client(keyed)

    async with transaction(catalog_pool) as db:
        data = await db.scalar(text("SELECT data FROM events"))
    assert "phone_hashes" not in data


@pytest.mark.parametrize("contact", [{"email": EMAIL.upper()}, {"phone": PHONE}])
async def test_clients_of_before_are_published_with_hashes_ahead_of_the_suppression(
    http: AsyncClient, keyed: AsyncClient, catalog_pool: Pool, contact: dict[str, str]
) -> None:
    old = await client(http)  # by a catalog without keys, as of an older release
    await client(http, phone="79160000002", email="other@example.com")
    before = await published(catalog_pool)

    await suppress(keyed, **contact)

    (first, second) = (await published(catalog_pool))[len(before) :]
    assert (first[:2], second[0]) == (("catalog.clients", old), "catalog.suppressions")
    event = ClientRegistered.read(first[2])
    assert second[1] in (*event.phone_hashes, *event.email_hashes)


async def test_a_key_is_replaced_without_losing_what_was_suppressed(
    catalog_pool: Pool, clock: FrozenClock
) -> None:
    async with door(catalog_pool, clock, ContactKeys((OLD,))) as before:
        suppressed = await suppress(before, email=EMAIL)
    both = ContactKeys((NEW, OLD))
    async with door(catalog_pool, clock, both) as after:
        await client(after)
        other = await suppress(after, email="boris@example.com")
        same = await suppress(after, email=EMAIL, topic="news")
        found = await listed(after, email=EMAIL)

    event = next(
        ClientRegistered.read(value)
        for topic, _, value in await published(catalog_pool)
        if topic == "catalog.clients"
    )
    assert suppressed["subject"] in event.email_hashes  # so it still holds for the client
    assert other["subject"] == both.hashes(SuppressedKind.EMAIL, "boris@example.com")[0]
    assert same["subject"] == suppressed["subject"]
    assert {each["topic"] for each in found} == {None, "news"}


async def test_without_keys_clients_can_be_suppressed_and_contacts_cannot(
    http: AsyncClient, catalog_pool: Pool
) -> None:
    own = await client(http)

    refused = await http.post("/suppressions", json={"email": EMAIL})
    shown = await suppress(http, client_id=own, reason="complained")

    assert (refused.status_code, refused.json()["type"]) == (409, "NoContactKeys")
    assert (shown["subject"], shown["kind"], shown["reason"]) == (own, "client", "complained")
    assert (await published(catalog_pool))[-1][:2] == ("catalog.suppressions", own)


async def test_a_suppression_is_lifted_by_topic_or_as_a_whole(
    keyed: AsyncClient, catalog_pool: Pool
) -> None:
    subject = (await suppress(keyed, email=EMAIL, topic="news"))["subject"]
    await suppress(keyed, email=EMAIL, topic="offers")

    of_topic = await keyed.delete(f"/suppressions/{subject}", params={"topic": "news"})
    left = await listed(keyed)
    again = await keyed.delete(f"/suppressions/{subject}", params={"topic": "news"})
    whole = await keyed.delete(f"/suppressions/{subject}")

    assert (of_topic.status_code, again.status_code, whole.status_code) == (204, 404, 204)
    assert [each["topic"] for each in left] == ["offers"]
    assert await listed(keyed) == []
    *_, lifted, tombstone = await published(catalog_pool)
    assert SuppressionLifted.read(lifted[2]).subject == subject
    assert tombstone == ("catalog.suppressions", subject, "")
    await suppress(keyed, email=EMAIL)  # and once more, behind what was before
    assert len(await listed(keyed)) == 1


async def test_the_list_is_shown_page_by_page_with_what_is_wanted(
    keyed: AsyncClient, clock: FrozenClock
) -> None:
    for number in range(5):
        clock.now += timedelta(seconds=1)
        reason = "bounced" if number % 2 else "requested"
        await suppress(keyed, phone=f"7916000000{number}", topic=f"t{number}", reason=reason)

    first = (await keyed.get("/suppressions", params={"limit": 3})).json()
    rest = (await keyed.get("/suppressions", params={"cursor": first["next_cursor"]})).json()

    topics = [each["topic"] for each in first["items"] + rest["items"]]
    assert topics == ["t4", "t3", "t2", "t1", "t0"]
    assert rest["next_cursor"] is None
    assert {each["topic"] for each in await listed(keyed, reason="bounced")} == {"t1", "t3"}
    assert [each["topic"] for each in await listed(keyed, topic="t2")] == ["t2"]


@pytest.mark.parametrize("contact", [{"phone": PHONE}, {"email": "ANNA@example.com"}])
async def test_a_contact_is_found_where_a_client_that_has_it_is_suppressed(
    keyed: AsyncClient, contact: dict[str, str]
) -> None:
    anna = await client(keyed)
    other = await client(keyed, phone="79160000002", email="other@example.com")
    as_client = await suppress(keyed, client_id=anna)
    await suppress(keyed, client_id=other)
    as_contact = await suppress(keyed, topic="news", **contact)

    found = await listed(keyed, **contact)

    assert sorted(each["subject"] for each in found) == sorted(
        each["subject"] for each in (as_client, as_contact)
    )
    exported = await keyed.get("/suppressions/export", params=contact)
    assert [json.loads(line) for line in exported.text.splitlines()] == found
    assert await listed(keyed, topic="news", **contact) == [as_contact]


async def test_beside_a_client_its_contacts_find_no_other_client(keyed: AsyncClient) -> None:
    anna = await client(keyed)
    twin = await client(keyed, phone="79160000002")
    await suppress(keyed, client_id=twin)

    assert await listed(keyed, client_id=anna, phone=PHONE, email=EMAIL) == []
    assert [each["subject"] for each in await listed(keyed, email=EMAIL)] == [twin]


@pytest.mark.parametrize(
    ("body", "pointer"),
    [
        ({}, "/client_id"),
        ({"email": EMAIL, "phone": PHONE}, "/email"),
        ({"email": "nobody"}, "/email"),
        ({"phone": "12"}, "/phone"),
        ({"client_id": str(UUID(int=9))}, "/client_id"),
        ({"email": EMAIL, "topic": "All News"}, "/topic"),
        ({"email": EMAIL, "reason": "capped"}, "/reason"),
        ({"email": EMAIL, "source": ""}, "/source"),
    ],
)
async def test_what_makes_no_sense_is_refused_with_its_place(
    keyed: AsyncClient, body: dict[str, str], pointer: str
) -> None:
    response = await keyed.post("/suppressions", json=body)

    assert response.status_code == 422
    assert [each["pointer"] for each in response.json()["errors"]] == [pointer]


FILE = f"""email;since
{EMAIL};2020
"boris@example.com";2021

8 (916) 123-45-67
{UUID(int=5)}
nonsense
{EMAIL}
"""


async def test_a_file_of_contacts_is_imported_and_says_what_is_none(keyed: AsyncClient) -> None:
    async def send() -> Any:
        return await keyed.post(
            "/suppressions/import",
            params={"topic": "news", "reason": "unsubscribed", "source": "old tool"},
            content=FILE.encode(),
            headers={"Content-Type": "text/csv"},
        )

    first, second = await send(), await send()

    assert first.json() == {
        "lines": 6,
        "suppressed": 4,
        "unchanged": 1,
        "refused": 1,
        "refused_lines": [
            {
                "line": 7,
                "column": None,
                "code": "contact",
                "detail": "neither a phone, nor an e-mail, nor a client's identifier",
            }
        ],
    }
    assert (second.json()["suppressed"], second.json()["unchanged"]) == (0, 5)
    shown = await listed(keyed, topic="news")
    assert sorted(each["kind"] for each in shown) == ["client", "email", "email", "phone"]
    assert {each["reason"] for each in shown} == {"unsubscribed"}


@pytest.mark.parametrize("keys", ["short", f"{'k' * 32},{'k' * 32}"], ids=["short", "twice"])
def test_keys_that_protect_nothing_are_refused(keys: str) -> None:
    with pytest.raises(ValueError, match="a key"):
        keys_of(keys)


async def test_a_mailing_has_a_topic_which_its_run_keeps(http: AsyncClient) -> None:
    body = {"name": "a", "body": "b", "ends_at": "2026-01-01T14:00:00Z", "topic": "news"}

    created = (await http.post("/mailings", json=body)).json()
    changed = await http.patch(f"/mailings/{created['mailing_id']}", json={"topic": None})
    refused = await http.post("/mailings", json=body | {"topic": "Good News"})

    assert (created["topic"], changed.json()["topic"]) == ("news", None)
    assert [each["pointer"] for each in refused.json()["errors"]] == ["/topic"]


async def test_all_clients_can_be_published_once_more_with_their_hashes(
    http: AsyncClient, catalog_pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(republishing, "CHUNK", 2)
    own = [await client(http, phone=f"7916000000{number}") for number in range(5)]
    before = await published(catalog_pool)
    store = PostgresEventStore("catalog", catalog_pool, project, in_stream, KEYS.published)

    counts = [count async for count in republishing.republish_clients(store)]

    again = (await published(catalog_pool))[len(before) :]
    assert (counts, [key for _, key, _ in again]) == ([2, 4, 5], sorted(own))
    assert all(ClientRegistered.read(value).phone_hashes for _, _, value in again)


@pytest.mark.parametrize("page", [1, 2, 100])
async def test_suppressions_are_exported_as_they_are_listed(
    keyed: AsyncClient, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(export, "PAGE", page)
    await suppress(keyed, email=EMAIL, topic="news", source="=shop")
    await suppress(keyed, phone=PHONE)
    await suppress(keyed, email="b@example.com", reason="complained")

    lines = await keyed.get("/suppressions/export")
    table = await keyed.get(
        "/suppressions/export", params={"format": "csv", "reason": "complained"}
    )

    shown = await listed(keyed)
    assert [json.loads(line) for line in lines.text.splitlines()] == shown
    [row] = csv.DictReader(io.StringIO(table.content.decode("utf-8-sig"), newline=""))
    [complained] = [each for each in shown if each["reason"] == "complained"]
    assert row["subject"].removeprefix("'") == complained["subject"]
    assert PHONE not in lines.text
    assert EMAIL not in lines.text

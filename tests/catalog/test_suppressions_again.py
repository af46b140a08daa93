"""What an export has written of suppressions is imported again, unchanged: here or elsewhere."""

import json
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from httpx import ASGITransport, AsyncClient
from sqlalchemy import text

from services.catalog.domain.contact_keys import ContactKeys
from services.catalog.domain.mailing_state import in_stream
from services.catalog.projections import project
from services.catalog.routes import routers
from shared.contracts.catalog import SuppressedKind
from shared.database import Pool, transaction
from shared.event_store.postgres import PostgresEventStore
from shared.http import create_app
from shared.testing import FrozenClock

OLD, NEW, OTHER = b"o" * 32, b"n" * 32, b"x" * 32
CLIENT = "01948a2c-0001-7000-8000-000000000001"
EMAIL, PHONE = "anna@example.com", "79161234567"
FORMATS = ("csv", "ndjson")


def door(pool: Pool, clock: FrozenClock, *keys: bytes) -> AsyncClient:
    """Return the HTTP door of a catalog that has these keys."""
    own = ContactKeys(keys)
    store = PostgresEventStore("catalog", pool, project, in_stream, own.published)
    app = create_app("catalog", routers, pool, clock, store)
    app.state.contact_keys = own
    return AsyncClient(transport=ASGITransport(app), base_url="http://catalog/v1")


@pytest.fixture
async def keyed(catalog_pool: Pool, clock: FrozenClock) -> AsyncIterator[AsyncClient]:
    async with door(catalog_pool, clock, NEW) as http:
        yield http


async def suppress_some(http: AsyncClient, clock: FrozenClock) -> None:
    client = (await http.post("/clients", json={"phone": "79160000001"})).json()["client_id"]
    for body in (
        {"email": EMAIL, "topic": "news", "source": "=shop, 2"},
        {"email": EMAIL, "reason": "complained"},
        {"phone": PHONE, "reason": "bounced"},
        {"client_id": client, "topic": "offers"},
    ):
        clock.now += timedelta(seconds=1)
        assert (await http.post("/suppressions", json=body)).status_code == 200


async def exported(http: AsyncClient, wanted: str = "ndjson") -> bytes:
    return (await http.get("/suppressions/export", params={"format": wanted})).content


async def imported(http: AsyncClient, body: bytes | str, **said: str) -> Any:
    content = body if isinstance(body, bytes) else body.encode()
    return (await http.post("/suppressions/import", params=said, content=content)).json()


async def lift_all(http: AsyncClient) -> None:
    for each in (await http.get("/suppressions")).json()["items"]:
        await http.delete(f"/suppressions/{each['subject']}")
    assert (await http.get("/suppressions")).json()["items"] == []


@pytest.mark.parametrize("wanted", FORMATS)
async def test_where_it_is_known_nothing_changes(
    keyed: AsyncClient, clock: FrozenClock, wanted: str
) -> None:
    await suppress_some(keyed, clock)
    before = await exported(keyed)

    done = await imported(keyed, await exported(keyed, wanted))

    assert (done["lines"], done["unchanged"], done["refused"]) == (4, 4, 0)
    assert await exported(keyed) == before


@pytest.mark.parametrize("wanted", FORMATS)
async def test_elsewhere_all_of_it_is_as_it_was(
    keyed: AsyncClient, clock: FrozenClock, wanted: str
) -> None:
    await suppress_some(keyed, clock)
    before, file = await exported(keyed), await exported(keyed, wanted)
    await lift_all(keyed)
    clock.now += timedelta(days=1)

    done = await imported(keyed, file)
    again = await imported(keyed, file)

    assert (done["suppressed"], done["refused"], again["unchanged"]) == (4, 0, 4)
    assert await exported(keyed) == before
    found = (await keyed.get("/suppressions", params={"email": EMAIL.upper()})).json()["items"]
    assert {each["topic"] for each in found} == {"news", None}


async def test_a_hash_by_an_older_key_is_taken_where_that_key_still_is(
    keyed: AsyncClient, catalog_pool: Pool, clock: FrozenClock
) -> None:
    async with door(catalog_pool, clock, OLD) as before:
        await before.post("/suppressions", json={"email": EMAIL})
    async with door(catalog_pool, clock, NEW, OLD) as both:
        file = await exported(both)
        await lift_all(both)
        refused = await imported(keyed, file)
        taken = await imported(both, file)

    assert json.loads(file)["key_id"] == ContactKeys((OLD,)).ids[0]
    assert refused["refused_lines"] == [
        {
            "line": 1,
            "column": "key_id",
            "code": "unknown_key",
            "detail": "CATALOG_CONTACT_KEYS has no key of this hash; add that one first",
        }
    ]
    assert (refused["suppressed"], taken["suppressed"]) == (0, 1)


async def test_of_an_older_release_the_export_names_all_keys_and_an_import_needs_all(
    catalog_pool: Pool, clock: FrozenClock
) -> None:
    async with door(catalog_pool, clock, NEW, OLD) as both:
        await both.post("/suppressions", json={"phone": PHONE})
        async with transaction(catalog_pool) as db:
            await db.execute(text("UPDATE suppressions SET key_id = NULL"))
        file = await exported(both)
        await lift_all(both)
        taken = await imported(both, file)
    async with door(catalog_pool, clock, NEW) as one:
        refused = await imported(one, file)

    assert json.loads(file)["key_id"].split() == list(ContactKeys((NEW, OLD)).ids)
    assert (taken["suppressed"], refused["refused"]) == (1, 1)


def line(**given: object) -> str:
    own = ContactKeys((NEW,))
    (subject,) = own.hashes(SuppressedKind.EMAIL, EMAIL)
    known = {"subject": subject, "kind": "email", "key_id": own.ids[0]}
    return json.dumps(known | given)


@pytest.mark.parametrize(
    ("text", "column", "code"),
    [
        (line(key_id=None), "key_id", "no_key"),
        (line(key_id=ContactKeys((OTHER,)).ids[0]), "key_id", "unknown_key"),
        (line(subject=EMAIL), "subject", "hash"),
        (line(subject=None), "subject", "hash"),
        (line(kind="client"), "subject", "client_id"),
        (line(kind="person"), "kind", "kind"),
        (line(kind=5), "kind", "text"),
        (line(topic="All News"), "topic", "topic"),
        (line(reason="capped"), "reason", "reason"),
        (line(source="a\nb"), "source", "source"),
        (line(source="s" * 101), "source", "source"),
        (line(since="yesterday"), "since", "since"),
        (line(since="2025-01-01T00:00:00"), "since", "since"),
        (line(since="2026-01-01T12:00:01Z"), "since", "since"),
        (line(since="0001-01-01T00:00:00+14:00"), "since", "since"),
        ('{"subject":', None, "json"),
        ("subject;kind\na;email;b", None, "cells"),
    ],
)
async def test_a_line_that_is_wrong_is_refused_with_its_column_and_others_are_taken(
    keyed: AsyncClient, text: str, column: str | None, code: str
) -> None:
    others = f"\n\n{line(topic='news')}\n" if text.startswith("{") else "\n;\n"

    done = await imported(keyed, text + others)

    [refused] = done["refused_lines"]
    assert (refused["column"], refused["code"]) == (column, code)
    assert refused["detail"]
    assert done["suppressed"] == text.startswith("{")


async def test_what_an_export_says_itself_is_not_said_twice(
    keyed: AsyncClient, clock: FrozenClock
) -> None:
    await suppress_some(keyed, clock)

    done = await imported(keyed, await exported(keyed, "csv"), topic="news", reason="bounced")

    assert [(each["pointer"], each["code"]) for each in done["errors"]] == [
        ("/topic", "named_twice"),
        ("/reason", "named_twice"),
    ]

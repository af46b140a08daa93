"""Mailings name gateways that are described, and need what those need."""

from datetime import UTC, datetime
from typing import Any

import pytest
from httpx import AsyncClient

from services.catalog.queue.gateways import GatewayEvent, store
from shared import ids
from shared.contracts.gateways import (
    GatewayDescribed,
    GatewayPaused,
    GatewayRemoved,
    GatewayResumed,
)
from shared.database import Pool, transaction
from shared.event import Received

NOW = datetime(2026, 1, 1, 12, tzinfo=UTC)
MAILING = {"name": "Spring", "body": "Hello", "ends_at": "2026-01-02T12:00:00Z"}


def described(name: str, contact: Any = "phone", **description: Any) -> GatewayDescribed:
    return GatewayDescribed(
        **same(name), kind="http", contact=contact, description=description, described_at=NOW
    )


def same(name: str) -> dict[str, Any]:
    return {"gateway_id": ids.keyed_id("gateways", name), "name": name}


async def hear(pool: Pool, event: GatewayEvent, version: int = 1) -> None:
    headers = {"ce_sequence": str(version).encode()}
    async with transaction(pool) as db:
        await store(db, [Received(event, str(event.gateway_id), headers)])


async def known(http: AsyncClient) -> dict[str, Any]:
    items = (await http.get("/gateways")).json()["items"]
    return {each["name"]: each for each in items}


async def test_before_any_is_described_there_are_those_of_earlier_releases(
    http: AsyncClient,
) -> None:
    found = await known(http)

    assert {name: each["contact"] for name, each in found.items()} == {
        "http": "phone",
        "log": None,
        "smtp": "email",
    }
    assert {each["version"] for each in found.values()} == {0}


async def test_a_mailing_names_a_gateway_from_its_description_to_its_removal(
    http: AsyncClient, catalog_pool: Pool
) -> None:
    before = await http.post("/mailings", json=MAILING | {"gateway": "sms"})
    await hear(catalog_pool, described("sms"))
    between = await http.post("/mailings", json=MAILING | {"gateway": "sms"})
    await hear(catalog_pool, GatewayRemoved(**same("sms"), removed_at=NOW), 2)
    after = await http.post("/mailings", json=MAILING | {"gateway": "sms"})
    [wrong] = before.json()["errors"]

    assert [each.status_code for each in (before, between, after)] == [422, 201, 422]
    assert (wrong["pointer"], wrong["code"]) == ("/gateway", "unknown_gateway")
    assert wrong["detail"] == "there is none of this name; there are: http, log, smtp"


async def test_a_mailing_whose_gateway_is_gone_can_be_changed_all_the_same(
    http: AsyncClient, catalog_pool: Pool
) -> None:
    await hear(catalog_pool, described("sms"))
    mailing = (await http.post("/mailings", json=MAILING | {"gateway": "sms"})).json()
    path = f"/mailings/{mailing['mailing_id']}"
    await hear(catalog_pool, GatewayRemoved(**same("sms"), removed_at=NOW), 2)

    named = await http.patch(path, json={"name": "Summer"})
    moved = await http.patch(path, json={"gateway": "log"})
    back = await http.patch(path, json={"gateway": "sms"})

    assert [each.status_code for each in (named, moved, back)] == [200, 200, 422]


@pytest.mark.parametrize(
    ("contact", "fields", "pointer"),
    [
        ("email", {}, "/subject"),
        ("email", {"subject": "News", "html": "<p>"}, None),
        ("phone", {"html": "<p>"}, "/html"),
        (None, {}, None),
    ],
)
async def test_a_mailing_has_what_its_gateway_needs(
    http: AsyncClient,
    catalog_pool: Pool,
    contact: str | None,
    fields: dict[str, Any],
    pointer: str | None,
) -> None:
    await hear(catalog_pool, described("own", contact))

    answer = await http.post("/mailings", json=MAILING | {"gateway": "own"} | fields)

    wrong = [each["pointer"] for each in answer.json().get("errors", [])]
    assert wrong == ([] if pointer is None else [pointer])


async def test_a_preview_counts_who_lacks_what_a_described_gateway_needs(
    http: AsyncClient, catalog_pool: Pool
) -> None:
    await http.post("/clients", json={"phone": "79161234567", "operator_code": "916"})
    await hear(catalog_pool, described("own", "email"))
    own = MAILING | {"gateway": "own", "subject": "News"}

    counted = (await http.post("/mailings/preview", json=own)).json()

    assert (counted["clients"], counted["without_contact"]) == (1, 1)


async def test_events_that_come_late_or_twice_change_nothing(
    http: AsyncClient, catalog_pool: Pool
) -> None:
    await hear(catalog_pool, described("sms"), 1)
    await hear(catalog_pool, GatewayPaused(**same("sms"), paused_at=NOW), 2)
    assert (await known(http))["sms"]["is_paused"]
    await hear(catalog_pool, GatewayResumed(**same("sms"), resumed_at=NOW), 3)
    await hear(catalog_pool, GatewayPaused(**same("sms"), paused_at=NOW), 2)
    await hear(catalog_pool, described("sms", "email"), 1)

    assert (await known(http))["sms"] == {
        "name": "sms",
        "contact": "phone",
        "sender": None,
        "allowed_senders": [],
        "is_paused": False,
        "version": 3,
    }


async def test_a_sender_that_the_gateway_does_not_allow_is_refused_with_those_that_it_does(
    http: AsyncClient, catalog_pool: Pool
) -> None:
    mail = MAILING | {"gateway": "smtp", "subject": "Spring", "sender": "Shop <a@b.example>"}
    before = await http.post("/mailings", json=mail)
    own, allowed = "Shop <news@shop.example>", ["@books.example"]
    await hear(catalog_pool, described("smtp", "email", sender=own, allowed_senders=allowed))

    after = await http.post("/mailings", json=mail)
    preview = await http.post("/mailings/preview", json=mail | {"sender": None, "values": {}})
    shown = (await known(http))["smtp"]

    assert (before.status_code, after.status_code) == (201, 422)
    [wrong] = after.json()["errors"]
    assert (wrong["pointer"], wrong["code"]) == ("/sender", "sender_not_allowed")
    assert "news@shop.example, @books.example" in wrong["detail"]
    assert (shown["sender"], shown["allowed_senders"]) == (own, allowed)
    assert preview.json()["message"]["sender"] == own


@pytest.mark.parametrize("description", [{}, {"sender": 5, "allowed_senders": "a"}])
async def test_a_description_that_names_no_senders_allows_none(
    http: AsyncClient, catalog_pool: Pool, description: dict[str, Any]
) -> None:
    await hear(catalog_pool, described("mails", "email", **description))
    mail = MAILING | {"gateway": "mails", "subject": "Spring"}

    named = await http.post("/mailings", json=mail | {"sender": "a@b.example"})
    unnamed = await http.post("/mailings", json=mail)

    assert (named.status_code, unnamed.status_code) == (422, 201)
    assert named.json()["errors"][0]["detail"].endswith("it allows none")

"""A contact that has refused so many messages for good is suppressed, and no other one."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from services.catalog.domain.client import ChangeClient, RegisterClient
from services.catalog.domain.contact_keys import NO_KEYS, ContactKeys
from services.catalog.domain.profile import Profile
from services.catalog.domain.suppression import LiftSuppression
from services.catalog.handlers import handle
from services.catalog.handlers.bouncing import Bouncing
from services.catalog.handlers.suppressing import lift
from services.catalog.subscriptions import subscriptions
from shared.contracts.catalog import SuppressedKind
from shared.contracts.dispatcher import ContactBounced
from shared.database import Pool, transaction
from shared.event import Instant
from shared.event_store.postgres import PostgresEventStore
from shared.testing import FrozenClock, received

KEYS = ContactKeys((b"k" * 32,))
ANNA = UUID(int=1)
EMAIL = "anna@example.com"
(OWN,) = KEYS.hashes(SuppressedKind.EMAIL, EMAIL)


@pytest.fixture
async def anna(store: PostgresEventStore, now: Instant) -> UUID:
    profile = Profile(phone="79161234567", email=EMAIL, operator_code="916")
    await handle(store, RegisterClient(client_id=ANNA, profile=profile, now=now))
    return ANNA


def bounced(run: int, at: Instant, kind: str = "email") -> ContactBounced:
    return ContactBounced(
        client_id=ANNA, run_id=UUID(int=run), kind=kind, reason="status_550", tried_at=at
    )


async def consume(
    store: PostgresEventStore,
    events: Sequence[ContactBounced],
    now: Instant,
    *,
    keys: ContactKeys = KEYS,
    limit: int | None = 2,
) -> None:
    handlers = subscriptions(store, FrozenClock(now), Bouncing(store, keys, limit))
    async with transaction(store.pool) as db:
        await handlers[ContactBounced](db, [received(each, str(ANNA)) for each in events])


async def suppressed(pool: Pool) -> list[Any]:
    async with transaction(pool) as db:
        rows = await db.execute(text("SELECT subject, kind, topic, reason FROM suppressions"))
        return [tuple(row) for row in rows]


@pytest.mark.usefixtures("anna")
async def test_it_is_suppressed_for_all_topics_once_it_has_bounced_so_often(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    await consume(store, [bounced(1, now)], now)
    assert await suppressed(catalog_pool) == []

    await consume(store, [bounced(2, now)], now)

    assert await suppressed(catalog_pool) == [(OWN, "email", "", "bounced")]


@pytest.mark.usefixtures("anna")
async def test_a_bounce_that_is_read_again_counts_once(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    for _ in range(3):
        await consume(store, [bounced(1, now), bounced(1, now)], now)

    assert await suppressed(catalog_pool) == []


@pytest.mark.usefixtures("anna")
async def test_phone_and_mail_bounce_each_for_itself(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    await consume(store, [bounced(1, now), bounced(2, now, "phone")], now)

    assert await suppressed(catalog_pool) == []


@pytest.mark.usefixtures("anna")
async def test_a_bounce_of_a_contact_that_was_replaced_does_not_count_for_the_new_one(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    later = now + timedelta(minutes=1)
    await handle(
        store, ChangeClient(client_id=ANNA, changes={"email": "new@example.com"}, now=later)
    )

    await consume(store, [bounced(run, now) for run in (1, 2)], later)

    assert await suppressed(catalog_pool) == []


@pytest.mark.usefixtures("anna")
async def test_who_was_let_in_again_is_counted_from_the_beginning(
    store: PostgresEventStore, catalog_pool: Pool, now: Instant
) -> None:
    await consume(store, [bounced(1, now), bounced(2, now)], now)
    await lift(store, LiftSuppression(subject=OWN, topic=None, now=now))

    await consume(store, [bounced(3, now)], now)

    assert await suppressed(catalog_pool) == []


@pytest.mark.usefixtures("anna")
@pytest.mark.parametrize(("keys", "limit"), [(NO_KEYS, 1), (KEYS, None)])
async def test_without_keys_or_a_number_nothing_is_suppressed(
    store: PostgresEventStore,
    catalog_pool: Pool,
    now: Instant,
    keys: ContactKeys,
    limit: int | None,
) -> None:
    await consume(store, [bounced(run, now) for run in (1, 2)], now, keys=keys, limit=limit)

    assert await suppressed(catalog_pool) == []

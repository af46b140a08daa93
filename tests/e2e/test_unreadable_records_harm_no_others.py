"""A record that nobody can read, or store, becomes a dead letter of all who listen.

And it delays nobody.
"""

import re
from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from uuid import uuid4

import asyncpg
from aiokafka import AIOKafkaProducer

from deploy.local.services import SERVICES
from shared import contracts
from shared.contracts.catalog import CLIENTS, ClientRegistered
from shared.testing import eventually
from tests.e2e.outside import Platform, new_tag

# Who listens to what, by consumer.
LISTENING = {
    ("catalog", "scheduler.runs"),
    ("catalog", "dispatcher.contacts"),
    ("catalog", "dispatcher.gateways"),
    ("catalog", "dispatcher.runs"),
    ("scheduler", "catalog.mailings"),
    ("dispatcher", "catalog.clients"),
    ("dispatcher", "catalog.suppressions"),
    ("dispatcher", "scheduler.runs"),
    ("dispatcher.controls", "catalog.mailings"),
    ("stats", "catalog.mailings"),
    ("stats", "scheduler.runs"),
    ("stats", "dispatcher.runs"),
    ("stats", "dispatcher.messages"),
    ("stats", "platform.progress"),
}
UNREADABLE = "no type that is known"
UNSTORABLE = "cannot be stored: CharacterNotInRepertoireError"
EXPECTED = {
    *((consumer, topic, UNREADABLE) for consumer, topic in LISTENING),
    ("dispatcher", "catalog.clients", UNSTORABLE),
}
COUNTED = re.compile(
    r'^kafka_dead_letters_total\{consumer="([a-z.]+)"[^}]*\} ([0-9.]+)', re.MULTILINE
)


async def test_a_record_that_no_one_can_read_is_kept_as_a_reason_counted_and_passed_over(
    fragile_platform: Platform,
) -> None:
    platform, tag = fragile_platform, new_tag()
    before = await counted(platform)

    await send_nonsense(platform)
    await send_unstorable(platform)
    await platform.import_clients(20, tag=tag, first=9_340_000_000)
    run = await platform.finished(await platform.create_mailing(tag=tag))
    ledger = await platform.statistics_equal_the_ledger(run)

    async def all_are_kept() -> bool:
        return set(await letters(platform)) >= EXPECTED

    await eventually(all_are_kept, within=60)
    kept = await letters(platform)
    counts = await counted(platform)
    assert ledger.by_status == {"delivered": 20}
    assert set(kept) == EXPECTED
    assert {name: counts[name] - before[name] for name in counts} == Counter(
        consumer for consumer, *_ in kept
    )


async def send_nonsense(platform: Platform) -> None:
    """Put a record that is no event on every topic."""
    producer = AIOKafkaProducer(bootstrap_servers=platform.env["KAFKA_SERVERS"])
    await producer.start()
    try:
        for topic in contracts.TOPICS:
            await producer.send_and_wait(topic, b"no event", b"key")
    finally:
        await producer.stop()


async def send_unstorable(platform: Platform) -> None:
    """Put a client on its topic whose name PostgreSQL does not take."""
    client = ClientRegistered(
        client_id=uuid4(),
        phone="79340000000",
        operator_code="934",
        tags=(),
        time_zone=None,
        email=None,
        full_name="NUL \0",
        comment=None,
        registered_at=datetime.now(UTC),
    )
    key = str(client.client_id).encode()
    headers = [
        ("ce_type", client.type_name().encode()),
        ("ce_id", key),
        ("ce_sequence", b"1"),
    ]
    producer = AIOKafkaProducer(bootstrap_servers=platform.env["KAFKA_SERVERS"])
    await producer.start()
    try:
        await producer.send_and_wait(CLIENTS.name, client.json(), key, headers=headers)
    finally:
        await producer.stop()


async def letters(platform: Platform) -> list[tuple[str, str, str]]:
    """Return the dead letters of all services: consumer, topic and reason."""
    found: list[tuple[str, str, str]] = []
    for name in SERVICES:
        db = await asyncpg.connect(platform.env[f"{name.upper()}_DATABASE_URL"])
        try:
            rows = await db.fetch("SELECT consumer, topic, reason FROM dead_letters")
        finally:
            await db.close()
        found += [tuple(row) for row in rows]
    return found


async def counted(platform: Platform) -> Mapping[str, int]:
    """Return how many dead letters each consumer has counted."""
    counts: Counter[str] = Counter()
    for name in SERVICES:
        metrics = await platform.http.get(platform.env[f"{name.upper()}_URL"] + "/metrics")
        counts |= {consumer: int(float(n)) for consumer, n in COUNTED.findall(metrics.text)}
    return counts

"""A broker that deletes what is still needed is refused at start, with what to do."""

import asyncio
from collections.abc import AsyncIterator
from datetime import timedelta

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType

from shared import contracts, stops
from shared.contracts.dispatcher import MESSAGES, RUNS
from shared.kafka import retention as kafka_retention
from shared.kafka import wait_until_kept
from shared.kafka.retention import MARGIN, PART, Kept, refusals
from shared.testing import eventually

DAY_MS = 86_400_000
DAYS_30 = timedelta(days=30)
FOR_EVER = Kept("delete", -1, -1)
AS_MADE = {
    name: Kept("compact", 7 * DAY_MS, -1) if topic.is_compacted else FOR_EVER
    for name, topic in contracts.TOPICS.items()
}


def kept(days: int, size: int = -1) -> Kept:
    return Kept("delete", days * DAY_MS, size)


@pytest.mark.parametrize("run_retention", [None, DAYS_30])
def test_topics_as_they_are_made_keep_everything(run_retention: timedelta | None) -> None:
    assert refusals(AS_MADE, run_retention) == []


@pytest.mark.parametrize(
    ("name", "how", "run_retention", "words"),
    [
        (MESSAGES.name, kept(365), None, "RUN_RETENTION is not set"),
        (MESSAGES.name, kept(36), DAYS_30, f"retention.ms to {37 * DAY_MS} at least"),
        (MESSAGES.name, kept(365, 1 << 40), DAYS_30, "retention.bytes to -1"),
        (MESSAGES.name, Kept("compact", -1, -1), DAYS_30, "cleanup.policy to delete"),
        (RUNS.name, kept(3_650), DAYS_30, "needed for ever"),
        (RUNS.name, Kept("delete", -1, 1 << 40), None, "needed for ever"),
        ("catalog.mailings", kept(3_650), DAYS_30, "needed for ever"),
        ("scheduler.runs", Kept("compact,delete", -1, -1), None, "is compacted"),
        ("catalog.clients", Kept("compact,delete", DAY_MS, -1), None, "needed for ever"),
    ],
)
def test_what_loses_events_that_are_needed_is_refused_with_what_to_do(
    name: str, how: Kept, run_retention: timedelta | None, words: str
) -> None:
    [reason] = refusals(AS_MADE | {name: how}, run_retention)

    assert reason.startswith(f"{name} is ")
    assert words in reason


def test_messages_may_go_a_margin_after_their_run_is_archived() -> None:
    days = (DAYS_30 + MARGIN).days

    assert refusals(AS_MADE | {MESSAGES.name: kept(days)}, DAYS_30) == []
    assert refusals(AS_MADE | {MESSAGES.name: kept(days - 1)}, DAYS_30) != []


@pytest.fixture
async def cut_by_the_broker(kafka: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=kafka)
    await admin.start()
    try:
        await keep(admin, 36 * DAY_MS)
        yield admin
    finally:
        await keep(admin, -1)
        await admin.close()
        stops.resumed(PART)


async def keep(admin: AIOKafkaAdminClient, ms: int) -> None:
    configs = {"cleanup.policy": "delete", "retention.ms": str(ms)}
    await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, MESSAGES.name, configs)])
    asked = [ConfigResource(ConfigResourceType.TOPIC, MESSAGES.name)]

    async def is_told() -> bool:  # what was altered is shown a moment later
        [answer] = await admin.describe_configs(asked)
        [(*_, entries)] = answer.resources
        return any(each[:2] == ("retention.ms", str(ms)) for each in entries)

    await eventually(is_told, within=120)


async def test_a_service_waits_and_says_why_until_the_topic_is_kept_long_enough(
    kafka: str, cut_by_the_broker: AIOKafkaAdminClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(kafka_retention, "MENDED_EVERY_S", 0.1)
    waiting = asyncio.create_task(wait_until_kept(kafka, DAYS_30))

    async def reason() -> str | None:
        return stops.reasons().get(PART)

    told = await eventually(reason, within=120)
    assert not waiting.done()
    await keep(cut_by_the_broker, 37 * DAY_MS)
    async with asyncio.timeout(30):
        await waiting

    assert "dispatcher.messages is deleted after 36d" in told
    assert await reason() is None

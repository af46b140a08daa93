"""Measuring: what tables and the process hold, as metrics show it."""

import asyncio
import time

import pytest

from shared import measuring, outbox
from shared.contracts.catalog import MAILINGS
from shared.database import Pool, autocommit, transaction
from shared.measuring import sample_common, sample_outbox
from shared.outbox import Batch, Record
from shared.telemetry.metrics import Recorded
from shared.testing import eventually
from tests.recorded import shown

LETTER = """
    INSERT INTO dead_letters (consumer, topic, partition, "offset", reason, recorded_at, is_held)
    VALUES ('test', 'catalog.clients', 0, 1, 'no key', now(), false)
"""
SET_ASIDE = """
    INSERT INTO set_aside (loop, item, failures, reason, set_aside_at, retry_at)
    SELECT 'test', gen_random_uuid(), 1, 'fails', now(), now() + pause
    FROM unnest(CAST(ARRAY['1 hour', '-1 hour'] AS interval[])) AS pause
"""


async def sampled(pool: Pool, recorded: Recorded) -> dict[tuple[str, ...], float]:
    await measuring.take_samples(pool, [sample_common, sample_outbox])
    return shown(recorded)


@pytest.mark.postgres
async def test_the_outbox_is_as_deep_and_as_old_as_its_rows(
    catalog_pool: Pool, recorded: Recorded
) -> None:
    empty = await sampled(catalog_pool, recorded)
    for _ in range(3):
        async with transaction(catalog_pool) as db:
            await outbox.put(db, [Batch(MAILINGS.name, [], [Record(b"m", b"1", [])])])
    async with transaction(catalog_pool) as db:
        await db.exec_driver_sql("UPDATE clock SET shift = '1 hour'")

    found = await sampled(catalog_pool, recorded)

    assert (empty["outbox_depth",], empty["outbox_oldest_age_seconds",]) == (0, 0)
    assert found["outbox_depth",] == 3
    assert 3_600 <= found["outbox_oldest_age_seconds",] < 3_700
    assert found["outbox_unpublished",] == 0


@pytest.mark.postgres
async def test_what_waits_for_a_decision_is_shown(catalog_pool: Pool, recorded: Recorded) -> None:
    async with autocommit(catalog_pool) as db:
        await db.exec_driver_sql(LETTER)
        await db.exec_driver_sql(SET_ASIDE)

    found = await sampled(catalog_pool, recorded)

    assert found["kafka_dead_letters_stored",] == 1
    assert found["loop_set_aside_waiting",] == 1
    assert 0 <= found["sample_age_seconds",] < 60


@pytest.mark.postgres
async def test_connections_of_a_pool_are_shown_as_they_are(
    catalog_pool: Pool, recorded: Recorded
) -> None:
    measuring.watch_pool("main", catalog_pool)
    async with transaction(catalog_pool), transaction(catalog_pool):
        busy = shown(recorded)

    assert busy["db_client_connection_count", "main", "used"] == 2
    assert busy["db_client_connection_max", "main"] >= 2
    assert shown(recorded)["db_client_connection_count", "main", "used"] == 0


async def test_an_event_loop_that_was_blocked_is_late(
    recorded: Recorded, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "TICK_S", 0.01)
    name = "event_loop_lag_seconds"

    watching = asyncio.create_task(measuring.watch_event_loop())
    await asyncio.sleep(0)
    time.sleep(0.3)  # noqa: ASYNC251 - that is what it is about

    async def is_counted() -> bool:
        return shown(recorded).get((f"{name}_count",), 0) > 0

    await eventually(is_counted, within=120)
    watching.cancel()

    found = shown(recorded)
    assert found[f"{name}_sum",] > 0.25
    assert found[f"{name}_bucket", "0.25"] < found[f"{name}_count",]

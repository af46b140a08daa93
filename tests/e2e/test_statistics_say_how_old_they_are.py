"""The age of figures, end to end: whatever holds events back, in whichever service."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

import asyncpg
import pytest

from shared import ids
from shared.testing import eventually
from tests.e2e.outside import Json, Platform, new_tag

PUBLISHERS = ("catalog", "scheduler", "dispatcher")
FRESH_S = 4.0  # a report a second, and a machine that others use as well


async def lag(platform: Platform) -> float | None:
    found: float | None = (await platform.get("STATS_URL", "/v1/totals"))["lag_s"]
    return found


async def fresh(platform: Platform, *, within: float = 120) -> None:
    async def is_fresh() -> bool:
        lag_s = await lag(platform)
        return lag_s is not None and lag_s < FRESH_S

    await eventually(is_fresh, within=within)


@asynccontextmanager
async def relay_standing(platform: Platform, service: str) -> AsyncIterator[asyncpg.Connection]:
    """Let a relay of ours, which publishes nothing, hold the lease of a service's outbox."""
    db = await asyncpg.connect(platform.env[f"{service.upper()}_DATABASE_URL"])
    try:
        ours = ids.new_id()
        await db.execute("UPDATE relays SET owner = $1, epoch = epoch + 1", ours)
        yield db
        await db.execute("UPDATE relays SET owner = NULL WHERE owner = $1", ours)
    finally:
        await db.close()


async def test_without_events_figures_are_young(platform: Platform) -> None:
    await fresh(platform)

    lags = [await lag(platform) for _ in range(20)]

    assert max(each for each in lags if each is not None) < FRESH_S


@pytest.mark.parametrize("service", PUBLISHERS)
async def test_while_a_relay_stands_still_figures_grow_old_and_never_claim_what_it_holds_back(
    platform: Platform, service: str
) -> None:
    await fresh(platform)
    tag = new_tag()
    await platform.import_clients(20, tag=tag, first=9_400_000_000)

    async with relay_standing(platform, service) as db:
        mailing = await platform.create_mailing(tag=tag)

        async def oldest() -> datetime | None:
            await db.execute("UPDATE relays SET beat = beat + 1")
            at: datetime | None = await db.fetchval("SELECT min(recorded_at) FROM outbox")
            return at

        held_back = await eventually(oldest, within=120)

        async def is_old() -> Json | None:
            await db.execute("UPDATE relays SET beat = beat + 1")
            totals = await platform.get("STATS_URL", "/v1/totals")
            return totals if totals["lag_s"] > FRESH_S + 1 else None

        old = await eventually(is_old, within=60)

    assert held_back is not None
    assert datetime.fromisoformat(old["as_of"]) <= held_back
    await fresh(platform)
    run = await platform.finished(mailing)
    assert (await platform.statistics_equal_the_ledger(run)).by_status == {"delivered": 20}


async def test_a_transaction_that_has_put_events_down_and_stays_open_is_waited_for(
    platform: Platform,
) -> None:
    await fresh(platform)
    db = await asyncpg.connect(platform.env["DISPATCHER_DATABASE_URL"])
    try:
        async with db.transaction():
            before = await db.fetchval("SELECT clock_timestamp()")
            await db.execute("LOCK TABLE outbox IN ROW EXCLUSIVE MODE")  # as an INSERT does

            async def is_old() -> Json | None:
                totals = await platform.get("STATS_URL", "/v1/totals")
                return totals if totals["lag_s"] > FRESH_S + 1 else None

            old = await eventually(is_old, within=60)
    finally:
        await db.close()

    assert datetime.fromisoformat(old["as_of"]) <= before
    await fresh(platform)


async def test_a_backup_holds_nothing_back(platform: Platform) -> None:
    await fresh(platform)
    connections = [
        await asyncpg.connect(platform.env[f"{each.upper()}_DATABASE_URL"]) for each in PUBLISHERS
    ]
    try:
        for db in connections:
            await db.execute("BEGIN ISOLATION LEVEL REPEATABLE READ")
            await db.execute("LOCK TABLE outbox IN ACCESS SHARE MODE")
            await db.execute("SELECT count(*) FROM outbox")
        began_at: datetime = await connections[0].fetchval("SELECT clock_timestamp()")

        async def is_later() -> bool:
            totals = await platform.get("STATS_URL", "/v1/totals")
            return datetime.fromisoformat(totals["as_of"]) > began_at

        await eventually(is_later, within=120)
    finally:
        for db in connections:
            await db.close()

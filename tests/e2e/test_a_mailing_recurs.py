"""A recurring mailing runs by itself at each of its times, each run with what it says then."""

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path

import asyncpg

from deploy.local.services import SERVICES
from deploy.local.stack import ALL, Stack
from shared import ids
from shared.testing import eventually
from tests.e2e.conftest import SOON
from tests.e2e.outside import Json, Platform, new_tag, platform_at
from tests.stacks import PreparedStack

CLIENTS, ZONE = 50, "[Europe/Moscow]"
DAY, SECOND = timedelta(days=1), timedelta(seconds=1)


async def pass_time(env: Mapping[str, str], by: timedelta) -> None:
    """Move the business clocks of all services."""
    for service in SERVICES:
        db = await asyncpg.connect(env[f"{service.upper()}_DATABASE_URL"])
        try:
            await db.execute("UPDATE clock SET shift = shift + $1", by)
        finally:
            await db.close()


async def runs_of(platform: Platform, mailing: Json, count: int) -> list[Json]:
    """Wait until so many runs of a mailing have finished; return them, the earliest first."""

    async def finished() -> list[Json] | None:
        path = "/v1/runs"
        found = await platform.get("DISPATCHER_URL", path, mailing_id=mailing["mailing_id"])
        done = [each for each in found["items"] if each["state"] == "finished"]
        return (
            sorted(done, key=lambda each: str(each["starts_at"])) if len(done) >= count else None
        )

    runs = await eventually(finished, within=60)
    assert isinstance(runs, list)
    return runs


async def texts_of(env: Mapping[str, str], runs: list[Json]) -> list[str]:
    """Return the text that each run was pinned with."""
    db = await asyncpg.connect(env["DISPATCHER_DATABASE_URL"])
    try:
        rows = await db.fetch("SELECT run_id::text, body FROM runs")
    finally:
        await db.close()
    bodies = {row["run_id"]: row["body"] for row in rows}
    return [bodies[each["run_id"]] for each in runs]


async def run_three_days(stack: Stack, platform: Platform, mailing: Json) -> list[Json]:
    """Let the days pass, and change the text after the first one."""
    first = datetime.fromisoformat(mailing["starts_at"]) + DAY / 2
    await pass_time(stack.env, first + SECOND - datetime.now(UTC))
    await runs_of(platform, mailing, 1)
    await platform.change(mailing, body="Good evening")
    await pass_time(stack.env, DAY)
    await runs_of(platform, mailing, 2)
    assert (await platform.mailing(mailing))["status"] == "running"
    await pass_time(stack.env, DAY)
    return await runs_of(platform, mailing, 3)


async def test_a_mailing_recurs_and_each_run_says_what_the_mailing_says_then(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    in_two_days = datetime.now(UTC) + 2 * DAY
    first = in_two_days.replace(hour=6, minute=0, second=0, microsecond=0)
    plan = {
        "body": "Good morning",
        "starts_at": (first - DAY / 2).isoformat(),
        "ends_at": (first + 2 * DAY + 3600 * SECOND).isoformat(),
        "schedule": {
            "entries": [{"kind": "daily", "at": "09:00", "zone": "Europe/Moscow"}],
            "window_s": 3600,
        },
    }
    stack = PreparedStack(tmp_path, SOON, ALL, ("--idempotent",), said.append, ephemeral=True)
    await stack.start()
    try:
        async with platform_at(stack.env) as platform:
            tag = new_tag()
            await platform.import_clients(CLIENTS, tag=tag)
            mailing = await platform.create_mailing(tag=tag, **plan)
            runs = await run_three_days(stack, platform, mailing)
            ledgers = [await platform.statistics_equal_the_ledger(run) for run in runs]

            async def is_over() -> bool:
                return bool((await platform.mailing(mailing))["status"] == "finished")

            await eventually(is_over, within=120)
            accepted = await platform.accepted()
            texts = await texts_of(stack.env, runs)
    finally:
        await stack.stop()

    assert [each["run_id"] for each in runs] == [
        str(
            ids.run_id(mailing["mailing_id"], f"{first + day * DAY:%Y-%m-%d}T09:00[Europe/Moscow]")
        )
        for day in range(3)
    ]
    assert texts == ["Good morning", "Good evening", "Good evening"]
    assert [each.by_status for each in ledgers] == [{"delivered": CLIENTS}] * 3
    assert (len(accepted), set(accepted.values())) == (3 * CLIENTS, {1})

"""SIGKILL to anything, during a run: nothing is lost, every statistic equals the ledger.

Of a plain gateway, what was under way when the dispatcher died may be handed over again, and each
such message has an attempt on record that says so. What a gateway that recognizes what it took
makes of kills is in `test_chaos_in_short`.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from deploy.local.stack import ALL, Stack
from shared import ids
from tests.e2e.conftest import SOON
from tests.e2e.outside import Json, Platform, in_seconds, new_tag, platform_at
from tests.stacks import PreparedStack

CLIENTS = 12_000
CONNECTIONS = 64
KILLED = ("dispatcher", "scheduler", "stats", "kafka", "postgres")


@asynccontextmanager
async def running(home: Path) -> AsyncIterator[tuple[Stack, Platform]]:
    settings = {**SOON, "DISPATCHER_HTTP_GATEWAY_IDEMPOTENT": "false"}
    options = ("--plain", "--latency-ms", "40-80")
    said: list[str] = []
    stack = PreparedStack(home, settings, ALL, options, said.append, ephemeral=True)
    await stack.start()
    try:
        async with platform_at(stack.env) as platform:
            yield stack, platform
    finally:
        await stack.stop()


async def test_a_run_outlives_the_kill_of_every_process(tmp_path: Path) -> None:
    tag, later = new_tag(), new_tag()
    async with running(tmp_path) as (stack, platform):
        await platform.import_clients(CLIENTS, tag=tag)
        await platform.import_clients(10, tag=later, first=9_500_000_000)
        mailing = await platform.create_mailing(tag=tag)
        small = await platform.create_mailing(tag=later, starts_at=in_seconds(1800))

        for number, name in enumerate(KILLED, start=1):
            await platform.sent(mailing, number * CLIENTS // 12, within=90)
            await stack.kill(name)
            if name == "scheduler":  # one that is due while it is dead
                await platform.command(small, "start")
            await stack.begin(name)
        run = await platform.finished(mailing, within=120)
        runs = [run, await platform.finished(small, within=60)]

        assert (await platform.ledger(runs[1])).by_status == {"delivered": 10}
        await nothing_is_lost(platform, run)
        before = await figures(platform)
        await platform.rebuild_statistics()
        assert await figures(platform) == before


async def nothing_is_lost(platform: Platform, run: Json) -> None:
    """Compare three ledgers: the dispatcher's tables, the statistics, and the gateway's own."""
    ledger = await platform.statistics_equal_the_ledger(run, within=60)
    accepted = await platform.accepted()
    twice = {key for key, times in accepted.items() if times > 1}
    unknown = await platform.attempts(run, "outcome = 'unknown'")
    lost = [each for each in unknown if each["kind"] == "lost"]
    assert ledger.planned == CLIENTS
    assert len(accepted) >= ledger.by_status["delivered"]
    explained = {ids.message_id(each["run_id"], each["client_id"]) for each in unknown}
    assert ledger.by_status.keys() <= {"delivered", "undetermined"}
    assert twice <= explained
    assert len(lost) <= CONNECTIONS


async def figures(platform: Platform) -> dict[str, object]:
    totals = await platform.get("STATS_URL", "/v1/totals")
    return {
        name: totals[name] for name in ("mailings", "runs", "planned", "attempts", "by_status")
    }

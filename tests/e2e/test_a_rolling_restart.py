"""A rolling restart of every service, while a plain gateway gets a run: nobody notices."""

import asyncio
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import httpx

from deploy.local.services import SERVICES
from deploy.local.stack import ALL, Stack
from tests.e2e.conftest import SOON
from tests.e2e.outside import Json, Platform, new_tag, platform_at
from tests.stacks import PreparedStack

CLIENTS = 10_000
PLAIN = {**SOON, "DISPATCHER_HTTP_GATEWAY_IDEMPOTENT": "false"}
IN_TURN = ("dispatcher", "catalog", "stats", "scheduler")
REPLICAS = tuple(f"{name}.2" for name in SERVICES)
READS = {
    "CATALOG": "/v1/mailings",
    "SCHEDULER": "/v1/schedules",
    "DISPATCHER": "/v1/runs",
    "STATS": "/v1/totals",
}
PAUSE_S = 0.02


async def call_again_and_again(env: Mapping[str, str], counts: Counter[str]) -> None:
    """Read from each service; a refused connection is tried once more, at the other replica."""
    async with httpx.AsyncClient(timeout=10) as http:
        while True:
            for service, path in READS.items():
                try:
                    answer = await http.get(env[f"{service}_URL"] + path)
                except httpx.ConnectError:
                    answer = await http.get(env[f"{service}_2_URL"] + path)
                counts[f"{answer.status_code}"] += 1
            await asyncio.sleep(PAUSE_S)


async def restart_all(stack: Stack, platform: Platform, mailing: Json) -> Counter[str]:
    """Restart one process after the other; return how many calls got which answer meanwhile."""
    counts: Counter[str] = Counter()
    calling = asyncio.create_task(call_again_and_again(stack.env, counts))
    for service in IN_TURN:
        for name in (service, f"{service}.2"):
            await stack.end(name)
            await stack.begin(name)
        if service == "dispatcher":
            run = await platform.run(mailing)
            assert run is not None
            assert run["open"] > 0  # else they were not restarted while they sent
    assert not calling.done()  # else a call has failed
    calling.cancel()
    return counts


async def test_a_rolling_restart_loses_and_repeats_nothing_and_no_call_fails(
    tmp_path: Path,
) -> None:
    said: list[str] = []
    options = ("--plain", "--latency-ms", "300-500")
    stack = PreparedStack(tmp_path, PLAIN, (*ALL, *REPLICAS), options, said.append, ephemeral=True)
    await stack.start()
    try:
        async with platform_at(stack.env) as platform:
            tag = new_tag()
            await platform.import_clients(CLIENTS, tag=tag)
            mailing = await platform.create_mailing(tag=tag)
            await platform.sent(mailing, 500)
            counts = await restart_all(stack, platform, mailing)
            run = await platform.finished(mailing, within=120)
            ledger = await platform.statistics_equal_the_ledger(run, within=60)
            accepted = await platform.accepted()
            lost = await platform.attempts(run, "outcome = 'unknown'")
    finally:
        await stack.stop()

    assert ledger.by_status == {"delivered": CLIENTS}
    assert (len(accepted), set(accepted.values()), lost) == (CLIENTS, {1}, [])
    assert set(counts) == {"200"}

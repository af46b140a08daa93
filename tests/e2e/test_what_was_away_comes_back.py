"""Kafka or PostgreSQL away, while services run or before they start: all go on by themselves."""

import asyncio
import json
import os
import signal
from collections.abc import Mapping
from datetime import datetime
from http import HTTPStatus

from deploy.local.services import SERVICES
from deploy.local.stack import KAFKA, POSTGRES, Stack
from shared.testing import eventually
from tests.e2e.outside import Json, Platform, in_seconds, new_tag

PATIENT = 120.0  # seconds: other processes use the same cores
LISTS = {
    "catalog": "/v1/mailings",
    "scheduler": "/v1/runs",
    "dispatcher": "/v1/runs",
    "stats": "/v1/totals",
}


async def test_what_is_accepted_while_kafka_is_away_is_carried_out_when_it_is_back(
    fragile: Stack, fragile_platform: Platform
) -> None:
    platform, tag, late = fragile_platform, new_tag(), new_tag()
    await platform.import_clients(100, tag=tag, first=9_300_000_000)
    earlier = await platform.create_mailing(tag=tag, starts_at=in_seconds(1800))

    await fragile.kill(KAFKA)
    await platform.import_clients(200, tag=late, first=9_310_000_000)
    later = await platform.create_mailing(tag=late)
    await platform.command(earlier, "start")
    stopped = await platform.create_mailing(tag=tag, starts_at=in_seconds(1800))
    await platform.command(stopped, "stop")
    answers = await answers_of_all(platform)
    nothing_runs = await platform.run(later)
    await fragile.begin(KAFKA)
    runs = [await platform.finished(each, within=PATIENT) for each in (earlier, later)]

    assert answers == dict.fromkeys(SERVICES, (204, 204, 200))
    assert nothing_runs is None
    for run, clients in zip(runs, (100, 200), strict=True):
        ledger = await platform.statistics_equal_the_ledger(run, within=PATIENT)
        assert ledger.by_status == {"delivered": clients}
    assert (await platform.mailing(stopped))["status"] == "stopped"


async def test_what_is_postponed_while_kafka_is_away_goes_out_at_its_new_start_once(
    fragile: Stack, fragile_platform: Platform
) -> None:
    platform, tag = fragile_platform, new_tag()
    await platform.import_clients(20, tag=tag, first=9_340_000_000)
    soon, end = in_seconds(8), in_seconds(90_000)
    mailing = await platform.create_mailing(tag=tag, starts_at=soon, ends_at=end)

    async def fires(at: str | None) -> bool:
        found = await platform.get("SCHEDULER_URL", "/v1/schedules", limit=200)
        shown = {each["mailing_id"]: each["next_fire_at"] for each in found["items"]}
        if mailing["mailing_id"] not in shown:
            return False
        next_fire_at = shown[mailing["mailing_id"]]
        return (next_fire_at and datetime.fromisoformat(next_fire_at)) == (
            at and datetime.fromisoformat(at)
        )

    await eventually(lambda: fires(soon), within=PATIENT)
    await fragile.kill(KAFKA)
    await eventually(lambda: fires(None), within=PATIENT)
    tomorrow = in_seconds(86_400)
    await platform.change(mailing, starts_at=tomorrow)
    await fragile.begin(KAFKA)
    await eventually(lambda: fires(tomorrow), within=PATIENT)
    while_postponed = await platform.run(mailing)
    await platform.change(mailing, starts_at=in_seconds(0))
    run = await platform.finished(mailing, within=PATIENT)

    assert while_postponed is None
    ledger = await platform.statistics_equal_the_ledger(run, within=PATIENT)
    assert ledger.by_status == {"delivered": 20}
    assert ledger.attempts == 20


async def test_after_a_restart_of_postgresql_every_service_goes_on_by_itself(
    fragile: Stack, fragile_platform: Platform
) -> None:
    platform, tag = fragile_platform, new_tag()
    processes = {name: fragile.pid(name) for name in SERVICES}
    server = fragile.pid(POSTGRES)
    assert server

    os.kill(server, signal.SIGINT)  # a restart as an operator does it

    async def is_down() -> bool:
        return fragile.pid(POSTGRES) is None

    await eventually(is_down, within=PATIENT)
    answers = await answers_of_all(platform)
    await fragile.begin(POSTGRES)
    await all_are_ready(platform)
    await platform.import_clients(100, tag=tag, first=9_320_000_000)
    run = await platform.finished(await platform.create_mailing(tag=tag), within=PATIENT)
    ledger = await platform.statistics_equal_the_ledger(run, within=PATIENT)

    assert answers == dict.fromkeys(SERVICES, (204, 503, 503))
    assert ledger.by_status == {"delivered": 100}
    assert {name: fragile.pid(name) for name in SERVICES} == processes


async def test_services_that_start_before_their_stores_say_so_wait_and_go_on(
    fragile: Stack, fragile_platform: Platform
) -> None:
    platform, tag = fragile_platform, new_tag()
    logs = {name: fragile.home.log(name) for name in SERVICES}
    for name in (*SERVICES, KAFKA, POSTGRES):
        await fragile.kill(name)
    before = {name: len(log.read_bytes()) for name, log in logs.items()}

    def said(name: str) -> list[Json]:
        lines = logs[name].read_bytes()[before[name] :].splitlines()
        return [json.loads(line) for line in lines]

    async def all_wait() -> bool:
        return all("loop.waiting" in {each["event"] for each in said(name)} for name in SERVICES)

    starting = [asyncio.create_task(fragile.begin(name)) for name in SERVICES]
    await eventually(all_wait, within=PATIENT)
    answers = await answers_of_all(platform)
    await fragile.begin(POSTGRES)
    await asyncio.gather(*starting)
    without_kafka = await answers_of_all(platform)
    await platform.import_clients(50, tag=tag, first=9_330_000_000)
    mailing = await platform.create_mailing(tag=tag)
    await fragile.begin(KAFKA)
    run = await platform.finished(mailing, within=PATIENT)

    assert answers == dict.fromkeys(SERVICES, (204, 503, 503))
    assert without_kafka == dict.fromkeys(SERVICES, (204, 204, 200))
    assert (await platform.ledger(run)).by_status == {"delivered": 50}


async def answers_of_all(platform: Platform) -> Mapping[str, tuple[int, int, int]]:
    """Return whether each service lives, whether it is ready, and what its API answers."""

    async def status(name: str, path: str) -> int:
        address = platform.env[f"{name.upper()}_URL"]
        answer = await platform.http.get(address + path)
        if path == "/livez":
            assert answer.status_code == HTTPStatus.NO_CONTENT, answer.text  # says what hangs
        return answer.status_code

    return {
        name: (
            await status(name, "/livez"),
            await status(name, "/readyz"),
            await status(name, path),
        )
        for name, path in LISTS.items()
    }


async def all_are_ready(platform: Platform) -> None:
    async def are() -> bool:
        return {answer[1] for answer in (await answers_of_all(platform)).values()} == {204}

    await eventually(are, within=PATIENT)

"""Databases, log and gateway of an earlier version: migrated, read, and gone on with.

Each file in `states/` is what the services of its day left when they were killed in the middle of
a run; see `make.py`.
"""

import asyncio
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg
import pytest
from pydantic import PostgresDsn

from deploy.local.services import GATEWAY, SERVICES
from deploy.local.stack import KAFKA, POSTGRES
from shared import ids, migrate
from shared.kafka import topics
from tests.e2e.conftest import SOON
from tests.e2e.outside import Json, Ledger, Platform, platform_at
from tests.stacks import PreparedStack
from tests.upgrade.reads import differences, read_everything
from tests.upgrade.state import FOLDER, State, load, restore

pytestmark = [pytest.mark.postgres, pytest.mark.kafka]

DAY = "1 day"


@dataclass(frozen=True)
class Restored:
    """A state in stores of its own, as today's code reads it before anything runs."""

    state: State
    env: Mapping[str, str]
    reads: Json


@dataclass(frozen=True)
class Continued:
    """What today's services made of it."""

    state: State
    ledgers: Mapping[str, Ledger]  # the dispatcher's, by tag
    statistics: Mapping[str, Ledger]
    runs: Mapping[str, Json]
    texts: Mapping[str, str]  # bodies of the mailings
    totals: Json
    rebuilt_totals: Json
    rebuilt_statistics: Mapping[str, Ledger]
    accepted: Counter[str]  # how often the gateway took each message, before and since
    unknown: set[str]  # messages with an attempt of which nobody knows how it ended
    members: Mapping[str, set[str]]  # message ids by tag
    repeated: tuple[int, Json]  # a request that was made before the upgrade as well


@pytest.fixture(
    scope="module", params=sorted(FOLDER.glob("*.xz")), ids=lambda path: path.name.split(".")[0]
)
def restored(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Restored]:
    state = load(request.param)
    said: list[str] = []
    home = tmp_path_factory.mktemp("stores")
    stack = PreparedStack(home, parts=[POSTGRES, KAFKA], report=said.append, ephemeral=True)
    asyncio.run(stack.start())
    try:
        yield asyncio.run(_restored(state, stack))
    finally:
        asyncio.run(stack.stop())


async def _restored(state: State, stack: PreparedStack) -> Restored:
    servers = stack.env["KAFKA_SERVERS"]
    urls = {service: stack.env[f"{service.upper()}_DATABASE_URL"] for service in SERVICES}
    await topics.create(servers, partitions=state.facts["partitions"])
    await restore(state, urls, servers)
    for service, url in urls.items():
        await migrate.migrate(service, PostgresDsn(url))
    stores = {f"{service.upper()}_DATABASE_URL": url for service, url in urls.items()}
    return Restored(state, {**stores, "KAFKA_SERVERS": servers}, await read_everything(urls))


@pytest.fixture(scope="module")
def continued(restored: Restored, tmp_path_factory: pytest.TempPathFactory) -> Continued:
    return asyncio.run(_go_on(restored, tmp_path_factory.mktemp("services")))


async def _go_on(restored: Restored, home: Path) -> Continued:
    said: list[str] = []
    settings = {
        **SOON,
        **restored.env,
        "TOPIC_PARTITIONS": str(restored.state.facts["partitions"]),
        "DISPATCHER_HTTP_GATEWAY_IDEMPOTENT": "false",
    }
    parts = (GATEWAY, *SERVICES)
    stack = PreparedStack(home, settings, parts, ("--plain",), said.append, ephemeral=True)
    stack.home.make()
    (stack.home.data / "gateway.ledger").write_bytes(restored.state.gateway_ledger)
    await stack.start()
    try:
        async with platform_at(stack.env) as platform:
            return await _Continuation(restored.state, platform).run()
    finally:
        await stack.stop()


class _Continuation:
    """What people do with the services of today."""

    def __init__(self, state: State, platform: Platform) -> None:
        self.state = state
        self.platform = platform
        self.mailings = {
            tag: {"mailing_id": mailing_id} for tag, mailing_id in state.facts["mailings"].items()
        }

    async def run(self) -> Continued:
        platform = self.platform
        repeated = await self._repeat()
        await platform.command(self.mailings["paused"], "resume")
        for tag in ("middle", "begun", "paused"):
            await platform.finished(self.mailings[tag])
        await self._pass_time(DAY)
        await platform.finished(self.mailings["scheduled"])

        runs = {
            tag: run
            for tag, mailing in self.mailings.items()
            if (run := await platform.run(mailing)) is not None
        }
        ledgers = {
            tag: await platform.statistics_equal_the_ledger(run) for tag, run in runs.items()
        }
        statistics = {tag: await platform.statistics(run) for tag, run in runs.items()}
        totals = await self._totals()
        await platform.rebuild_statistics()
        return Continued(
            state=self.state,
            ledgers=ledgers,
            statistics=statistics,
            runs=runs,
            texts={tag: (await platform.mailing(it))["body"] for tag, it in self.mailings.items()},
            totals=totals,
            rebuilt_totals=await self._totals(),
            rebuilt_statistics={tag: await platform.statistics(run) for tag, run in runs.items()},
            accepted=await platform.accepted(),
            unknown=await self._unknown(runs),
            members={tag: await self._members(run) for tag, run in runs.items()},
            repeated=repeated,
        )

    async def _repeat(self) -> tuple[int, Json]:
        request = self.state.facts["repeatable"]
        answer = await self.platform.http.post(
            self.platform.env["CATALOG_URL"] + "/v1/mailings",
            json=request["body"],
            headers={"idempotency-key": request["key"]},
        )
        return answer.status_code, answer.json()

    async def _pass_time(self, interval: str) -> None:
        for service in SERVICES:
            moved = f"UPDATE clock SET shift = shift + interval '{interval}'"
            await self._fetch(service, moved)

    async def _totals(self) -> Json:
        totals = await self.platform.get("STATS_URL", "/v1/totals")
        names = ("mailings", "runs", "planned", "attempts", "by_status")
        return {name: totals[name] for name in names}

    async def _unknown(self, runs: Mapping[str, Json]) -> set[str]:
        unknown = set()
        for run in runs.values():
            for each in await self.platform.attempts(run, "outcome = 'unknown'"):
                unknown.add(ids.message_id(each["run_id"], each["client_id"]))
        return unknown

    async def _members(self, run: Json) -> set[str]:
        chosen = "SELECT run_id, unnest(client_ids) AS client_id FROM chunks WHERE run_id = $1"
        rows = await self._fetch("dispatcher", chosen, run["run_id"])
        return {ids.message_id(row["run_id"], row["client_id"]) for row in rows}

    async def _fetch(self, service: str, statement: str, *values: Any) -> list[asyncpg.Record]:
        db = await asyncpg.connect(self.platform.env[f"{service.upper()}_DATABASE_URL"])
        try:
            return list(await db.fetch(statement, *values))
        finally:
            await db.close()


@pytest.mark.parametrize("service", SERVICES)
def test_after_the_migration_every_read_is_what_it_was(restored: Restored, service: str) -> None:
    before, now = restored.state.reads[service], restored.reads[service]

    assert list(differences(before, now)) == []


def test_a_run_in_its_middle_ends_with_every_message_accounted_for(continued: Continued) -> None:
    audience = continued.state.facts["audiences"]["middle"]
    ledger = continued.ledgers["middle"]

    assert ledger.planned == audience
    assert ledger.by_status.keys() <= {"delivered", "undetermined"}
    assert continued.statistics["middle"] == ledger


def test_what_the_gateway_had_taken_is_not_sent_again(continued: Continued) -> None:
    taken_twice = {key for key, times in continued.accepted.items() if times > 1}
    not_taken = continued.members["middle"] - continued.accepted.keys()

    assert taken_twice <= continued.unknown
    assert len(not_taken) <= continued.ledgers["middle"].by_status.get("undetermined", 0)


def test_a_run_that_was_fired_and_not_yet_read_begins(continued: Continued) -> None:
    assert continued.ledgers["begun"].by_status == {"delivered": 50}


def test_a_paused_mailing_can_be_resumed(continued: Continued) -> None:
    assert continued.ledgers["paused"].by_status == {"delivered": 400}


def test_a_scheduled_mailing_goes_out_at_its_time_once_and_as_it_was_last_changed(
    continued: Continued,
) -> None:
    assert continued.ledgers["scheduled"].by_status == {"delivered": 600}
    assert {continued.accepted[each] for each in continued.members["scheduled"]} == {1}
    assert continued.texts["scheduled"] == "Good morning, {{ full_name }}"


@pytest.mark.parametrize("tag", ["finished", "logged", "stopped", "expired"])
def test_the_figures_of_a_finished_run_stay(continued: Continued, tag: str) -> None:
    run = continued.runs[tag]
    before = continued.state.reads["stats"][f"/v1/runs/{run['run_id']}"]
    by_status = {status: count for status, count in before["by_status"].items() if count}

    assert continued.statistics[tag] == Ledger(by_status, before["attempts"])


def test_a_rebuild_gives_the_same_figures(continued: Continued) -> None:
    assert continued.rebuilt_totals == continued.totals
    assert continued.rebuilt_statistics == continued.statistics


def test_a_request_that_is_repeated_finds_what_it_made_before(continued: Continued) -> None:
    status, mailing = continued.repeated

    assert status == 201
    assert mailing["mailing_id"] == continued.state.facts["mailings"]["finished"]

"""Races: who edits a mailing in the moment in which it becomes due is told the truth.

Many mailings become due one after the other, each to one client. In that moment, some thousandths
of a second before or after, somebody changes, postpones, pauses, stops, deletes or starts it. What
was answered is compared with the mailing's events in the order in which Kafka has them, and with
what the dispatcher has on record.
"""

import asyncio
import json
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from statistics import median
from typing import Any, TypeAlias

import asyncpg
import httpx

from deploy.local.services import GATEWAY
from deploy.local.stack import KAFKA, POSTGRES, Stack
from shared.testing import eventually
from tests.e2e.conftest import SOON
from tests.e2e.outside import Json, Platform, platform_at
from tests.proof.answers import BEFORE, SILENT_AFTER, Evidence, Race, instant, mistakes
from tests.proof.firing import SCHEDULERS

PARTS = (POSTGRES, KAFKA, "catalog", *SCHEDULERS, "dispatcher", GATEWAY)
CREATED_PER_S = 15  # at least, also on a machine that is busy
AT_ONCE = 8  # mailings that are being created
APART = timedelta(milliseconds=60)
UNEDITED = 40  # mailings, by which the moment is found
OFFSET_S = 0.05  # at most, before and after
LATER = timedelta(seconds=8)
WINDOW = timedelta(minutes=5)
TAG = "one"
EDITS = ("text", "postpone", "shorten", "pause", "stop", "delete", "start")
SENT = """
    SELECT r.mailing_id, r.body, a.started_at, a.outcome
    FROM all_attempts a JOIN runs r USING (run_id) WHERE a.kind = 'answer'
"""

Figures: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Plan:
    """How many edits, and by which chance."""

    seed: int
    edits: int = 1_000


async def prove(plan: Plan, say: Callable[[str], None]) -> Figures:
    """Edit mailings in the moment in which they become due; return what was answered wrongly."""
    chance, said = random.Random(plan.seed), list[str]()  # noqa: S311 - no secret
    with tempfile.TemporaryDirectory(prefix="mailings-proof-") as home:
        stack = Stack(Path(home), SOON, PARTS, ("--idempotent",), said.append, ephemeral=True)
        await stack.start()
        try:
            async with platform_at(stack.env) as platform:
                await platform.import_clients(1, tag=TAG)
                late_s = await _usual_delay(stack, platform)
                say(f"races: a run begins {late_s:.3f} s after its start; that is the moment")
                races = await _create(plan.edits, platform)
                say(f"races: {len(races)} mailings become due, one every {APART}")
                async with asyncio.TaskGroup() as tasks:
                    for each in races:
                        offset_s = late_s + chance.uniform(-OFFSET_S, OFFSET_S)
                        tasks.create_task(_edit(each, platform, timedelta(seconds=offset_s)))
                await asyncio.sleep(2 * SILENT_AFTER.total_seconds())
                await _resume(races, platform)
                await eventually(lambda: _is_quiet(stack), within=120, every=0.5)
                on_record = await _evidence(stack, platform)
        finally:
            await stack.stop()
    return _figures(plan, races, on_record, say)


def _figures(
    plan: Plan, races: list[Race], on_record: Mapping[str, Evidence], say: Callable[[str], None]
) -> Figures:
    wrong, first = Counter[str](), Counter[str]()
    for race in races:
        evidence = on_record[race.mailing_id]
        for mistake in mistakes(race, evidence):
            say(f"races: {race.edit} of {race.mailing_id}: {mistake}: {race} {evidence}")
            wrong[race.edit] += 1
        first["run" if _began_first(evidence) else "edit"] += 1
    return {
        "seed": plan.seed,
        "edits": len(races),
        "edit_was_first": first["edit"],
        "run_was_first": first["run"],
        "refused": sum(race.status == 409 for race in races),
        "wrong": sum(wrong.values()),
    }


def _began_first(evidence: Evidence) -> bool:
    """Return whether the run had begun when the edit came, or the edit was refused for that."""
    names = [name for name, _ in evidence.events if name != "MailingCreated"]
    return names[:1] == ["RunBegun"]


async def _usual_delay(stack: Stack, platform: Platform) -> float:
    """Return how many seconds after its start a run begins, here and now."""
    alone = await _create(UNEDITED, platform)
    await asyncio.sleep((alone[-1].starts_at - datetime.now(UTC)).total_seconds() + 1)
    await eventually(lambda: _is_quiet(stack), within=120, every=0.5)
    begun = [each.one("RunBegun") for each in (await _evidence(stack, platform)).values()]
    return median(
        (instant(each["begun_at"]) - instant(each["starts_at"])).total_seconds() for each in begun
    )


async def _create(count: int, platform: Platform) -> list[Race]:
    first = datetime.now(UTC) + timedelta(seconds=2 + count / CREATED_PER_S)
    at_once = asyncio.Semaphore(AT_ONCE)

    async def create(number: int) -> Race:
        starts_at = first + number * APART
        window = {"starts_at": starts_at.isoformat()}
        window["ends_at"] = (starts_at + WINDOW).isoformat()
        async with at_once:
            mailing = await platform.create_mailing(tag=TAG, body=BEFORE, **window)
        return Race(EDITS[number % len(EDITS)], mailing["mailing_id"], starts_at)

    races = await asyncio.gather(*(create(number) for number in range(count)))
    assert datetime.now(UTC) < first, "the mailings took longer to create than was foreseen"
    return races


async def _edit(race: Race, platform: Platform, offset: timedelta) -> None:
    await asyncio.sleep((race.starts_at + offset - datetime.now(UTC)).total_seconds())
    answer = await _asked(race, platform)
    race.answered_at, race.status = datetime.now(UTC), answer.status_code
    race.answer = answer.json() if answer.content else {}


async def _asked(race: Race, platform: Platform) -> httpx.Response:
    url = f"{platform.env['CATALOG_URL']}/v1/mailings/{race.mailing_id}"
    later = race.starts_at + LATER
    match race.edit:
        case "text":
            return await platform.http.patch(url, json={"body": "after"})
        case "postpone":
            return await platform.http.patch(url, json={"starts_at": later.isoformat()})
        case "shorten":
            ends_at = race.starts_at + WINDOW / 2
            return await platform.http.patch(url, json={"ends_at": ends_at.isoformat()})
        case "delete":
            return await platform.http.delete(url)
        case verb:
            return await platform.http.post(f"{url}/{verb}")


async def _resume(races: Sequence[Race], platform: Platform) -> None:
    for race in races:
        if race.edit == "pause" and race.status == 200:
            url = f"{platform.env['CATALOG_URL']}/v1/mailings/{race.mailing_id}/resume"
            answer = await platform.http.post(url)
            assert answer.status_code in (200, 409), answer.text  # its message may be sent


async def _is_quiet(stack: Stack) -> bool:
    """Return whether nothing is due, being sent or still to be told."""
    asked = {
        "catalog": ("outbox",),
        "scheduler": ("outbox", "schedules WHERE next_fire_at IS NOT NULL"),
        "dispatcher": ("outbox", "runs WHERE state NOT IN ('finished', 'archived')"),
    }
    for service, tables in asked.items():
        db = await asyncpg.connect(stack.env[f"{service.upper()}_DATABASE_URL"])
        try:
            for table in tables:
                if await db.fetchval(f"SELECT count(*) FROM {table}"):
                    return False
        finally:
            await db.close()
    return True


async def _evidence(stack: Stack, platform: Platform) -> dict[str, Evidence]:
    events: dict[str, list[tuple[str, Json]]] = {}
    for record in await platform.records():
        if record.topic == "catalog.mailings" and record.value is not None:
            kind = dict(record.headers)["ce_type"].decode().partition(".")[0]
            event: Json = json.loads(record.value)
            events.setdefault(event["mailing_id"], []).append((kind, event))
    db = await asyncpg.connect(stack.env["DISPATCHER_DATABASE_URL"])
    try:
        rows = await db.fetch(SENT)
    finally:
        await db.close()
    sent: dict[str, list[Mapping[str, Any]]] = {}
    for row in rows:
        sent.setdefault(str(row["mailing_id"]), []).append(dict(row))
    return {each: Evidence(told, sent.get(each, [])) for each, told in events.items()}

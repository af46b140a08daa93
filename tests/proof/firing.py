"""Firing: each occurrence is decided once, whatever becomes of schedulers and their database.

Occurrences are made to come by moving the clock of the services, minute by minute, while
schedulers are killed by turns and PostgreSQL is restarted; what was decided is read from Kafka,
from the first record on. It shares no code with what computes occurrences.
"""

import asyncio
import json
import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeAlias

import asyncpg

from deploy.local.stack import KAFKA, POSTGRES, Stack
from shared.testing import eventually
from tests.e2e.conftest import SOON
from tests.e2e.outside import Json, Platform, platform_at

SCHEDULERS = ("scheduler", *(f"scheduler.{n}" for n in range(2, 6)))
PARTS = (POSTGRES, KAFKA, "catalog", *SCHEDULERS)
CLOCKS = ("catalog", "scheduler")
MINUTE = timedelta(minutes=1)
KILL_EVERY = 4  # minutes that are made to pass, which take three seconds together
PAUSE_S = 0.75  # for each of them
PATIENT_S = 300
EACH_MINUTE = {"kind": "cron", "expression": "* * * * *", "zone": "UTC"}
ALL_OF_THEM = {
    "missed": "run_all",
    "missed_max": 100,
    "overlap": "allow",
    "window_s": 366 * 86_400,
}

Figures: TypeAlias = dict[str, Any]
Decided: TypeAlias = dict[tuple[str, str], list[str]]  # by mailing and nominal time: what became


@dataclass(frozen=True)
class Plan:
    """How many occurrences come, and how."""

    seed: int
    mailings: int = 100
    minutes: int = 100


class World:
    """A catalog and five schedulers on a real PostgreSQL and Kafka."""

    def __init__(self, stack: Stack, platform: Platform) -> None:
        self.stack, self.platform = stack, platform

    async def pass_time(self, by: timedelta) -> None:
        """Move the business clocks."""
        for service in CLOCKS:
            db = await asyncpg.connect(self.stack.env[f"{service.upper()}_DATABASE_URL"])
            try:
                await db.execute("UPDATE clock SET shift = shift + $1", by)
            finally:
                await db.close()

    async def recurring(self, first: datetime, minutes: int, **rules: Any) -> Json:
        """Create a mailing that is due in so many minutes from `first` on; it ends much later."""
        return await self.platform.create_mailing(
            tag="nobody",
            starts_at=first.isoformat(),
            ends_at=(first + timedelta(days=9)).isoformat(),
            schedule={"entries": [EACH_MINUTE], "count": minutes} | rules,
        )

    async def fired(self) -> list[asyncpg.Record]:
        """Return the runs that the scheduler has."""
        db = await asyncpg.connect(self.stack.env["SCHEDULER_DATABASE_URL"])
        try:
            return list(await db.fetch("SELECT * FROM runs"))
        finally:
            await db.close()

    async def settle(self) -> None:
        """Wait until nothing is due, and everything is in Kafka."""

        async def is_settled() -> bool:
            for service, waits in (("scheduler", "schedules WHERE next_fire_at IS NOT NULL"),):
                db = await asyncpg.connect(self.stack.env[f"{service.upper()}_DATABASE_URL"])
                try:
                    left = await db.fetchval(f"SELECT count(*) FROM {waits}")
                    told = await db.fetchval("SELECT count(*) FROM outbox")
                finally:
                    await db.close()
                if left or told:
                    return False
            return True

        await eventually(is_settled, within=PATIENT_S, every=0.5)

    async def decided(self) -> Decided:
        """Return what was told of each occurrence, as Kafka has it.

        A relay that is killed before it has noted what it sent sends it once more: records with
        the identifier of one event are that event.
        """
        found: Decided = {}
        read: set[bytes] = set()
        for record in await self.platform.records():
            if record.topic != "scheduler.runs" or record.value is None:
                continue
            event: Json = json.loads(record.value)
            headers = dict(record.headers)
            if headers["ce_id"] in read:
                continue
            read.add(headers["ce_id"])
            kind = headers["ce_type"].decode().partition(".")[0]
            what = "proposed" if kind == "MailingScheduled" else str(event.get("reason"))
            found.setdefault((event["mailing_id"], event["nominal"]), []).append(what)
        return found


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Start it, and end it."""
    said: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mailings-proof-") as home:
        stack = Stack(Path(home), SOON, PARTS, (), said.append, ephemeral=True)
        await stack.start()
        try:
            async with platform_at(stack.env) as platform:
                yield World(stack, platform)
        finally:
            await stack.stop()


def nominals(first: datetime, minutes: int) -> list[str]:
    """Return the names of the occurrences that there are to be."""
    return [f"{first + n * MINUTE:%Y-%m-%dT%H:%M}[UTC]" for n in range(minutes)]


async def prove(plan: Plan, say: Callable[[str], None]) -> Figures:
    """Let occurrences come while schedulers die; return how many were missing or double."""
    chance, kills, restarts = random.Random(plan.seed), 0, 0  # noqa: S311 - no secret
    first = (datetime.now(UTC) + timedelta(days=2)).replace(second=0, microsecond=0)
    async with world() as here:
        mailings = [
            (await here.recurring(first, plan.minutes, **ALL_OF_THEM))["mailing_id"]
            for _ in range(plan.mailings)
        ]
        await here.pass_time(first - datetime.now(UTC) - MINUTE / 2)
        for minute in range(plan.minutes + 1):
            await here.pass_time(MINUTE)
            await asyncio.sleep(PAUSE_S)
            if minute % KILL_EVERY == 0:
                victim = chance.choice(SCHEDULERS)
                await here.stack.kill(victim)
                kills += 1
                await here.stack.begin(victim)
            if minute == plan.minutes // 2:
                await here.stack.kill(POSTGRES)
                restarts += 1
                await here.stack.begin(POSTGRES)
            if minute % 20 == 0:
                say(f"firing: minute {minute} of {plan.minutes}, {kills} schedulers killed")
        await here.settle()
        decided = await here.decided()
    wanted = {(each, nominal) for each in mailings for nominal in nominals(first, plan.minutes)}
    outcomes = Counter(what for told in decided.values() for what in told)
    return {
        "seed": plan.seed,
        "schedulers": len(SCHEDULERS),
        "occurrences": len(wanted),
        "missing": len(wanted - decided.keys()),
        "unexpected": len(decided.keys() - wanted),
        "double": sum(len(told) > 1 for told in decided.values()),
        **{f"outcome_{name}": count for name, count in sorted(outcomes.items())},
        "schedulers_killed": kills,
        "postgresql_restarted": restarts,
    }


async def prove_punctual(mailings: int, say: Callable[[str], None]) -> Figures:
    """Let occurrences come in real time, without faults; return how late they were."""
    async with world() as here:
        next_minute = (datetime.now(UTC) + 2 * MINUTE).replace(second=0, microsecond=0)
        for _ in range(mailings):
            await here.recurring(next_minute, 2, **ALL_OF_THEM)
        say(f"punctual: {mailings} mailings wait for {next_minute:%H:%M} and the minute after")
        until = next_minute + 1.2 * MINUTE
        await asyncio.sleep((until - datetime.now(UTC)).total_seconds())
        await here.settle()
        late = sorted(
            (each["fired_at"] - each["starts_at"]).total_seconds() for each in await here.fired()
        )
    return {
        "occurrences": len(late),
        "missing": 2 * mailings - len(late),
        "late_p50_s": round(late[len(late) // 2], 3),
        "late_p99_s": round(late[int(len(late) * 0.99)], 3),
        "late_max_s": round(late[-1], 3),
    }


# By rule: what becomes of twelve occurrences, one a minute, that came while none was there.
AFTER_TWELVE: dict[str, tuple[Json, list[str]]] = {
    "run_latest": ({"missed": "run_latest"}, ["superseded"] * 11 + ["proposed"]),
    "run_all of 5": (
        {"missed": "run_all", "missed_max": 5},
        ["superseded"] * 7 + ["proposed"] * 5,
    ),
    "run_all": ({"missed": "run_all", "missed_max": 100}, ["proposed"] * 12),
    "skip": ({"missed": "skip"}, ["too_late"] * 12),
    # Thirteen minutes after the first one, up to a minute more while schedulers start.
    "windows of 7 minutes": (
        {"missed": "run_all", "window_s": 420},
        ["window_over"] * 7 + ["proposed"] * 5,
    ),
}


async def prove_missed(say: Callable[[str], None]) -> Figures:
    """Stop all schedulers over twelve occurrences, by each rule; compare what becomes of them."""
    first = (datetime.now(UTC) + timedelta(days=2)).replace(second=0, microsecond=0)
    async with world() as here:
        named = {}
        for name, (rules, _) in AFTER_TWELVE.items():
            given = {"overlap": "allow", "window_s": 86_400} | rules
            named[name] = (await here.recurring(first, 12, **given))["mailing_id"]
        await here.pass_time(first - datetime.now(UTC) - MINUTE / 2)

        async def is_planned() -> bool:
            shown = (await here.platform.get("SCHEDULER_URL", "/v1/schedules"))["items"]
            return len(shown) == len(named)

        await eventually(is_planned, within=60)
        for each in SCHEDULERS:
            await here.stack.end(each)
        say("missed: no scheduler runs, and twelve minutes pass")
        await here.pass_time(12 * MINUTE + MINUTE / 2 + timedelta(seconds=61))
        for each in SCHEDULERS:
            await here.stack.begin(each)
        await here.settle()
        decided = await here.decided()
    differences = 0
    for name, (_, wanted) in AFTER_TWELVE.items():
        found = [decided.get((named[name], each), []) for each in nominals(first, 12)]
        if found != [[each] for each in wanted]:
            differences += 1
            say(f"missed: {name}: {found}")
    return {"rules": len(AFTER_TWELVE), "occurrences": 12, "differences": differences}

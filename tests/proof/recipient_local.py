"""Recipient-local: each message goes in its own minute, by the clock of its client.

Clients of many zones are in one run around a change of clocks; the clock of the services is moved
from one due time to the next. When a clock somewhere shows the local time is found by stepping
through the minutes (`model`), which shares no code with what computes it.
"""

import random
import tempfile
from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from importlib.resources import files
from pathlib import Path
from typing import Any, TypeAlias
from uuid import UUID

import asyncpg

from deploy.local.stack import KAFKA, POSTGRES, Stack
from shared.testing import eventually
from tests.e2e.conftest import SOON
from tests.e2e.outside import Platform, platform_at
from tests.proof.model import step_through

PARTS = (POSTGRES, KAFKA, "catalog", "scheduler", "dispatcher")
CLOCKS = ("catalog", "scheduler", "dispatcher")
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
CHUNK = 1_000
WITHIN_S = 300
# Clocks of Europe are set forward then, from two to three.
WALL = datetime(2027, 3, 28, 2, 30)  # noqa: DTZ001 - a local time
# Some whose clocks change then, some far out, some that are off by minutes.
CERTAIN = (
    *("Europe/Berlin", "Europe/Lisbon", "Europe/Chisinau", "America/Nuuk", "Asia/Beirut"),
    *("Pacific/Kiritimati", "Pacific/Pago_Pago", "Asia/Kathmandu", "Australia/Lord_Howe"),
    *("Europe/Moscow", "Asia/Kamchatka", "America/New_York", "Antarctica/Troll"),
)

Figures: TypeAlias = dict[str, Any]
Sent: TypeAlias = Mapping[UUID, list[datetime]]  # by client when its messages were handed over


@dataclass(frozen=True)
class Plan:
    """How many clients there are, and in how many zones."""

    seed: int
    clients: int = 200_000
    zones: int = 60


def expected(zone: str, wall: datetime) -> datetime:
    """Return the minute in which a clock in a zone shows a local time, or first a later one."""
    near = wall.replace(tzinfo=UTC)
    passed = step_through(zone, near - DAY, near + DAY).passed
    return passed[wall.date()][wall.hour, wall.minute]


def chosen_zones(plan: Plan, names: Iterable[str]) -> list[str]:
    """Return the certain zones, and others by chance."""
    chance = random.Random(plan.seed)  # noqa: S311 - no secret
    others = sorted(set(names) - set(CERTAIN))
    return [*CERTAIN, *chance.sample(others, plan.zones - len(CERTAIN))]


def differences(zones: Mapping[UUID, str], sent: Sent, wall: datetime) -> list[str]:
    """Return what is wrong: who got none, or more than one, or one outside its minute."""
    minutes = {zone: expected(zone, wall) for zone in set(zones.values())}
    found = []
    for client_id, zone in zones.items():
        times = sent.get(client_id, [])
        if len(times) != 1 or not minutes[zone] <= times[0] < minutes[zone] + MINUTE:
            found.append(f"{client_id} in {zone}: {times} instead of {minutes[zone]}")
    return found


def fewest(zones: Mapping[UUID, str], wall: datetime) -> int:
    """Return how many chunks there may be: those that are full, and one of each due minute."""
    return len(zones) // CHUNK + len({expected(zone, wall) for zone in set(zones.values())})


class World:
    """A catalog, a scheduler and a dispatcher whose clocks are moved."""

    def __init__(self, stack: Stack, platform: Platform) -> None:
        self.stack, self.platform = stack, platform

    async def rows(self, service: str, query: str, *values: Any) -> list[asyncpg.Record]:
        db = await asyncpg.connect(self.stack.env[f"{service.upper()}_DATABASE_URL"])
        try:
            return list(await db.fetch(query, *values))
        finally:
            await db.close()

    async def move_to(self, at: datetime) -> None:
        """Let it be `at` for all services."""
        for service in CLOCKS:
            await self.rows(service, "UPDATE clock SET shift = $1 - clock_timestamp()", at)

    async def next_due(self) -> datetime | None:
        query = "SELECT min(due_at) FROM chunks WHERE state = 'planned' AND open_count > 0"
        [(found,)] = await self.rows("dispatcher", query)
        return found  # type: ignore[no-any-return]

    async def until_none(self, query: str) -> None:
        """Wait until a query of the dispatcher finds nothing."""

        async def is_none() -> bool:
            return not await self.rows("dispatcher", query)

        await eventually(is_none, within=WITHIN_S, every=0.1)


@asynccontextmanager
async def world() -> AsyncIterator[World]:
    """Start it, and end it."""
    output: list[str] = []
    with tempfile.TemporaryDirectory(prefix="mailings-proof-") as home:
        stack = Stack(Path(home), SOON, PARTS, (), output.append, ephemeral=True)
        await stack.start()
        try:
            async with platform_at(stack.env) as platform:
                yield World(stack, platform)
        finally:
            await stack.stop()


SENT = "SELECT client_id, started_at FROM all_attempts WHERE kind = 'answer'"
DUE = """
    SELECT FROM chunks WHERE open_count > 0
        AND due_at <= (SELECT clock_timestamp() + shift FROM clock) LIMIT 1
"""


async def prove(plan: Plan, say: Callable[[str], None]) -> Figures:
    """Let a run go to all clients; return how many messages were not in their minute."""
    zones = chosen_zones(plan, place_names())
    async with world() as here:
        lines = ["phone,tags,time_zone"]
        lines += [f"7{9_000_000_000 + n},all,{zones[n % len(zones)]}" for n in range(plan.clients)]
        await here.platform.import_csv("\n".join(lines).encode())
        starts_at = min(expected(zone, WALL) for zone in zones) - HOUR
        policy = {"kind": "recipient_local", "zone": "UTC", "at": f"{WALL:%Y-%m-%dT%H:%M}"}
        await here.platform.create_mailing(
            tag="all",
            gateway="log",
            starts_at=starts_at.isoformat(),
            ends_at=(starts_at + 2 * DAY).isoformat(),
            time_policy=policy,
        )
        await here.move_to(starts_at + MINUTE)
        await eventually(expanded(here), within=WITHIN_S, every=0.1)
        [(chunks,)] = await here.rows("dispatcher", "SELECT count(*) FROM chunks")
        steps = 0
        while due_at := await here.next_due():
            await here.move_to(due_at)
            await here.until_none(DUE)
            steps += 1
            if steps % 10 == 0:
                say(f"recipient-local: {steps} due times")
        sent: dict[UUID, list[datetime]] = {}
        for row in await here.rows("dispatcher", SENT):
            sent.setdefault(row["client_id"], []).append(row["started_at"])
        query = "SELECT client_id, time_zone FROM clients"
        known = {row["client_id"]: row["time_zone"] for row in await here.rows("catalog", query)}
    wrong = differences(known, sent, WALL)
    return {
        "seed": plan.seed,
        "clients": len(known),
        "zones": len(set(known.values())),
        "messages": sum(map(len, sent.values())),
        "due_times": steps,
        "chunks": chunks,
        "chunks_at_most": fewest(known, WALL),
        "differences": len(wrong),
        "first_differences": wrong[:5],
        "latest_s": latest(known, sent),
    }


def latest(zones: Mapping[UUID, str], sent: Sent) -> float:
    """Return how many seconds after its minute began the latest message went."""
    minutes = {zone: expected(zone, WALL) for zone in set(zones.values())}
    late = Counter({
        client_id: (times[0] - minutes[zones[client_id]]).total_seconds()
        for client_id, times in sent.items()
    })  # fmt: skip
    return round(max(late.values(), default=0.0), 3)


def expanded(here: World) -> Callable[[], Any]:
    """Return what asks whether the run is expanded."""

    async def is_expanded() -> bool:
        return bool(await here.rows("dispatcher", "SELECT FROM runs WHERE state = 'sending'"))

    return is_expanded


def place_names() -> list[str]:
    """Return the zones of places, as tzdata has them."""
    lines = (files("tzdata") / "zoneinfo" / "zone.tab").read_text().splitlines()
    return [line.split("\t")[2] for line in lines if not line.startswith("#")]

"""Small mailings: many of one client each, due in the same second, with a window of a minute."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any

import asyncpg

from bench.pipeline import BODY
from bench.processes import Meter
from bench.rig import Rig
from bench.waiting import wait_for
from cli import Failure
from cli.render import Json
from cli.upload import Kind, import_file

MAILINGS = 2_000
AT_ONCE = 16  # mailings that are being created
AHEAD = timedelta(seconds=60)  # of the start: time enough to create all of them
WINDOW = timedelta(minutes=1)
WITHIN_S = WINDOW.total_seconds() + 60
EVERY_S = 0.1
FIRST_PHONE = 79_160_000_000
FINISHED = "SELECT count(*) FROM runs WHERE state = 'finished'"


@dataclass(frozen=True)
class Small:
    """How soon after their start many small mailings were sent, and known to be."""

    mailings: int
    delivered: int  # by statistics, when no message was open any more
    lost: int  # planned and delivered, but not at the gateway
    duplicated: int
    sent_after_s: float  # from the start of all to the last message at the gateway
    finished_after_s: float  # to the last run finished in the ledger
    projected_after_s: float  # to statistics with every message in a final state
    cpu_ms_per_mailing: dict[str, float]  # of everything that runs, from the start on
    machine: dict[str, float]  # shares of all cores: idle, and busy elsewhere


@dataclass
class _Watch:
    """Notes when all is sent, finished and projected."""

    rig: Rig
    db: asyncpg.Connection
    meter: Meter
    begun: float = field(default_factory=perf_counter)
    totals: Json = field(default_factory=dict)
    after_s: dict[str, float] = field(default_factory=dict)

    async def is_over(self) -> bool:
        """Look once; return whether statistics have every message in a final state."""
        self.meter.sample()
        _, distinct = await self.rig.accepted()
        self._note("sent", distinct)
        self._note("finished", await self.db.fetchval(FINISHED))
        self.totals = await self.rig.api.get("stats", "/v1/totals")
        open_ = sum(self.totals["by_status"][state] for state in ("planned", "retry"))
        self._note("projected", self.totals["planned"] - open_)
        return self.after_s.keys() >= {"finished", "projected"}

    def _note(self, name: str, count: int) -> None:
        if count >= MAILINGS:
            self.after_s.setdefault(name, perf_counter() - self.begun)


async def send_small_mailings(rig: Rig) -> Small:
    """Create mailings of one client each, and wait from their common start to their end.

    Raises:
        Failure: They could not be created in time, or came to no end.
    """
    await _import_clients(rig)
    starts_at = datetime.now(UTC) + AHEAD
    await _create_mailings(rig, starts_at)
    ahead_s = (starts_at - datetime.now(UTC)).total_seconds()
    if ahead_s < 0:
        raise Failure(f"{MAILINGS:,} mailings took longer to create than {AHEAD}.")
    await asyncio.sleep(ahead_s)
    db = await asyncpg.connect(rig.stack.env["DISPATCHER_DATABASE_URL"])
    try:
        meter = rig.meter()
        watch = _Watch(rig, db, meter)
        await wait_for(watch.is_over, "the end of small mailings", WITHIN_S, EVERY_S)
    finally:
        await db.close()
    requests, distinct = await rig.accepted()
    delivered = watch.totals["by_status"]["delivered"]
    after_s = {name: round(seconds, 2) for name, seconds in watch.after_s.items()}
    return Small(
        mailings=MAILINGS,
        delivered=delivered,
        lost=delivered - distinct,
        duplicated=requests - distinct,
        sent_after_s=after_s.get("sent", WINDOW.total_seconds()),
        finished_after_s=after_s["finished"],
        projected_after_s=after_s["projected"],
        cpu_ms_per_mailing={
            name: round(cpu_us / 1_000, 2) for name, cpu_us in meter.cpu_us_per(MAILINGS).items()
        },
        machine=meter.machine(),
    )


async def _import_clients(rig: Rig) -> None:
    """Import one client for each mailing, which its tag tells from the others."""
    path = rig.home.data / "small.csv"
    await asyncio.to_thread(path.write_text, "".join(_lines()))
    with path.open("rb") as file:
        await import_file(rig.api, file, Kind.CSV, lambda _: None)


def _lines() -> Iterator[str]:
    yield "phone,tags,time_zone,email,full_name\n"
    for number in range(MAILINGS):
        yield f"{FIRST_PHONE + number},{_tag(number)},Europe/Moscow,,Anna Petrova {number}\n"


def _tag(number: int) -> str:
    return f"small-{number}"


async def _create_mailings(rig: Rig, starts_at: datetime) -> None:
    numbers = iter(range(MAILINGS))

    async def create() -> None:
        for number in numbers:
            plan: dict[str, Any] = {
                "name": _tag(number),
                "body": BODY,
                "filter": {"tags": [_tag(number)]},
                "starts_at": starts_at.isoformat(),
                "ends_at": (starts_at + WINDOW).isoformat(),
                "gateway": "http",
            }
            await rig.api.post("catalog", "/v1/mailings", plan)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(create())

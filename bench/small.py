"""Small mailings: many of a few clients each, due in the same second, with a short window."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from time import perf_counter

import asyncpg

from bench.pipeline import create_mailing
from bench.processes import Meter
from bench.rig import Rig
from bench.waiting import wait_for
from cli import Failure, upload
from cli.render import Json
from cli.upload import import_file
from deploy.local.services import SERVICES

AT_ONCE = 16  # mailings that are being created
AHEAD = timedelta(milliseconds=30)  # of the start, for each: time enough to create all of them
WINDOW = timedelta(minutes=1)
WITHIN_S = WINDOW.total_seconds() + 60
EVERY_S = 0.1
FINISHED = "SELECT count(*) FROM runs WHERE state = 'finished'"


@dataclass(frozen=True)
class Kind:
    """So many mailings of so many clients each, which no other kind has."""

    mailings: int
    clients: int
    first_phone: int

    @property
    def messages(self) -> int:
        """How many messages there will be."""
        return self.mailings * self.clients

    def tag(self, number: int) -> str:
        """Return the tag of the clients of a mailing."""
        return f"small-{self.first_phone}-{number}"


OF_ONE = Kind(2_000, 1, 79_160_000_000)
OF_A_HUNDRED = Kind(1_000, 100, 79_161_000_000)


@dataclass(frozen=True)
class Small:
    """How soon after their start many small mailings were sent, and known to be."""

    mailings: int
    clients: int  # of each
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
    kind: Kind
    before: "_Before"
    db: asyncpg.Connection
    meter: Meter
    begun: float = field(default_factory=perf_counter)
    totals: Json = field(default_factory=dict)
    after_s: dict[str, float] = field(default_factory=dict)

    async def is_over(self) -> bool:
        """Look once; return whether statistics have every message in a final state."""
        self.meter.sample()
        _, distinct = await self.rig.accepted()
        self._note("sent", distinct - self.before.distinct, self.kind.messages)
        finished = await self.db.fetchval(FINISHED) - self.before.finished
        self._note("finished", finished, self.kind.mailings)
        self.totals = await self.rig.api.get("stats", "/v1/totals")
        open_ = sum(self.totals["by_status"][state] for state in ("planned", "retry"))
        final = self.totals["planned"] - open_ - self.before.planned
        self._note("projected", final, self.kind.messages)
        return self.after_s.keys() >= {"finished", "projected"}

    def _note(self, name: str, count: int, of: int) -> None:
        if count >= of:
            self.after_s.setdefault(name, perf_counter() - self.begun)


@dataclass(frozen=True)
class _Before:
    """What there was before: mailings of another kind may have been sent."""

    requests: int
    distinct: int
    finished: int  # runs
    planned: int  # messages
    delivered: int


async def _before(rig: Rig, db: asyncpg.Connection) -> _Before:
    requests, distinct = await rig.accepted()
    totals = await rig.api.get("stats", "/v1/totals")
    finished = await db.fetchval(FINISHED)
    delivered = totals["by_status"]["delivered"]
    return _Before(requests, distinct, finished, totals["planned"], delivered)


async def send_small_mailings(rig: Rig, kind: Kind) -> Small:
    """Create small mailings, and wait from their common start to their end.

    Raises:
        Failure: They could not be created in time, or came to no end.
    """
    await import_clients_of(rig, kind)
    ahead = kind.mailings * AHEAD
    starts_at = datetime.now(UTC) + ahead
    await _create_mailings(rig, kind, starts_at)
    db = await asyncpg.connect(rig.stack.env["DISPATCHER_DATABASE_URL"])
    try:
        before = await _before(rig, db)
        ahead_s = (starts_at - datetime.now(UTC)).total_seconds()
        if ahead_s < 0:
            raise Failure(f"{kind.mailings:,} mailings took longer to create than {ahead}.")
        await asyncio.sleep(ahead_s)
        rig.toggle_profile(*SERVICES)
        meter = rig.meter()
        watch = _Watch(rig, kind, before, db, meter)
        await wait_for(watch.is_over, "the end of small mailings", WITHIN_S, EVERY_S)
        rig.toggle_profile(*SERVICES)
    finally:
        await db.close()
    requests, distinct = await rig.accepted()
    requests, distinct = requests - before.requests, distinct - before.distinct
    delivered = watch.totals["by_status"]["delivered"] - before.delivered
    after_s = {name: round(seconds, 2) for name, seconds in watch.after_s.items()}
    return Small(
        mailings=kind.mailings,
        clients=kind.clients,
        delivered=delivered,
        lost=delivered - distinct,
        duplicated=requests - distinct,
        sent_after_s=after_s.get("sent", WINDOW.total_seconds()),
        finished_after_s=after_s["finished"],
        projected_after_s=after_s["projected"],
        cpu_ms_per_mailing={
            name: round(cpu_us / 1_000, 2)
            for name, cpu_us in meter.cpu_us_per(kind.mailings).items()
        },
        machine=meter.machine(),
    )


async def import_clients_of(rig: Rig, kind: Kind) -> None:
    """Import the clients of each mailing, whom their tag tells from the others."""
    path = rig.home.data / "small.csv"
    await asyncio.to_thread(path.write_text, "".join(_lines(kind)))
    with path.open("rb") as file:
        await import_file(rig.api, file, upload.Kind.CSV, lambda _: None)


def _lines(kind: Kind) -> Iterator[str]:
    yield "phone,tags,time_zone,email,full_name\n"
    for number in range(kind.messages):
        phone, tag = kind.first_phone + number, kind.tag(number // kind.clients)
        yield f"{phone},{tag},Europe/Moscow,,Anna Petrova {number}\n"


async def _create_mailings(rig: Rig, kind: Kind, starts_at: datetime) -> None:
    numbers = iter(range(kind.mailings))

    async def create() -> None:
        for number in numbers:
            tag = kind.tag(number)
            await create_mailing(rig, tag, starts_at, tag=tag, window=WINDOW)

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(create())

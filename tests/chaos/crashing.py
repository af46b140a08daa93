"""Crashing: each crash point is visited once during mailings, on one stack that goes on.

The process that died is started again; then all books of its mailings are compared, and with what
was to be expected of a death at that point.
"""

import asyncio
import math
import signal
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

from deploy.local.errors import StackError
from deploy.local.stack import ALL as PARTS
from shared.testing import eventually
from tests.chaos import books
from tests.chaos.checker import broken, check
from tests.chaos.crash_checker import differences, part_of
from tests.chaos.crash_points import Case, During, steps
from tests.chaos.evidence import Mailing
from tests.chaos.nemesis import be_well
from tests.chaos.rig import CONNECTIONS, Layout, Rig, running

LAYOUT = Layout(parts=PARTS, latency_ms="150-300", timeout_s=1.0, has_links=False)
# Short, so that what a visit waits for comes soon. A lease must outlast the timeout by 2 s.
SETTINGS = {
    "LOG_FORMAT": "json",
    "TOPIC_PARTITIONS": "3",
    "DISPATCHER_HTTP_GATEWAY_TIMEOUT": "PT1S",
    "DISPATCHER_SMTP_GATEWAY_TIMEOUT": "PT1S",
    "DISPATCHER_BACKOFF_BASE": "PT0.2S",
    "DISPATCHER_BACKOFF_CAP": "PT1S",
    "DISPATCHER_LEASE": "PT3S",
    "CATALOG_RELAY_LEASE": "PT1S",
    "SCHEDULER_RELAY_LEASE": "PT1S",
    "DISPATCHER_RELAY_LEASE": "PT1S",
}
FEW, MORE = "few", "more"
CLIENTS = {FEW: 40, MORE: 120}
SHORT_S = 2.5  # a window that is over before all is sent
POSTPONED_S = 8.0  # until the start: so long that the scheduler knows of it before
DIES_WITHIN_S = 60.0
ENDS_WITHIN_S = 90.0
UNFINISHED = """
    SELECT count(*) FROM unnest($1::uuid[]) AS wanted (mailing_id) WHERE NOT EXISTS (
        SELECT FROM runs WHERE runs.mailing_id = wanted.mailing_id AND state = 'finished'
    )
"""
FIRED = """
    SELECT count(*) FROM schedules
    WHERE mailing_id = ANY($1::uuid[]) AND (next_fire_at IS NULL) = $2
"""


class NotVisited(Exception):
    """A process did not die where it should have."""


@dataclass
class Visits:
    """What came of visits."""

    visited: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)  # in words

    def __add__(self, other: "Visits") -> "Visits":
        return Visits(self.visited + other.visited, self.wrong + other.wrong)

    def figures(self) -> dict[str, list[str]]:
        """Return them as they stand in `chaos.json`."""
        return {"crash_points": self.visited, "crash_points_broken": self.wrong}


async def visit(home: Path, cases: Sequence[Case], report: Callable[[str], None]) -> Visits:
    """Visit crash points on a stack of their own; compare everything once more at the end."""
    return await _visit(home, steps(cases), report)


async def visit_side_by_side(
    home: Path, cases: Sequence[Case], report: Callable[[str], None], within_s: float
) -> Visits:
    """Do the same on two stacks: most of the time a visit waits for a lease to be over."""
    ordered = steps(cases)
    until = time.monotonic() + within_s
    one, other = await asyncio.gather(
        *(_visit(home / str(half), ordered[half::2], report, until) for half in range(2))
    )
    return one + other


async def _visit(
    home: Path,
    ordered: Sequence[Sequence[Case]],
    report: Callable[[str], None],
    until: float = math.inf,
) -> Visits:
    async with running(home, SETTINGS, LAYOUT) as rig:
        await import_clients(rig, CLIENTS)
        crashing = Crashing(rig, CLIENTS)
        for step in ordered:
            if time.monotonic() > until:
                break
            names = ", ".join(each.name for each in step)
            try:
                await crashing.step(step)
            except (AssertionError, ExceptionGroup) as error:
                crashing.visits.wrong.append(f"{names}: {error!r}")
                await crashing.heal(step)
            report(names)
        evidence = await books.evidence(rig, crashing.expected, seed=0)
        evidence = replace(evidence, rebuilt=await books.rebuilt(rig, evidence))
        crashing.visits.wrong += [f"after all: {each}" for each in broken(check(evidence))]
        return crashing.visits


async def import_clients(rig: Rig, clients: Mapping[str, int]) -> None:
    """Import so many clients of each tag, and wait until the dispatchers have them."""
    first = 79_000_000_000
    for tag, count in clients.items():
        await rig.import_clients(tag, count, first)
        first += count
    await rig.clients_are_known(sum(clients.values()))


class Crashing:
    """Goes from crash point to crash point."""

    def __init__(self, rig: Rig, clients: Mapping[str, int]) -> None:
        self._rig = rig
        self._clients = clients
        self.expected: dict[UUID, Mailing] = {}
        self.visits = Visits()

    async def step(self, cases: Sequence[Case]) -> None:
        """Let processes die during the same mailings, start them again, and compare."""
        before = set(self.expected)
        during = cases[0].during
        is_at_start = during in (During.START, During.DEATH)
        if is_at_start:
            await self.create(cases[0], MORE)
            await eventually(self.is_sending, within=DIES_WITHIN_S)
        await self._arm(cases, kills=during is During.DEATH)
        async with asyncio.TaskGroup() as tasks:
            if not is_at_start:
                tasks.create_task(self._do(cases[0]))
            for each in cases:
                tasks.create_task(self._die(each))
        mailings = {key: self.expected[key] for key in self.expected.keys() - before}
        await self.finished(list(mailings))
        evidence = part_of(await books.evidence(self._rig, self.expected, seed=0), mailings)
        self.visits.visited += [each.name for each in cases]
        names = ", ".join(each.point for each in cases)
        self.visits.wrong += [f"{names}: {each}" for each in differences(cases[0], evidence)]

    async def heal(self, cases: Sequence[Case]) -> None:
        """Start processes again that still are to die, or have."""
        for each in cases:
            await self._rig.kill(each.part)
            await self._rig.begin(each.part)

    async def _arm(self, cases: Sequence[Case], *, kills: bool) -> None:
        """Start processes again, which now are to die at their crash points."""

        async def arm(case: Case) -> None:
            stack = self._rig.stack
            await (stack.kill(case.part) if kills else stack.end(case.part))
            try:
                await stack.begin(case.part, {"CRASH_AT": case.crash_at})
            except StackError:  # it died before it was ready, or failed: `_die` looks which
                if stack.exit_code(case.part) != -signal.SIGKILL:
                    raise

        await asyncio.gather(*map(arm, cases))

    async def _die(self, case: Case) -> None:
        """Wait for the death of a process, and start it again."""
        stack = self._rig.stack

        async def is_dead() -> bool:
            return stack.exit_code(case.part) is not None

        try:
            await eventually(is_dead, within=DIES_WITHIN_S)
        except AssertionError:
            raise NotVisited(f"{case.part} never came to {case.point}") from None
        if stack.exit_code(case.part) != -signal.SIGKILL:
            raise NotVisited(f"{case.part} ended before {case.point}")
        await self._rig.begin(case.part)

    async def _do(self, case: Case) -> None:
        """Let that happen during which a process is to die."""
        match case.during:
            case During.EXPIRY:
                await self.create(case, MORE, for_s=SHORT_S)
            case During.POSTPONING:
                await self._postpone(case)
            case During.PAUSE | During.CHANGE | During.OUTAGE | During.LIMIT:
                await self.create(case, MORE)
                await eventually(self.is_sending, within=DIES_WITHIN_S)
                await self._disturb(case)
            case During.ERASURE:
                await self.finished(await self.create(case, FEW))
                await self._erase()
            case During.MAILING | During.START | During.DEATH:
                await self.create(case, FEW)

    async def _disturb(self, case: Case) -> None:
        rig, [gateway] = self._rig, case.gateways
        match case.during:
            case During.PAUSE:
                [row] = await rig.rows(
                    "dispatcher", "SELECT run_id FROM runs ORDER BY begun_at DESC LIMIT 1"
                )
                for verb in ("pause", "resume"):
                    path = f"/v1/runs/{row['run_id']}/{verb}"
                    await rig.ask("dispatcher", "POST", path, json={"by": "a test"})
                    await asyncio.sleep(1)
            case During.OUTAGE:
                await rig.misbehave(gateway, fail_share=1)
                await asyncio.sleep(2)
                await be_well(rig, gateway, LAYOUT.latency_ms)
            case _:
                known = await rig.described(gateway)
                is_limit = case.during is During.LIMIT
                changes = {"rate": 500} if is_limit else {"max_connections": CONNECTIONS - 1}
                for description in (known | changes, known):
                    await rig.describe(gateway, description)
                    await asyncio.sleep(1)

    async def _postpone(self, case: Case) -> None:
        """Move the start of mailings while they are proposed, which the catalog hears later."""
        rig = self._rig
        created = await self.create(case, FEW, in_s=POSTPONED_S)
        begun = time.monotonic()

        async def are(*, fired: bool) -> bool:
            rows = await rig.rows("scheduler", FIRED, created, fired)
            return bool(rows) and rows[0][0] == len(created)

        await eventually(lambda: are(fired=False), within=POSTPONED_S)
        await asyncio.sleep(begun + POSTPONED_S - 1.5 - time.monotonic())
        rig.signal("kafka", signal.SIGSTOP)
        try:
            starts_at = (datetime.now(UTC) + timedelta(seconds=POSTPONED_S)).isoformat()
            for each in created:
                path = f"/v1/mailings/{each}"
                await rig.ask("catalog", "PATCH", path, json={"starts_at": starts_at})
            await eventually(lambda: are(fired=True), within=30)
        finally:
            rig.signal("kafka", signal.SIGCONT)

    async def _erase(self) -> None:
        """Register a client whom no mailing is for, and erase it; services may die meanwhile."""
        rig, headers = self._rig, {"Idempotency-Key": str(uuid4())}
        client = {"email": "erased@example.com"}
        made = await rig.ask("catalog", "POST", "/v1/clients", json=client, headers=headers)
        path = f"/v1/clients/{made['client_id']}"
        await rig.ask("catalog", "DELETE", path, params={"erase": "true"})
        left = await rig.rows(
            "catalog",
            "SELECT version FROM events WHERE stream = $1",
            f"client-{made['client_id']}",
        )
        assert [row["version"] for row in left] == [2]

    async def create(
        self, case: Case, tag: str, *, in_s: float = 0.0, for_s: float = 600.0
    ) -> list[UUID]:
        """Create a mailing through each gateway; the catalog may die meanwhile."""
        created = []
        for gateway in case.gateways:
            starts_at = datetime.now(UTC) + timedelta(seconds=in_s)
            ends_at = starts_at + timedelta(seconds=for_s)
            body: dict[str, Any] = {
                "name": f"{case.point} through {gateway}",
                "body": "Hello {{ full_name }}",
                "filter": {"operator_codes": [], "tags": [tag]},
                "starts_at": starts_at.isoformat(),
                "ends_at": ends_at.isoformat(),
                "gateway": gateway,
            }
            if gateway == "smtp":
                body["subject"] = "News"
            headers = {"Idempotency-Key": str(uuid4())}
            made = await self._rig.ask(
                "catalog", "POST", "/v1/mailings", json=body, headers=headers
            )
            created.append(UUID(made["mailing_id"]))
            self.expected[created[-1]] = Mailing(
                self._clients[tag], round(ends_at.timestamp() * 1_000)
            )
        return created

    async def is_sending(self) -> bool:
        return await self._rig.in_flight() > 0

    async def finished(self, mailings: Sequence[UUID]) -> None:
        async def are_finished() -> bool:
            rows = await self._rig.rows("dispatcher", UNFINISHED, mailings)
            return bool(rows) and rows[0][0] == 0

        await eventually(are_finished, within=ENDS_WITHIN_S, every=0.1)

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
from pathlib import Path

from deploy.local.errors import StackError
from shared.testing import eventually
from tests.chaos import books
from tests.chaos.afterwards import put_off_erasures
from tests.chaos.checker import broken, check
from tests.chaos.crash_checker import differences, part_of
from tests.chaos.crash_points import Case, During, steps
from tests.chaos.happenings import DIES_WITHIN_S, happen
from tests.chaos.mailings import FEW, LAYOUT, MORE, Mailings
from tests.chaos.rig import Rig, running

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
    "DISPATCHER_FREQUENCY_CAP": "transactional=1/2d",
    "CATALOG_BOUNCES": "1",
    "TOPIC_COMPACTION_LAG": "PT1S",
}
CLIENTS = {FEW: 40, MORE: 120}


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
        mailings = Mailings(rig, CLIENTS)
        crashing = Crashing(rig, mailings)
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
        evidence = await mailings.evidence()
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

    def __init__(self, rig: Rig, mailings: Mailings) -> None:
        self._rig = rig
        self._mailings = mailings
        self.visits = Visits()

    async def step(self, cases: Sequence[Case]) -> None:
        """Let processes die during the same mailings, start them again, and compare."""
        mailings = self._mailings
        before = set(mailings.expected)
        during = cases[0].during
        is_at_start = during in (During.START, During.DEATH)
        if is_at_start:
            await mailings.create(cases[0], MORE)
            await eventually(mailings.is_sending, within=DIES_WITHIN_S)
        if during is During.ERASURE:
            await put_off_erasures(self._rig)
        await self._arm(cases, kills=during is During.DEATH)
        async with asyncio.TaskGroup() as tasks:
            if not is_at_start:
                tasks.create_task(happen(mailings, cases[0]))
            for each in cases:
                tasks.create_task(self._die(each))
        new = {key: mailings.expected[key] for key in mailings.expected.keys() - before}
        await mailings.finished(list(new))
        evidence = part_of(await mailings.evidence(), new)
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

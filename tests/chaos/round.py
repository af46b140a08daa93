"""A round: everything starts, sends, breaks, heals and is compared."""

import asyncio
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from tests.chaos import books
from tests.chaos.evidence import Evidence
from tests.chaos.load import Load
from tests.chaos.nemesis import Nemesis, Watch, be_well, misbehave
from tests.chaos.rig import SANDBOXES, Rig, running


@dataclass(frozen=True)
class Plan:
    """How much of it, and from which seed."""

    seed: int
    faults: int
    within_s: float  # of faults
    scale: float = 1.0  # of the mailings
    finish_within_s: float = 300.0

    @property
    def every_s(self) -> float:
        """How long it is from one fault to the next."""
        return self.within_s / self.faults


async def play(
    home: Path, plan: Plan, settings: Mapping[str, str], report: Callable[[str], None]
) -> Evidence:
    """Play a round; return what is on record after it."""
    async with running(home, settings) as rig:
        load = Load(rig, plan.seed, plan.scale)
        await load.prepare()
        report("everything is ready")
        watch = Watch(rig)
        nemesis = Nemesis(rig, watch, plan.seed, report)
        creating = asyncio.create_task(load.run())
        tasks = [creating, *map(asyncio.create_task, (watch.run(), misbehave(rig, plan.seed)))]
        try:
            fault = asyncio.create_task(
                nemesis.run(plan.faults, plan.every_s, time.monotonic() + plan.within_s)
            )
            done, _ = await asyncio.wait((fault, *tasks), return_when=asyncio.FIRST_COMPLETED)
            for each in done:
                each.result()
            await nemesis.heal()
            load.end()
            await creating
        finally:
            await _end(tasks)
        report("the nemesis is done; all processes run")
        return await _evidence(rig, load, watch, nemesis, plan, report)


async def _end(tasks: list[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    for task in tasks:
        with suppress(asyncio.CancelledError):
            await task


async def _evidence(
    rig: Rig,
    load: Load,
    watch: Watch,
    nemesis: Nemesis,
    plan: Plan,
    report: Callable[[str], None],
) -> Evidence:
    for gateway in SANDBOXES:
        await be_well(rig, gateway, latency_ms="0-20")  # no need to wait for what is left
    left = await load.finish(plan.finish_within_s)
    report(f"{len(load.expected)} mailings were created; {left} have not finished")
    evidence = await books.evidence(rig, load.expected, plan.seed, missed=load.missed)
    report("statistics are read; they are built anew")
    rebuilt = await books.rebuilt(rig, evidence)
    return replace(
        evidence,
        rebuilt=rebuilt,
        faults=nemesis.faults,
        ended=nemesis.ended,
        samples=watch.samples,
    )

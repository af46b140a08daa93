"""Recovery: each kind of process is killed by itself, and how long it takes until all is well.

`python -m tests.chaos.recovery` measures it on a stack of its own (ROUNDS=n), on an idle machine;
it ends with 1 if it takes too long. Leases and sessions have their defaults.
"""

import asyncio
import json
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from shared.testing import eventually
from tests.chaos.evidence import Fault
from tests.chaos.load import Load
from tests.chaos.nemesis import KINDS, Watch, now_ms
from tests.chaos.recovered import is_good, percentile, recovered_after
from tests.chaos.rig import Rig, running

ROUNDS = 3
WITHIN_S = 210.0  # of kills
STARTS_AGAIN_AFTER_S = 0.5  # as the supervisor of the local stack does
WELL_FOR = 12  # samples in succession, so three seconds
P95_S = 10.0
Json = dict[str, Any]


async def measure(home: Path, rounds: int, report: Callable[[str], None]) -> Json:
    """Return how long it took after each kill."""
    async with running(home, {"LOG_FORMAT": "json"}) as rig:
        load, watch = Load(rig, seed=1), Watch(rig)
        await load.prepare()
        tasks = [asyncio.create_task(each) for each in (load.run(), watch.run())]
        try:
            faults = await _kills(rig, watch, rounds, report)
        finally:
            for each in tasks:
                each.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
    took = recovered_after(faults, watch.samples)
    worst: dict[str, float] = {}
    for fault, seconds in zip(faults, took, strict=True):
        worst[fault.target] = max(seconds, worst.get(fault.target, 0.0))
    return {
        "kills": len(faults),
        "recovery_p50_s": percentile(took, 50),
        "recovery_p95_s": percentile(took, 95),
        "longest_s": worst,
    }


async def _kills(
    rig: Rig, watch: Watch, rounds: int, report: Callable[[str], None]
) -> list[Fault]:
    begun_ms = now_ms()

    async def is_well() -> bool:
        last = watch.samples[-WELL_FOR:]
        return len(last) == WELL_FOR and last[0].at_ms >= begun_ms and all(map(is_good, last))

    faults: list[Fault] = []
    until = time.monotonic() + WITHIN_S
    await eventually(is_well, within=120)
    for target in KINDS * rounds:
        if time.monotonic() > until:
            break
        in_flight, at_ms = await rig.in_flight(), now_ms()
        await rig.kill(target)
        await asyncio.sleep(STARTS_AGAIN_AFTER_S)
        await rig.begin(target)
        begun_ms = now_ms()
        await eventually(is_well, within=120)
        faults.append(Fault("kill", target, at_ms, now_ms(), in_flight))
        [*_, took] = recovered_after(faults[-1:], watch.samples)
        report(f"{target}: {took} s ({in_flight} in flight)")
    return faults


def say(line: str) -> None:
    """Write a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


def main() -> int:
    """Measure, and write the figures."""
    with tempfile.TemporaryDirectory(prefix="recovery-") as home:
        rounds = int(os.environ.get("ROUNDS") or ROUNDS)
        figures = asyncio.run(measure(Path(home), rounds, say))
    say(json.dumps(figures, indent=1))
    return 0 if figures["recovery_p95_s"] <= P95_S else 1


if __name__ == "__main__":
    sys.exit(main())

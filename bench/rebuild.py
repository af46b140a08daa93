"""The rebuild: all statistics anew from offset 0, as an operator would do it."""

import asyncio
import json
import os
import sys
from dataclasses import dataclass

from bench.rig import Rig
from cli import Failure
from deploy.local.home import PROJECT

WITHIN_S = 1_800.0


@dataclass(frozen=True)
class Rebuilt:
    """How fast the log was read again."""

    messages: int
    events: int  # records of dispatcher.messages
    seconds: float
    rate_per_s: float


async def rebuild(rig: Rig) -> Rebuilt:
    """Run the command, and return what it says.

    Raises:
        Failure: It failed.
    """
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "services.stats", "rebuild", "--json"),
        env={**os.environ, **rig.stack.env},
        cwd=PROJECT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        async with asyncio.timeout(WITHIN_S):
            output, complaints = await process.communicate()
    finally:
        if process.returncode is None:
            process.kill()
    if process.returncode != 0:
        raise Failure(f"The rebuild failed.\n{complaints.decode(errors='replace')}")
    outcome = json.loads(output.splitlines()[-1])
    names = ("messages", "events", "seconds", "rate_per_s")
    return Rebuilt(**{name: outcome[name] for name in names})

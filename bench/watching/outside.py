"""The crowd from outside: it is started, asked for its counts, and ended."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import cast

import psutil  # type: ignore[import-untyped] # it has no types

from bench.waiting import wait_for
from cli import Failure
from cli.render import Json

OPEN_WITHIN_S = 120.0


@dataclass(frozen=True)
class Crowd:
    """A crowd that watches."""

    process: asyncio.subprocess.Process

    async def counts(self) -> Json:
        """Return what has come so far.

        Raises:
            Failure: The crowd has died.
        """
        assert self.process.stdin  # noqa: S101 - as it was started
        assert self.process.stdout  # noqa: S101 - the same
        self.process.stdin.write(b"\n")
        line = await self.process.stdout.readline()
        if not line:
            raise Failure("Those who watch have died.")
        return cast("Json", json.loads(line))

    def cpu_s(self) -> float:
        """Return the CPU time that it has spent."""
        return float(sum(psutil.Process(self.process.pid).cpu_times()[:2]))


@asynccontextmanager
async def crowd(
    port: int, watchers: int, *, silent: int = 0, searches: float = 0
) -> AsyncIterator[Crowd]:
    """Let so many watch on a port, and some search, until the block ends.

    Raises:
        Failure: They did not come in.
    """
    options = {"port": port, "watchers": watchers, "silent": silent, "searches": searches}
    arguments = [each for name, value in options.items() for each in (f"--{name}", str(value))]
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "bench.watching.crowd", *arguments),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    own = Crowd(process)
    try:

        async def is_open() -> bool:
            return bool((await own.counts())["is_open"])

        await wait_for(is_open, "those who watch to come in", OPEN_WITHIN_S, 0.2)
        yield own
    finally:
        assert process.stdin  # noqa: S101 - as it was started
        process.stdin.close()
        await process.wait()

"""The rig: the real stack, as `make up` has it, with the sink in the place of the gateway.

It has a home of its own, `bench` beside the usual one (the same disk: it must sync as durably),
which each benchmark begins anew and removes at its end.
"""

import asyncio
import os
import shutil
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import cast

import asyncpg
import httpx

from bench.processes import Meter
from bench.setup import Setup
from cli import Exit, Failure
from cli.api import Api
from cli.render import Json, note
from deploy.local.account import sweep
from deploy.local.doors import DOORS
from deploy.local.errors import AlreadyRunning
from deploy.local.foreground import run_until_ended
from deploy.local.home import Home, usual_home
from deploy.local.ports import HOST, Ports
from deploy.local.process import Process, until
from deploy.local.record import Record
from deploy.local.services import SERVICES, python
from deploy.local.stack import KAFKA, POSTGRES, Stack

SINK, SMTP_SINK = "sink", "sink.smtp"
READY_WITHIN_S = 20.0
PROFILING = Path(__file__).with_name("profiling")
OUT = Path(__file__).with_name("out")


@dataclass(frozen=True)
class Rig:
    """What measurements need: everything runs and is ready."""

    stack: Stack
    api: Api
    http: httpx.AsyncClient
    home: Home
    sink: Process
    sink_port: int
    smtp_port: int  # of the sink, where mails are measured
    messages: int
    setup: Setup

    async def accepted(self) -> tuple[int, int]:
        """Return how many requests the sink has had so far, and how many distinct keys."""
        counts = await self._summary()
        return counts["requests"], counts["distinct"]

    async def last_accepted(self) -> tuple[int, float]:
        """Return how many requests the sink has had, and when the last came, since the epoch."""
        counts = await self._summary()
        return counts["requests"], counts["last_at"]

    async def _summary(self) -> Json:
        answer = await self.http.get(f"http://{HOST}:{self.sink_port}/summary")
        return cast("Json", answer.json())

    async def tidy_up(self) -> None:
        """Let PostgreSQL do now what it would do in the next minute because of what was before."""
        for name in SERVICES:
            db = await asyncpg.connect(self.stack.env[f"{name.upper()}_DATABASE_URL"])
            try:
                await db.execute("VACUUM ANALYZE")
                await db.execute("CHECKPOINT")
            finally:
                await db.close()

    async def limit(self, rate: float | None) -> None:
        """Let the gateway take so many messages a second, which its dispatchers hear of soon."""
        path = "/v1/gateways/http"
        found = await self.api.get("dispatcher", path)
        await self.api.put("dispatcher", path, found["description"] | {"rate": rate})
        await asyncio.sleep(1)

    def pid(self, name: str) -> int:
        """Return the process id of a part.

        Raises:
            Failure: It does not run any more; what was measured is worth nothing.
        """
        pid = self.stack.pid(name)
        if pid is None:
            raise Failure(f"{name} has died; its log: {self.home.log(name)}")
        return pid

    def meter(self) -> Meter:
        """Begin to look at what everything costs; `bench` is this process."""
        pids = {name: self.pid(name) for name in parts(self.setup.dispatchers)}
        return Meter(pids | {SINK: self.sink.pid, "bench": os.getpid()})

    def of_services(self, by_process: Mapping[str, float]) -> dict[str, float]:
        """Return what a table of all processes says of the services."""
        return {name: by_process[name] for name in SERVICES}

    def toggle_profile(self, *names: str) -> None:
        """Let services begin to sample themselves, or end and write down what they saw."""
        if self.setup.is_profiled:
            for name in names:
                os.kill(self.pid(name), signal.SIGUSR1)


Measurements = Callable[[Rig], Awaitable[int]]


async def with_rig(messages: int, measurements: Measurements, setup: Setup) -> int:
    """Start everything, measure, end everything by its process id; return what was returned.

    Ctrl-C ends it early, in good order.

    Raises:
        Failure: A benchmark is running already.
        StackError: Something could not be started.
    """
    home = Home(usual_home() / "bench")
    _clear(home)
    home.make()
    OUT.mkdir(exist_ok=True)
    ports = Ports(home.path / "run" / "sink.json", {})
    port, smtp_port = ports.take(SINK), ports.take(SMTP_SINK)
    settings = _settings(setup.settings(port, smtp_port), setup)
    doors = DOORS if setup.has_doors else ()
    stack = Stack(home.path, settings, (*doors, *parts(setup.dispatchers)), (), _report)

    async def work(stack: Stack) -> int:
        async with (
            _sink(home, port, setup.sink_command(port, smtp_port)) as sink,
            Api(stack.env.__getitem__) as api,
            httpx.AsyncClient(trust_env=False, timeout=30) as http,
        ):
            rig = Rig(stack, api, http, home, sink, port, smtp_port, messages, setup)
            return await measurements(rig)

    try:
        return await run_until_ended(stack, work)
    finally:
        ports.release()
        _clear(home)


def parts(dispatchers: int) -> tuple[str, ...]:
    """Return what runs, with so many dispatchers beside each other."""
    more = [f"dispatcher.{number}" for number in range(2, dispatchers + 1)]
    return (POSTGRES, KAFKA, *SERVICES, *more)


def _settings(of_gateway: Mapping[str, str], setup: Setup) -> Mapping[str, str]:
    settings = {**of_gateway, "LOG_FORMAT": "json"}
    if setup.is_profiled:
        settings |= {"PYTHONPATH": str(PROFILING), "BENCH_SAMPLES": str(OUT)}
    return settings


@asynccontextmanager
async def _sink(home: Home, port: int, command: list[str]) -> AsyncIterator[Process]:
    """Run the sink; on record, so that it is found even if this process is killed."""
    record = Record(home.record)
    module, *options = command
    process = Process(python(home, SINK, module, *options, env={}))
    try:
        record.add(SINK, process.pid)
        if not await until(partial(_listens, port), READY_WITHIN_S):
            raise Failure(f"The sink did not start.\n{process.last_words()}")
        yield process
    finally:
        await asyncio.shield(process.end(signal.SIGTERM, within_s=5))
        record.remove(SINK)


async def _listens(port: int) -> bool:
    try:
        _, writer = await asyncio.open_connection(HOST, port)
    except OSError:
        return False
    writer.close()
    return True


def _clear(home: Home) -> None:
    """Remove what an earlier benchmark has left, and end what still runs of it.

    Raises:
        Failure: A benchmark is running.
    """
    try:
        lock = home.lock()
    except AlreadyRunning:
        message = f"A benchmark is running already, in {home.path}."
        raise Failure(message, Exit.CONFLICT) from None
    with lock:
        Record(home.record).end_orphans()
        shutil.rmtree(home.path, ignore_errors=True)
    sweep()  # of what had to lie outside


def _report(line: str) -> None:
    note(line, "dim")

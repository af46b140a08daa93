"""The supervisor: starts parts, waits until they are ready, ends them, starts them again."""

import asyncio
import signal
import time
from collections.abc import Awaitable, Callable, Iterable, Mapping
from types import MappingProxyType

from deploy.local.errors import StackError
from deploy.local.part import Part
from deploy.local.process import Process, exit_words, until
from deploy.local.record import Record

FIRST_PAUSE_S = 0.5
LONGEST_PAUSE_S = 30.0
GOOD_AFTER_S = 60.0  # who has lived that long gets the first pause again
POLL_INTERVAL_S = 0.2

NO_VARIABLES: Mapping[str, str] = MappingProxyType({})


class Supervisor:
    """What runs, by name. Each start is on record before anything else happens."""

    def __init__(self, record: Record, report: Callable[[str], None]) -> None:
        self._record = record
        self._report = report
        self._parts: dict[str, Part] = {}
        self._processes: dict[str, Process] = {}
        self._held: set[str] = set()  # down because somebody wants it down

    def pid(self, name: str) -> int | None:
        """Return the process id of a part; None when it does not run."""
        process = self._processes.get(name)
        return process.pid if process and process.exit_code is None else None

    def exit_code(self, name: str) -> int | None:
        """Return how a part ended, as `Process.exit_code`; None while it runs, or never did."""
        process = self._processes.get(name)
        return process.exit_code if process else None

    async def start_all(self, parts: Iterable[Part]) -> None:
        """Start parts side by side, and wait until all are ready.

        Raises:
            StackError: One of them did not get there; the others are left as they are.
        """
        await all_of(self.start(part) for part in parts)

    async def start(self, part: Part) -> None:
        """Start a part and wait until it is ready.

        Raises:
            StackError: It ended, or was not ready in time.
        """
        begun = time.monotonic()
        self._parts[part.name] = part
        await part.prepare()
        process = self._spawn(part)
        while not await self._becomes_ready(part, process, begun + part.ready_within_s):
            await asyncio.sleep(FIRST_PAUSE_S)
            process = self._spawn(part)
        self._held.discard(part.name)
        self._report(f"{part.name} is ready ({time.monotonic() - begun:.1f} s)")

    async def begin(self, name: str, variables: Mapping[str, str] = NO_VARIABLES) -> None:
        """Start a part again that was killed, or has ended, and wait until it is ready.

        This once it has `variables` in its environment besides.

        Raises:
            StackError: It was never part of this, or it did not get there.
        """
        part = self._parts.get(name)
        if part is None:
            message = f"There is no {name} here, only {', '.join(self._parts)}."
            raise StackError(message)
        if self.pid(name) is None:
            try:
                await self.start(part.with_variables(variables))
            finally:
                self._parts[name] = part

    async def kill(self, name: str) -> None:
        """End a part by SIGKILL. It stays down until `begin`."""
        self._held.add(name)
        await self._end(name, at_once=True)

    async def stop_all(self, names: Iterable[str], *, at_once: bool = False) -> None:
        """End parts side by side, each in the time that it may take."""
        self._held.update(names)
        await asyncio.gather(*(self._end(name, at_once=at_once) for name in names))

    def kill_all(self) -> None:
        """Send SIGKILL to everything, and do not wait."""
        self._held.update(self._parts)
        for process in self._processes.values():
            process.send(signal.SIGKILL)

    async def watch(self) -> None:
        """Start again what dies, until cancelled: after a pause that grows while it does not help.

        Not what was killed on purpose.
        """
        await all_of(self._keep(part) for part in list(self._parts.values()))

    def _spawn(self, part: Part) -> Process:
        process = self._processes[part.name] = Process(part.command)
        self._record.add(part.name, process.pid, part.stop)
        return process

    async def _becomes_ready(self, part: Part, process: Process, deadline: float) -> bool:
        """Wait until it is ready; say False when it ended and should be tried again."""

        async def is_decided() -> bool:
            return process.exit_code is not None or await part.is_ready()

        in_time = await until(is_decided, deadline - time.monotonic())
        if process.exit_code is None and in_time:
            return True
        if process.exit_code is None:
            how = f"was not ready within {part.ready_within_s:g} s"
        elif in_time and part.again_if and part.again_if in process.output():
            return False
        else:
            how = f"ended with {exit_words(process.exit_code)} before it was ready"
        message = f"{part.name} {how}.\n{process.last_words()}"
        raise StackError(message)

    async def _end(self, name: str, *, at_once: bool) -> None:
        process = self._processes.get(name)
        if process is None:
            return
        part = self._parts[name]
        await process.end(signal.SIGKILL if at_once else part.stop, part.stop_within_s)
        self._record.remove(name)

    async def _keep(self, part: Part) -> None:
        pause_s = FIRST_PAUSE_S
        while True:
            begun = time.monotonic()
            code = await self._death_of(part.name)
            if time.monotonic() - begun > GOOD_AFTER_S:
                pause_s = FIRST_PAUSE_S
            how = f"{part.name} ended with {exit_words(code)}"
            self._report(f"{how}; starting it again in {pause_s:g} s (log: {part.command.log})")
            await asyncio.sleep(pause_s)
            pause_s = min(2 * pause_s, LONGEST_PAUSE_S)
            try:
                if part.name not in self._held:
                    await self.start(part)
            except StackError as error:
                self._report(str(error))
                await self._end(part.name, at_once=True)

    async def _death_of(self, name: str) -> int:
        """Wait until a part is down although nobody wants it down; return its exit code."""
        while True:
            code = self._processes[name].exit_code
            if code is not None and name not in self._held:
                return code
            await asyncio.sleep(POLL_INTERVAL_S)


async def all_of(tasks: Iterable[Awaitable[None]]) -> None:
    """Do all side by side; the first that fails ends the others, and its error is raised."""

    async def one(task: Awaitable[None]) -> None:
        await task

    try:
        async with asyncio.TaskGroup() as group:
            for task in tasks:
                group.create_task(one(task))
    except ExceptionGroup as errors:
        raise errors.exceptions[0] from None

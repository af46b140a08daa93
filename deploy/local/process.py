"""The process: one program that was started, with its log; and the wait for it.

Bound to no event loop: a fixture may start it in one and end it in another.
"""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.account import Account
from deploy.local.errors import StackError

EVERY_S = 0.04
PRIVATE = 0o077  # what a part writes is for nobody else: there are phones in it
TAIL_LINES = 12
TAIL_BYTES = 8_192


@dataclass(frozen=True, kw_only=True)
class Command:
    """What to run, and as whom; output goes to the log."""

    arguments: Sequence[str]
    log: Path
    environment: Mapping[str, str]
    folder: Path
    account: Account | None = None


@dataclass
class Process:
    """A child of ours, in a session of its own: a Ctrl-C in the terminal does not reach it."""

    command: Command
    _popen: "subprocess.Popen[bytes]" = field(init=False)
    _log_begin: int = field(init=False)  # bytes

    def __post_init__(self) -> None:
        account = self.command.account
        with self.command.log.open("ab") as log:
            self._log_begin = log.tell()
            self._popen = subprocess.Popen(  # noqa: S603 (a command of ours)
                self.command.arguments,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                cwd=self.command.folder,
                env=dict(self.command.environment),
                user=account.user if account else None,
                group=account.group if account else None,
                extra_groups=[] if account else None,
                start_new_session=True,
                umask=PRIVATE,
            )

    @property
    def pid(self) -> int:
        """Its process id; not another's as long as the exit code has not been asked for."""
        return self._popen.pid

    @property
    def exit_code(self) -> int | None:
        """None while it runs; below zero: the signal that ended it."""
        return self._popen.poll()

    def send(self, what: signal.Signals) -> None:
        """Send a signal, if it still runs."""
        self._popen.send_signal(what)

    async def ended(self, within_s: float) -> bool:
        """Wait for its end; say whether it came in time."""
        return await until(self._has_ended, within_s)

    async def end(self, what: signal.Signals, within_s: float) -> None:
        """Ask it to end, and kill it when it has not in time."""
        self.send(what)
        if not await self.ended(within_s):
            self.send(signal.SIGKILL)
            await self.ended(within_s=5)

    def output(self) -> str:
        """Return the end of what this process has written."""
        with self.command.log.open("rb") as log:
            size = log.seek(0, os.SEEK_END)
            log.seek(max(self._log_begin, size - TAIL_BYTES))
            return log.read().decode(errors="replace")

    def last_words(self) -> str:
        """Return its last lines, to be shown to people."""
        lines = (f"  | {line}" for line in self.output().splitlines()[-TAIL_LINES:])
        return "\n".join([f"  The end of {self.command.log}:", *lines])

    async def _has_ended(self) -> bool:
        return self.exit_code is not None


async def until(condition: Callable[[], Awaitable[bool]], within_s: float) -> bool:
    """Wait for a condition; say whether it came true in time."""
    end = time.monotonic() + within_s
    while not await condition():
        if time.monotonic() > end:
            return False
        await asyncio.sleep(EVERY_S)
    return True


async def run(name: str, command: Command, within_s: float = 120) -> None:
    """Run something that ends by itself.

    Raises:
        StackError: It failed, or did not end in time; the message has the end of its log.
    """
    process = Process(command)
    try:
        in_time = await process.ended(within_s)
    finally:
        if process.exit_code is None:
            await process.end(signal.SIGKILL, within_s=5)
    if process.exit_code != 0:
        how = f"failed with {exit_words(process.exit_code)}" if in_time else "took too long"
        message = f"{name} {how}.\n{process.last_words()}"
        raise StackError(message)


def exit_words(code: int | None) -> str:
    """Say how a process ended."""
    if code is not None and code < 0:
        return f"signal {signal.Signals(-code).name}"
    return f"exit code {code}"

"""The record: which processes this stack has started, so that none is forgotten.

A supervisor that is killed leaves its children behind. They are found here and ended, but only
where the process id *and* the start time match: ids are used again.
"""

import json
import os
import signal
import subprocess
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.local.home import Home, replace_text

PROC = Path("/proc")
START_TIME = 19  # of the fields after the name. Source: proc_pid_stat(5), field 22
STATE = 0
KILL_AFTER_S = 12.0


@dataclass(frozen=True)
class Entry:
    """A process that was started; `stop` is the signal that ends it in good order."""

    pid: int
    birth: str
    stop: int


class Record:
    """The file. Every change is on disk before the method returns."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def entries(self) -> dict[str, Entry]:
        """Return what is on record by name, in the order of starting."""
        try:
            entries = json.loads(self._path.read_text())
        except FileNotFoundError:
            return {}
        return {name: Entry(**entry) for name, entry in entries.items()}

    def add(self, name: str, pid: int, stop: signal.Signals = signal.SIGTERM) -> None:
        """Note that `name` runs. Nothing is noted if it has already ended."""
        born = birth(pid)
        if born is not None:
            self._write({**self.entries(), name: Entry(pid, born, stop)})

    def remove(self, name: str) -> None:
        """Note that `name` does not run any more."""
        entries = self.entries()
        if entries.pop(name, None):
            self._write(entries)

    def end_orphans(self, within_s: float = KILL_AFTER_S) -> list[str]:
        """End everything on record that is still alive; return the names. Blocks.

        What has not ended in time is killed. To be called by whoever holds the lock of the home:
        then nobody else looks after them.
        """
        orphans = {name: entry for name, entry in self.entries().items() if is_alive(entry)}
        for entry in orphans.values():
            send(entry, signal.Signals(entry.stop))
        _wait_for(orphans, within_s)
        for entry in orphans.values():
            send(entry, signal.SIGKILL)
        _wait_for(orphans, within_s)
        self._write({})
        return list(orphans)

    def _write(self, entries: dict[str, Entry]) -> None:
        text = json.dumps({name: asdict(entry) for name, entry in entries.items()}, indent=1)
        replace_text(self._path, text)


SUPERVISOR = "supervisor"


def record_supervisor(home: Home) -> None:
    """Note that this process looks after the home."""
    Record(home.supervisor).add(SUPERVISOR, os.getpid())


def supervisor_of(home: Home) -> Entry | None:
    """Return the process that looks after the home; None when there is none alive."""
    entry = Record(home.supervisor).entries().get(SUPERVISOR)
    return entry if entry and is_alive(entry) else None


def birth(pid: int) -> str | None:
    """Return when a process was started, in words that only ever equal themselves.

    None when there is no such process, or nothing left of it but its exit code.
    """
    if not PROC.exists():  # macOS
        answer = subprocess.run(  # noqa: S603 (a number is all that is ours)
            ["/bin/ps", "-o", "lstart=", "-p", str(pid)],
            capture_output=True,
            text=True,
            check=False,
        )
        return answer.stdout.strip() or None
    try:
        text = (PROC / str(pid) / "stat").read_text()
        boot = (PROC / "sys/kernel/random/boot_id").read_text().strip()
    except (FileNotFoundError, ProcessLookupError):
        return None
    fields = text.rpartition(")")[2].split()  # the name in parentheses may hold anything
    return None if fields[STATE] in "ZX" else f"{boot} {fields[START_TIME]}"


def is_alive(entry: Entry) -> bool:
    """Return whether the very process that was recorded still runs."""
    return birth(entry.pid) == entry.birth


def send(entry: Entry, what: signal.Signals) -> None:
    """Send a signal, if it still is the very process that was recorded."""
    if is_alive(entry):
        os.kill(entry.pid, what)


def _wait_for(entries: dict[str, Entry], within_s: float) -> None:
    end = time.monotonic() + within_s
    while time.monotonic() < end and any(is_alive(entry) for entry in entries.values()):
        time.sleep(0.02)

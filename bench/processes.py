"""The processes: what each of them costs while something is measured, in CPU and memory."""

import os
import time
from collections.abc import Mapping

import psutil  # type: ignore[import-untyped] # it has no types

MIB = 2**20


class Meter:
    """Looks at processes, by name and id, from when it is made.

    What a process has started counts as its own: PostgreSQL is a hundred processes. Except for
    this very process, which has started all others.

    Raises:
        psutil.NoSuchProcess: One of them has died, here or later. That is no measurement.
    """

    def __init__(self, pids: Mapping[str, int]) -> None:
        self._processes = {name: psutil.Process(pid) for name, pid in pids.items()}
        self._spent_before = self._spent()
        self._machine_before = psutil.cpu_times()
        self._peaks = dict.fromkeys(pids, 0)
        self.sample()

    def sample(self) -> None:
        """Take note of how much memory each of them holds now."""
        for name, process in self._processes.items():
            self._peaks[name] = max(self._peaks[name], process.memory_info().rss)

    def cpu_us_per(self, count: int) -> dict[str, float]:
        """Return the CPU microseconds, of user and system, that each has spent per one of `count`.

        From when this was made until now.
        """
        spent = self._spent()
        return {
            name: round((spent[name] - before) * 1e6 / count, 1)
            for name, before in self._spent_before.items()
        }

    def machine(self) -> dict[str, float]:
        """Return which shares of all cores were idle, and busy with what is not measured here.

        From when this was made until now. A busy machine measures nothing.
        """
        before, now = self._machine_before, psutil.cpu_times()
        passed = sum(now) - sum(before)
        idle = now.idle + getattr(now, "iowait", 0) - before.idle - getattr(before, "iowait", 0)
        ours = sum(self._spent().values()) - sum(self._spent_before.values())
        if not passed:
            return {"idle": 1.0, "elsewhere": 0.0}
        elsewhere = max(passed - idle - ours, 0.0) / passed
        return {"idle": round(idle / passed, 3), "elsewhere": round(elsewhere, 3)}

    def rss_mb(self) -> dict[str, float]:
        """Return the most memory that each was seen to hold, in MiB."""
        return {name: round(peak / MIB, 1) for name, peak in self._peaks.items()}

    def _spent(self) -> dict[str, float]:
        return {name: _family_s(process) for name, process in self._processes.items()}


def _family_s(process: psutil.Process) -> float:
    """Return the CPU seconds of a process, of its children, and of those that it has buried."""
    if process.pid == os.getpid():
        return time.process_time()
    total = 0.0
    for each in (process, *process.children(recursive=True)):
        try:
            times = each.cpu_times()
        except psutil.NoSuchProcess:  # a child: its parent has it among the buried next time
            if each is process:
                raise
            continue
        total += times.user + times.system + times.children_user + times.children_system
    return float(total)


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1

"""The watchdog: ends a process in which a loop hangs, so that another takes its place.

Whoever asks `/livez` may end it before that; where nobody does, as in compose, it ends by itself:
gracefully first, for what is under way is to be handed over, and then at once. It has a thread of
its own, since the event loop may be what hangs.
"""

import asyncio
import os
import signal
import sys
import threading
import time
import traceback
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

import structlog

from shared import liveness
from shared.clock import monotonic
from shared.liveness import Loop

log = structlog.get_logger()

TICK_S = 5.0
# Kubernetes ends it before, if it is asked to look: three probes, ten seconds apart.
ENDS_AFTER_S = 45.0
GRACE_S = 20.0  # beyond what requests may take to drain
HUNG = 70  # the exit code. Source: EX_SOFTWARE of sysexits.h
DEPTH = 8  # calls that are shown of a loop that hangs

EVENT_LOOP = "event loop"


def end_gracefully() -> None:
    """End this process as an operator would."""
    os.kill(os.getpid(), signal.SIGTERM)


def end_at_once() -> None:
    """End this process, whatever it is about."""
    os._exit(HUNG)


@dataclass
class Watchdog:
    """Checks the loops of this process, and ends it if one hangs and nobody else has."""

    drain: timedelta
    end_gracefully: Callable[[], None] = end_gracefully
    end_at_once: Callable[[], None] = end_at_once
    is_ending: bool = field(init=False, default=False)
    _hung_s: float = field(init=False, default=0.0)
    _reported: frozenset[str] = field(init=False, default=frozenset())

    def check(self, elapsed_s: float) -> None:
        """Look at all loops; `elapsed_s` have passed since the last time.

        If it was more than it should be, the process was suspended, and not its loops' fault.
        """
        elapsed_s = min(elapsed_s, 2 * TICK_S)
        liveness.check(elapsed_s)
        hung = liveness.hung()
        self._report(hung)
        self._hung_s = self._hung_s + elapsed_s if hung or self.is_ending else 0.0
        if self.is_ending:
            if self._hung_s > ENDS_AFTER_S + self.drain.total_seconds() + GRACE_S:
                log.critical("process.ended", reason="it did not end gracefully")
                self.end_at_once()
        elif self._hung_s > ENDS_AFTER_S:
            log.critical("process.ending", hung=sorted(hung))
            self.is_ending = True
            self.end_gracefully()

    def _report(self, hung: Mapping[str, Loop]) -> None:
        for name in sorted(hung.keys() - self._reported):
            log.error("loop.hung", loop=name, still_s=hung[name].still_s, at=place_of(hung[name]))
        for name in sorted(self._reported - hung.keys()):
            log.info("loop.turns_again", loop=name)
        self._reported = frozenset(hung)


@asynccontextmanager
async def watching(drain: timedelta) -> AsyncIterator[None]:
    """Watch the loops of this process for as long as the block lasts.

    Once it has begun to end the process it sees to that, even after the block.
    """
    watchdog, is_over = Watchdog(drain), threading.Event()

    def watch() -> None:
        checked_at = monotonic()
        while watchdog.is_ending or not is_over.wait(TICK_S):
            now = monotonic()
            watchdog.check(now - checked_at)
            checked_at = now
            if watchdog.is_ending:  # whatever becomes of the block
                time.sleep(TICK_S)

    turning = asyncio.create_task(_turn())
    threading.Thread(target=watch, name="watchdog", daemon=True).start()
    try:
        yield
    finally:
        is_over.set()
        turning.cancel()


async def _turn() -> None:
    """Beat as long as the event loop turns."""
    with liveness.running(EVENT_LOOP) as own:
        while True:
            own.beat()
            await asyncio.sleep(TICK_S)


def place_of(each: Loop) -> list[str]:
    """Return the calls in which a loop hangs, the innermost last: names of code, no values."""
    if each.name == EVENT_LOOP or each.task is None:
        frame = sys._current_frames().get(threading.main_thread().ident or 0)  # noqa: SLF001 - there is no other way
        calls = traceback.extract_stack(frame) if frame is not None else []
        return [f"{call.name}:{call.lineno}" for call in calls][-DEPTH:]
    names = list[str]()
    awaited: Any = each.task.get_coro()
    while awaited is not None and (code := getattr(awaited, "cr_code", None)) is not None:
        frame = getattr(awaited, "cr_frame", None)
        names.append(f"{code.co_qualname}:{frame.f_lineno if frame else 0}")
        awaited = getattr(awaited, "cr_await", None)
    return names[-DEPTH:]

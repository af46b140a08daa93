"""The liveness of a process: which of its loops still turn, and which hang.

A loop beats wherever it gets on: with each turn, each statement for the database, each pause
before another try. So one whose database or broker is away beats, for every call of it ends in
time. One that waits on purpose says for how long. What has not beaten for longer than that hangs.
"""

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from math import inf
from typing import Any

# Longer than any single call takes that ends in time: a statement 30 s, a connection 15 s, a call
# of Kafka 15 s. With the time between two checks it is seen within a minute.
HANGS_AFTER_S = 50.0


class Loop:
    """A loop of this process, as it was seen at the last check."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.task: asyncio.Task[Any] | None = asyncio.current_task()
        self.beats = 0
        self.allowed_s = HANGS_AFTER_S  # without a beat
        self.still_s = 0.0  # how long it was seen to stand still
        self._seen = 0

    def beat(self) -> None:
        """Note that it gets on."""
        self.beats += 1

    def check(self, elapsed_s: float) -> None:
        """Note that so much time has passed since the last check."""
        if self.beats == self._seen:
            self.still_s += elapsed_s
        else:
            self._seen, self.still_s = self.beats, 0.0

    @property
    def hangs(self) -> bool:
        """Whether it has stood still for too long, and still does."""
        return self.beats == self._seen and self.still_s >= self.allowed_s


_loops: dict[int, Loop] = {}  # of the process, as metrics are
_current: ContextVar[Loop | None] = ContextVar("loop", default=None)


@contextmanager
def running(name: str) -> Iterator[Loop]:
    """Watch what the block does, and what it starts, as a loop that may not stand still."""
    outer, each = _current.get(), Loop(name)
    _loops[id(each)] = each
    _current.set(each)
    try:
        yield each
    finally:
        del _loops[id(each)]
        _current.set(outer)


def beat() -> None:
    """Note that the loop gets on in which this is called; outside of one nothing happens."""
    if (each := _current.get()) is not None:
        each.beats += 1


@contextmanager
def waiting(seconds: float = inf) -> Iterator[None]:
    """Let the loop wait in the block, `seconds` at most; else until something wakes it."""
    each = _current.get()
    if each is None:
        yield
        return
    before, each.allowed_s = each.allowed_s, HANGS_AFTER_S + seconds
    each.beats += 1
    try:
        yield
    finally:
        each.beats += 1  # first: how long it has waited says nothing from here on
        each.allowed_s = before


def loops() -> list[Loop]:
    """Return the loops of this process."""
    return list(_loops.values())


def check(elapsed_s: float) -> None:
    """Look at all loops; `elapsed_s` have passed since the last time."""
    for each in loops():
        each.check(elapsed_s)


def hung() -> Mapping[str, Loop]:
    """Return the loops that hang, as the last check has seen it, by name."""
    return {each.name: each for each in loops() if each.hangs}

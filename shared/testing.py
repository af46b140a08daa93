"""Given, when, then: the form of a test; and the stand-ins that pass the real suites."""

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from shared import cloudevents, liveness
from shared.decider import C, Decider, Known, S
from shared.errors import StaleVersion
from shared.event import Cause, E, Instant, Received, Recorded
from shared.event_store import NO_CAUSE, Append
from shared.slices import Slices
from shared.watchdog import TICK_S

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Scenario(Generic[C, S, E]):
    """A decider with a history."""

    decider: Decider[C, S, E]
    history: tuple[E, ...] = ()

    def given(self, *events: E) -> "Scenario[C, S, E]":
        """Return the same decider after `events` happened."""
        return Scenario(self.decider, (*self.history, *events))

    def when(self, command: C) -> Sequence[E]:
        """Return the events that `command` leads to."""
        return self.decider.decide(command, self.decider.replay(self.history))


@dataclass(slots=True)
class FrozenClock:
    """A clock that stands still until it is set."""

    now: Instant

    async def __call__(self) -> Instant:
        """Return the one instant there is."""
        return self.now


@dataclass(slots=True)
class InMemoryEventStore:
    """Streams that end with the test."""

    recorded: list[Recorded[Any]] = field(default_factory=list)

    async def load(self, stream: str, kinds: Sequence[type[E]]) -> Sequence[E]:
        """Return all events of `stream`, oldest first; each is one of `kinds`."""
        named = {kind.type_name(): kind for kind in kinds}
        history = [each.event for each in self.recorded if each.stream == stream]
        return [named[event.type_name()].read(event.json()) for event in history]

    async def load_many(
        self, streams: Collection[str], kinds: Sequence[type[E]]
    ) -> Mapping[str, Sequence[E]]:
        """Return the events of each of `streams`, none of one that does not exist."""
        return {stream: await self.load(stream, kinds) for stream in streams}

    async def load_states(
        self, streams: Collection[str], decider: Decider[C, S, E]
    ) -> Mapping[str, Known[S]]:
        """Return the state and version of each of `streams`, none of one that does not exist."""
        histories = await self.load_many(streams, decider.events)
        return {
            stream: Known(decider.replay(history), len(history))
            for stream, history in histories.items()
            if history
        }

    async def append_many(
        self, appends: Sequence[Append], *, now: Instant, cause: Cause = NO_CAUSE
    ) -> None:
        """Add to many streams, each named once: all or nothing, or raise `StaleVersion`."""
        named = [append.stream for append in appends]
        versions = dict.fromkeys(named, 0) | {r.stream: r.version for r in self.recorded}
        if len(named) != len(set(named)) or any(a.expected != versions[a.stream] for a in appends):
            raise StaleVersion
        self.recorded += [each for append in appends for each in append.recorded(now, cause)]


def received(event: E, key: str, *, version: int = 1) -> Received[E]:
    """Return `event` as it comes from Kafka."""
    [recorded] = Append(f"test-{key}", [event], version - 1).recorded(NEVER)
    return Received(event, key, dict(cloudevents.write(recorded.id, event.type_name(), version)))


async def eventually(
    condition: Callable[[], Awaitable[T | None]], *, within: float, every: float = 0.02
) -> T:
    """Return what `condition` returns once that is true; give up after `within` seconds."""
    answer: Any = None
    try:
        async with asyncio.timeout(within):
            while not (answer := await condition()):  # noqa: ASYNC110 - of other processes
                await asyncio.sleep(every)
    except TimeoutError:
        raise AssertionError(f"not within {within} s; the last answer was {answer!r}") from None
    return answer


async def swallow_cancellation() -> None:
    """Cancel the task that calls, as somebody may at any time, and keep that from it."""
    task = asyncio.current_task()
    assert task is not None  # noqa: S101 - a coroutine has one
    task.cancel()
    with suppress(asyncio.CancelledError):
        await asyncio.sleep(0)  # here it is heard


async def hung_after(seconds: float) -> set[str]:
    """Return which loops hang after so much time, in which all that can turn without I/O do."""
    for _ in range(int(seconds / TICK_S)):
        for _ in range(20):
            await asyncio.sleep(0)
        liveness.check(TICK_S)
    return set(liveness.hung())


NEVER: Any = None  # an instant that nobody looks at


def small_slices(slices: Slices, limit: int) -> Slices:
    """Return the same slices, of so few rows each."""
    return Slices([rows._replace(limit=limit) for rows in slices.tables], slices.owner)

"""The protocol of an event store: append events to streams, and decide on what they hold."""

from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from typing import Protocol

import msgspec

from shared import ids
from shared.decider import C, Decider, Known, S
from shared.errors import StaleVersion
from shared.event import Cause, E, Event, Instant, Recorded

NO_CAUSE = Cause()


class Append(msgspec.Struct, frozen=True, gc=False):  # as Recorded: an import makes many
    """Events for one stream, which must be at version `expected`; 0 if it is to be new."""

    stream: str
    events: Sequence[Event]
    expected: int
    cause: Cause | None = None  # None: that of all that is appended with it

    def recorded(self, now: Instant, cause: Cause = NO_CAUSE) -> list[Recorded[Event]]:
        """Return the events in their envelopes."""
        cause = self.cause or cause
        story, recorded = cause.correlation_id, []
        for version, event in enumerate(self.events, self.expected + 1):
            own = ids.event_id(self.stream, version)
            story = story or own
            recorded.append(
                Recorded(
                    id=own,
                    stream=self.stream,
                    version=version,
                    recorded_at=now,
                    correlation_id=story,
                    causation_id=cause.event_id,
                    traceparent=cause.traceparent,
                    event=event,
                )
            )
        return recorded


class EventStore(Protocol):
    """An append-only log of streams, for any number of writers."""

    async def load(self, stream: str, kinds: Sequence[type[E]]) -> Sequence[E]:
        """Return all events of `stream`, oldest first; each is one of `kinds`."""

    async def load_many(
        self, streams: Collection[str], kinds: Sequence[type[E]]
    ) -> Mapping[str, Sequence[E]]:
        """Return the events of each of `streams`, none of one that does not exist."""

    async def load_states(
        self, streams: Collection[str], decider: Decider[C, S, E]
    ) -> Mapping[str, Known[S]]:
        """Return the state and version of each of `streams`, none of one that does not exist."""

    async def append_many(
        self, appends: Sequence[Append], *, now: Instant, cause: Cause = NO_CAUSE
    ) -> None:
        """Add to many streams, each named once: all or nothing, or raise `StaleVersion`."""


async def execute(
    store: EventStore,
    decider: Decider[C, S, E],
    stream: str,
    command: C,
    *,
    expected: Collection[int] | None = None,
    cause: Cause = NO_CAUSE,
) -> int:
    """Load the stream, decide, append; return the version of the stream afterwards.

    Without `expected`, a command is not refused because of another writer: it is decided again,
    on what that one has added.

    Raises:
        StaleVersion: The stream is not, or no longer, at a version that is `expected`.
    """
    while True:  # each round that fails was won by another writer
        states = await store.load_states([stream], decider)
        state, version = _known(states, stream, decider)
        if expected is not None and version not in expected:
            raise StaleVersion
        decided = decider.decide(command, state)
        if not decided:
            return version
        with suppress(StaleVersion):
            append = Append(stream, decided, version)
            await store.append_many([append], now=command.now, cause=cause)
            return version + len(decided)


async def execute_many(
    store: EventStore,
    decider: Decider[C, S, E],
    commands: Mapping[str, tuple[C, Cause]],
    *,
    now: Instant,
) -> None:
    """Decide on one command for each stream, and append all that follows at once.

    Where another writer was faster, all are decided again.
    """
    while True:
        states = await store.load_states(commands.keys(), decider)
        appends = []
        for stream, (command, cause) in commands.items():
            state, version = _known(states, stream, decider)
            if decided := decider.decide(command, state):
                appends.append(Append(stream, decided, version, cause))
        with suppress(StaleVersion):
            if appends:
                await store.append_many(appends, now=now)
            return


def _known(
    states: Mapping[str, Known[S]], stream: str, decider: Decider[C, S, E]
) -> tuple[S, int]:
    """Return the state and version of a stream, which may be new."""
    known = states.get(stream)
    return (decider.initial, 0) if known is None else (known.state, known.version)

"""Streams of events, and the one way to add to them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from shared import ids
from shared.decider import C, Decider, S
from shared.errors import StaleVersion
from shared.event import Cause, E, Event, Instant, Recorded

NO_CAUSE = Cause()


@dataclass(frozen=True, slots=True)
class Append:
    """Events for one stream, which must be at version `expected`; 0 if it is to be new."""

    stream: str
    events: Sequence[Event]
    expected: int

    def recorded(self, now: Instant, cause: Cause = NO_CAUSE) -> list[Recorded[Event]]:
        """Return the events in their envelopes."""
        if not self.events:
            return []
        first = self.expected + 1
        numbers = range(first, first + len(self.events))
        own = [ids.event_id(self.stream, version) for version in numbers]
        story = cause.correlation_id or own[0]
        return [
            Recorded(
                id=event_id,
                stream=self.stream,
                version=version,
                recorded_at=now,
                correlation_id=story,
                causation_id=cause.event_id,
                traceparent=cause.traceparent,
                event=event,
            )
            for event_id, version, event in zip(own, numbers, self.events, strict=True)
        ]


class EventStore(Protocol):
    """An append-only log of streams, for any number of writers."""

    async def load(self, stream: str, kinds: Sequence[type[E]]) -> Sequence[E]:
        """Return all events of `stream`, oldest first; each is one of `kinds`."""

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
    expected: int | None = None,
    cause: Cause = NO_CAUSE,
) -> int:
    """Load the stream, decide, append; return the version of the stream afterwards.

    Whoever does not say which version they `expected` is not refused because of a rival: the
    command is decided again, on what the rival left.

    Raises:
        StaleVersion: The stream is not, or no longer, at version `expected`.
    """
    while True:  # each turn that is lost was won by another writer
        history = await store.load(stream, decider.events)
        version = len(history)
        if expected not in (None, version):
            raise StaleVersion
        decided = decider.decide(command, decider.replay(history))
        if not decided:
            return version
        try:
            append = Append(stream, decided, version)
            await store.append_many([append], now=command.now, cause=cause)
        except StaleVersion:
            if expected is not None:
                raise
        else:
            return version + len(decided)

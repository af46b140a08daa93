"""The handlers: what a consumer does about each kind of event."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, TypeAlias

from shared.database import Connection
from shared.event import E, Event, Received
from shared.topic import Topic

# What is done about events: a batch of neighbors, inside the transaction that also notes how far
# the consumer is. A handler may be called again with the same events, if that did not commit.
Handler: TypeAlias = Callable[[Connection, Sequence[Received[E]]], Awaitable[None]]
Handlers: TypeAlias = Mapping[type[Event], Handler[Any]]


def topics_of(handlers: Handlers) -> list[Topic]:
    """Return the topics that `handlers` are about, by name."""
    topics = {kind.topic for kind in handlers if kind.topic}
    return sorted(topics, key=lambda each: each.name)

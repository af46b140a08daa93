"""The event store: streams of events, and the one way to add to them."""

from shared.event_store.protocol import NO_CAUSE, Append, EventStore, execute, execute_many

__all__ = ("NO_CAUSE", "Append", "EventStore", "execute", "execute_many")

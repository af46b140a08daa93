"""A topic of the log: its name and what is promised about it."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Topic:
    """Where events of one kind of aggregate go, keyed by the aggregate's identifier.

    `is_compacted`: only the last record of a key is kept, so each carries the whole state.
    `has_short_segments`: few keys, which change all the time; so it is compacted often.
    `is_bulk`: one record per message, whose version stands in the event.
    `is_terse`: no headers beyond those that readers need; else they would outweigh the events.
    `is_ordered`: an event is valid only after those before it of its key; so where one
    could not be applied, the later ones of its key wait.
    `waits_for`: what was committed before to these topics is acknowledged before a record goes
    out to this one.
    """

    name: str
    is_compacted: bool = False
    has_short_segments: bool = False
    is_bulk: bool = False
    is_terse: bool = False
    is_ordered: bool = False
    waits_for: tuple["Topic", ...] = ()

"""What the catalog publishes of suppressions: whom not to write to."""

from enum import StrEnum, auto
from typing import ClassVar, Self

import msgspec

from shared.contracts.catalog.clients import CLIENTS
from shared.event import Event, Instant
from shared.topic import Topic

# A suppression must not be read before the clients whose contact it is.
SUPPRESSIONS = Topic("catalog.suppressions", is_compacted=True, waits_for=(CLIENTS,))


class SuppressedKind(StrEnum):
    """What is not to be written to."""

    CLIENT = auto()
    PHONE = auto()
    EMAIL = auto()


class SuppressionEntry(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Since when and why nothing of a topic of mailings is wanted."""

    reason: str  # of shared.contracts.dispatcher.SuppressedReason
    since: Instant
    topic: str | None = None  # none: whatever the topic, and of mailings without one
    source: str | None = None  # as whoever entered it names it


class SuppressionChanged(Event, frozen=True, kw_only=True, omit_defaults=True):
    """All that is not wanted by a client or at a contact: the topic keeps only the last record.

    A contact is a keyed hash, as client events have it: nobody reads it from that.
    """

    topic: ClassVar = SUPPRESSIONS

    subject: str  # the client's identifier, or the hash
    kind: str  # of SuppressedKind
    entries: tuple[SuppressionEntry, ...]
    changed_at: Instant
    key_id: str | None = None  # of the key that hashed the contact; none: of before it was kept


class SuppressionLifted(Event, frozen=True, kw_only=True):
    """The client or contact may be written to again, of whatever topic."""

    topic: ClassVar = SUPPRESSIONS
    is_last_of_key: ClassVar = True

    subject: str

    @classmethod
    def from_tombstone(cls, key: str) -> Self:
        """Return the lifting that a tombstone stands for."""
        return cls(subject=key)

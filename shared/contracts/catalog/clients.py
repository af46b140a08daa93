"""What the catalog publishes of clients."""

from typing import ClassVar, Self
from uuid import UUID

import msgspec

from shared.event import Event, Instant
from shared.topic import Topic

CLIENTS = Topic("catalog.clients", is_compacted=True, is_terse=True)


class ClientState(Event, frozen=True, kw_only=True):
    """All that is known of a client: the topic keeps only the last record of each."""

    client_id: UUID
    phone: str | None  # 7XXXXXXXXXX
    operator_code: str | None  # three digits
    tags: tuple[str, ...]
    time_zone: str | None  # of IANA
    email: str | None
    full_name: str | None
    comment: str | None
    # Of phone and e-mail, one for each key of the catalog; none: it has none, or an older release
    # wrote the event. By these others find what is suppressed.
    phone_hashes: tuple[str, ...] = ()
    email_hashes: tuple[str, ...] = ()
    preferred_times: str | None = None  # mon-fri 09:00, sat 11:30: as shared.preferred has them
    external_id: str | None = None  # by which another system knows the client


class ClientRegistered(ClientState, frozen=True, kw_only=True, omit_defaults=True):
    """A client can be addressed."""

    topic: ClassVar = CLIENTS

    registered_at: Instant


class ClientChanged(ClientState, frozen=True, kw_only=True, omit_defaults=True):
    """The client is to be addressed in another way."""

    topic: ClassVar = CLIENTS

    changed_at: Instant
    registered_at: Instant | None = None  # None: written by an older release


class ClientRemoved(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The client must not be addressed any more."""

    topic: ClassVar = CLIENTS
    is_last_of_key: ClassVar = True

    client_id: UUID
    is_erased: bool = False  # nothing that anybody has of the person may stay

    @classmethod
    def from_tombstone(cls, key: str) -> Self:
        """Return the removal that a client's tombstone stands for."""
        return msgspec.convert({"client_id": key}, cls)

"""What the catalog tells the others."""

from enum import StrEnum, auto
from typing import ClassVar, Self
from uuid import UUID

import msgspec

from shared.event import Event, Instant
from shared.topic import Topic

CLIENTS = Topic("catalog.clients", is_compacted=True, is_terse=True)
# A mailing must not be heard of before the clients that were there when it was created.
MAILINGS = Topic("catalog.mailings", waits_for=(CLIENTS,))


class GatewayName(StrEnum):
    """The gateways that a mailing may name."""

    HTTP = auto()
    LOG = auto()


class Filter(msgspec.Struct, frozen=True, kw_only=True):
    """Whom a mailing is for: any of the codes and any of the tags; none of a kind: whichever."""

    operator_codes: tuple[str, ...] = ()
    tags: tuple[str, ...] = ()


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


class ClientRegistered(ClientState, frozen=True, kw_only=True):
    """A client can be addressed."""

    topic: ClassVar = CLIENTS

    registered_at: Instant


class ClientChanged(ClientState, frozen=True, kw_only=True):
    """The client is to be addressed in another way."""

    topic: ClassVar = CLIENTS

    changed_at: Instant


class ClientRemoved(Event, frozen=True, kw_only=True):
    """The client must not be addressed any more."""

    topic: ClassVar = CLIENTS
    is_last_of_key: ClassVar = True

    client_id: UUID

    @classmethod
    def from_tombstone(cls, key: str) -> Self:
        """Return the removal that a client's tombstone stands for."""
        return msgspec.convert({"client_id": key}, cls)


class MailingState(Event, frozen=True, kw_only=True):
    """What a mailing says, to whom, when and through what."""

    mailing_id: UUID
    name: str
    body: str
    subject: str | None
    filter: Filter
    starts_at: Instant
    ends_at: Instant  # nothing is handed over then or later
    gateway: GatewayName


class MailingCreated(MailingState, frozen=True, kw_only=True):
    """A mailing exists and waits for its start."""

    topic: ClassVar = MAILINGS

    created_at: Instant


class MailingChanged(MailingState, frozen=True, kw_only=True):
    """The mailing is another one from now on; a run that has begun keeps its text."""

    topic: ClassVar = MAILINGS

    changed_at: Instant


class MailingRunRequested(Event, frozen=True, kw_only=True):
    """Somebody starts the mailing by hand: its window begins now."""

    topic: ClassVar = MAILINGS

    mailing_id: UUID
    requested_at: Instant


class MailingPaused(Event, frozen=True, kw_only=True):
    """Nothing of the mailing is sent until it is resumed."""

    topic: ClassVar = MAILINGS

    mailing_id: UUID
    paused_at: Instant


class MailingResumed(Event, frozen=True, kw_only=True):
    """The mailing may be sent again."""

    topic: ClassVar = MAILINGS

    mailing_id: UUID
    resumed_at: Instant


class MailingStopped(Event, frozen=True, kw_only=True):
    """Nothing of the mailing is sent any more, ever."""

    topic: ClassVar = MAILINGS

    mailing_id: UUID
    stopped_at: Instant


class MailingDeleted(Event, frozen=True, kw_only=True):
    """The mailing is gone; what was sent of it stays on record."""

    topic: ClassVar = MAILINGS

    mailing_id: UUID
    deleted_at: Instant

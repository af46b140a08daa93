"""A contact: what a message needs to know of its client, and what nobody else may read."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from shared.contracts.dispatcher import State


class Contact(msgspec.Struct, frozen=True, gc=False, omit_defaults=True):
    """A client as a message needs it."""

    phone: str | None
    operator_code: str | None
    time_zone: str | None
    email: str | None
    full_name: str | None
    comment: str | None
    tags: Sequence[str] = ()  # none: also in what an older release kept
    unsubscribe_url: str | None = None  # made when it is rendered, and kept for the same bytes


class Channel(msgspec.Struct, frozen=True):
    """What a gateway needs of a client to reach it."""

    contact: Literal["phone", "email"] | None


class Rejection(msgspec.Struct, frozen=True):
    """Why a message is not tried, and its state if nothing of it can have arrived."""

    state: State
    reason: str


CLIENT_REMOVED = Rejection(State.CANCELLED, "client_removed")
TEMPLATE_INVALID = Rejection(State.FAILED, "template_invalid")
TEMPLATE_FAILED = Rejection(State.FAILED, "template_failed")  # for this client
NO_PHONE = Rejection(State.FAILED, "no_phone")
NO_EMAIL = Rejection(State.FAILED, "no_email")


def suppressed(reason: str) -> Rejection:
    """Return that a message is not wanted, or not now; `reason` is one of SuppressedReason."""
    return Rejection(State.SUPPRESSED, reason)


def cannot_send(channel: Channel, contact: Contact | None) -> Rejection | None:
    """Return why a client cannot be reached through `channel`; None if it can.

    No contact: the client is removed.
    """
    if contact is None:
        return CLIENT_REMOVED
    needed = channel.contact
    if needed == "phone" and contact.phone is None:
        return NO_PHONE
    if needed == "email" and contact.email is None:
        return NO_EMAIL
    return None


def without_contact(channel: Channel) -> Rejection | None:
    """Return why a client without what `channel` needs cannot be reached; None: nothing is."""
    return {"phone": NO_PHONE, "email": NO_EMAIL, None: None}[channel.contact]


NAMED_FROM = 3  # characters: shorter names and comments are in every text


def names_client(text: str, contact: Contact) -> bool:
    """Return whether a gateway's text contains something of the contact."""
    phone, email = contact.phone, contact.email
    if phone is not None and phone[1:] in text:  # with the country's 7, or 8, or without
        return True
    if "@" in text and email is not None and email.casefold() in text.casefold():
        return True
    name, comment = contact.full_name, contact.comment
    if name is not None and len(name) >= NAMED_FROM and name in text:
        return True
    return comment is not None and len(comment) >= NAMED_FROM and comment in text


def public_gateway_id(gateway_message_id: str | None, contact: Contact) -> str | None:
    """Return the gateway's id, or None if it contains the client's phone or e-mail."""
    own_id, phone, email = gateway_message_id, contact.phone, contact.email
    if own_id is None:
        return None
    if phone is not None and phone[1:] in own_id:  # with the country's 7, or 8, or without
        return None
    if "@" in own_id and email is not None and email.casefold() in own_id.casefold():
        return None
    return own_id

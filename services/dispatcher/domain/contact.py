"""A contact: what a client's messages need to know of it, and what nobody else may read."""

import msgspec

from shared.contracts.catalog import GatewayName
from shared.contracts.dispatcher import State


class Contact(msgspec.Struct, frozen=True, gc=False):
    """A client as a message needs it, fresh from the last change."""

    phone: str | None
    operator_code: str | None
    time_zone: str | None
    email: str | None
    full_name: str | None
    comment: str | None


GONE = (State.CANCELLED, "client_removed")


def unfit(gateway: GatewayName | str, contact: Contact | None) -> tuple[State, str] | None:
    """Return the state and the reason of a message that can't even be tried; None if it can."""
    if contact is None:
        return GONE
    if contact.phone is None and gateway == GatewayName.HTTP:
        return State.FAILED, "no_phone"
    return None


def tellable(gateway_message_id: str | None, contact: Contact) -> str | None:
    """Return the gateway's identifier if others may read it; None if it names the client."""
    told, phone, email = gateway_message_id, contact.phone, contact.email
    if told is None:
        return None
    if phone is not None and phone[1:] in told:  # with the country's 7, or 8, or without
        return None
    if "@" in told and email is not None and email.casefold() in told.casefold():
        return None
    return told

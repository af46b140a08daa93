"""The gateways that mailings may name, as the dispatcher has described them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, TypeAlias

from services.catalog.domain.sender import address_of, domain_of
from shared.errors import FieldError

Contact: TypeAlias = Literal["phone", "email"] | None  # what a gateway needs of a client

BY_DEFAULT = "http"
NAMED = 5  # allowed senders that an error names, at most


@dataclass(frozen=True, slots=True)
class Gateway:
    """What a gateway needs of a client, and whom its mails may be from."""

    contact: Contact
    sender: str | None = None  # its own: NAME <ADDRESS>, or an address
    # Besides: addresses, or domains as in @shop.example. None: it was described to an earlier
    # release, which did not store them.
    allowed_senders: tuple[str, ...] | None = None

    @property
    def senders(self) -> tuple[str, ...] | None:
        """Return all that a mailing's sender may be of, or None if that is not known."""
        if self.allowed_senders is None:
            return None
        own = () if self.sender is None else (address_of(self.sender),)
        return tuple(dict.fromkeys((*own, *self.allowed_senders)))


Gateways: TypeAlias = Mapping[str, Gateway]  # by name

# Of earlier releases, which had no descriptions: mailings may name them until they are described.
INHERITED: Gateways = MappingProxyType(
    {"http": Gateway("phone"), "log": Gateway(None), "smtp": Gateway("email")}
)


def inherited() -> Gateways:
    """Return those of earlier releases."""
    return INHERITED


def in_mail(
    gateway: Gateway, subject: str | None, html: str | None, sender: str | None
) -> Iterator[FieldError]:
    """Give what is missing for mails, or what only they could have."""
    if gateway.contact != "email":
        if html is not None:
            yield FieldError("/html", "of_mails", "only mails have HTML")
        if sender is not None:
            yield FieldError("/sender", "of_mails", "only mails have a sender")
    elif subject is None:
        yield FieldError("/subject", "required", "a mail has a subject")


def sender_not_allowed(gateway: Gateway, sender: str | None) -> FieldError | None:
    """Return that the gateway would refuse each mail from `sender`, if it would."""
    allowed = gateway.senders
    if sender is None or gateway.contact != "email" or allowed is None:
        return None
    known = {each.casefold() for each in allowed}
    address = address_of(sender)
    for each in (address.casefold(), _in_ascii(address)):
        if {each, domain_of(each)} & known:
            return None
    more = ", …" if len(allowed) > NAMED else ""
    named = f"those that it allows are: {', '.join(allowed[:NAMED])}{more}"
    detail = f"the gateway sends no mails from it; {named if allowed else 'it allows none'}"
    return FieldError("/sender", "sender_not_allowed", detail)


def _in_ascii(address: str) -> str:
    """Return an address as gateways compare it: its domain as the network has it."""
    local, _, domain = address.casefold().rpartition("@")
    try:
        return f"{local}@{domain.encode('idna').decode()}"
    except UnicodeError:
        return address

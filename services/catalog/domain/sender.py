"""A sender: who a mail says it is from, `NAME <ADDRESS>` or an address alone."""

from services.catalog.domain.profile import EMAIL, EMAIL_LIMIT
from shared.errors import FieldError


def sender_mistake(pointer: str, text: str) -> FieldError | None:
    """Return what is wrong with a sender that is one line."""
    name, address = _split(text)
    if not EMAIL.fullmatch(address) or len(address) > EMAIL_LIMIT:
        return FieldError(pointer, "sender", "NAME <ADDRESS> or an e-mail address is needed")
    if set(name) & set('<>"\\'):
        return FieldError(pointer, "sender", 'its name has none of < > " and \\')
    return None


def address_of(sender: str) -> str:
    """Return the address of a sender."""
    return _split(sender)[1]


def domain_of(address: str) -> str:
    """Return the domain of an address, as in @shop.example."""
    return "@" + address.rpartition("@")[2]


def _split(text: str) -> tuple[str, str]:
    """Return name and address, as the mail's gateway reads them."""
    name, bracket, rest = text.rpartition("<")
    return (name, rest[:-1]) if bracket and rest.endswith(">") else ("", text)

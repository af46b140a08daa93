"""Templates of requests: text with places for values, each written as its place needs.

Compiled once, so that a message costs one formatting. No value can become anything but a value:
what ends a header, a parameter or a string is escaped where it stands. Pure.
"""

import re
from base64 import b64encode
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import NamedTuple, TypeAlias
from urllib.parse import quote, quote_plus

import msgspec

from services.dispatcher.domain.outcome import OutgoingMessage
from services.dispatcher.gateways.http.endpoint import check_token

Read: TypeAlias = Callable[[OutgoingMessage], str | None]
Escape: TypeAlias = Callable[[str], bytes]

MARK = re.compile(r"\{\{(.*?)\}\}|\{\{", re.DOTALL)
OWN_ID = "gateway_message_id"  # which only a look-up may have: a first request knows none
_DIGITS = re.compile(r"0|[1-9][0-9]*")
_SECRET = re.compile(r"secrets\.([a-z][a-z0-9_]{0,39})")

# Source: RFC 9110 §5.6.2, the characters of a token, less %; and those of ids and addresses.
_HEADER_SAFE = "!#$&'*+-.^_`|~@:/="
# Source: XML 1.0 §2.2 and §2.4. What may not be there at all is replaced.
_NOT_IN_XML = (*range(0x20), *range(0xD800, 0xE000), 0xFFFE, 0xFFFF)
_XML = dict.fromkeys(_NOT_IN_XML, "\N{REPLACEMENT CHARACTER}")
_XML |= {ord(mark): f"&#{ord(mark)};" for mark in "\t\n\r&<>\"'"}


class TemplateWrong(ValueError):
    """A template names what a message does not have, or is not closed; the argument says which."""


class Values(NamedTuple):
    """What templates may name: values of a message, and those that are the same for all."""

    of_message: Mapping[str, Read]
    fixed: Mapping[str, str]  # secrets


def number_of(message_id: bytes, bits: int) -> int:
    """Return the number that a message goes by where a provider wants numbers.

    The same for each attempt. Among n messages two have the same one with a probability of about
    n² / 2^(bits + 1).
    """
    return int.from_bytes(sha256(message_id).digest()[:8], "big") >> (64 - bits)


def values_of(bits: int, sender: str | None, secrets: Mapping[str, str]) -> Values:
    """Return what templates of a gateway may name."""
    of_message: dict[str, Read] = {
        "id": lambda message: message.message_id.decode("ascii"),
        "numeric_id": lambda message: str(number_of(message.message_id, bits)),
        "phone": lambda message: message.phone,
        "phone_plus": lambda message: None if message.phone is None else f"+{message.phone}",
        "numeric_phone": lambda message: message.phone,
        "email": lambda message: message.email,
        "subject": lambda message: message.subject,
        "text": lambda message: message.text,
        "html": lambda message: message.html,
        "full_name": lambda message: message.full_name,
        "sender": lambda message: message.sender or sender,
        OWN_ID: lambda message: message.gateway_message_id,
    }
    return Values(of_message, {f"secrets.{name}": secret for name, secret in secrets.items()})


# In place of a whole value of JSON these are numbers.
NUMBERS = ("numeric_id", "numeric_phone")
NAMES = tuple(name for name in values_of(63, None, {}).of_message if name != OWN_ID)


def names_in(source: str, *others: str) -> list[str]:
    """Return what a template names, in order; it may name `others` besides.

    Raises:
        TemplateWrong: It names what there is not, or has an end missing.
    """
    names = []
    for mark in MARK.finditer(source):
        if mark[1] is None:
            raise TemplateWrong("'{{' has no '}}'")
        name = mark[1].strip()
        if name not in (*NAMES, *others) and not _SECRET.fullmatch(name):
            named = ", ".join((*NAMES, *others))
            raise TemplateWrong(f"a template has none but {named} and secrets.NAME")
        names.append(name)
    return names


def secrets_in(source: str) -> list[str]:
    """Return the names of the secrets that a template has, whose names are known."""
    names = names_in(source, OWN_ID)
    return [found[1] for name in names if (found := _SECRET.fullmatch(name))]


def only_name(source: str) -> str | None:
    """Return what a template names if it has nothing else."""
    mark = MARK.fullmatch(source.strip())
    return None if mark is None or mark[1] is None else mark[1].strip()


class Text:
    """Bytes with places for values: gathered once, written for each message."""

    def __init__(self, values: Values) -> None:
        self._values = values
        self._format = b""
        self._reads: list[tuple[Read, Escape]] = []

    def add(self, literal: bytes) -> None:
        """Add bytes that are the same for all messages."""
        self._format += literal.replace(b"%", b"%%")

    def add_value(self, name: str, escape: Escape) -> None:
        """Add a value, escaped; a secret is the same for all messages."""
        read = self._values.of_message.get(name)
        if read is None:
            fixed = self._values.fixed[name]
            self.add(_secret(fixed) if escape is in_header else escape(fixed))
        else:
            self._format += b"%b"
            self._reads.append((read, escape))

    def add_template(self, source: str, escape: Escape, literal: Escape = str.encode) -> None:
        """Add a template whose names are known: its own text as `literal`, values as `escape`."""
        end = 0
        for mark in MARK.finditer(source):
            self.add(literal(source[end : mark.start()]))
            self.add_value((mark[1] or "").strip(), escape)
            end = mark.end()
        self.add(literal(source[end:]))

    def write(self, message: OutgoingMessage) -> bytes:
        """Return the bytes for one message; what it does not have is left empty."""
        return self._format % tuple([escape(read(message) or "") for read, escape in self._reads])


# How values are written, by their place


def in_json(value: str) -> bytes:
    """Write within a JSON string."""
    return msgspec.json.encode(_sound(value))[1:-1]


def as_number(value: str) -> bytes:
    """Write a JSON number of digits; null, if it is none."""
    return value.encode("ascii") if _DIGITS.fullmatch(value) else b"null"


def in_query(value: str) -> bytes:
    """Write within a parameter of a URL."""
    return quote(value, safe="", errors="replace").encode("ascii")


def in_path(value: str) -> bytes:
    """Write within a segment of a URL's path: one of dots would lead elsewhere."""
    return in_query(value) if value.strip(".") else b"-"


def in_form(value: str) -> bytes:
    """Write within a field of a form."""
    return quote_plus(value, errors="replace").encode("ascii")


def in_header(value: str) -> bytes:
    """Write within a header: letters, digits and marks of a token as they are, all else as %XX."""
    return quote(value, safe=_HEADER_SAFE, errors="replace").encode("ascii")


def _secret(value: str) -> bytes:
    """Write a secret within a header, where nothing of it may be changed."""
    check_token(value)
    return value.encode("ascii")


def in_xml(value: str) -> bytes:
    """Write within the text or a quoted attribute of an XML document."""
    return value.translate(_XML).encode()


def as_it_is(value: str) -> bytes:
    """Write without a change."""
    return value.encode("utf-8", "replace")


def basic(user: str, password: str) -> str:
    """Return what stands behind `Authorization:`. Source: RFC 7617 §2."""
    return f"Basic {b64encode(f'{user}:{password}'.encode()).decode('ascii')}"


def _sound(value: str) -> str:
    """Return text without half surrogate pairs, which UTF-8 does not have."""
    return value if value.isprintable() else value.encode("utf-8", "replace").decode()

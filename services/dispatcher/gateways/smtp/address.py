"""Addresses of mails: what may stand in a command and in a header, and what never does. Pure."""

import re
from binascii import b2a_base64
from functools import lru_cache

# What RFC 5321 allows without quotes, in ASCII or beyond: no space, bracket, quote or control.
_LOCAL = re.compile(r"[^\x00-\x20\x7f-\xa0()<>\[\]:;@\\,\"\u2028\u2029]{1,64}")
_DOMAIN = re.compile(
    r"(?=.{1,253}$)[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?"
    r"(?:\.[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?)*",
    re.ASCII,
)
# Not by email.utils.parseaddr: which texts it takes differs between patch releases of Python.
_NAMED = re.compile(
    r"""\s*(?:
        (?: "(?P<quoted> (?:[^"\\]|\\.)* )" | (?P<plain> [^"<>]*? ) ) \s* <(?P<inside> [^<>\s]+ )>
        | (?P<bare> [^<>\s]+ )
    )\s*""",
    re.VERBOSE,
)
_LENGTH_LIMIT = 254  # bytes. Source: RFC 5321 §4.5.3.1.3, less the angle brackets

_WORD_BYTES = 42  # of UTF-8, so that an encoded word has at most 75 characters (RFC 2047 §2)
_PLAIN_LIMIT = 66  # characters of a header's value that need no folding: 78 less its name

_CONTROLS = dict.fromkeys([*range(0x20), *range(0x7F, 0xA0), 0x2028, 0x2029], " ")


class AddressInvalid(ValueError):
    """No mail can be sent to this address."""


def normalized(address: str) -> bytes:
    """Return an address as it stands in commands: its domain in ASCII, its local part as it is.

    Raises:
        AddressInvalid: It is none, or it could not stand in a command.
    """
    local, at, domain = address.rpartition("@")
    if not at or not _LOCAL.fullmatch(local):
        raise AddressInvalid
    if local.startswith(".") or local.endswith(".") or ".." in local:
        raise AddressInvalid
    try:
        whole = f"{local}@{_ascii_domain(domain)}".encode()
    except UnicodeError:
        raise AddressInvalid from None
    if len(whole) > _LENGTH_LIMIT:
        raise AddressInvalid
    return whole


@lru_cache(maxsize=1_024)  # most clients share a few
def _ascii_domain(domain: str) -> str:
    found = domain if domain.isascii() else domain.encode("idna").decode("ascii")
    if not _DOMAIN.fullmatch(found):
        raise AddressInvalid
    return found


def named_address(text: str) -> tuple[str, str]:
    """Return name and address of `NAME <ADDRESS>` or `ADDRESS`, from which mails come.

    Raises:
        ValueError: It is neither, or no mail can come from it.
    """
    parts = _NAMED.fullmatch(text)
    if parts is None or "@" not in text:
        raise ValueError("it is NAME <ADDRESS>, or an address")
    address = parts["inside"] or parts["bare"]
    name = parts["plain"] or re.sub(r"\\(.)", r"\1", parts["quoted"] or "")
    try:
        normalized(address)
    except AddressInvalid:
        raise ValueError("no mail can come from this address") from None
    return name, address


def header_text(text: str) -> bytes:
    """Return text as a header's value: one that cannot end its line. Source: RFC 2047."""
    flat = _one_line(text)
    if len(flat) <= _PLAIN_LIMIT and "=?" not in flat and flat.isascii():
        return flat.strip(" ").encode("ascii")
    return _encoded_words(flat)


def mailbox(name: str | None, address: bytes) -> bytes:
    """Return an address with its name, as From and To have it."""
    flat = _one_line(name or "").strip(" ")
    if not flat:
        return b"<%b>" % address
    if len(flat) <= _PLAIN_LIMIT and "=?" not in flat and flat.isascii():
        quoted = flat.replace("\\", "\\\\").replace('"', '\\"')
        return b'"%b"\r\n <%b>' % (quoted.encode("ascii"), address)
    return b"%b\r\n <%b>" % (_encoded_words(flat), address)


def _one_line(text: str) -> str:
    """Return text without the controls of ASCII, and all else that could end a line."""
    return text if text.isprintable() else text.translate(_CONTROLS)


def _encoded_words(text: str) -> bytes:
    """Return RFC 2047's encoded words, each of whole characters, one a line."""
    raw, start = text.encode("utf-8", "replace"), 0
    words: list[bytes] = []
    while len(raw) - start > _WORD_BYTES:
        end = start + _WORD_BYTES
        while raw[end] & 0xC0 == 0x80:  # noqa: PLR2004 - not the first byte of its character
            end -= 1
        words.append(raw[start:end])
        start = end
    words.append(raw[start:])
    return b"\r\n ".join([b"=?utf-8?b?%b?=" % b2a_base64(each, newline=False) for each in words])

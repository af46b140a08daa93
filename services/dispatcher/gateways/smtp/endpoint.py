"""Where an SMTP gateway is, and how it is entered, taken apart once."""

import re
from enum import StrEnum, auto
from typing import NamedTuple
from urllib.parse import urlsplit

_VISIBLE = re.compile(r"[!-~]+")
_PORTS = {"smtp": 587, "smtps": 465}  # Source: RFC 6409 §3.1, RFC 8314 §7.3


class Tls(StrEnum):
    """How a connection is encrypted."""

    STARTTLS = auto()  # begun in the clear; without it nothing is sent
    IMPLICIT = auto()  # from the first byte
    NONE = auto()  # not at all: for servers in the same machine or network


class Endpoint(NamedTuple):
    """Where to connect."""

    host: str  # without the brackets of an IPv6 literal
    port: int
    tls: Tls


class Login(NamedTuple):
    """What the server knows us by."""

    user: str
    password: str
    is_token: bool = False  # then it is an access token of OAuth 2.0


def parse_endpoint(url: str, tls: Tls | None = None) -> Endpoint:
    """Take an smtp or smtps URL apart; without `tls` its scheme says how it is encrypted.

    Raises:
        ValueError: It is not a URL that mails can be sent to.
    """
    if not _VISIBLE.fullmatch(url):
        raise ValueError("a gateway's URL has visible ASCII characters only")
    parts = urlsplit(url)
    if parts.scheme not in _PORTS or not parts.hostname:
        raise ValueError("an SMTP gateway's URL is smtp://host:port or smtps://host:port")
    if "@" in parts.netloc or parts.path not in {"", "/"} or parts.query or parts.fragment:
        raise ValueError("an SMTP gateway's URL has a host and a port, and nothing else")
    try:
        port = _PORTS[parts.scheme] if parts.port is None else parts.port
    except ValueError:
        port = 0
    if not port:
        raise ValueError("a gateway's port is a number from 1 to 65535")
    by_scheme = Tls.IMPLICIT if parts.scheme == "smtps" else Tls.STARTTLS
    chosen = tls or by_scheme
    if parts.scheme == "smtps" and chosen is not Tls.IMPLICIT:
        raise ValueError(f"smtps:// is encrypted from the first byte; for {chosen} say smtp://")
    return Endpoint(parts.hostname, port, chosen)


def check_login(endpoint: Endpoint, login: Login | None) -> None:
    """Check that a password goes out encrypted only, and in one piece.

    Raises:
        ValueError: It would not.
    """
    if login is None:
        return
    if endpoint.tls is Tls.NONE:
        raise ValueError("a password is sent over TLS only")
    if "\0" in login.user + login.password or not login.user:
        raise ValueError("a user has a name, and neither it nor the password has NUL")
    if login.is_token and "\1" in login.user + login.password:
        raise ValueError("neither user nor token has the character that ends them")

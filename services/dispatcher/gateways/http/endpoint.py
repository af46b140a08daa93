"""The address that an HTTP gateway is reached at, taken apart once."""

import re
from typing import NamedTuple
from urllib.parse import urlsplit

_VISIBLE = re.compile(r"[!-~]+")  # what may stand in a request line; everything else is escaped


class Endpoint(NamedTuple):
    """Where to connect, and what the request's first lines say."""

    host: str  # without the brackets of an IPv6 literal
    port: int
    is_tls: bool
    authority: str  # value of the Host header: the port is left out when it is the scheme's own
    target: str  # path and query


def parse_endpoint(url: str) -> Endpoint:
    """Take an http or https URL apart.

    Raises:
        ValueError: it is not a URL that requests can be sent to.
    """
    if not _VISIBLE.fullmatch(url):
        message = "a gateway's URL has visible ASCII characters only; escape the others"
        raise ValueError(message)
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        message = "a gateway's URL starts with http://host or https://host"
        raise ValueError(message)
    if "@" in parts.netloc or parts.fragment:
        message = "a gateway's URL has neither user information nor a fragment"
        raise ValueError(message)
    is_tls = parts.scheme == "https"
    default = 443 if is_tls else 80
    port = default if parts.port is None else parts.port
    if not port:
        message = "a gateway's port is a number from 1 to 65535"
        raise ValueError(message)
    shown = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    authority = shown if port == default else f"{shown}:{port}"
    target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
    return Endpoint(parts.hostname, port, is_tls, authority, target)


def check_token(token: str) -> None:
    """Check what stands behind `Bearer` in the Authorization header.

    Raises:
        ValueError: it could not stand in a header.
    """
    if not _VISIBLE.fullmatch(token):
        message = "a gateway's token has visible ASCII characters only, and at least one"
        raise ValueError(message)

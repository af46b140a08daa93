"""Trust: which requests are answered at all, until there are keys.

A page of a stranger that is open in a browser can send requests to this network, and by DNS
rebinding even read the answers. The browser declares in headers that the page cannot set where a
request comes from, and a rebound name stands in `Host`.

Source: W3C Fetch Metadata Request Headers, and the resource isolation policy of web.dev.
"""

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from fnmatch import fnmatchcase
from urllib.parse import urlsplit

from pydantic import SecretStr
from starlette.datastructures import Headers
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.types import ASGIApp, Receive, Scope, Send

from shared import unsubscribe
from shared.http.problems import refuse

PROBES = ("/livez", "/readyz", "/metrics")  # by those who have only the address of a process

# Names that no stranger can own: without a dot, and inside of a Kubernetes cluster.
INSIDE = ("localhost", "*.localhost", "*.svc", "*.svc.cluster.local")
AUTHORITY = re.compile(
    r"(?P<name>\[[0-9a-fA-F:.]+\]|[A-Za-z0-9._-]+?)\.?(?::(?P<port>[0-9]{0,5}))?"
)
DEFAULT_PORTS = {"http": "80", "https": "443"}

UNKNOWN_HOST = "This service has another name; its setting …_HTTP_NAMES lists those it has."
CROSS_SITE = "Requests from pages of other sites are refused."


@dataclass(frozen=True, slots=True)
class Callers:
    """Who is answered: by which names a service is called, and with which token."""

    hosts: Sequence[str] = ()  # beside those that are always known
    token: SecretStr | None = None  # None: everybody is answered


ANYBODY = Callers()


def is_link(path: str) -> bool:
    """Return whether a path is that of an unsubscribe link, which is its own permission.

    Mail programs use it from wherever they are, and no page can do more with it than they.
    """
    return path.startswith(unsubscribe.PATH)


class Trust:
    """Refuses unknown hosts and what comes from other sites."""

    def __init__(self, app: ASGIApp, hosts: Sequence[str] = ()) -> None:
        self._app = app
        self._hosts = tuple(host.lower().rstrip(".") for host in hosts)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass the request on, or refuse it."""
        if scope["type"] == "http" and scope["path"] not in PROBES:
            headers = Headers(scope=scope)
            if not self._knows(headers, scope["http_version"]):
                response = refuse(Request(scope), HTTPException(421, UNKNOWN_HOST))
                return await response(scope, receive, send)
            is_trusted = is_link(scope["path"]) or self._is_same_site(headers, scope["method"])
            if not is_trusted:
                response = refuse(Request(scope), HTTPException(403, CROSS_SITE))
                return await response(scope, receive, send)
        return await self._app(scope, receive, send)

    def _knows(self, headers: Headers, version: str) -> bool:
        hosts = headers.getlist("host")
        if not hosts:
            return version == "1.0"  # Source: RFC 9112 §3.2; no browser uses it
        found = AUTHORITY.fullmatch(hosts[0])
        return len(hosts) == 1 and found is not None and self._is_known(found["name"].lower())

    def _is_known(self, name: str) -> bool:
        is_inside = "." not in name and ":" not in name
        return is_inside or _is_address(name) or _matches(name, (*INSIDE, *self._hosts))

    def _is_same_site(self, headers: Headers, method: str) -> bool:
        site = headers.get("sec-fetch-site", "none")
        is_link = method in ("GET", "HEAD") and headers.get("sec-fetch-mode") == "navigate"
        is_followed = is_link and headers.get("sec-fetch-dest") not in ("object", "embed")
        if site not in ("none", "same-origin"):
            return is_followed and site in ("same-site", "cross-site")
        return all(
            self._is_ours(origin, headers.get("host", "")) for origin in headers.getlist("origin")
        )

    def _is_ours(self, origin: str, host: str) -> bool:
        """Return whether an origin is the requested address, or has a name that was set."""
        try:
            parts = urlsplit(origin)
            name, port = (parts.hostname or "").rstrip("."), parts.port
        except ValueError:
            return False
        if parts.scheme not in DEFAULT_PORTS or not name:
            return False
        default = DEFAULT_PORTS[parts.scheme]
        asked = AUTHORITY.fullmatch(host)
        is_asked = asked is not None and (
            (asked["name"].lower().strip("[]"), asked["port"] or default)
            == (name, str(port or default))
        )
        return is_asked or _matches(name, self._hosts)


def _matches(name: str, patterns: Sequence[str]) -> bool:
    return any(fnmatchcase(name, pattern) for pattern in patterns)


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True

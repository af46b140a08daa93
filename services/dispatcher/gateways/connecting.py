"""Connecting: one way for all gateways from a host's name to an open connection.

A name is asked for once, and what it led to is checked and connected to: nobody can answer with
another address in between.
"""

import asyncio
import socket
import ssl
from ipaddress import ip_address
from typing import NamedTuple

from services.dispatcher.gateways.addresses import (
    AddressRefused,
    check_address,
    literal,
)

# Why no connection was opened, if any other would end the same way: name, address or certificate
# are wrong.
MISPLACED = frozenset({"tls_failed", "dns_failed", "address_refused"})


class Destination(NamedTuple):
    """Where to connect."""

    host: str
    port: int
    allows_private: bool


async def connect(
    protocol: asyncio.Protocol,
    to: Destination,
    tls: ssl.SSLContext | None = None,
    tls_timeout_s: float | None = None,
) -> None:
    """Connect `protocol` to the first address of a host that is reached.

    Raises:
        AddressRefused: The host has none but such as nothing is sent to.
        OSError: Its name leads nowhere, nothing answers there, or TLS fails.
    """
    loop = asyncio.get_running_loop()
    failed: OSError | None = None
    for address in await _addresses(loop, to):
        try:
            await loop.create_connection(
                lambda: protocol,
                address,
                to.port,
                ssl=tls,
                server_hostname=to.host if tls else None,
                ssl_handshake_timeout=tls_timeout_s if tls else None,
                ssl_shutdown_timeout=tls_timeout_s if tls else None,
            )
        except ssl.SSLError:
            raise
        except OSError as error:
            failed = error
        else:
            return
    raise failed or OSError("a host without addresses")


def why_unopened(error: BaseException | None) -> str:
    """Return why a connection could not be opened, as a slug."""
    if isinstance(error, AddressRefused):
        return "address_refused"
    if isinstance(error, ssl.SSLError):
        return "tls_failed"
    # A name with a label of 64 characters is none that a resolver is asked for.
    is_name = isinstance(error, socket.gaierror | UnicodeError)
    return "dns_failed" if is_name else "connect_failed"


async def _addresses(loop: asyncio.AbstractEventLoop, to: Destination) -> list[str]:
    """Return the addresses of a host that may be connected to."""
    given = literal(to.host)
    if given is not None:
        check_address(given, allows_private=to.allows_private)
        return [str(given)]
    found = await loop.getaddrinfo(to.host, to.port, type=socket.SOCK_STREAM)
    allowed: dict[str, None] = {}  # each once, in the resolver's order
    refused: AddressRefused | None = None
    for *_, sockaddr in found:
        try:
            check_address(ip_address(str(sockaddr[0])), allows_private=to.allows_private)
        except AddressRefused as error:
            refused = error
        else:
            allowed[str(sockaddr[0])] = None
    if refused is not None and not allowed:
        raise refused
    return list(allowed)

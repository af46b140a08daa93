"""Addresses of gateways: which this process connects to, and which never. Pure.

Whoever may describe a gateway makes this process send to it: so not to what answers only because
we are inside, such as the metadata of a cloud, which has passwords.
"""

import re
from collections.abc import Iterable
from ipaddress import (
    IPv4Address,
    IPv4Network,
    IPv6Address,
    IPv6Network,
    ip_address,
    ip_network,
)
from socket import inet_aton
from typing import TypeAlias

Address: TypeAlias = IPv4Address | IPv6Address
Network: TypeAlias = IPv4Network | IPv6Network


class AddressRefused(ValueError):
    """A gateway's address is one that nothing is sent to."""


def _networks(texts: Iterable[str]) -> tuple[Network, ...]:
    return tuple(map(ip_network, texts))


# Where people have their own servers.
# Source: RFC 1918, 1122, 6598, 2544, 4193, 3879, 8215
_PRIVATE = _networks(
    (
        *("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8"),
        *("100.64.0.0/10", "198.18.0.0/15"),
        *("::1/128", "fc00::/7", "fec0::/10", "64:ff9b:1::/48"),
    )
)
# What is no server's, or one's that speaks of the machine itself.
# Source: the registries of special addresses, RFC 6890
_REFUSED = _networks(
    (
        *("0.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "240.0.0.0/4"),  # no one, link, many, none
        *("192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.51.100.0/24", "203.0.113.0/24"),
        *("2001::/23", "2001:db8::/32", "3fff::/20"),  # Teredo and others, documents
        # Metadata beyond link-local addresses: Alibaba, Azure; Amazon, Google.
        *("100.100.100.200/32", "168.63.129.16/32", "fd00:ec2::254/128", "fd20:ce::254/128"),
    )
)
_GLOBAL_V6 = IPv6Network("2000::/3")  # what is neither here nor private is a link's or no one's
_NAT64 = IPv6Network("64:ff9b::/96")
_NAT64_LOCAL = IPv6Network("64:ff9b:1::/48")
# What `inet_aton` takes as an address, which resolvers ask: `127.1`, `0x7f000001`, `2130706433`.
_SHORT = re.compile(r"(?:0[xX][0-9a-fA-F]+|[0-9]+)(?:\.(?:0[xX][0-9a-fA-F]+|[0-9]+)){0,3}")


def literal(host: str) -> Address | None:
    """Return the address that a host is; None if it is a name."""
    try:
        return ip_address(host)
    except ValueError:
        pass
    if _SHORT.fullmatch(host.rstrip(".")):
        try:
            return IPv4Address(inet_aton(host.rstrip(".")))
        except OSError:
            return None
    return None


def check_address(address: Address, *, allows_private: bool) -> None:
    """Check that it is one that is sent to.

    Raises:
        AddressRefused: It is not.
    """
    meant = _meant(address)
    if any(_is_in(_REFUSED, each) or not _is_allotted(each) for each in meant):
        raise AddressRefused("nothing is sent to link-local, metadata and reserved addresses")
    if not allows_private and any(_is_in(_PRIVATE, each) for each in meant):
        raise AddressRefused("private addresses are allowed by DISPATCHER_PRIVATE_GATEWAYS")


def check_host(host: str, *, allows_private: bool) -> None:
    """Check what can be said of a host without asking for its addresses.

    Raises:
        AddressRefused: It is an address that nothing is sent to.
    """
    address = literal(host)
    if address is not None:
        check_address(address, allows_private=allows_private)


def _is_in(networks: Iterable[Network], address: Address) -> bool:
    return any(address in network for network in networks)


def _is_allotted(address: Address) -> bool:
    """Return whether servers may have such an address at all."""
    if isinstance(address, IPv4Address):
        return True
    return address in _GLOBAL_V6 or _is_in(_PRIVATE, address)


def _meant(address: Address) -> tuple[Address, ...]:
    """Return what an address leads to: of one that holds another one, that as well."""
    if isinstance(address, IPv4Address):
        return (address,)
    plain = IPv6Address(int(address))  # without a zone
    inner: Address | None = plain.ipv4_mapped
    if inner is not None:
        return (inner,)
    if plain in _NAT64:
        return (_last_four(plain),)
    if plain in _NAT64_LOCAL:
        return (plain, _last_four(plain))
    inner = plain.sixtofour
    return (plain,) if inner is None else (plain, inner)


def _last_four(address: IPv6Address) -> IPv4Address:
    return IPv4Address(int(address) & 0xFFFF_FFFF)

"""The sandbox's own authority: its certificate, and one for the server, in files of a folder.

Written out here, since no library that we have makes certificates. For tests alone: the signature
takes no care of what its timing shows.
"""

import hashlib
import secrets
import ssl
from base64 import encodebytes
from collections.abc import Iterable
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import TypeAlias

Point: TypeAlias = tuple[int, int]

# The curve P-256. Source: FIPS 186-4 §D.1.2.3.
_P = 2**256 - 2**224 + 2**192 + 2**96 - 1
_N = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
_G = (
    0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
    0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5,
)
_BYTES = 32

# Tags of DER. Source: X.690 §8.
_INTEGER, _BITS, _OCTETS, _OBJECT, _UTF8, _TIME = 0x02, 0x03, 0x04, 0x06, 0x0C, 0x17
_SEQUENCE, _SET = 0x30, 0x31

# Identifiers of objects, encoded. Source: RFC 5480 §2, RFC 5758 §3.2, RFC 5280 §4.2.
_KEY, _CURVE = bytes.fromhex("2a8648ce3d0201"), bytes.fromhex("2a8648ce3d030107")
_ECDSA, _COMMON_NAME = bytes.fromhex("2a8648ce3d040302"), bytes.fromhex("550403")
_CONSTRAINTS, _USAGE = bytes.fromhex("551d13"), bytes.fromhex("551d0f")
_NAMES, _PURPOSES = bytes.fromhex("551d11"), bytes.fromhex("551d25")
_OWN_KEY, _ISSUERS_KEY = bytes.fromhex("551d0e"), bytes.fromhex("551d23")
_OF_SERVERS = bytes.fromhex("2b06010505070301")
_SIGNS_CERTIFICATES, _SIGNS = b"\x02\x04", b"\x07\x80"  # the bits, after how many are unused

_VALID = timedelta(days=3_650)
_BEFORE = timedelta(days=1)  # clocks differ


class Files:
    """The files of an authority."""

    def __init__(self, folder: Path) -> None:
        self.authority = folder / "ca.pem"  # what clients are to trust
        self.certificate, self.key = folder / "server.pem", folder / "server.key"


def context(folder: Path, names: Iterable[str]) -> ssl.SSLContext:
    """Return a server's context; its certificate is made if it is not in the folder yet.

    `names` are names and addresses by which clients know the server.

    Raises:
        OSError: The files can't be read or written.
    """
    files = Files(folder)
    if not all(path.exists() for path in (files.authority, files.certificate, files.key)):
        folder.mkdir(parents=True, exist_ok=True)
        _make(files, names)
    found = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    found.load_cert_chain(files.certificate, files.key)
    return found


def _make(files: Files, names: Iterable[str]) -> None:
    authority, server = _new_key(), _new_key()
    files.authority.write_text(_pem("CERTIFICATE", _certificate(authority, authority)))
    files.key.touch(0o600)
    files.key.write_text(_pem("PRIVATE KEY", _private(server)))
    certificate = _certificate(server, authority, tuple(names))
    files.certificate.write_text(_pem("CERTIFICATE", certificate))


# Certificates


def _certificate(key: int, issuer: int, names: tuple[str, ...] = ()) -> bytes:
    """Return a certificate: of the issuer itself if it has no names."""
    now, own = datetime.now(UTC), _public(key)
    algorithm = _der(_SEQUENCE, _der(_OBJECT, _ECDSA))
    validity = b"".join(
        _der(_TIME, each.strftime("%y%m%d%H%M%SZ").encode())
        for each in (now - _BEFORE, now + _VALID)
    )
    curve = _der(_SEQUENCE, _der(_OBJECT, _KEY), _der(_OBJECT, _CURVE))
    content = _der(
        _SEQUENCE,
        _der(0xA0, _integer(2)),  # the third version
        _integer(secrets.randbits(126) + 1),
        algorithm,
        _name("mailings sandbox"),
        _der(_SEQUENCE, validity),
        _name("mailings sandbox mail server" if names else "mailings sandbox"),
        _der(_SEQUENCE, curve, _der(_BITS, b"\0", own)),
        _der(0xA3, _der(_SEQUENCE, *_extensions(own, _public(issuer), names))),
    )
    return _der(_SEQUENCE, content, algorithm, _der(_BITS, b"\0", _signature(issuer, content)))


def _extensions(own: bytes, issuers: bytes, names: tuple[str, ...]) -> list[bytes]:
    def extension(kind: bytes, value: bytes, *, is_critical: bool = False) -> bytes:
        critical = b"\x01\x01\xff" if is_critical else b""
        return _der(_SEQUENCE, _der(_OBJECT, kind), critical, _der(_OCTETS, value))

    usage = _SIGNS if names else _SIGNS_CERTIFICATES
    is_authority = b"" if names else b"\x01\x01\xff"
    found = [
        extension(_CONSTRAINTS, _der(_SEQUENCE, is_authority), is_critical=True),
        extension(_USAGE, _der(_BITS, usage), is_critical=True),
        extension(_OWN_KEY, _der(_OCTETS, _digest(own))),
        extension(_ISSUERS_KEY, _der(_SEQUENCE, _der(0x80, _digest(issuers)))),
    ]
    if names:
        purposes = _der(_SEQUENCE, _der(_OBJECT, _OF_SERVERS))
        found.append(extension(_NAMES, _der(_SEQUENCE, *map(_alternative, names))))
        found.append(extension(_PURPOSES, purposes))
    return found


def _digest(public: bytes) -> bytes:
    return hashlib.sha1(public, usedforsecurity=False).digest()  # Source: RFC 5280 §4.2.1.2


def _alternative(name: str) -> bytes:
    try:
        return _der(0x87, ip_address(name).packed)
    except ValueError:
        return _der(0x82, name.encode("ascii"))


def _name(text: str) -> bytes:
    pair = _der(_SEQUENCE, _der(_OBJECT, _COMMON_NAME), _der(_UTF8, text.encode()))
    return _der(_SEQUENCE, _der(_SET, pair))


def _private(key: int) -> bytes:
    """Return a private key. Source: RFC 5208 §5, RFC 5915 §3."""
    own = _der(
        _SEQUENCE,
        _integer(1),
        _der(_OCTETS, key.to_bytes(_BYTES, "big")),
        _der(0xA1, _der(_BITS, b"\0", _public(key))),
    )
    curve = _der(_SEQUENCE, _der(_OBJECT, _KEY), _der(_OBJECT, _CURVE))
    return _der(_SEQUENCE, _integer(0), curve, _der(_OCTETS, own))


def _pem(label: str, raw: bytes) -> str:
    return f"-----BEGIN {label}-----\n{encodebytes(raw).decode()}-----END {label}-----\n"


def _der(tag: int, *parts: bytes) -> bytes:
    content = b"".join(parts)
    size = len(content)
    if size < 0x80:  # noqa: PLR2004 - the short form
        return bytes((tag, size)) + content
    length = size.to_bytes((size.bit_length() + 7) // 8, "big")
    return bytes((tag, 0x80 | len(length))) + length + content


def _integer(number: int) -> bytes:
    return _der(_INTEGER, number.to_bytes(number.bit_length() // 8 + 1, "big"))


# Keys and signatures


def _new_key() -> int:
    return secrets.randbelow(_N - 1) + 1


def _public(key: int) -> bytes:
    x, y = _times(key, _G)
    return b"\x04" + x.to_bytes(_BYTES, "big") + y.to_bytes(_BYTES, "big")


def _signature(key: int, content: bytes) -> bytes:
    """Sign by ECDSA. Source: FIPS 186-4 §6.4."""
    digest = int.from_bytes(hashlib.sha256(content).digest(), "big")
    once = _new_key()
    r = _times(once, _G)[0] % _N
    s = pow(once, -1, _N) * (digest + r * key) % _N
    return _der(_SEQUENCE, _integer(r), _integer(s))


def _times(number: int, point: Point) -> Point:
    total: Point | None = None
    while number:
        if number & 1:
            total = point if total is None else _sum(total, point)
        point = _sum(point, point)
        number >>= 1
    if total is None:
        raise ValueError("0 times a point is no point")
    return total


def _sum(one: Point, other: Point) -> Point:
    (x, y), (u, v) = one, other
    slope = 3 * (x * x - 1) * pow(2 * y, -1, _P) if one == other else (v - y) * pow(u - x, -1, _P)
    at = (slope * slope - x - u) % _P
    return at, (slope * (x - at) - y) % _P

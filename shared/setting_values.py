"""The values of settings: how people write them, and what is refused at start."""

import re
from dataclasses import dataclass, field
from datetime import timedelta
from ipaddress import ip_address
from typing import Annotated, NamedTuple, TypeAlias
from urllib.parse import unquote

from pydantic import (
    AfterValidator,
    BeforeValidator,
    Field,
    HttpUrl,
    PostgresDsn,
    SecretStr,
)
from sqlalchemy import make_url

UNITS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400}  # seconds
WRITTEN = re.compile(r"(?:[0-9]+(?:\.[0-9]+)?(?:ms|[smhd]))+", re.ASCII)
PART = re.compile(r"([0-9.]+)(ms|[smhd])", re.ASCII)

# Between the dots of a host's name. Source: RFC 1123 §2.1; `_` as well, as in names of containers.
LABEL = re.compile(r"[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?", re.IGNORECASE | re.ASCII)
LONGEST_NAME = 253
HIGHEST_PORT = 65_535

ENCRYPTED = "tls://"  # before the servers of a Kafka that is spoken to in secret

# What may stand behind `Bearer`. Source: RFC 6750 §2.1, b64token.
TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*", re.ASCII)
SHORTEST_TOKEN = 32  # characters: nobody can guess 16 bytes in hexadecimal digits

# What asyncpg takes behind the `?` of an address. Source: its documentation of `connect`.
SSL_MODES = ("disable", "allow", "prefer", "require", "verify-ca", "verify-full")


def _duration(value: object) -> object:
    """Read what people write, such as `1m30s`; leave the rest to pydantic, as `PT15S`."""
    if not isinstance(value, str) or not WRITTEN.fullmatch(value.strip()):
        return value
    seconds = (float(number) * UNITS[unit] for number, unit in PART.findall(value))
    try:
        return timedelta(milliseconds=round(1000 * sum(seconds), 3))
    except OverflowError:
        raise ValueError("it is too long") from None


def _optional(value: object) -> object:
    """Read an empty text as none: for ever, or nowhere."""
    return None if isinstance(value, str) and not value.strip() else value


def _token(token: SecretStr) -> SecretStr:
    """Check that a token can be sent, and not be guessed."""
    text = token.get_secret_value()
    if not TOKEN.fullmatch(text) or len(text) < SHORTEST_TOKEN:
        raise ValueError(
            f"a token has {SHORTEST_TOKEN} characters at least, letters and digits and ._~+/- "
            "(`openssl rand -hex 32` makes one)"
        )
    return token


def keys_of(text: str) -> tuple[bytes, ...]:
    """Return secret keys that are separated by commas, the newest first.

    Raises:
        ValueError: One of them is too short, or comes twice.
    """
    keys = tuple(each.strip().encode() for each in text.split(",") if each.strip())
    if any(len(key) < SHORTEST_TOKEN for key in keys):
        raise ValueError(
            f"a key has {SHORTEST_TOKEN} characters at least (`openssl rand -hex 32` makes one)"
        )
    if len(set(keys)) < len(keys):
        raise ValueError("a key comes twice")
    return keys


def _keys(keys: SecretStr) -> SecretStr:
    keys_of(keys.get_secret_value())
    return keys


def duration_text(value: timedelta) -> str:
    """Write a duration as people do, `10m` or `100ms`."""
    for unit, seconds in reversed(UNITS.items()):
        count = value / timedelta(seconds=seconds)
        if count == int(count) != 0:
            return f"{int(count)}{unit}"
    return f"{value.total_seconds():g}s"


def check_host(host: str) -> str:
    """Return `host` if a server can listen on it.

    Raises:
        ValueError: It is neither a host's name nor an IP address.
    """
    try:
        ip_address(host)
    except ValueError:
        labels = host.removesuffix(".").split(".")
        is_name = len(host) <= LONGEST_NAME and all(LABEL.fullmatch(each) for each in labels)
        if not is_name or labels[-1].isdecimal():  # half of an address, or one that is too large
            raise ValueError("a host's name or IP address is needed") from None
    return host


class KafkaAddress(NamedTuple):
    """Where Kafka is, and as whom to enter."""

    servers: str  # host:port,host:port
    is_encrypted: bool
    user: str | None
    password: str | None
    authority: str | None  # the file with the certificate of whoever signed Kafka's


def kafka_address(text: str) -> KafkaAddress:
    """Read `host:port,…`, or `tls://user:password@host:port,…?ca=FILE`."""
    if not text.startswith(ENCRYPTED):
        return KafkaAddress(text, is_encrypted=False, user=None, password=None, authority=None)
    rest, _, authority = text.removeprefix(ENCRYPTED).partition("?ca=")
    account, at, servers = rest.rpartition("@")
    user, _, password = account.partition(":")
    return KafkaAddress(
        servers,
        is_encrypted=True,
        user=unquote(user) if at else None,
        password=unquote(password) if at else None,
        authority=authority or None,
    )


def _servers(text: str) -> str:
    """Check where Kafka is; without a port, it is Kafka's usual one."""
    address = kafka_address(text.strip())
    if address.user is not None and not (address.user and address.password):
        raise ValueError("an account is needed as in tls://user:password@host:port,host:port")
    servers = _checked(address.servers)
    return text.strip() if address.is_encrypted else servers


def _checked(text: str) -> str:
    """Check each `host:port` of a list."""
    servers = [each.strip() for each in text.split(",")]
    for server in servers:
        found = re.fullmatch(r"(\[(?P<v6>[^]]+)\]|(?P<name>[^:]*))(:(?P<port>[0-9]+))?", server)
        try:
            check_host((found["v6"] or found["name"] or "") if found else "")
        except ValueError:
            found = None
        if not found or not 0 < int(found["port"] or 1) <= HIGHEST_PORT:
            raise ValueError("a list such as host:port,host:port is needed")
    return ",".join(servers)


def _database(url: PostgresDsn) -> PostgresDsn:
    """Check what would fail only when the database is first connected to."""
    try:
        parts = make_url(str(url))
    except ValueError:
        raise ValueError("one host is needed: postgresql://user@host:port/name") from None
    if not parts.database or not parts.host:
        raise ValueError("the database's name is missing: postgresql://user@host:port/name")
    if parts.port == 0:
        raise ValueError("a port is a number from 1 to 65535")
    for name, value in parts.query.items():
        if name != "ssl":
            raise ValueError("behind the ? only ssl is known, as in ?ssl=require")
        if value not in SSL_MODES:
            raise ValueError(f"ssl is one of {', '.join(SSL_MODES)}")
    return url


def _names(text: str) -> str:
    """Check each name of a list; `*.example.com` stands for all that end so."""
    names = [each.strip() for each in text.split(",")] if text.strip() else []
    for name in names:
        try:
            check_host(name.removeprefix("*."))
        except ValueError:
            raise ValueError(
                "a list such as mailings.example.com,*.example.com is needed"
            ) from None
    return ",".join(names)


Duration: TypeAlias = Annotated[timedelta, BeforeValidator(_duration)]
Retention: TypeAlias = Annotated[Duration | None, BeforeValidator(_optional)]
Endpoint: TypeAlias = Annotated[HttpUrl | None, BeforeValidator(_optional)]
ApiToken: TypeAlias = Annotated[
    Annotated[SecretStr, AfterValidator(_token)] | None, BeforeValidator(_optional)
]
Keys: TypeAlias = Annotated[SecretStr, AfterValidator(_keys)]
Host: TypeAlias = Annotated[str, AfterValidator(check_host)]
Port: TypeAlias = Annotated[int, Field(ge=1, le=HIGHEST_PORT)]
Names: TypeAlias = Annotated[str, AfterValidator(_names)]
Servers: TypeAlias = Annotated[str, AfterValidator(_servers)]
DatabaseUrl: TypeAlias = Annotated[PostgresDsn, AfterValidator(_database)]


@dataclass(frozen=True, slots=True)
class TraceExport:
    """Where traces are sent to, and how many of them."""

    endpoint: str  # of OTLP over HTTP, without the path of a signal
    headers: str = field(default="", repr=False)  # name=value,name=value
    ratio: float = 1.0  # of the requests, and of what else has no cause that is traced
    queue_size: int = 2048  # spans that may wait

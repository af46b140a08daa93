"""Unsubscribe links: a link in a message by which its client wants no more of them.

The dispatcher makes links, the catalog reads them; both have the same keys, the newest first. A
link holds the client's identifier and the topic, signed, and works as long as its key is known.
"""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Callable
from dataclasses import dataclass
from hmac import compare_digest
from typing import TypeAlias
from urllib.parse import urlsplit
from uuid import UUID

from shared.keyed_hash import KeyedHash

VARIABLE = "unsubscribe_url"  # of texts
PATH = "/u/"  # of the catalog: whoever has a token may use it, and needs no other permission
LONGEST_URL = 200  # characters of the base address: a header's line has an end
LONGEST_TOPIC = 63

_CLIENT, _SIGNATURE = 16, 16  # bytes
_TOKEN = 43  # characters of both

MakeLink: TypeAlias = Callable[[UUID], str]  # of a client


@dataclass(frozen=True, slots=True)
class Links:
    """Makes and reads links."""

    base: str  # https://host, perhaps with a path
    keys: tuple[bytes, ...]  # the newest first

    def of_topic(self, topic: str | None) -> MakeLink:
        """Return what makes the links of one topic, or of all: one HMAC for each client."""
        hashed, prefix = KeyedHash(self.keys[0]), f"{self.base}{PATH}"
        about = (topic or "").encode()
        suffix = f".{topic}" if topic else ""

        def make(client_id: UUID) -> str:
            client = client_id.bytes
            signature = hashed.digest(client + about)[:_SIGNATURE]
            token = urlsafe_b64encode(client + signature)[:_TOKEN].decode()
            return f"{prefix}{token}{suffix}"

        return make

    def read(self, token: str) -> tuple[UUID, str | None] | None:
        """Return the client and the topic of a token; None if it is none of ours."""
        signed, _, topic = token.partition(".")
        if len(signed) != _TOKEN or len(topic) > LONGEST_TOPIC or not token.isascii():
            return None
        try:
            both = urlsafe_b64decode(f"{signed}=")
        except (NotBase64, ValueError):
            return None
        if urlsafe_b64encode(both)[:_TOKEN].decode() != signed:
            return None  # its last character can be written in four ways
        client, signature = both[:_CLIENT], both[_CLIENT:]
        about = client + topic.encode()
        expected = (KeyedHash(key).digest(about)[:_SIGNATURE] for key in self.keys)
        if not any(compare_digest(signature, each) for each in expected):
            return None
        return UUID(bytes=client), topic or None


def base_address(url: str) -> str:
    """Return the base address of links, without a slash at its end.

    Raises:
        ValueError: It is none.
    """
    parts = urlsplit(url)
    is_whole = parts.scheme in ("http", "https") and parts.hostname and not parts.username
    if not is_whole or parts.query or parts.fragment or not url.isascii() or " " in url:
        raise ValueError("an address is needed, as in https://mail.shop.example")
    if len(url) > LONGEST_URL:
        raise ValueError(f"it is longer than {LONGEST_URL} characters")
    return url.rstrip("/")

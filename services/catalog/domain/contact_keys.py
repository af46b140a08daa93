"""Contact keys: a phone or an e-mail as a keyed hash, from which nobody without the key reads it.

Rotation: the first key is the newest; a contact has a hash by each. So what was suppressed by an
older key goes on to be, as long as that key is among them.
"""

import re
from binascii import b2a_base64
from collections.abc import Sequence

from shared.contracts.catalog import ClientChanged, ClientRegistered, SuppressedKind
from shared.event import Event
from shared.keyed_hash import KeyedHash

PREFIXES = {kind: f"{kind}:".encode() for kind in SuppressedKind}
OF_PHONES, OF_EMAILS = PREFIXES[SuppressedKind.PHONE], PREFIXES[SuppressedKind.EMAIL]
SIZE = 16  # bytes of a hash: there are far fewer contacts than pairs of these that are equal
OF_URLS = bytes.maketrans(b"+/", b"-_")
HASH = re.compile(r"[A-Za-z0-9_-]{22}", re.ASCII)  # as text
ID_OF = b"id:"  # what a key's id is the hash of: no contact, so it says nothing about one
ID_SIZE = 6  # bytes


class ContactKeys:
    """The keys of contacts, the newest first; none: contacts have no hashes."""

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        self._keys = [KeyedHash(key) for key in keys]
        self.ids = tuple([_text(key.digest(ID_OF)[:ID_SIZE]).decode() for key in self._keys])

    def __bool__(self) -> bool:
        """Whether there is one."""
        return bool(self._keys)

    def hashes(self, kind: SuppressedKind, contact: str | None) -> tuple[str, ...]:
        """Return the hashes of a contact, of which the first is by the newest key."""
        if contact is None:
            return ()
        return tuple([each.decode() for each in self._hashes(PREFIXES[kind], contact)])

    def published(self, event: Event, data: bytes) -> bytes:
        """Return the JSON of an event: a client's with the hashes of its contacts.

        `data` is the event's JSON without them. They are put behind it: to encode all of it once
        more takes longer, and an import has one of them for each row.
        """
        if not self._keys or not isinstance(event, ClientRegistered | ClientChanged):
            return data
        parts = [data[:-1]]
        for begin, prefix, contact in (
            (b',"phone_hashes":["', OF_PHONES, event.phone),
            (b',"email_hashes":["', OF_EMAILS, event.email),
        ):
            if contact is not None:
                parts += (begin, b'","'.join(self._hashes(prefix, contact)), b'"]')
        return b"".join((*parts, b"}"))

    def _hashes(self, prefix: bytes, contact: str) -> list[bytes]:
        message = prefix + contact.encode().lower()
        return [_text(key.digest(message)[:SIZE]) for key in self._keys]


def _text(part: bytes) -> bytes:
    """Return a part of a digest in the alphabet of URLs. Source: RFC 4648 §5.

    A third of the time of `urlsafe_b64encode`: an import has one or two for each row.
    """
    return b2a_base64(part, newline=False).rstrip(b"=").translate(OF_URLS)


def normal(contact: str) -> str:
    """Return a contact as it is compared: hardly a mail server tells `A` from `a`.

    Of the letters of ASCII, as `lower` does it in PostgreSQL under the collation "C".
    """
    return contact.encode().lower().decode()


NO_KEYS = ContactKeys()

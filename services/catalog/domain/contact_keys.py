"""Contact keys: a phone or an e-mail as a keyed hash, from which nobody without the key reads it.

Rotation: the first key is the newest; a contact has a hash by each. So what was suppressed by an
older key goes on to be, as long as that key is among them.
"""

from base64 import urlsafe_b64encode
from hashlib import sha256
from hmac import digest

import msgspec
from msgspec.structs import replace

from shared.contracts.catalog import ClientChanged, ClientRegistered, SuppressedKind
from shared.event import Event

SHORTEST = 32  # characters of a key: nobody can try 16 bytes in hexadecimal digits
SIZE = 16  # bytes of a hash: there are far fewer contacts than pairs of these that are equal


class ContactKeys(msgspec.Struct, frozen=True):
    """The keys of contacts, the newest first; none: contacts have no hashes."""

    keys: tuple[bytes, ...] = ()

    def hashes(self, kind: SuppressedKind, contact: str | None) -> tuple[str, ...]:
        """Return the hashes of a contact, of which the first is by the newest key."""
        if contact is None or not self.keys:
            return ()
        text = f"{kind}:{normal(contact)}".encode()
        return tuple(
            urlsafe_b64encode(digest(key, text, sha256)[:SIZE])[:-2].decode() for key in self.keys
        )

    def published(self, event: Event) -> Event:
        """Return a client's event with the hashes of its contacts; any other as it is."""
        if not self.keys or not isinstance(event, ClientRegistered | ClientChanged):
            return event
        return replace(
            event,
            phone_hashes=self.hashes(SuppressedKind.PHONE, event.phone),
            email_hashes=self.hashes(SuppressedKind.EMAIL, event.email),
        )


def normal(contact: str) -> str:
    """Return a contact as it is compared: hardly a mail server tells `A` from `a`.

    Of the letters of ASCII, as `lower` does it in PostgreSQL under the collation "C".
    """
    return contact.encode().lower().decode()


NO_KEYS = ContactKeys()


def keys_from(text: str) -> ContactKeys:
    """Return the keys of a list, separated by commas.

    Raises:
        ValueError: One of them is too short, or comes twice.
    """
    keys = [each.strip().encode() for each in text.split(",") if each.strip()]
    if any(len(key) < SHORTEST for key in keys):
        raise ValueError(f"a key has {SHORTEST} characters at least (`openssl rand -hex 32`)")
    if len(set(keys)) < len(keys):
        raise ValueError("a key comes twice")
    return ContactKeys(tuple(keys))

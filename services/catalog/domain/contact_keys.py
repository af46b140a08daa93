"""Contact keys: a phone or an e-mail as a keyed hash, from which nobody without the key reads it.

Rotation: the first key is the newest; a contact has a hash by each. So what was suppressed by an
older key goes on to be, as long as that key is among them.
"""

import re
from base64 import urlsafe_b64encode
from collections.abc import Iterable, Iterator, Sequence

from shared.contracts.catalog import ClientChanged, ClientRegistered, SuppressedKind
from shared.event import Event
from shared.keyed_hash import KeyedHash

PREFIXES = {kind: f"{kind}:".encode() for kind in SuppressedKind}
OF_PHONES, OF_EMAILS = PREFIXES[SuppressedKind.PHONE], PREFIXES[SuppressedKind.EMAIL]
OF_CLIENTS = (ClientRegistered, ClientChanged)
SIZE = 16  # bytes of a hash: there are far fewer contacts than pairs of these that are equal
LENGTH, FILLED = 22, 24  # characters of it, and with two bytes more
HASH = re.compile(rf"[A-Za-z0-9_-]{{{LENGTH}}}", re.ASCII)
ID_OF = b"id:"  # what a key's id is the hash of: no contact, so it says nothing about one
ID_SIZE = 6  # bytes


class ContactKeys:
    """The keys of contacts, the newest first; none: contacts have no hashes."""

    def __init__(self, keys: Sequence[bytes] = ()) -> None:
        self._keys = [KeyedHash(key) for key in keys]
        ids = [key.digest(ID_OF)[:ID_SIZE] for key in self._keys]
        self.ids = tuple([urlsafe_b64encode(each).decode() for each in ids])

    def __bool__(self) -> bool:
        """Whether there is one."""
        return bool(self._keys)

    def hashes(self, kind: SuppressedKind, contact: str | None) -> tuple[str, ...]:
        """Return the hashes of a contact, of which the first is by the newest key."""
        if contact is None:
            return ()
        [hashes] = self._hashes(PREFIXES[kind], [contact]) if self._keys else [()]
        return tuple([each.decode() for each in hashes])

    def published(self, encoded: Sequence[tuple[Event, bytes]]) -> list[bytes]:
        """Return the JSON of each event: a client's with the hashes of its contacts.

        Each comes with its JSON without them. They are put behind it: to encode all of it once
        more takes longer, and an import has one of them for each row.
        """
        if not self._keys:
            return [data for _, data in encoded]
        clients = [event for event, _ in encoded if isinstance(event, OF_CLIENTS)]
        phones = self._hashes(OF_PHONES, [e.phone for e in clients if e.phone is not None])
        emails = self._hashes(OF_EMAILS, [e.email for e in clients if e.email is not None])
        public = []
        for event, data in encoded:
            more = b""
            if isinstance(event, OF_CLIENTS):
                if event.phone is not None:
                    more = b',"phone_hashes":["%b"]' % b'","'.join(next(phones))
                if event.email is not None:
                    more += b',"email_hashes":["%b"]' % b'","'.join(next(emails))
            public.append(data[:-1] + more + b"}" if more else data)
        return public

    def _hashes(self, prefix: bytes, contacts: Sequence[str]) -> Iterator[tuple[bytes, ...]]:
        """Yield the hashes of each contact, of which the first is by the newest key."""
        messages = [prefix + each.encode().lower() for each in contacts]
        return zip(*[_texts(key.digests(messages)) for key in self._keys], strict=True)


def _texts(digests: Iterable[bytes]) -> list[bytes]:
    """Return the beginning of each digest in the alphabet of URLs. Source: RFC 4648 §5.

    All in one encoding: with two bytes more each makes whole groups of three bytes.
    """
    filled = b"".join([each[:SIZE] + b"\0\0" for each in digests])
    text = urlsafe_b64encode(filled)
    return [text[at : at + LENGTH] for at in range(0, len(text), FILLED)]


def normal(contact: str) -> str:
    """Return a contact as it is compared: hardly a mail server tells `A` from `a`.

    Of the letters of ASCII, as `lower` does it in PostgreSQL under the collation "C".
    """
    return contact.encode().lower().decode()


NO_KEYS = ContactKeys()

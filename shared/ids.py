"""Identifiers: the only module that makes them."""

import random
import time
from base64 import urlsafe_b64decode, urlsafe_b64encode
from binascii import Error as NotBase64
from collections.abc import Sequence
from hashlib import sha1
from uuid import UUID, uuid5

from asyncpg.pgproto import pgproto

# Random once, then fixed: identifiers of the same thing follow from it, whoever makes them.
EVENTS = UUID("5b1c4a0e-8f0d-4d0f-9a53-6d2f5f0f7c11")
RUNS = UUID("0d6a5c1b-3c8e-4a53-9d0b-5c1f5d7c2a90")
KEYS = UUID("c2f3a3f4-7d55-4b57-8f1a-0f8f0b8f7e62")
SEEDED = sha1(EVENTS.bytes, usedforsecurity=False)

BYTES = 16  # of a UUID
VERSION = 0xF << 76
RANDOM_BITS = (1 << 128) - 1 & ~(VERSION | 0x3 << 62)  # of a UUID of any version
VERSION_5, VERSION_7 = 5 << 76 | 2 << 62, 7 << 76 | 2 << 62
CHANCE = 0xFFF << 64 | (1 << 62) - 1  # the bits of a UUID of version 7 that are random
TEST_SEND_VERSION = 8  # of UUIDs that nobody else makes here


def new_id() -> UUID:
    """Return a fresh identifier. Later ones sort behind earlier ones, to the millisecond.

    Source: RFC 9562 §5.7 (version 7): neighbors in time are neighbors in the index.
    """
    ms = time.time_ns() // 1_000_000
    return from_number(ms << 80 | VERSION_7 | random.getrandbits(76) & CHANCE)


def event_id(stream: str, version: int) -> UUID:
    """Return the identifier of the event at `version` of `stream`: always the same one."""
    hashed = SEEDED.copy()
    hashed.update(f"{stream}/{version}".encode())
    number = int.from_bytes(hashed.digest()[:BYTES], "big")  # as uuid5, in a fifth of its time
    return from_number(number & RANDOM_BITS | VERSION_5)


def from_number(number: int) -> UUID:
    """Return a UUID of 128 bits as the driver has them.

    To all others it is a UUID like any, but it is made, written and compared in C: what an
    import makes by the hundred thousand must not be an object of Python.
    """
    quick: UUID = pgproto.UUID(number.to_bytes(BYTES, "big"))
    return quick


def run_id(mailing_id: UUID, nominal: str) -> UUID:
    """Return the identifier of a mailing's occurrence: firing it twice is impossible by name."""
    return uuid5(RUNS, f"{mailing_id}/{nominal}")


def keyed_id(scope: str, key: str) -> UUID:
    """Return the identifier of what an Idempotency-Key creates: the same key, the same thing."""
    return uuid5(KEYS, f"{scope}/{key}")


def id_of_test_send(key: str | None = None) -> UUID:
    """Return the identifier of a run that is a test send, which it says itself.

    Of a key always the same one; without one later ones sort behind earlier ones. Source: RFC 9562
    §5.8 (version 8).
    """
    # The scope is a stored name: with another one a repeated key would send a second time.
    number = (keyed_id("trials", key) if key else new_id()).int
    return from_number(number & ~VERSION | TEST_SEND_VERSION << 76)


def is_test_send(run_id: UUID) -> bool:
    """Return whether a run is a test send: it is in no statistics, and in no event."""
    return run_id.int & VERSION == TEST_SEND_VERSION << 76


def message_id(run_id: UUID, client_id: UUID) -> str:
    """Return a message's public identifier: 43 characters that hold run and client."""
    return urlsafe_b64encode(run_id.bytes + client_id.bytes)[:-1].decode()


def message_ids(run_id: UUID, client_ids: Sequence[UUID]) -> list[str]:
    """Return the identifiers of a run's messages to these clients: all in one encoding."""
    prefix = run_id.bytes
    # One byte more each makes whole groups of three, and so 44 characters, of which 43 count.
    filled = b"".join([prefix + client_id.bytes + b"\0" for client_id in client_ids])
    text = urlsafe_b64encode(filled).decode()
    return [text[at : at + 43] for at in range(0, len(text), 44)]


def run_and_client(message_id: str) -> tuple[UUID, UUID] | None:
    """Return the run and the client that `message_id` holds; None if it is no such identifier."""
    try:
        both = urlsafe_b64decode(f"{message_id}=")
    except (NotBase64, ValueError):
        return None
    if len(both) != 2 * BYTES or urlsafe_b64encode(both)[:-1].decode() != message_id:
        return None
    return UUID(bytes=both[:BYTES]), UUID(bytes=both[BYTES:])

"""The mishaps of a gateway: what it does to about one message in a hundred, found by its key.

The same key always has the same fate, so a repeated request is answered as the first one makes it
be.
"""

from dataclasses import dataclass
from zlib import crc32

LATE_S = 1.5  # when the sender has given up: `bench.setup` has its timeout
PER = 10_000


@dataclass(frozen=True, slots=True)
class Mishap:
    """An answer other than the usual one."""

    answer: bytes
    is_taken: bool = False  # the message, whatever is answered
    after_s: float = 0.0


def _answer(status: bytes, body: bytes) -> bytes:
    head = b"HTTP/1.1 %b\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
    return head % (status, len(body)) + body


BUSY = Mishap(_answer(b"503 Service Unavailable", b'{"error":"busy"}'))
UNKNOWN = Mishap(_answer(b"200 OK", b'{"status":"queued"}'))
LATE = Mishap(
    _answer(b"200 OK", b'{"id":"late","status":"accepted"}'), is_taken=True, after_s=LATE_S
)
REFUSED = Mishap(_answer(b"400 Bad Request", b'{"error":"no such subscriber"}'))

# Of so many messages: the first request of each, and all others.
FATES: tuple[tuple[int, Mishap, Mishap | None], ...] = (
    (60, BUSY, None),
    (10, UNKNOWN, None),
    (5, LATE, None),
    (20, REFUSED, REFUSED),
    (3, BUSY, BUSY),  # until its window is over
    (2, UNKNOWN, UNKNOWN),
)


def mishap_of(key: bytes, *, is_repeated: bool) -> Mishap | None:
    """Return what happens to a request; None: it is accepted at once."""
    number = crc32(key) % PER
    for count, first, later in FATES:
        if number < count:
            return later if is_repeated else first
        number -= count
    return None

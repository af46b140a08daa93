"""Encoded rows: as COPY takes them in PostgreSQL's binary format, for what comes by the thousand.

The driver looks closely at each value, at instants and arrays most of all: for the row of a client
it takes nearly twice as long. What many rows have alike is encoded once here.

Source: PostgreSQL's documentation of COPY, "Binary Format", and of its types' `send` functions.
"""

from collections.abc import Iterable, Sequence
from datetime import UTC, datetime, timedelta
from functools import lru_cache
from struct import Struct
from uuid import UUID

HEAD = b"PGCOPY\n\xff\r\n\0" + bytes(8)  # no flags, no extension
END = b"\xff\xff"
NULL = b"\xff\xff\xff\xff"  # instead of a length and a value

TEXT_OID = 25  # of the elements of `text[]`
EPOCH = datetime(2000, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
# As which the driver stores and returns them, see `shared.event.finite`.
INFINITIES = {
    (datetime.min.replace(tzinfo=UTC) - EPOCH) // MICROSECOND: -(1 << 63),
    (datetime.max.replace(tzinfo=UTC) - EPOCH) // MICROSECOND: (1 << 63) - 1,
}

_count, _length = Struct("!h").pack, Struct("!i").pack
_OF_UUID = _length(16)
_shape = Struct("!5i").pack


def rows(encoded: Iterable[bytes]) -> bytes:
    """Return what COPY takes: all rows, each as `row` returns it."""
    return b"".join([HEAD, *encoded, END])


def row(*values: bytes) -> bytes:
    """Return a row of values, each as one of the functions below returns it."""
    return _count(len(values)) + b"".join(values)


def data(value: bytes) -> bytes:
    """Return a text that is encoded already, such as JSON."""
    return _length(len(value)) + value


TRUE, FALSE = data(b"\1"), data(b"\0")


def text(value: str | None) -> bytes:
    """Return a text."""
    if value is None:
        return NULL
    in_utf8 = value.encode()
    return _length(len(in_utf8)) + in_utf8


word = lru_cache(maxsize=1_000)(text)  # for texts that many rows have alike


@lru_cache(maxsize=1_000)
def texts(values: Sequence[str]) -> bytes:
    """Return an array of texts: a tuple, for many rows have it alike."""
    return data(_shape(1, 0, TEXT_OID, len(values), 1) + b"".join(map(text, values)))


def uuid(value: UUID | None) -> bytes:
    """Return an identifier."""
    return NULL if value is None else _OF_UUID + value.bytes


@lru_cache(maxsize=1_000)
def integer(value: int) -> bytes:
    """Return a number of four bytes.

    Raises:
        OverflowError: It is too large.
    """
    return data(value.to_bytes(4, "big", signed=True))


@lru_cache(maxsize=1_000)
def instant(value: datetime | None) -> bytes:
    """Return an instant.

    Raises:
        OverflowError: It is none in UTC.
    """
    if value is None:
        return NULL
    microseconds = (value.astimezone(UTC) - EPOCH) // MICROSECOND
    return data(INFINITIES.get(microseconds, microseconds).to_bytes(8, "big", signed=True))

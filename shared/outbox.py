"""The outbox: what others have yet to hear, one row for each transaction."""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import msgspec
from cramjam import lz4
from sqlalchemy import insert

from shared.database import Connection, Pool
from shared.errors import Invalid, Place
from shared.event import Event, Instant, Recorded
from shared.tables import outbox
from shared.topic import Topic

Header: TypeAlias = tuple[str, bytes]

# A record beyond this would stop all that are behind it: brokers refuse more than 1 MiB.
# Source: Kafka's message.max.bytes, with room for headers.
RECORD_LIMIT_BYTES = 900_000

HEAD = 4  # bytes that a row begins with, and that say how large it is

# Of what is kept at hand, encoded; as objects it takes several times as much. What is beyond is
# read back.
FRESH_BYTES = 10_000_000


class Record(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One record of a topic; no value is a tombstone."""

    key: bytes
    value: bytes | None
    headers: list[Header]


class Batch(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Records of one topic, and the headers that all of them share."""

    topic: str
    headers: list[Header]
    records: list[Record]


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Batch])

Row: TypeAlias = tuple[int, Instant]  # position and time: after a failover a position may return


class Fresh:
    """What this process has just put, so that its relay needn't read it back and decode it."""

    def __init__(self) -> None:
        self._rows: dict[Row, tuple[list[Batch], int]] = {}  # with their size in bytes
        self._size = 0

    def keep(self, row: Row, batches: list[Batch], size: int) -> None:
        """Remember a row that may yet be committed, if there is room."""
        if self._size + size <= FRESH_BYTES:
            self._rows[row] = batches, size
            self._size += size

    def get(self, row: Row) -> list[Batch] | None:
        """Return what a row holds; None if that is not at hand."""
        kept = self._rows.get(row)
        return kept[0] if kept else None

    def forget(self, position: int) -> None:
        """Forget all rows up to `position`: they are published, or were rolled back."""
        self._rows = {row: kept for row, kept in self._rows.items() if row[0] > position}
        self._size = sum(size for _, size in self._rows.values())


_fresh: WeakKeyDictionary[Pool, Fresh] = WeakKeyDictionary()


@contextmanager
def remembering(pool: Pool) -> Iterator[Fresh]:
    """Keep what is put through `pool` at hand for as long as the block lasts: it is our turn."""
    _fresh[pool] = Fresh()
    try:
        yield _fresh[pool]
    finally:
        del _fresh[pool]


def size(head: bytes) -> int:
    """Return how many bytes a row has when it is decompressed."""
    return int.from_bytes(head, "little")


def read(batches: bytes) -> list[Batch]:
    """Return what one transaction left."""
    return _decoder.decode(lz4.decompress_block(batches))


async def put(db: Connection, batches: Sequence[Batch], *, now: Instant) -> None:
    """Leave `batches` to the relay; they go out if and when `db` commits.

    Raises:
        Invalid: A record is larger than Kafka takes.
    """
    batches = [batch for batch in batches if batch.records]
    if not batches:
        return
    if any(
        max([len(record.value or b"") for record in batch.records]) > RECORD_LIMIT_BYTES
        for batch in batches
    ):
        raise TooLarge(Place("", "too_large", f"at most {RECORD_LIMIT_BYTES} bytes"))
    # Events are much alike: an eighth is left of them, for half a microsecond each.
    encoded = _encoder.encode(batches)
    compressed = bytes(lz4.compress_block(encoded))
    added = insert(outbox).values(recorded_at=now, batches=compressed)
    position = await db.scalar(added.returning(outbox.c.position))
    if (fresh := _fresh.get(db.engine)) is not None:
        fresh.keep((position, now), batches, len(encoded))


class TooLarge(Invalid):
    """It is larger than the log takes."""


def recorded_batches(recorded: Iterable[tuple[Recorded[Any], bytes]], service: str) -> list[Batch]:
    """Return the public ones of `recorded`, each with its encoded event, as batches in order."""
    batches: list[Batch] = []
    last: object = None
    for each, data in recorded:
        topic = each.event.topic
        if topic is None:
            continue
        shared = (topic, each.recorded_at, each.causation_id, each.traceparent)
        if shared != last:
            headers = _trace(each.traceparent)
            if not topic.is_terse:
                headers += _shared_headers(each, service)
            batches.append(Batch(topic.name, headers, []))
            last = shared
        headers = _headers(each)
        if not topic.is_terse:
            headers += _more_headers(each)
        record = Record(each.key.encode(), data, headers)
        batches[-1].records.append(record)
        if each.event.is_last_of_key:
            batches[-1].records.append(Record(record.key, None, record.headers))
    return batches


def bulk_record(key: str, version: int, event: Event) -> Record:
    """Return the record of a message's event; `version` is the message's, with this event."""
    kind = type(event)
    event_id = f"{key}.{version}.{kind.__name__}"
    headers = [("ce_id", event_id.encode()), _type_header(kind)]
    return Record(key.encode(), event.json(), headers)


@cache
def _type_header(kind: type[Event]) -> Header:
    return ("ce_type", kind.type_name().encode())


def bulk_batch(topic: Topic, traceparent: str | None, records: list[Record]) -> Batch:
    """Return records of a bulk topic that belong to one trace."""
    return Batch(topic.name, _trace(traceparent), records)


def _trace(traceparent: str | None) -> list[Header]:
    return [("traceparent", traceparent.encode())] if traceparent else []


# Source: CloudEvents 1.0.2, Kafka binding, binary mode; `sequence` is its extension.
def _shared_headers(each: Recorded[Any], service: str) -> list[Header]:
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_source", f"/services/{service}".encode()),
        ("ce_time", each.recorded_at.isoformat().encode()),
        ("content-type", b"application/json"),
    ]
    if each.causation_id:
        headers.append(("ce_causationid", str(each.causation_id).encode()))
    return headers


def _headers(each: Recorded[Any]) -> list[Header]:
    return [
        ("ce_id", str(each.id).encode()),
        ("ce_type", each.event.type_name().encode()),
        ("ce_sequence", b"%d" % each.version),
    ]


def _more_headers(each: Recorded[Any]) -> list[Header]:
    return [
        ("ce_subject", each.stream.encode()),
        ("ce_correlationid", str(each.correlation_id).encode()),
    ]

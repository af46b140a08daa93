"""The batches: what a row of the outbox holds, and how records are made of events."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any, TypeAlias

import msgspec
from cramjam import lz4

from shared.event import Event, Recorded
from shared.topic import Topic

Header: TypeAlias = tuple[str, bytes]

HEAD = 4  # bytes that a row begins with: its size when it is decompressed


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


def encode(batches: Sequence[Batch]) -> tuple[bytes, int]:
    """Return a row's bytes, and how many they are when decompressed."""
    # Events are much alike: an eighth is left of them, for half a microsecond each.
    encoded = _encoder.encode(batches)
    return bytes(lz4.compress_block(encoded)), len(encoded)


def decode(row: bytes) -> list[Batch]:
    """Return what the bytes of a row hold."""
    return _decoder.decode(lz4.decompress_block(row))


def decoded_size(head: bytes) -> int:
    """Return how many bytes the row that begins with `head` has when it is decompressed."""
    return int.from_bytes(head, "little")


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

"""The batches: what a row of the outbox holds, and how records are made of events."""

from collections.abc import Iterable, Sequence
from functools import cache
from typing import Any

import msgspec
from cramjam import DecompressionError, lz4

from shared import cloudevents
from shared.cloudevents import Header
from shared.event import Event, Recorded
from shared.topic import Topic

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
    partition_key: bytes | None = None  # of all of them; none: each has its own key's


_encoder = msgspec.msgpack.Encoder()
_decoder = msgspec.msgpack.Decoder(list[Batch])


def encode(batches: Sequence[Batch]) -> tuple[bytes, int]:
    """Return a row's bytes, and how many they are when decompressed."""
    # Events are much alike: an eighth is left of them, for half a microsecond each.
    encoded = _encoder.encode(batches)
    return bytes(lz4.compress_block(encoded)), len(encoded)


class Undecodable(Exception):
    """The bytes are none of a row: damaged, or of a release that writes rows otherwise."""


def decode(row: bytes) -> list[Batch]:
    """Return what the bytes of a row hold.

    Raises:
        Undecodable: They are none of a row.
    """
    try:
        return _decoder.decode(lz4.decompress_block(row))
    except (DecompressionError, msgspec.MsgspecError) as error:
        raise Undecodable from error


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
            headers = cloudevents.write_trace(each.traceparent)
            if not topic.is_terse:
                headers += cloudevents.write_source(service, each.recorded_at, each.causation_id)
            batches.append(Batch(topic.name, headers, []))
            last = shared
        headers = cloudevents.write(each.id, each.event.type_name(), each.version)
        if not topic.is_terse:
            headers += cloudevents.write_story(each.stream, each.correlation_id)
        record = Record(each.key.encode(), data, headers)
        batches[-1].records.append(record)
        if each.event.is_last_of_key:
            headers = record.headers + _written(each.event, each.key, data)
            batches[-1].records.append(Record(record.key, None, headers))
    return batches


def _written(last: Event, key: str, data: bytes) -> list[Header]:
    """Return the header with the event that a tombstone stands for, if its key does not say all.

    The event itself is compacted away: whoever was away meanwhile has only the tombstone.
    """
    return [] if type(last).from_tombstone(key) == last else [(cloudevents.LAST, data)]


def bulk_record(key: str, version: int, event: Event) -> Record:
    """Return the record of a message's event; `version` is the message's, with this event."""
    kind = type(event)
    headers = cloudevents.write_bulk(key, version, kind.__name__, _type_header(kind))
    return Record(key.encode(), event.json(), headers)


def block_record(key: str, name: str, event: Event) -> Record:
    """Return the record of a block of events; `name` is its own among those of its key."""
    kind = type(event)
    headers: list[Header] = [(cloudevents.ID, f"{key}.{name}".encode()), _type_header(kind)]
    return Record(key.encode(), event.json(), headers)


@cache  # by class: a message's event has no time for looking up its name first
def _type_header(kind: type[Event]) -> Header:
    return cloudevents.write_type(kind.type_name())


def bulk_batch(
    topic: Topic,
    traceparent: str | None,
    records: list[Record],
    partition_key: bytes | None = None,
) -> Batch:
    """Return records of a bulk topic that belong to one trace, and to one partition if named."""
    return Batch(topic.name, cloudevents.write_trace(traceparent), records, partition_key)

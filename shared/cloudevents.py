"""CloudEvents in the headers of Kafka's records: their names, written and read in one place.

Source: CloudEvents 1.0.2, Kafka protocol binding, binary content mode; `sequence` is its
extension, `correlationid` and `causationid` are ours.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from datetime import datetime
from functools import cache
from typing import TypeAlias
from uuid import UUID

Header: TypeAlias = tuple[str, bytes]
Headers: TypeAlias = Mapping[str, bytes]

ID, TYPE, SEQUENCE = "ce_id", "ce_type", "ce_sequence"
LAST = "tombstone"  # the event that a tombstone stands for, where its key does not say all
CORRELATION, TRACEPARENT = "ce_correlationid", "traceparent"

ID_LENGTH = 36  # of a UUID; to take it apart would cost more than all else of a record
VERSION_LENGTH = 10  # digits; more are no version of anything, and beyond 4,300 not even a number

# Source: W3C Trace Context §3.2. What is none would end up in tables, and in requests to gateways.
TRACE = re.compile(rb"[0-9a-f]{2}-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}")


def write_bulk(key: str, version: int, name: str, type_header: Header) -> list[Header]:
    """Return the headers of an event whose version stands in it: no reader needs more."""
    return [(ID, f"{key}.{version}.{name}".encode()), type_header]


def write(event_id: UUID, kind: str, version: int) -> list[Header]:
    """Return the headers that readers of every other event need."""
    return [(ID, str(event_id).encode()), write_type(kind), (SEQUENCE, b"%d" % version)]


@cache
def write_type(kind: str) -> Header:
    """Return the header with the type of an event."""
    return (TYPE, kind.encode())


def write_story(stream: str, correlation_id: UUID) -> list[Header]:
    """Return the headers with the stream of an event and what it belongs to."""
    return [
        ("ce_subject", stream.encode()),
        (CORRELATION, str(correlation_id).encode()),
    ]


def write_source(service: str, recorded_at: datetime, causation_id: UUID | None) -> list[Header]:
    """Return the headers that events of one transaction share."""
    headers = [
        ("ce_specversion", b"1.0"),
        ("ce_source", f"/services/{service}".encode()),
        ("ce_time", recorded_at.isoformat().encode()),
        ("content-type", b"application/json"),
    ]
    if causation_id:
        headers.append(("ce_causationid", str(causation_id).encode()))
    return headers


def write_trace(traceparent: str | None) -> list[Header]:
    """Return the header that names a trace; none if there is none."""
    return [(TRACEPARENT, traceparent.encode())] if traceparent else []


def mistake(headers: Headers) -> str | None:
    """Return why `headers` are not as `write` makes them; None if they are."""
    sequence = headers.get(SEQUENCE, b"")
    if not sequence.isdigit() or len(sequence) > VERSION_LENGTH:
        return f"{SEQUENCE} is missing or wrong"
    if len(headers.get(ID, b"")) != ID_LENGTH:
        return f"{ID} is missing or wrong"
    return None


def version(headers: Headers) -> int:
    """Return the version of the aggregate, in headers without a mistake."""
    return int(headers[SEQUENCE])


def traceparent(headers: Headers) -> str | None:
    """Return the trace in which an event was recorded; None if none is named that is one."""
    raw = headers.get(TRACEPARENT, b"")
    return raw.decode() if TRACE.fullmatch(raw) else None


def traceparents(many: Iterable[Iterable[Header]]) -> Iterator[str]:
    """Yield the trace that each of `many` headers names; the same of neighbors once."""
    last = b""
    for headers in many:
        for name, raw in headers:
            if name == TRACEPARENT and raw != last and TRACE.fullmatch(raw or b""):
                last = raw
                yield raw.decode()


def identifier(headers: Headers, name: str) -> UUID | None:
    """Return the identifier in a header; None if there is none that can be read."""
    try:
        return UUID(headers[name].decode())
    except (KeyError, ValueError):
        return None

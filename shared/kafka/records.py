"""The records: what Kafka holds, read as events."""

import re
from collections.abc import Collection, Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from shared import cloudevents, contracts
from shared.event import Event, Received

FromKafka: TypeAlias = ConsumerRecord[bytes, bytes]
Fetched: TypeAlias = Mapping[TopicPartition, Sequence[FromKafka]]
Kinds: TypeAlias = Mapping[bytes, type[Event]]  # by the name in the header


def count_of(fetched: Fetched) -> int:
    """Return how many records were fetched."""
    return sum(map(len, fetched.values()))


def joined(first: Fetched, rest: Fetched) -> Fetched:
    """Return what was fetched first and, behind it, what was fetched then."""
    partitions = first.keys() | rest.keys()
    return {each: [*first.get(each, ()), *rest.get(each, ())] for each in partitions}


# What msgspec repeats of a record when it reports what is wrong with it: no reason holds a phone.
REPEATED = re.compile(r"(?<=value) (['\"]).*\1", re.DOTALL)


def kinds_by_name(wanted: Collection[type[Event]]) -> Kinds:
    """Return which kinds are read for those who want `wanted`: these, and what packs them."""
    packing = [kind for kind in contracts.EVENTS if not {*kind.packs}.isdisjoint(wanted)]
    return {kind.type_name().encode(): kind for kind in (*wanted, *packing)}


class Unreadable(Exception):
    """A record that cannot be read as a known event; the text is why."""


def read(record: FromKafka, kinds: Kinds) -> Received[Any] | None:
    """Return the event; None if it is none of `kinds`, but a known one.

    Raises:
        Unreadable: There is no event in it.
    """
    headers = dict(record.headers)
    name = headers.get(cloudevents.TYPE, b"")
    kind = kinds.get(name)
    if kind is None:
        if name in contracts.NAMES:
            return None
        raise Unreadable("no type that is known")
    if record.key is None:
        raise Unreadable("no key")
    try:
        key = record.key.decode()
        if record.value is None:
            event = kind.of_tombstone(key, headers.get(cloudevents.LAST))
        else:
            event = kind.read(record.value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        why = REPEATED.sub("", str(error))
        raise Unreadable(f"{type(error).__name__}: {why}") from error
    if kind.topic and not kind.topic.is_bulk and (mistake := cloudevents.mistake(headers)):
        raise Unreadable(mistake)
    return Received(event, key, headers)


def unpack(received: Received[Any], wanted: Collection[type[Event]]) -> Sequence[Received[Any]]:
    """Return the events of `wanted` that one stands for, as if each had had its own record."""
    event = received.event
    if not event.packs or type(event) in wanted:
        return [received]
    singles = []
    trace = cloudevents.write_trace(received.traceparent)
    for key, version, single in event.unpack():
        kind = type(single)
        if kind in wanted:
            name = cloudevents.write_type(kind.type_name())
            headers = cloudevents.write_bulk(key, version, kind.__name__, name)
            singles.append(Received(single, key, dict(headers + trace)))
    return singles

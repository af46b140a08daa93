"""The records: what Kafka holds, read as events."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import msgspec
from aiokafka import TopicPartition
from aiokafka.structs import ConsumerRecord

from shared import contracts
from shared.event import Event, Received

FromKafka: TypeAlias = ConsumerRecord[bytes, bytes]
Fetched: TypeAlias = Mapping[TopicPartition, Sequence[FromKafka]]
Kinds: TypeAlias = Mapping[bytes, type[Event]]  # by the name in the header

ID_LENGTH = 36  # of an identifier; to take it apart would cost more than all else of a record
# What msgspec repeats of a record when it says what is wrong with it: no reason holds a phone.
REPEATED = re.compile(r"(?<=value) (['\"]).*\1", re.DOTALL)
VERSION_LENGTH = 10  # digits; more are no version of anything, and beyond 4,300 not even a number


class Unreadable(Exception):
    """A record that says nothing we know; the text is why."""


def read(record: FromKafka, kinds: Kinds) -> Received[Any] | None:
    """Return the event; None if it is none of `kinds`, but one that we know.

    Raises:
        Unreadable: There is no event in it.
    """
    headers = dict(record.headers)
    name = headers.get("ce_type", b"")
    kind = kinds.get(name)
    if kind is None:
        if name in contracts.NAMES:
            return None
        raise Unreadable("no type that is known")
    if record.key is None:
        raise Unreadable("no key")
    try:
        key = record.key.decode()
        event = kind.from_tombstone(key) if record.value is None else kind.read(record.value)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        why = REPEATED.sub("", str(error))
        raise Unreadable(f"{type(error).__name__}: {why}") from error
    received = Received(event, key, headers)
    if kind.topic and not kind.topic.is_bulk:
        _check_headers(received)
    return received


def _check_headers(received: Received[Any]) -> None:
    """See that handlers can read the headers.

    Raises:
        Unreadable: They cannot.
    """
    headers = received.headers
    sequence = headers.get("ce_sequence", b"")
    if not sequence.isdigit() or len(sequence) > VERSION_LENGTH:
        raise Unreadable("ce_sequence is missing or wrong")
    if len(headers.get("ce_id", b"")) != ID_LENGTH:
        raise Unreadable("ce_id is missing or wrong")

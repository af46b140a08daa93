"""The refusals: errors of sending that may be the fault of one record."""

import re
from functools import cache

from aiokafka.errors import (
    BrokerResponseError,
    CorruptRecordException,
    InvalidTimestampError,
    InvalidTopicError,
    KafkaError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)

from shared.errors import Unavailable


class InvalidRecord(BrokerResponseError):  # type: ignore[misc]  # aiokafka has no types
    """The broker's validation refuses a record; aiokafka does not know the code."""

    errno = 87  # Source: Kafka's protocol, error codes, INVALID_RECORD
    message = "INVALID_RECORD"


class Refused(Exception):
    """Among the oldest rows is something that may be to blame; its cause says why."""


REFUSALS = (
    CorruptRecordException,
    InvalidRecord,
    InvalidTimestampError,
    InvalidTopicError,
    MessageSizeTooLargeError,
    RecordListTooLargeError,
)

# Source: Kafka's Topic.validate, which refuses these and the names of one or two dots.
TOPIC_NAME = re.compile(r"[a-zA-Z0-9._-]{1,249}")


@cache  # there are few topics
def check_topic(name: str) -> None:
    """See that a topic may have this name.

    Raises:
        InvalidTopicError: None can; Kafka would be asked for it in vain until time is up.
    """
    if not TOPIC_NAME.fullmatch(name) or name in {".", ".."}:
        raise InvalidTopicError


def may_be_fault_of_record(error: Exception) -> bool:
    """Return whether `error` of sending may come from what a record is; others fail for all."""
    if isinstance(error, KafkaError):
        return isinstance(error, REFUSALS)
    return not isinstance(error, (OSError, Unavailable, MemoryError))

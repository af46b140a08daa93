"""The dead letters: which records a consumer could not apply, and why; never their content.

Of a topic whose order counts, later records of the same key are held back behind them: they wait
until the first was replayed or discarded. All other keys go on.
"""

from collections.abc import Collection, Sequence
from typing import NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import text

from shared import contracts, telemetry
from shared.database import Connection
from shared.event import Instant
from shared.kafka.records import FromKafka

log = structlog.get_logger()

HELD = "an earlier record of its key could not be applied"
UNEXPECTED = "fails: "  # begins the reason where an error was none that we know
# Of one consumer. More are no fault of records, but of something that all of them need.
MOST_UNEXPECTED = 100


class DeadLetter(NamedTuple):
    """A record that cannot be applied, and why."""

    record: FromKafka
    reason: str


STORE_DEAD_LETTERS = text("""
    INSERT INTO dead_letters
        (consumer, topic, partition, "offset", reason, recorded_at, key, is_held)
    VALUES (:consumer, :topic, :partition, :offset, :reason, :now, :key, :is_held)
    ON CONFLICT DO NOTHING
""")


async def store_dead_letters(
    db: Connection, consumer: str, letters: Sequence[DeadLetter], now: Instant
) -> None:
    """Store where `letters` stand in Kafka, and why; the other records go on."""
    if letters:
        rows = [
            {
                "consumer": consumer,
                "reason": reason,
                "now": now,
                "key": ordered_key(record),
                "is_held": reason == HELD,
                **_place(record),
            }
            for record, reason in letters
        ]
        await db.execute(STORE_DEAD_LETTERS, rows)


HELD_KEYS = text("""
    SELECT DISTINCT topic, key FROM dead_letters WHERE consumer = :consumer AND key IS NOT NULL
""")


async def held_keys(db: Connection, consumer: str) -> set[tuple[str, UUID]]:
    """Return the topics and keys whose records wait."""
    return {(topic, key) for topic, key in await db.execute(HELD_KEYS, {"consumer": consumer})}


COUNT_UNEXPECTED = text("""
    SELECT count(*) FROM dead_letters
    WHERE consumer = :consumer AND starts_with(reason, :unexpected)
""")


async def may_be_set_aside(db: Connection, consumer: str, letters: Collection[DeadLetter]) -> bool:
    """Return whether the unexpected among `letters` are few enough to be the fault of records."""
    new = sum(reason.startswith(UNEXPECTED) for _, reason in letters)
    if not new:
        return True
    known = await db.scalar(COUNT_UNEXPECTED, {"consumer": consumer, "unexpected": UNEXPECTED})
    return int(known or 0) + new <= MOST_UNEXPECTED


def is_ordered(topic: str) -> bool:
    """Return whether the order of a key's records counts."""
    return topic in contracts.TOPICS and contracts.TOPICS[topic].is_ordered


def ordered_key(record: FromKafka) -> UUID | None:
    """Return the key whose later records have to wait for this one; None if none have to."""
    if record.key is None or not is_ordered(record.topic):
        return None
    try:
        return UUID(record.key.decode())
    except ValueError:  # it is no aggregate of ours
        return None


def report_dead_letters(consumer: str, letters: Sequence[DeadLetter]) -> None:
    """Count and log `letters`, whose transaction has committed."""
    for record, reason in letters:
        telemetry.dead_letter(consumer)
        log.warning("kafka.dead_letter", consumer=consumer, reason=reason, **_place(record))


def _place(record: FromKafka) -> dict[str, str | int]:
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset}

"""The dead letters: which records a consumer could not apply, and why; never what they said."""

from collections.abc import Sequence
from typing import NamedTuple

import structlog
from sqlalchemy import text

from shared import telemetry
from shared.database import Connection
from shared.event import Instant
from shared.kafka.records import FromKafka

log = structlog.get_logger()


class DeadLetter(NamedTuple):
    """A record that cannot be read or stored, and why."""

    record: FromKafka
    reason: str


STORE_DEAD_LETTERS = text("""
    INSERT INTO dead_letters (consumer, topic, partition, "offset", reason, recorded_at)
    VALUES (:consumer, :topic, :partition, :offset, :reason, :now) ON CONFLICT DO NOTHING
""")


async def store_dead_letters(
    db: Connection, consumer: str, letters: Sequence[DeadLetter], now: Instant
) -> None:
    """Store where `letters` stand in Kafka, and why; the other records go on."""
    if letters:
        rows = [
            {"consumer": consumer, "reason": reason, "now": now, **_place(record)}
            for record, reason in letters
        ]
        await db.execute(STORE_DEAD_LETTERS, rows)


def report_dead_letters(consumer: str, letters: Sequence[DeadLetter]) -> None:
    """Count and log `letters`, whose transaction has committed."""
    for record, reason in letters:
        telemetry.dead_letter(consumer)
        log.warning("kafka.dead_letter", consumer=consumer, reason=reason, **_place(record))


def _place(record: FromKafka) -> dict[str, str | int]:
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset}

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

BURY = text("""
    INSERT INTO dead_letters (consumer, topic, partition, "offset", reason, recorded_at)
    VALUES (:consumer, :topic, :partition, :offset, :reason, :now) ON CONFLICT DO NOTHING
""")


class Letter(NamedTuple):
    """A record that cannot be read or stored, and why."""

    record: FromKafka
    reason: str


async def bury(db: Connection, consumer: str, letters: Sequence[Letter], now: Instant) -> None:
    """Keep the places of `letters`; the other records go on."""
    if letters:
        rows = [
            {"consumer": consumer, "reason": reason, "now": now, **_place(record)}
            for record, reason in letters
        ]
        await db.execute(BURY, rows)


def announce(consumer: str, letters: Sequence[Letter]) -> None:
    """Count and log `letters`, which are buried for good."""
    for record, reason in letters:
        telemetry.buried(consumer)
        log.warning("kafka.dead_letter", consumer=consumer, reason=reason, **_place(record))


def _place(record: FromKafka) -> dict[str, str | int]:
    return {"topic": record.topic, "partition": record.partition, "offset": record.offset}

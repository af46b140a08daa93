"""The dead letters: which records a consumer could not read, and why; never what they said."""

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


async def bury(
    db: Connection, consumer: str, record: FromKafka, reason: str, now: Instant
) -> None:
    """Keep the place of a record that cannot be read; the others go on."""
    place = {"topic": record.topic, "partition": record.partition, "offset": record.offset}
    letter = {"consumer": consumer, "reason": reason, "now": now, **place}
    await db.execute(BURY, letter)
    telemetry.buried(consumer)
    log.warning("kafka.dead_letter", consumer=consumer, reason=reason, **place)

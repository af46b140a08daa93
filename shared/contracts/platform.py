"""What every database publishes about its own outbox."""

from typing import ClassVar

from shared.event import Event, Instant
from shared.topic import Topic

PROGRESS = Topic("platform.progress", is_compacted=True, is_terse=True, has_short_segments=True)


class OutboxPublished(Event, frozen=True, kw_only=True):
    """All that was recorded in a database before `as_of` is in Kafka, before these offsets."""

    topic: ClassVar = PROGRESS

    database: str  # the service's name; the key
    as_of: Instant
    ends: dict[str, list[int]]  # of the database's topics, by partition: the next offset

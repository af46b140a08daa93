"""Kafka: how events are read, and how far its topics reach.

At least once from Kafka, exactly once in effect: how far a consumer is stands in the service's
own database and commits together with what the records did there.
"""

from shared.kafka.cluster import EndOffsets, end_offsets, ends, partitions_of, start_offsets
from shared.kafka.handlers import Handlers
from shared.kafka.limits import PositionsLost
from shared.kafka.listener import Listener, listen
from shared.kafka.positions import Positions, hold_positions, transfer_positions
from shared.kafka.records import Unreadable
from shared.kafka.retention import wait_until_kept
from shared.kafka.tail import follow, last_events

__all__ = (
    "EndOffsets",
    "Handlers",
    "Listener",
    "Positions",
    "PositionsLost",
    "Unreadable",
    "end_offsets",
    "ends",
    "follow",
    "hold_positions",
    "last_events",
    "listen",
    "partitions_of",
    "start_offsets",
    "transfer_positions",
    "wait_until_kept",
)

"""The outbox: events to publish, one row for each transaction, sent to Kafka by a relay.

The row commits with the transaction that caused the events, so what is committed is published.
"""

from shared.outbox.batch import (
    Batch,
    Record,
    block_record,
    bulk_batch,
    bulk_record,
    recorded_batches,
)
from shared.outbox.batch import decode as read
from shared.outbox.store import RECORD_LIMIT_BYTES, Row, TooLarge, inserting, put, row_of

__all__ = (
    "RECORD_LIMIT_BYTES",
    "Batch",
    "Record",
    "Row",
    "TooLarge",
    "block_record",
    "bulk_batch",
    "bulk_record",
    "inserting",
    "put",
    "read",
    "recorded_batches",
    "row_of",
)

"""Events: what a transaction publishes of messages and of runs, left to the relay."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from shared import ids, outbox
from shared.contracts.dispatcher import MESSAGES, MessageEvent
from shared.database import Connection
from shared.event import Event, Instant, Recorded
from shared.outbox import Record


class EventBuffer(NamedTuple):
    """Events of messages to publish with this transaction, grouped by trace."""

    records: dict[str | None, list[Record]]

    def add(self, trace: str | None, message_id: str, events: Iterable[MessageEvent]) -> None:
        """Add events of a message, in order."""
        records = self.records.get(trace)
        if records is None:
            records = self.records[trace] = []
        for event in events:
            records.append(outbox.bulk_record(message_id, event.version, event))

    async def put(self, db: Connection) -> None:
        """Write all of them to the outbox."""
        batches = [
            outbox.bulk_batch(MESSAGES, trace, records) for trace, records in self.records.items()
        ]
        await outbox.put(db, batches)


async def put_run_events(
    db: Connection,
    run_id: UUID,
    traceparent: str | None,
    events: Sequence[tuple[int, Event]],
    now: Instant,
) -> None:
    """Write a run's events to the outbox, each with its version in the run's stream."""
    stream = f"run-{run_id}"
    recorded = [
        Recorded(
            id=ids.event_id(stream, version),
            stream=stream,
            version=version,
            recorded_at=now,
            correlation_id=ids.event_id(stream, 1),
            causation_id=None,
            traceparent=traceparent,
            event=event,
        )
        for version, event in events
    ]
    encoded = [(each, each.event.json()) for each in recorded]
    await outbox.put(db, outbox.recorded_batches(encoded, "dispatcher"))

"""Events: what a transaction leaves to the relay, of messages and of runs."""

from collections.abc import Sequence
from typing import NamedTuple
from uuid import UUID

from shared import ids, outbox
from shared.contracts.dispatcher import MESSAGES
from shared.database import Connection
from shared.event import Event, Instant, Recorded
from shared.outbox import Record


class Told(NamedTuple):
    """Events of messages, by the trace of their run."""

    records: dict[str | None, list[Record]]

    def add(self, trace: str | None, message_id: str, version: int, event: Event) -> None:
        """Add an event of a message; `version` is the message's with it."""
        self.records.setdefault(trace, []).append(outbox.bulk_record(message_id, version, event))

    async def put(self, db: Connection) -> None:
        """Leave all of it to the relay."""
        batches = [
            outbox.bulk_batch(MESSAGES, trace, records) for trace, records in self.records.items()
        ]
        await outbox.put(db, batches)


async def tell(
    db: Connection,
    run_id: UUID,
    traceparent: str | None,
    events: Sequence[tuple[int, Event]],
    now: Instant,
) -> None:
    """Leave a run's events, each with its place in the run's story, to the relay."""
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
    told = [(each, each.event.json()) for each in recorded]
    await outbox.put(db, outbox.recorded_batches(told, "dispatcher"))

"""Events: what a transaction publishes of messages and of runs, left to the relay."""

from collections.abc import Iterable, Sequence
from typing import NamedTuple
from uuid import UUID

from services.dispatcher.domain.attempt import Attempt, instant
from services.dispatcher.domain.keys import ChunkKey
from shared import ids, outbox
from shared.contracts.dispatcher import (
    CONTACTS,
    MESSAGES,
    ContactBounced,
    MessageEvent,
    MessagesDelivered,
    chunk_key,
)
from shared.database import Connection
from shared.event import Event, Instant, Recorded
from shared.outbox import Batch, Record


class Publishing(NamedTuple):
    """How the events of a run's messages are published."""

    traceparent: str | None
    is_by_chunk: bool  # to one partition for each chunk; else, as of older releases, by message


class EventBuffer:
    """Events of messages to publish with this transaction, grouped by trace and partition."""

    def __init__(self) -> None:
        self._records: dict[tuple[Publishing, ChunkKey | None], list[Record]] = {}
        self._bounces: list[Record] = []

    def add(
        self,
        publishing: Publishing,
        chunk: ChunkKey,
        message_id: str,
        events: Iterable[MessageEvent],
    ) -> None:
        """Add events of a message, in order."""
        records = self._group(publishing, chunk)
        for event in events:
            records.append(outbox.bulk_record(message_id, event.version, event))

    def add_bounce(self, attempt: Attempt) -> None:
        """Add that the contact of an attempt was refused for good; of test sends it is nothing."""
        run_id, kind = attempt.chunk.run_id, attempt.verdict.bounced
        if kind is None or ids.is_test_send(run_id):
            return
        event = ContactBounced(
            client_id=attempt.client_id,
            run_id=run_id,
            kind=kind,
            reason=attempt.verdict.reason,
            tried_at=instant(attempt.started_at),
        )
        key = str(attempt.client_id)
        self._bounces.append(outbox.block_record(key, str(run_id), event))

    def add_block(self, publishing: Publishing, block: MessagesDelivered) -> None:
        """Add a block."""
        records = self._group(publishing, ChunkKey(block.run_id, block.chunk))
        records.append(outbox.block_record(block.key, f"{block.epoch}.{block.number}", block))

    def _group(self, publishing: Publishing, chunk: ChunkKey) -> list[Record]:
        group = (publishing, chunk if publishing.is_by_chunk else None)
        records = self._records.get(group)
        if records is None:
            records = self._records[group] = []
        return records

    def batches(self) -> list[Batch]:
        """Return all of them as the outbox takes them; those of test sends are nobody's business.

        The events of a test send's message, which began in this release, go by its chunk.
        """
        bounces = [outbox.bulk_batch(CONTACTS, None, self._bounces)] if self._bounces else []
        return bounces + [
            outbox.bulk_batch(
                MESSAGES,
                publishing.traceparent,
                records,
                None if chunk is None else chunk_key(*chunk).encode(),
            )
            for (publishing, chunk), records in self._records.items()
            if chunk is None or not ids.is_test_send(chunk.run_id)
        ]

    async def put(self, db: Connection) -> None:
        """Write all of them to the outbox."""
        await outbox.put(db, self.batches())


def run_events(
    run_id: UUID,
    traceparent: str | None,
    events: Sequence[tuple[int, Event]],
    now: Instant,
    *,
    stream: str = "run",
) -> list[Recorded[Event]]:
    """Return a run's events, each with its version in that stream of the run's, to be put."""
    stream = f"{stream}-{run_id}"
    return [
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


async def put_run_events(db: Connection, recorded: Sequence[Recorded[Event]]) -> None:
    """Write events of any number of runs to the outbox, as one row; none of test sends."""
    public = (each for each in recorded if not ids.is_test_send(UUID(each.key)))
    encoded = [(each, each.event.json()) for each in public]
    await outbox.put(db, outbox.recorded_batches(encoded, "dispatcher"))

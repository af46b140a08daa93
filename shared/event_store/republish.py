"""Republishing: the latest state of aggregates, put into the outbox once more."""

from collections.abc import Sequence

from sqlalchemy import text

from shared.database import Connection
from shared.event import E, Recorded
from shared.event_store.postgres import PostgresEventStore, hold_writers
from shared.outbox.batch import Batch, recorded_batches
from shared.outbox.store import put
from shared.topic import Topic

LATEST = text("""
    SELECT DISTINCT ON (stream) stream, version, id, type, CAST(data AS text) AS data,
        recorded_at, correlation_id, causation_id, traceparent
    FROM events WHERE stream = ANY(CAST(:streams AS text[])) ORDER BY stream, version DESC
""")


async def republish_latest(
    store: PostgresEventStore,
    noun: str,
    topic: Topic,
    kinds: Sequence[type[E]],
    db: Connection,
    batches: Sequence[Batch],
) -> None:
    """Put the latest event of each `noun` in `batches` that are of `topic` in the outbox anew.

    On a compacted topic the last record of a key must be the latest; a relay that was overtaken
    while it sent may have swapped two.
    """
    streams = {
        f"{noun}-{record.key.decode()}"
        for batch in batches
        if batch.topic == topic.name
        for record in batch.records
    }
    if streams:
        await hold_writers(db)  # what is republished is in the outbox before what comes next
        await republish_streams(db, store, kinds, sorted(streams))


async def republish_streams(
    db: Connection, store: PostgresEventStore, kinds: Sequence[type[E]], streams: Sequence[str]
) -> None:
    """Put the latest event of each of these streams in the outbox anew.

    The caller sees to it that nobody appends to them before the commit.
    """
    named = {kind.type_name(): kind for kind in kinds}
    rows = await db.execute(LATEST, {"streams": streams})
    latest = [
        Recorded(
            id=row.id,
            stream=row.stream,
            version=row.version,
            recorded_at=row.recorded_at,
            correlation_id=row.correlation_id,
            causation_id=row.causation_id,
            traceparent=row.traceparent,
            event=named[row.type].read(row.data),
        )
        for row in rows
    ]
    public = store.published([(each.event, each.event.json()) for each in latest])
    await put(db, recorded_batches(zip(latest, public, strict=True), store.service))

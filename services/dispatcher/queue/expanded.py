"""What a step of an expansion leaves: its chunks, who of them gets nothing, and how far it is."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple
from uuid import UUID

from sqlalchemy import text

from services.dispatcher.domain.contact import Channel, Rejection
from services.dispatcher.domain.contact import without_contact as rejection_of
from services.dispatcher.domain.keys import ChunkKey
from services.dispatcher.queue.audience import Audience, without_contact
from shared.database import Connection
from shared.event import Instant


class PlannedChunk(NamedTuple):
    """A chunk that was written down."""

    number: int
    due_at: Instant
    client_ids: list[UUID]
    lane: int = 0  # whose chunks are in the order of clients


class Written(NamedTuple):
    """What of a run was written down in a step."""

    chunks: Sequence[PlannedChunk]
    rejections: Mapping[UUID, Rejection]  # of clients who get nothing
    looked_at: int  # clients
    is_last: bool


FEW = "SELECT client_id FROM unnest(CAST(:few AS uuid[])) AS few (client_id)"


class Expanded(NamedTuple):
    """A step of an expansion."""

    run_id: UUID
    mailing_id: UUID
    gateway: str
    traceparent: str | None
    is_by_chunk: bool
    chunks: Sequence[PlannedChunk]
    rejected: Sequence[tuple[ChunkKey, UUID, Rejection]]  # clients who get nothing, and why
    planned: int  # in all steps so far
    chunk_count: int  # the same
    is_done: bool
    looked_at: int  # clients, in this step


ADVANCE_RUN = text("""
    UPDATE runs SET expanded_to = :upto, chunk_count = chunk_count + :chunks,
        planned_count = planned_count + :planned, lane_count = greatest(lane_count, :lanes),
        state = CASE WHEN :is_done THEN 'sending' ELSE state END
    WHERE run_id = :run_id
""")


async def advance(
    db: Connection,
    run: Any,  # noqa: ANN401 - a row of SELECT_NEXT
    written: Written,
    upto: UUID,
) -> Expanded:
    """Count what was written down of a run, up to a client; return the step."""
    chunks, rejections, looked_at, is_done = written
    rejected = await _touch_chunks(db, run.run_id, chunks, rejections)
    count = sum(len(each.client_ids) for each in chunks)
    lanes = max((each.lane for each in chunks), default=0) + 1
    progress = {"run_id": run.run_id, "upto": upto, "chunks": len(chunks), "planned": count}
    await db.execute(ADVANCE_RUN, progress | {"lanes": lanes, "is_done": is_done})
    return Expanded(
        run_id=run.run_id,
        mailing_id=run.mailing_id,
        gateway=run.gateway,
        traceparent=run.traceparent,
        is_by_chunk=run.is_by_chunk,
        chunks=chunks,
        rejected=rejected,
        planned=run.planned_count + count,
        chunk_count=run.chunk_count + len(chunks),
        is_done=is_done,
        looked_at=looked_at,
    )


TOUCH_CHUNKS = text("""
    UPDATE chunks SET is_touched = true, open_count = open_count - t.n
    FROM unnest(CAST(:chunks AS int[]), CAST(:counts AS int[])) AS t (chunk, n)
    WHERE chunks.run_id = :run_id AND chunks.chunk = t.chunk
""")


async def _touch_chunks(
    db: Connection,
    run_id: UUID,
    chunks: Sequence[PlannedChunk],
    rejections: Mapping[UUID, Rejection],
) -> list[tuple[ChunkKey, UUID, Rejection]]:
    """Count those who get nothing as final; return them with their chunks."""
    if not rejections:
        return []
    found = [
        (ChunkKey(run_id, chunk.number), each, rejections[each])
        for chunk in chunks
        for each in chunk.client_ids
        if each in rejections
    ]
    counts = Counter(key.chunk for key, *_ in found)
    touched = {"run_id": run_id, "chunks": list(counts), "counts": list(counts.values())}
    await db.execute(TOUCH_CHUNKS, touched)
    return found


async def unreachable(
    db: Connection,
    run: Any,  # noqa: ANN401 - a row of SELECT_NEXT
    audience: Audience,
    channels: Mapping[str, Channel],
    among: Mapping[str, Any],
) -> dict[UUID, Rejection]:
    """Return why which clients cannot be reached through the run's gateway."""
    channel = channels.get(run.gateway)  # none: no gateway of ours, so nothing of it is sent
    rejection = None if channel is None else rejection_of(channel)
    if channel is None or channel.contact is None or rejection is None:
        return {}
    missing = await without_contact(db, audience, channel.contact, **among)
    return dict.fromkeys(missing, rejection)

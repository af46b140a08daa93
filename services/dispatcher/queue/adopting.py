"""Adopting: what the log says of this ledger, compared with it, and written into it."""

from collections.abc import Collection, Mapping, Sequence
from uuid import UUID

import msgspec
from sqlalchemy import text

from services.dispatcher.domain.keys import ChunkKey, MessageKey
from services.dispatcher.domain.switch import SwitchEvent
from services.dispatcher.queue.blocks import is_in_block
from shared.contracts.dispatcher import (
    MessageAttempted,
    MessageEvent,
    MessagesPlanned,
    RunArchived,
    RunCorrected,
    RunExpanded,
    RunFinished,
    RunPaused,
    RunResent,
    RunResumed,
    RunStopped,
)
from shared.database import Connection, RawConnection, fragment, sql
from shared.kafka import Positions

# A chunk's clients are in order, and so are the chunks of a lane.
ITS_CHUNK = """
    SELECT c.* FROM generate_series(0, (
        SELECT lane_count - 1 FROM runs WHERE runs.run_id = e.run_id
    )) AS lanes (lane) CROSS JOIN LATERAL (
        SELECT c.chunk, c.state, c.client_ids, c.recorded FROM chunks c
        WHERE c.run_id = e.run_id AND c.lane = lanes.lane AND c.client_ids[1] <= e.client_id
        ORDER BY c.client_ids[1] DESC LIMIT 1
    ) AS c WHERE e.client_id = ANY(c.client_ids) LIMIT 1
"""
ITS_IN_BLOCK = fragment(
    "EXISTS (SELECT FROM ({its_chunk}) AS c WHERE {is_in_block})",
    its_chunk=ITS_CHUNK,
    is_in_block=is_in_block("array_position(c.client_ids, e.client_id)"),
)
COUNT_UNKNOWN_MESSAGES = fragment(
    """
    SELECT count(*) FROM unnest($1::uuid[], $2::uuid[], $3::bigint[], $4::int[], $5::text[])
        AS e (run_id, client_id, version, attempt, kind)
    WHERE NOT EXISTS (
        SELECT FROM runs r WHERE r.run_id = e.run_id AND r.state = 'archived'
    ) AND CASE WHEN e.attempt IS NOT NULL THEN NOT EXISTS (
        SELECT FROM attempts a WHERE a.run_id = e.run_id AND a.client_id = e.client_id
            AND a.attempt = e.attempt AND a.kind = e.kind
    ) AND NOT (e.attempt = 1 AND e.kind = 'answer' AND {in_block}) ELSE NOT EXISTS (
        SELECT FROM exceptions x WHERE x.run_id = e.run_id AND x.client_id = e.client_id
            AND x.version >= e.version
    ) AND NOT EXISTS (
        SELECT FROM attempts a WHERE a.run_id = e.run_id AND a.client_id = e.client_id
            AND a.outcome = 'accepted'
    ) AND NOT {in_block} AND NOT EXISTS (
        SELECT FROM ({its_chunk}) AS its WHERE its.state IN ('expired', 'cancelled')
    ) END
    """,
    its_chunk=ITS_CHUNK,
    in_block=ITS_IN_BLOCK,
)


async def count_unknown_messages(db: RawConnection, events: Sequence[MessageEvent]) -> int:
    """Return how many of `events` are of something that is not on record."""
    attempted = [each if isinstance(each, MessageAttempted) else None for each in events]
    return int(
        await db.fetchval(
            COUNT_UNKNOWN_MESSAGES,
            [each.run_id for each in events],
            [each.client_id for each in events],
            [each.version for each in events],
            [each and each.attempt for each in attempted],
            [each and each.kind for each in attempted],
        )
    )


RunEvent = (
    MessagesPlanned
    | RunExpanded
    | RunFinished
    | RunCorrected
    | RunArchived
    | RunResent
    | SwitchEvent
)

COUNT_UNKNOWN_RUNS = """
    SELECT count(*) FROM unnest($1::uuid[], $2::text[], $3::int[]) AS e (run_id, kind, number)
    WHERE NOT EXISTS (
        SELECT FROM runs r WHERE r.run_id = e.run_id AND r.state = 'archived'
    ) AND CASE e.kind WHEN 'MessagesPlanned' THEN NOT EXISTS (
        SELECT FROM chunks c WHERE c.run_id = e.run_id AND c.chunk = e.number
    ) ELSE NOT EXISTS (
        SELECT FROM runs r WHERE r.run_id = e.run_id AND CASE e.kind
            WHEN 'RunArchived' THEN false
            WHEN 'RunExpanded' THEN r.state IN ('sending', 'finished')
            WHEN 'RunFinished' THEN r.finished_at IS NOT NULL
            WHEN 'RunResent' THEN true
            WHEN 'RunPaused' THEN r.switch_count >= e.number
            WHEN 'RunResumed' THEN r.switch_count >= e.number
            WHEN 'RunStopped' THEN r.switch_count >= e.number
            ELSE r.correction_count >= e.number END
    ) END
"""


async def count_unknown_runs(db: RawConnection, events: Sequence[RunEvent]) -> int:
    """Return how many of `events` are of something that is not on record."""
    return int(
        await db.fetchval(
            COUNT_UNKNOWN_RUNS,
            [each.run_id for each in events],
            [type(each).__name__ for each in events],
            [_number(each) for each in events],
        )
    )


def _number(event: RunEvent) -> int | None:
    match event:
        case MessagesPlanned():
            return event.chunk
        case RunCorrected() | RunPaused() | RunResumed() | RunStopped():
            return event.number
        case _:
            return None


IDENTIFY = """
    SELECT concat_ws(' ', pg_postmaster_start_time(), oid) FROM pg_database
    WHERE datname = current_database()
"""


async def identify(db: RawConnection) -> str:
    """Return what is another after a restart, a failover, and for another database."""
    return str(await db.fetchval(IDENTIFY))


NOTE_KNOWN = """
    INSERT INTO offsets (consumer, topic, partition, position)
    SELECT $1, * FROM unnest($2::text[], $3::int[], $4::bigint[])
    ON CONFLICT ON CONSTRAINT offsets_pkey DO UPDATE SET position = excluded.position
"""


async def note_known(db: RawConnection, consumer: str, ends: Positions) -> None:
    """Note that all before `ends` is on record: an older copy of this database reads on there."""
    await db.execute(
        NOTE_KNOWN,
        consumer,
        [each.topic for each in ends],
        [each.partition for each in ends],
        list(ends.values()),
    )


FIND_CHUNKS = sql(
    """
    SELECT e.run_id, e.client_id, its.chunk
    FROM unnest(CAST(:run_ids AS uuid[]), CAST(:client_ids AS uuid[])) AS e (run_id, client_id)
    CROSS JOIN LATERAL ({its_chunk}) AS its
    """,
    its_chunk=ITS_CHUNK,
)


async def find_chunks(db: Connection, keys: Collection[MessageKey]) -> dict[MessageKey, ChunkKey]:
    """Return in which chunk each message is; none is in a run that is not known."""
    wanted = {
        "run_ids": [key.run_id for key in keys],
        "client_ids": [key.client_id for key in keys],
    }
    return {
        MessageKey(run_id, client_id): ChunkKey(run_id, chunk)
        for run_id, client_id, chunk in await db.execute(FIND_CHUNKS, wanted)
    }


TOUCH_CHUNKS = text("""
    UPDATE chunks SET is_touched = true,
        state = CASE WHEN state = 'planned' AND open_count = 0 THEN 'sent' ELSE state END
    FROM unnest(CAST(:run_ids AS uuid[]), CAST(:chunks AS int[])) AS touched (run_id, chunk)
    WHERE chunks.run_id = touched.run_id AND chunks.chunk = touched.chunk
""")


async def touch_chunks(db: Connection, keys: Collection[ChunkKey]) -> None:
    """Note that some messages of these chunks, which are locked, are on record."""
    columns = {"run_ids": [key.run_id for key in keys], "chunks": [key.chunk for key in keys]}
    await db.execute(TOUCH_CHUNKS, columns)


INSERT_CHUNK = text("""
    INSERT INTO chunks (
        run_id, chunk, due_at, client_ids, state, epoch, reaped, is_touched, open_count, lane
    )
    SELECT run_id, :chunk, :due_at, :client_ids, 'planned', 0, 0, false, :count, :lane
    FROM runs WHERE run_id = :run_id AND state <> 'archived'
    ON CONFLICT DO NOTHING
""")
ADVANCE_RUN = text("""
    UPDATE runs SET chunk_count = :chunk + 1, planned_count = planned_count + :count,
        lane_count = greatest(lane_count, :lane + 1), expanded_to = :last,
        state = CASE state WHEN 'waiting' THEN 'expanding' ELSE state END
    WHERE run_id = :run_id
""")


async def add_chunk(db: Connection, event: MessagesPlanned) -> None:
    """Write a chunk down as it was published, if it is not there."""
    values = {
        "run_id": event.run_id,
        "chunk": event.chunk,
        "count": len(event.client_ids),
        "lane": event.lane,
    }
    more = {"due_at": event.due_at, "client_ids": event.client_ids}
    if (await db.execute(INSERT_CHUNK, values | more)).rowcount:
        await db.execute(ADVANCE_RUN, values | {"last": event.client_ids[-1]})


ADVANCE_TO = {
    RunExpanded: text("""
        UPDATE runs SET state = 'sending'
        WHERE run_id = :run_id AND state IN ('waiting', 'expanding')
    """),
    RunFinished: text("""
        UPDATE runs SET finished_at = coalesce(finished_at, :at) WHERE run_id = :run_id
    """),
    RunCorrected: text("""
        UPDATE runs SET correction_count = greatest(correction_count, :number)
        WHERE run_id = :run_id
    """),
    RunArchived: text("""
        UPDATE runs SET state = 'archived', archived_at = :at, totals = CAST(:totals AS jsonb),
            attempt_count = :attempts, finished_at = coalesce(finished_at, :at)
        WHERE run_id = :run_id AND state <> 'archived'
    """),
}


async def advance_run(
    db: Connection, event: RunExpanded | RunFinished | RunCorrected | RunArchived
) -> None:
    """Move a run to where the log has it."""
    values: Mapping[str, object] = {"run_id": event.run_id}
    match event:
        case RunFinished():
            values = {**values, "at": event.finished_at}
        case RunCorrected():
            values = {**values, "number": event.number}
        case RunArchived():
            totals = msgspec.json.encode(event.totals).decode()
            more = {"at": event.archived_at, "totals": totals, "attempts": event.attempts}
            values = {**values, **more}
        case _:
            pass
    await db.execute(ADVANCE_TO[type(event)], values)


UNKNOWN_RUNS = text("""
    SELECT e.run_id FROM unnest(CAST(:run_ids AS uuid[])) AS e (run_id)
    LEFT JOIN runs USING (run_id) WHERE runs.run_id IS NULL
""")


async def unknown_runs(db: Connection, run_ids: Collection[UUID]) -> list[UUID]:
    """Return those of `run_ids` that are not known."""
    return list(await db.scalars(UNKNOWN_RUNS, {"run_ids": list(run_ids)}))


FINISH_ADOPTED = text("""
    UPDATE runs SET state = 'finished'
    WHERE state = 'sending' AND finished_at IS NOT NULL AND NOT EXISTS (
        SELECT FROM chunks WHERE chunks.run_id = runs.run_id AND open_count > 0
    )
""")


async def finish_adopted(db: Connection) -> None:
    """Finish the runs whose end was published."""
    await db.execute(FINISH_ADOPTED)

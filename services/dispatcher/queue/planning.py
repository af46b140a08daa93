"""Planning: runs wait, begin, and are written down chunk by chunk."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias
from uuid import UUID

import msgspec
from sqlalchemy import text

from services.dispatcher.domain.contact import Channel
from services.dispatcher.domain.due import USUAL, PlatformTimes
from services.dispatcher.domain.resend import Chosen
from services.dispatcher.queue import doubles
from services.dispatcher.queue import timing as by_time
from services.dispatcher.queue.audience import (
    Audience,
    audience_of,
    find_few,
    next_clients,
)
from services.dispatcher.queue.expanded import (
    FEW,
    Expanded,
    PlannedChunk,
    Written,
    advance,
    unreachable,
)
from services.dispatcher.queue.resending import NEXT_OF_LANES, NEXT_PICKED, family_of, values_of
from shared.contracts.catalog import Filter
from shared.database import Connection, sql
from shared.event import finite
from shared.set_aside import Item, is_free, was_set_aside

CHUNK = 1_000  # messages: large enough to be cheap, small enough to be sent in a moment
AT_ONCE = 10  # chunks in a statement

Readers: TypeAlias = Mapping[str, str]  # by topic the consumer that reads it

# Of older releases are some that know how far to wait in other topics only.
NEW_RUNS = text("""
    SELECT run_id FROM runs
    WHERE state = 'waiting' AND (awaited IS NULL OR NOT awaited ? 'catalog.suppressions')
        AND (CAST(:run_id AS uuid) IS NULL OR run_id = :run_id)
""")


async def new_runs(db: Connection, run_id: UUID | None = None) -> list[UUID]:
    """Return the runs that wait and do not know yet for what; only `run_id` if there is one."""
    return list((await db.scalars(NEW_RUNS, {"run_id": run_id})).all())


WAITING_RUNS = text("SELECT run_id FROM runs WHERE state = 'waiting' ORDER BY run_id")


async def waiting_runs(db: Connection) -> list[UUID]:
    """Return all runs that wait."""
    return list((await db.scalars(WAITING_RUNS)).all())


AWAIT_OFFSETS = text("""
    UPDATE runs SET awaited = CAST(:awaited AS jsonb)
    WHERE run_id = ANY(CAST(:run_ids AS uuid[])) AND state = 'waiting'
        AND (awaited IS NULL OR NOT awaited ? 'catalog.suppressions')
""")


async def await_offsets(
    db: Connection, run_ids: Sequence[UUID], ends: Mapping[str, Mapping[int, int]]
) -> None:
    """Write down, once, what these runs wait for: positions by topic and partition."""
    await db.execute(AWAIT_OFFSETS, {"run_ids": run_ids, "awaited": json.dumps(ends)})


# Runs that came together wait for the same, which is compared once. A partition without a
# position: its consumer has not even begun with it.
BEGIN_THOSE_READY = text("""
    WITH awaited AS (
        SELECT DISTINCT awaited AS ends FROM runs
        WHERE state = 'waiting' AND awaited ?& CAST(:topics AS text[])
            AND (CAST(:run_id AS uuid) IS NULL OR run_id = :run_id)
    ), ready AS (
        SELECT ends FROM awaited WHERE NOT EXISTS (
            SELECT FROM unnest(CAST(:topics AS text[]), CAST(:consumers AS text[]))
                AS reads (topic, consumer)
            CROSS JOIN LATERAL jsonb_each_text(ends -> reads.topic) AS e (partition, value)
            LEFT JOIN offsets o ON o.consumer = reads.consumer AND o.topic = reads.topic
                AND o.partition = CAST(e.partition AS int)
            WHERE coalesce(o.position, 0) < CAST(e.value AS bigint)
        )
    )
    UPDATE runs SET state = 'expanding' FROM ready
    WHERE runs.state = 'waiting' AND runs.awaited = ready.ends
    RETURNING runs.run_id
""")


async def begin_those_ready(
    db: Connection, readers: Readers, run_id: UUID | None = None
) -> list[UUID]:
    """Let all runs begin for which `readers` have read enough; return which those are.

    Of `run_id` alone is asked if there is one; those that wait for the same begin with it.
    """
    values = {"topics": list(readers), "consumers": list(readers.values()), "run_id": run_id}
    return list((await db.scalars(BEGIN_THOSE_READY, values)).all())


BEGIN, EXPAND = "begin", "expand"  # the loops, by which their runs are set aside

# The smallest first: no run waits for the end of another. To look through a part for doubles takes
# as long as to write so many clients down.
SELECT_NEXT = sql(
    """
    SELECT run_id, mailing_id, filter, gateway, starts_at, ends_at, expanded_to, chunk_count,
        planned_count, traceparent, is_by_chunk, begun_at, resent_from, resent_statuses,
        resent_reasons, time_policy, local_time, quiet_hours, message_class, staged_to,
        staged_count, is_staged, lane_count, doubles_parts, doubles_done, (
            SELECT source.lane_count FROM runs AS source WHERE source.run_id = runs.resent_from
        ) AS source_lanes, {was_set_aside}
    FROM runs WHERE state = 'expanding' AND {is_free}
    ORDER BY planned_count + staged_count + doubles_done * 100000, run_id LIMIT 1
    FOR UPDATE SKIP LOCKED
    """,
    was_set_aside=was_set_aside(EXPAND, "runs.run_id"),
    is_free=is_free(EXPAND, "runs.run_id"),
)
INSERT_CHUNKS = """
    WITH picked AS MATERIALIZED (
        {picked}
    ), numbered AS (
        SELECT client_id, (row_number() OVER (ORDER BY client_id) - 1) / :size AS n FROM picked
    )
    INSERT INTO chunks (
        run_id, chunk, due_at, client_ids, state, epoch, reaped, is_touched, open_count
    )
    SELECT :run_id, :next + n, :due_at, array_agg(client_id ORDER BY client_id),
        'planned', 0, 0, false, count(*)
    FROM numbered GROUP BY n ORDER BY n
    RETURNING chunk, client_ids
"""
INSERT_FEW = sql(INSERT_CHUNKS, picked=FEW)
INSERT_RESENT, INSERT_OF_LANES = (
    sql(INSERT_CHUNKS, picked=picked) for picked in (NEXT_PICKED, NEXT_OF_LANES)
)


async def expand_next(
    db: Connection,
    channels: Mapping[str, Channel],
    item: Item | None = None,
    usual: PlatformTimes = USUAL,
) -> Expanded | None:
    """Write the next chunks of a run down, which is the `item` then; None if there is none."""
    run = (await db.execute(SELECT_NEXT)).first()
    if run is None:
        return None
    if item is not None:
        item.id, item.was_set_aside = run.run_id, run.was_set_aside
    wanted = msgspec.convert(run.filter, Filter)
    audience = audience_of(wanted, run.begun_at, run.run_id)
    is_first = run.chunk_count == 0 and run.staged_to is None and run.resent_from is None
    looks = wanted.one_per_contact and is_first
    if looks and await doubles.leave_out_next(db, run, audience, channels):
        whole_step = Written([], {}, CHUNK * AT_ONCE, is_last=False)
        return await advance(db, run, whole_step, run.expanded_to)
    times = by_time.timing_of(run, usual)
    if times is None:
        step = await _expand(db, run, audience, channels)
    else:
        step = await by_time.expand(db, run, audience, times, channels, CHUNK)
    if wanted.one_per_contact and step.is_done:
        await doubles.forget_doubles(db, run.run_id)
    return step


async def _expand(
    db: Connection,
    run: Any,  # noqa: ANN401 - a row of SELECT_NEXT
    audience: Audience,
    channels: Mapping[str, Channel],
) -> Expanded:
    """Write the next chunks of a run down whose messages are due at its start."""
    values = {
        "run_id": run.run_id,
        "after": run.expanded_to,
        "limit": CHUNK * AT_ONCE,
        "size": CHUNK,
        "next": run.chunk_count,
        "due_at": finite(run.starts_at),
    }
    chunks, few = await _insert_chunks(db, run, values, audience)
    count = sum(len(each.client_ids) for each in chunks)
    upto = chunks[-1].client_ids[-1] if chunks else run.expanded_to
    between = {"after": run.expanded_to, "upto": upto, "few": few}
    rejections = await unreachable(db, run, audience, channels, between) if chunks else {}
    written = Written(chunks, rejections, count, is_last=count < CHUNK * AT_ONCE)
    return await advance(db, run, written, upto)


async def _insert_chunks(
    db: Connection,
    run: Any,  # noqa: ANN401 - a row of SELECT_NEXT
    values: Mapping[str, Any],
    audience: Audience,
) -> tuple[list[PlannedChunk], list[UUID] | None]:
    """Write the next chunks of a run; return them, and their clients if these are few."""
    few: list[UUID] | None = None
    if run.resent_from is not None:
        again = Chosen(run.resent_from, run.resent_statuses, run.resent_reasons)
        insert = INSERT_RESENT if run.source_lanes == 1 else INSERT_OF_LANES
        chosen = values_of(again, await family_of(db, run.resent_from))
        rows = await db.execute(insert, {**values, **chosen})
    else:
        few = await find_few(db, audience, CHUNK * AT_ONCE) if run.chunk_count == 0 else None
        insert = sql(INSERT_CHUNKS, picked=next_clients(audience)) if few is None else INSERT_FEW
        rows = await db.execute(insert, {**values, **audience.values, "few": few})
    due_at = values["due_at"]
    chunks = sorted(PlannedChunk(number, due_at, list(members)) for number, members in rows)
    if run.resent_from is not None:  # a few of all that are between the first and the last
        few = [client_id for each in chunks for client_id in each.client_ids]
    return chunks, few

"""Projections: events in, rows of one generation out.

Idempotent, and what is older than the row is ignored: applying twice, late, or in any order
changes nothing. A batch reads each table once and writes it once.

A run's counts are how many of its messages have had an event, by the state that it left: so an
event counts for itself, whether or not the plan that names its message was read.
"""

import json
from collections.abc import Sequence
from operator import attrgetter
from typing import Any, TypeAlias

from sqlalchemy import text

from services.stats.projections import blocks, families, series
from services.stats.projections.batch import Batch, batch_of, second_of
from shared import ids
from shared.contracts.dispatcher import MessageEvent, State
from shared.database import Connection, copy, sql
from shared.event import Received

COUNTED = tuple(state for state in State if state is not State.PLANNED)
COUNTS = tuple(f"{state}_count" for state in COUNTED)

MESSAGE_COLUMNS = (
    "generation",
    "run_id",
    "client_id",
    "state",
    "attempts",
    "version",
    "changed_at",
    "chunk",
    "is_in_block",
)
Known: TypeAlias = dict[int, Sequence[Any]]  # by place: state, attempts, version, changed_at

VALUES = attrgetter("state", "attempts", "version", "at", "chunk")  # of an event, in that order
VALUES_OF_RUNS = (
    "planned",
    "attempts",
    "expected",
    "scheduled_at",
    "missed_at",
    "missed_reason",
    "nominal",
    "finished_at",
    "archived_at",
)
CHUNK_COLUMNS = ("generation", "run_id", "chunk", "due_at", "client_count", "client_ids")

KNOWN_CHUNKS = text("""
    SELECT number - 1
    FROM unnest(CAST(:run_ids AS uuid[]), CAST(:chunks AS int[]))
        WITH ORDINALITY AS planned (run_id, chunk, number)
    JOIN chunks USING (run_id, chunk)
    WHERE generation = :generation
""")
# Nobody else writes these rows: who applies a message's events holds its partition's offset.
KNOWN_MESSAGES = text("""
    SELECT number - 1, state, attempts, version, changed_at
    FROM unnest(CAST(:run_ids AS uuid[]), CAST(:client_ids AS uuid[]))
        WITH ORDINALITY AS changed (run_id, client_id, number)
    JOIN messages USING (run_id, client_id)
    WHERE generation = :generation
""")
CHANGE_MESSAGES = text("""
    UPDATE messages SET state = changed.state, attempts = changed.attempts,
        version = changed.version, changed_at = changed.changed_at
    FROM unnest(
        CAST(:run_ids AS uuid[]), CAST(:client_ids AS uuid[]), CAST(:states AS text[]),
        CAST(:attempts AS int[]), CAST(:versions AS bigint[]), CAST(:changed_at AS timestamptz[])
    ) AS changed (run_id, client_id, state, attempts, version, changed_at)
    WHERE generation = :generation AND messages.run_id = changed.run_id
        AND messages.client_id = changed.client_id
""")
# All of a transaction's changes of runs in one statement, in order: two never deadlock. Whoever
# comes with counts of a run that was archived meanwhile adds none of them; rows that came with
# them are found and deleted, for the run is not empty any more.
CHANGE_RUNS = sql(
    """
    INSERT INTO runs (
        generation, run_id, mailing_id, planned_count, {counts}, attempt_count,
        expected_count, scheduled_at, missed_at, missed_reason, nominal, finished_at, archived_at,
        totals_number, totals, read_from, proved_number
    )
    SELECT CAST(:generation AS int), changed.*, began.positions,
        CASE WHEN archived_at IS NOT NULL THEN totals_number END
    FROM unnest(
        CAST(:run_ids AS uuid[]), CAST(:mailing_ids AS uuid[]), CAST(:planned AS int[]),
        {arrays}, CAST(:attempts AS int[]),
        CAST(:expected AS int[]), CAST(:scheduled_at AS timestamptz[]),
        CAST(:missed_at AS timestamptz[]), CAST(:missed_reason AS text[]),
        CAST(:nominal AS text[]), CAST(:finished_at AS timestamptz[]),
        CAST(:archived_at AS timestamptz[]), CAST(:numbers AS int[]), CAST(:totals AS jsonb[])
    ) AS changed (
        run_id, mailing_id, planned_count, {counts}, attempt_count, expected_count, scheduled_at,
        missed_at, missed_reason, nominal, finished_at, archived_at, totals_number, totals
    ), (
        SELECT jsonb_object_agg(topic || '/' || partition, position) AS positions
        FROM offsets WHERE consumer = :consumer
    ) AS began
    ORDER BY changed.run_id
    ON CONFLICT ON CONSTRAINT runs_pkey DO UPDATE SET
        {changes},
        archived_at = coalesce(runs.archived_at, excluded.archived_at),
        is_emptied = false,
        is_cut = runs.is_cut AND excluded.archived_at IS NULL,
        difference = CASE WHEN excluded.archived_at IS NULL THEN runs.difference END,
        mailing_id = coalesce(runs.mailing_id, excluded.mailing_id),
        expected_count = coalesce(runs.expected_count, excluded.expected_count),
        scheduled_at = coalesce(runs.scheduled_at, excluded.scheduled_at),
        missed_at = CASE WHEN coalesce(runs.scheduled_at, excluded.scheduled_at) IS NULL
            THEN coalesce(runs.missed_at, excluded.missed_at) END,
        missed_reason = CASE WHEN coalesce(runs.scheduled_at, excluded.scheduled_at) IS NULL
            THEN coalesce(runs.missed_reason, excluded.missed_reason) END,
        nominal = coalesce(runs.nominal, excluded.nominal),
        finished_at = coalesce(runs.finished_at, excluded.finished_at),
        totals = CASE WHEN runs.archived_at IS NULL AND (
                excluded.archived_at IS NOT NULL
                OR excluded.totals_number > coalesce(runs.totals_number, -1)
            ) THEN excluded.totals ELSE runs.totals END,
        totals_number = greatest(runs.totals_number, excluded.totals_number),
        proved_number = CASE WHEN coalesce(runs.archived_at, excluded.archived_at) IS NULL
            THEN runs.proved_number
            ELSE greatest(runs.totals_number, excluded.totals_number) END
""",
    counts=", ".join(COUNTS),
    arrays=", ".join(f"CAST(:{state} AS int[])" for state in COUNTED),
    changes=", ".join(
        f"""{count} = CASE WHEN runs.archived_at IS NOT NULL THEN runs.{count}
            WHEN excluded.archived_at IS NOT NULL THEN excluded.{count}
            ELSE runs.{count} + excluded.{count} END"""
        for count in ("planned_count", *COUNTS, "attempt_count")
    ),
)


async def project(
    db: Connection, generation: int, received: Sequence[Received[Any]], *, consumer: str
) -> None:
    """Apply events of any kinds to one generation; `consumer` has read them."""
    batch = batch_of(each.event for each in received)
    await _drop_archived(db, generation, batch)
    await _add_chunks(db, generation, batch)
    await blocks.add_blocks(db, generation, batch)
    await _change_messages(db, generation, batch)
    await _change_runs(db, generation, batch, consumer)
    await series.add(db, generation, batch)
    await families.count_resent(db, generation, batch)


ARCHIVED = text("""
    SELECT run_id FROM runs WHERE generation = :generation
        AND run_id = ANY(CAST(:run_ids AS uuid[])) AND archived_at IS NOT NULL
""")


async def _drop_archived(db: Connection, generation: int, batch: Batch) -> None:
    """Drop what happens to messages of runs that are archived: it is counted already.

    One that is archived by another transaction meanwhile is left to `_change_runs`.
    """
    runs = {run: ids.from_number(run) for run in batch.runs_of_messages()}
    if not runs:
        return
    values = {"generation": generation, "run_ids": list(runs.values())}
    archived = {run_id.int for run_id in await db.scalars(ARCHIVED, values)}
    archived |= {run for run, change in batch.runs.items() if change.archived_at is not None}
    if archived:
        batch.drop_messages(archived)


async def _add_chunks(db: Connection, generation: int, batch: Batch) -> None:
    """Add the chunks that are new; count their clients."""
    if not batch.chunks:
        return
    plans = [batch.chunks[key] for key in sorted(batch.chunks)]
    wanted = {
        "generation": generation,
        "run_ids": [each.run_id for each in plans],
        "chunks": [each.chunk for each in plans],
    }
    known = {number for (number,) in await db.execute(KNOWN_CHUNKS, wanted)}
    new = [each for number, each in enumerate(plans) if number not in known]
    for each in new:
        batch.run(each.run_id).planned += len(each.client_ids)
    rows = [
        (generation, each.run_id, each.chunk, each.due_at, len(each.client_ids), each.client_ids)
        for each in new
    ]
    if rows:
        await copy(db, "chunks", CHUNK_COLUMNS, rows)


async def _change_messages(db: Connection, generation: int, batch: Batch) -> None:
    """Apply what is newer than the rows; count the differences."""
    if not batch.messages:
        return
    keys = sorted(batch.messages)
    events = [batch.messages[key] for key in keys]
    runs = {run: ids.from_number(run) for run, _ in keys}
    run_ids = [runs[run] for run, _ in keys]
    client_ids = [ids.from_number(client) for _, client in keys]
    wanted = {"generation": generation, "run_ids": run_ids, "client_ids": client_ids}
    known: Known = {number: row for number, *row in await db.execute(KNOWN_MESSAGES, wanted)}
    in_blocks = await blocks.in_blocks(db, generation, events)
    newer = _count_newer(batch, events, in_blocks | known)
    changed = [events[number] for number in newer if number in known]
    if changed:
        await db.execute(CHANGE_MESSAGES, _columns(generation, changed))
    new = [
        (generation, run_ids[n], client_ids[n], *VALUES(events[n]), n in in_blocks)
        for n in newer
        if n not in known
    ]
    if new:
        await copy(db, "messages", MESSAGE_COLUMNS, new)


def _count_newer(batch: Batch, events: Sequence[MessageEvent], known: Known) -> list[int]:
    """Count what is newer than what is known; return the places of those events."""
    newer = []
    for number, event in enumerate(events):
        before = known.get(number)
        if before is not None:
            state, attempts, version, at = before
            if version >= event.version:
                continue
            run = batch.run(event.run_id)
            run.count(state, -1, attempts=-attempts, second=second_of(at))
        second = second_of(event.at)
        batch.run(event.run_id).count(event.state, 1, attempts=event.attempts, second=second)
        newer.append(number)
    return newer


def _columns(generation: int, events: Sequence[MessageEvent]) -> dict[str, Any]:
    return {
        "generation": generation,
        "run_ids": [each.run_id for each in events],
        "client_ids": [each.client_id for each in events],
        "states": [each.state for each in events],
        "attempts": [each.attempts for each in events],
        "versions": [each.version for each in events],
        "changed_at": [each.at for each in events],
    }


async def _change_runs(db: Connection, generation: int, batch: Batch, consumer: str) -> None:
    changes = sorted(batch.runs.values(), key=attrgetter("run_id"))
    if not changes:
        return
    columns: dict[str, Any] = {
        "generation": generation,
        "consumer": consumer,
        "run_ids": [each.run_id for each in changes],
        "numbers": [each.number for each in changes],
        "totals": [None if each.totals is None else json.dumps(each.totals) for each in changes],
        "mailing_ids": [each.mailing_id for each in changes],
        **{state: [each.counts[state] for each in changes] for state in COUNTED},
    }
    for name in VALUES_OF_RUNS:
        columns[name] = [getattr(each, name) for each in changes]
    await db.execute(CHANGE_RUNS, columns)

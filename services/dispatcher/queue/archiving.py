"""Archiving: which finished runs have had their time, and the rows of their messages, which go.

Two steps: a run is archived in one transaction, with its figures; its rows are deleted later, in
slices. From the first on nobody reads or writes these rows.
"""

from collections.abc import Collection
from typing import NamedTuple
from uuid import UUID

import msgspec
from sqlalchemy import text

from services.dispatcher.queue.totals import Figures
from shared.database import Connection, fragment, sql
from shared.event import Instant
from shared.set_aside import is_free
from shared.slices import Place, Rows, Slices

ARCHIVE = "archive"  # the loop, by which its runs are set aside

# The runs of which one sends some of another again, from one of them on.
FAMILY = """
    WITH RECURSIVE family (run_id, resent_from) AS (
        {of}
        UNION
        SELECT other.run_id, other.resent_from FROM runs AS other JOIN family
            ON other.resent_from = family.run_id OR other.run_id = family.resent_from
    )
"""
# A run and its resends leave together: until then a late answer may move a client from one of them
# to another.
HAS_YOUNGER_RESEND = """
    EXISTS (
        {family}
        SELECT FROM family JOIN runs AS member USING (run_id)
        WHERE member.state NOT IN ('finished', 'archived')
            OR member.state = 'finished' AND member.finished_at > {before}
    )
"""
IS_DUE = """
    runs.state = 'finished' AND runs.finished_at <= {before} AND {is_free}
    AND NOT {has_younger_resend}
    AND runs.run_id NOT IN (
        SELECT run_id FROM chunks WHERE sender_id IS NOT NULL
        UNION ALL SELECT run_id FROM exceptions WHERE sender_id IS NOT NULL
    )
"""


def is_due(before: str) -> str:
    """Return SQL for runs that leave if they finished before an instant: nothing is leased."""
    is_wanted = is_free(ARCHIVE, "runs.run_id")
    family = fragment(FAMILY, of="SELECT runs.run_id, runs.resent_from")
    has_younger = fragment(HAS_YOUNGER_RESEND, family=family, before=before)
    return fragment(IS_DUE, before=before, is_free=is_wanted, has_younger_resend=has_younger)


DUE_RUNS = sql(
    "SELECT run_id FROM runs WHERE {is_due} ORDER BY finished_at, run_id LIMIT :limit",
    is_due=is_due(":before"),
)


async def due_runs(db: Connection, before: Instant, *, limit: int) -> list[UUID]:
    """Return up to `limit` runs that finished before an instant and are kept yet, oldest first."""
    return list(await db.scalars(DUE_RUNS, {"before": before, "limit": limit}))


FIRST_RUN = text("""
    WITH RECURSIVE above (run_id, resent_from) AS (
        SELECT run_id, resent_from FROM runs WHERE run_id = :run_id
        UNION ALL
        SELECT runs.run_id, runs.resent_from FROM runs JOIN above
            ON runs.run_id = above.resent_from AND runs.state <> 'archived'
    )
    SELECT run_id FROM above WHERE resent_from IS NULL OR NOT EXISTS (
        SELECT FROM runs WHERE runs.run_id = above.resent_from AND runs.state <> 'archived'
    )
""")


async def first_run(db: Connection, run_id: UUID) -> UUID:
    """Return the run of which a run sends some again, by whatever run in between, or itself."""
    found: UUID | None = await db.scalar(FIRST_RUN, {"run_id": run_id})
    return found or run_id


RESENDS = text("SELECT run_id FROM runs WHERE resent_from = :run_id AND state <> 'archived'")


async def resends(db: Connection, run_id: UUID) -> list[UUID]:
    """Return the runs that send some of a run again, which is held, so there will be no more."""
    return list(await db.scalars(RESENDS, {"run_id": run_id}))


class HeldRun(NamedTuple):
    """A finished run that nobody else changes until the commit."""

    run_id: UUID
    mailing_id: UUID
    planned_count: int
    chunk_count: int
    correction_count: int
    traceparent: str | None


HOLD_RUN = text("""
    SELECT run_id, mailing_id, planned_count, chunk_count, correction_count, traceparent
    FROM runs WHERE run_id = :run_id AND state = 'finished'
    FOR UPDATE SKIP LOCKED
""")
# Whoever records something of a message has its chunk locked, or waits for that.
HOLD_CHUNKS = text("""
    WITH held AS MATERIALIZED (
        SELECT sender_id FROM chunks WHERE run_id = :run_id ORDER BY chunk FOR UPDATE SKIP LOCKED
    )
    SELECT (SELECT count(*) FROM held) = (SELECT count(*) FROM chunks WHERE run_id = :run_id)
        AND NOT EXISTS (SELECT FROM held WHERE sender_id IS NOT NULL)
        AND NOT EXISTS (
            SELECT FROM exceptions WHERE run_id = :run_id AND sender_id IS NOT NULL
        )
""")


async def hold_run(db: Connection, run_id: UUID) -> HeldRun | None:
    """Hold a finished run with all its chunks; None if somebody else has some of it.

    It never waits for locks, which others take the other way round.
    """
    row = (await db.execute(HOLD_RUN, {"run_id": run_id})).first()
    if row is None or not await db.scalar(HOLD_CHUNKS, {"run_id": run_id}):
        return None
    return HeldRun(*row)


ARCHIVE_RUN = text("""
    UPDATE runs SET state = 'archived', archived_at = :now, totals = CAST(:totals AS jsonb),
        attempt_count = :attempts
    WHERE run_id = :run_id
""")


async def archive_run(db: Connection, run_id: UUID, figures: Figures, now: Instant) -> None:
    """Archive a run, which is held, with its figures."""
    totals = msgspec.json.encode(figures.totals).decode()
    values = {"run_id": run_id, "totals": totals, "attempts": figures.attempts, "now": now}
    await db.execute(ARCHIVE_RUN, values)


ARCHIVED_RUNS = text("""
    SELECT run_id FROM runs
    WHERE run_id = ANY(CAST(:run_ids AS uuid[])) AND state = 'archived'
""")


async def archived_runs(db: Connection, run_ids: Collection[UUID]) -> set[UUID]:
    """Return those of `run_ids` that are archived."""
    return set(await db.scalars(ARCHIVED_RUNS, {"run_ids": list(run_ids)}))


# The chunks last: they say which messages there were.
SLICES = Slices(
    (
        Rows("attempts", "client_id", "uuid", UUID(int=0), 2_000),
        Rows("exceptions", "client_id", "uuid", UUID(int=0), 2_000),
        Rows("blocks", "chunk", "int", 0, 100),
        Rows("starts", "chunk", "int", 0, 500),
        Rows("chunks", "chunk", "int", 0, 100),
    ),
    owner=("run_id",),
)


NEXT_EMPTYING = text("""
    SELECT run_id FROM runs WHERE state = 'archived' AND emptied_at IS NULL
    ORDER BY archived_at, run_id LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED
""")
MARK_EMPTIED = sql(
    "UPDATE runs SET emptied_at = :now WHERE run_id = :run_id AND {nothing_left}",
    nothing_left=SLICES.nothing_left,
)


async def next_emptying(db: Connection) -> UUID | None:
    """Hold an archived run that has rows of messages still, and return it; None: there is none.

    One that another replica empties is passed over.
    """
    run_id: UUID | None = await db.scalar(NEXT_EMPTYING)
    return run_id


async def delete_slice(db: Connection, run_id: UUID, place: Place, now: Instant) -> Place | None:
    """Delete the next rows of a run, which is held, from `place` on; return where others are.

    None: nothing was left, and that is noted.
    """
    owner = {"run_id": run_id}
    left = await SLICES.delete(db, owner, place)
    if left is not None:
        return left
    if (await db.execute(MARK_EMPTIED, owner | {"now": now})).rowcount:
        return None
    return Place()  # something came beside us: from the beginning

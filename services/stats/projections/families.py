"""Families: a run and its resends, of whose messages to one client only the best one counts.

For each client of a resend there is a row with the states of all its messages in the family, and
for each run the counts of those that do not count. Nothing of it costs a run without resends more
than a look into a small table per batch.

Whoever changes families has the runs of its batch locked, then the lock of all families: so what
joins a family meanwhile is seen by those who wait for the run, and no two deadlock.
"""

from collections.abc import Collection
from typing import Any

from sqlalchemy import text

from services.stats.projections import recipients
from services.stats.projections.batch import Batch, RunChange
from shared import ids
from shared.contracts.dispatcher import State
from shared.database import Connection, sql

LOCK = 7_206_948  # an arbitrary number that means "families"; advisory, until the commit
TAKE_LOCK = text("SELECT pg_advisory_xact_lock(:lock, :generation)")
COUNTS = tuple(f"{state}_count" for state in State)


async def count_resent(db: Connection, generation: int, batch: Batch) -> None:
    """Count which messages of families do not count, after the batch was applied to all tables."""
    links = [each for each in batch.runs.values() if each.resent_from is not None]
    archived = [each for each in batch.runs.values() if each.archived_at is not None]
    is_named = links or any(each.superseded is not None for each in archived)
    if not is_named and not await _members(db, generation, batch.runs):
        return
    await db.execute(TAKE_LOCK, {"lock": LOCK, "generation": generation})
    again: set[int] = set()
    for each in sorted(links, key=lambda change: change.run_id):
        again |= await _link(db, generation, each)
    for each in archived:
        await _archive(db, generation, each)
    members = await _members(db, generation, {*batch.runs, *again})
    await recipients.count_touched(db, generation, members, batch, again)


MEMBERS = text("""
    SELECT own.* FROM resends own WHERE own.generation = :generation AND own.first_run_id IN (
        SELECT first_run_id FROM resends
        WHERE generation = :generation AND run_id = ANY(CAST(:run_ids AS uuid[]))
    )
""")


async def _members(db: Connection, generation: int, runs: Collection[int]) -> list[Any]:
    """Return the rows of all families that some of `runs` are of."""
    run_ids = [ids.from_number(run) for run in runs]
    if not run_ids:
        return []
    return list(await db.execute(MEMBERS, {"generation": generation, "run_ids": run_ids}))


OWN = text("SELECT * FROM resends WHERE generation = :generation AND run_id = :run_id")
LINK = text("""
    INSERT INTO resends (generation, run_id, first_run_id, resent_from, mailing_id)
    VALUES (:generation, :run_id, :first, :resent_from, :mailing_id)
    ON CONFLICT ON CONSTRAINT resends_pkey DO UPDATE SET
        first_run_id = excluded.first_run_id,
        resent_from = coalesce(resends.resent_from, excluded.resent_from)
""")
MOVE = sql(
    """
    UPDATE resends SET first_run_id = :first, {zeros}
    WHERE generation = :generation AND first_run_id IN (:first, :moved) AND NOT is_for_good
    RETURNING run_id
    """,
    zeros=", ".join(f"{count} = 0" for count in COUNTS),
)
MOVE_FOR_GOOD = text("""
    UPDATE resends SET first_run_id = :first
    WHERE generation = :generation AND first_run_id = :moved
""")
FORGET = text("""
    DELETE FROM recipients WHERE generation = :generation AND run_id IN (:first, :moved)
""")


async def _link(db: Connection, generation: int, change: RunChange) -> set[int]:
    """Add a resend to its family; return the runs that are to be counted anew.

    Runs are not read in order: its own resends may be a family by themselves already.
    """
    of_run = {"generation": generation, "run_id": change.run_id}
    known = (await db.execute(OWN, of_run)).first()
    if known is not None and known.resent_from is not None:
        return set()
    values = {"generation": generation, "mailing_id": change.mailing_id}
    parent = (await db.execute(OWN, values | {"run_id": change.resent_from})).first()
    first = change.resent_from if parent is None else parent.first_run_id
    if parent is None:
        root = {"run_id": first, "first": first, "resent_from": None}
        await db.execute(LINK, values | root)
    own = {"run_id": change.run_id, "first": first, "resent_from": change.resent_from}
    await db.execute(LINK, values | own)
    if known is None:
        return set()
    moved = {"generation": generation, "first": first, "moved": change.run_id}
    await db.execute(FORGET, moved)
    await db.execute(MOVE_FOR_GOOD, moved)
    return {run_id.int for run_id in await db.scalars(MOVE, moved)}


ARCHIVE = sql(
    """
    INSERT INTO resends (generation, run_id, first_run_id, mailing_id, is_for_good, {counts})
    VALUES (:generation, :run_id, :run_id, :mailing_id, true, {values})
    ON CONFLICT ON CONSTRAINT resends_pkey DO UPDATE SET is_for_good = true, {changes}
    """,
    counts=", ".join(COUNTS),
    values=", ".join(f":{state}" for state in State),
    changes=", ".join(f"{count} = excluded.{count}" for count in COUNTS),
)
KEEP = text("""
    UPDATE resends SET is_for_good = true WHERE generation = :generation AND run_id = :run_id
""")


async def _archive(db: Connection, generation: int, change: RunChange) -> None:
    """Take what does not count of an archived run for good; if nobody counted it, as it is."""
    of_run = {"generation": generation, "run_id": change.run_id}
    if change.superseded is None:
        await db.execute(KEEP, of_run)
        return
    counts = {state.value: change.superseded.get(state, 0) for state in State}
    await db.execute(ARCHIVE, of_run | counts | {"mailing_id": change.mailing_id})

"""Archiving: a run leaves as a whole some time after its end; its figures stay.

First it is archived, in one transaction with the event that has its figures for good: from then
on nothing of it changes. Only then its rows are deleted, slice by slice. What dies in the middle
goes on where it was. A run and its resends leave together.
"""

from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.dispatcher.domain.retention import leaves_before
from services.dispatcher.handlers.events import put_run_events, run_events
from services.dispatcher.handlers.totals import FINISHED_AFTER
from services.dispatcher.queue import archiving
from services.dispatcher.queue.archiving import ARCHIVE, HeldRun
from services.dispatcher.queue.controls import CLAIM
from services.dispatcher.queue.recording import RECORD
from services.dispatcher.queue.totals import figures_of, superseded_of
from shared import database, set_aside
from shared.contracts.dispatcher import RunArchived
from shared.crash import crash_point
from shared.database import Connection, Pool, autocommit, transaction
from shared.event import Event, Instant, Recorded
from shared.set_aside import Item, guard
from shared.slices import Place

AT_ONCE = 100  # runs; one of a million messages is archived in a second
MESSAGES_AT_ONCE = 1_000_000
A_FEW = 10  # runs, by the worker: the pipelines come first, but one run in use stops no other


@dataclass(frozen=True, slots=True)
class Retention:
    """How long finished runs are kept, and who may write the ledger."""

    pool: Pool
    period: timedelta | None  # none: for ever


@dataclass(slots=True)
class Archived:
    """What was archived at once."""

    runs: int = 0
    messages: int = 0


async def archive(pool: Pool, before: Instant, *, limit: int = AT_ONCE) -> Archived:
    """Archive runs that finished before an instant, the oldest first, and return how many.

    At most so many that it is done in a moment. A run of which somebody has something leased or
    locked is left for the next time; one at which it fails is set aside.
    """
    async with autocommit(pool) as db:
        due = await archiving.due_runs(db, before, limit=limit)
        known = await set_aside.items(db, ARCHIVE) if due else {}
    done = Archived()
    for run_id in due:
        async with guard(pool, ARCHIVE, Item(run_id, run_id in known)):
            archived = await _archive_run(pool, run_id)
            done.runs += archived.runs
            done.messages += archived.messages
        if done.messages >= MESSAGES_AT_ONCE:
            break
    return done


async def archive_due(retention: Retention) -> bool:
    """Archive the oldest runs that were kept long enough; return whether there were any."""
    if retention.period is None:
        return False
    async with autocommit(retention.pool) as db:
        before = leaves_before(await database.now(db), retention.period, None)
    return bool((await archive(retention.pool, before, limit=A_FEW)).runs)


async def _archive_run(pool: Pool, run_id: UUID) -> Archived:
    """Archive a run with its resends; nothing, if somebody else has some of them."""
    async with transaction(pool) as db:
        held = await _hold_with_resends(db, await archiving.first_run(db, run_id))
        if not held:
            return Archived()
        now = await database.now(db)
        counted = len(held) > 1
        superseded = await superseded_of(db, [run.run_id for run in held]) if counted else {}
        recorded: list[Recorded[Event]] = []
        for run in held:
            figures = await figures_of(db, run.run_id)
            await archiving.archive_run(db, run.run_id, figures, now)
            event = RunArchived(
                run_id=run.run_id,
                mailing_id=run.mailing_id,
                totals=figures.totals,
                attempts=figures.attempts,
                archived_at=now,
                superseded=superseded.get(run.run_id, {}) if counted else None,
            )
            version = run.chunk_count + FINISHED_AFTER + run.correction_count + 1
            recorded += run_events(run.run_id, run.traceparent, [(version, event)], now)
        await put_run_events(db, recorded)
        for loop in (CLAIM, RECORD):
            await set_aside.clear(db, loop, [run.run_id for run in held])
        crash_point("dispatcher.archive.written")
    crash_point("dispatcher.archive.committed")
    return Archived(len(held), sum(run.planned_count for run in held))


async def _hold_with_resends(db: Connection, first: UUID) -> list[HeldRun]:
    """Hold a run and all that send some of it again; none if one of them cannot be held.

    Whoever makes a resend holds the run that it is of: of those that are held there are no others.
    """
    held: list[HeldRun] = []
    wanted = [first]
    while wanted:
        run = await archiving.hold_run(db, wanted.pop())
        if run is None:
            return []
        held.append(run)
        wanted += await archiving.resends(db, run.run_id)
    return held


class Emptying:
    """Deletes the rows of archived runs, one slice after the other."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._run_id: UUID | None = None
        self._place: Place | None = None

    async def delete_slice(self) -> bool:
        """Delete some rows of an archived run; return whether there may be more."""
        async with transaction(self._pool) as db:
            run_id = await archiving.next_emptying(db)
            if run_id is None:
                return False
            known = self._place if run_id == self._run_id else None
            now = await database.now(db)
            place = await archiving.delete_slice(db, run_id, known or Place(), now)
            crash_point("dispatcher.empty.written")
        crash_point("dispatcher.empty.committed")
        self._run_id, self._place = run_id, place  # only behind the commit
        return True

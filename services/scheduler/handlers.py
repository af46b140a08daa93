"""What the scheduler does when time has come: the only place where rules meet I/O."""

from collections.abc import Sequence
from functools import partial
from math import inf
from typing import NamedTuple
from uuid import UUID

from services.scheduler import queue
from services.scheduler.domain import DeclineRun, FireMailing, RunPostponed, schedule
from services.scheduler.queue import Due
from shared import database, set_aside, telemetry
from shared.contracts.catalog import RunDeclined
from shared.contracts.scheduler import MissedReason, RunMissed
from shared.crash import crash_point
from shared.database import Connection, transaction
from shared.database_errors import is_fault_of_record
from shared.errors import Unavailable
from shared.event import Cause, Event, Instant, Received
from shared.event_store import Append
from shared.event_store.postgres import PostgresEventStore, execute_in, load_many
from shared.set_aside import Item, guard

AT_ONCE = 100  # mailings in one transaction


class NextDue(NamedTuple):
    """When a mailing is due next, as it was looked for at an instant."""

    looked_at: Instant
    in_s: float  # infinite if there is none


async def next_due(db: Connection) -> NextDue:
    """Return in how many seconds the next mailing is due."""
    now = await database.now(db)
    due_at = await queue.next_due(db, now)
    return NextDue(now, inf if due_at is None else (due_at - now).total_seconds())


async def sample_overdue(db: Connection) -> None:
    """Record for how long the oldest occurrence that is not fired has been due."""
    due = await next_due(db)
    telemetry.measure_age("scheduler.overdue.age", max(-due.in_s, 0.0))


async def fire_due(store: PostgresEventStore, idle_at: Instant | None = None) -> bool:
    """Propose, or note as missed, what is due; say whether there was anything.

    At `idle_at` nothing was: what was due before that has become known later, and is not late.

    Guarantee: one proposal at a time for each occurrence, on any number of replicas: the
    schedule's row is locked, the occurrence settled and the event appended in one transaction.
    """
    try:
        fired = await _fire(store, Item(), idle_at, limit=AT_ONCE)
    except Unavailable:
        raise
    except Exception as error:
        if not is_fault_of_record(error):
            raise
        fired = await _fire_apart(store, idle_at)
    telemetry.count("scheduler.runs.fired", fired)
    return bool(fired)


async def _fire_apart(store: PostgresEventStore, idle_at: Instant | None) -> int:
    """Do the same for one after the other; set those aside that fail."""
    fired = 0
    for _ in range(AT_ONCE):
        async with guard(store.pool, queue.FIRE) as item:
            fired += await _fire(store, item, idle_at, limit=1)
        if item.id is None:
            break
    return fired


async def _fire(
    store: PostgresEventStore, item: Item, idle_at: Instant | None, *, limit: int
) -> int:
    async with transaction(store.pool) as db:
        now = await database.now(db)
        claimed = await queue.claim_due(db, now, limit=limit)
        if claimed:
            item.id = claimed[-1].mailing_id
            crash_point("scheduler.fire.claimed")
        appends, traces = await _fired(db, claimed, now)
        await store.append_in(db, appends, now=now)
        if claimed:
            crash_point("scheduler.fire.appended")
            await queue.settle(db, [due.mailing_id for due in claimed])
            crash_point("scheduler.fire.settled")
        if again := [due.mailing_id for due in claimed if due.was_set_aside]:
            await set_aside.clear(db, queue.FIRE, again)
    crash_point("scheduler.fire.committed", when=claimed)
    for trace in traces:
        trace.end()
    _count_missed([event for append in appends for event in append.events])
    due_at = [max(due.row.next_fire_at, idle_at or due.row.next_fire_at) for due in claimed]
    lateness = [(now - each).total_seconds() for each in due_at]
    telemetry.observe_many("scheduler.firing.lateness", lateness)
    return len(claimed)


def begin_counting() -> None:
    """Let missed runs be known as none: a rate needs a number before the first one."""
    for reason in MissedReason:
        telemetry.count("scheduler.runs.missed", 0, reason=reason)


def _count_missed(events: Sequence[Event]) -> None:
    for event in events:
        if isinstance(event, RunMissed):
            telemetry.count("scheduler.runs.missed", 1, reason=event.reason)


async def _fired(
    db: Connection, claimed: Sequence[Due], now: Instant
) -> tuple[list[Append], list[telemetry.OwnTrace]]:
    """Return what follows for each schedule that is due, and the traces of the runs."""
    streams = {_stream(due.mailing_id): due for due in claimed}
    histories = await load_many(db, streams, schedule.events)
    appends, traces = [], []
    for stream, due in streams.items():
        history = histories.get(stream, [])
        command = FireMailing(mailing_id=due.mailing_id, plan=due.plan(), now=now)
        if decided := schedule.decide(command, schedule.replay(history)):
            about = {"mailings.mailing_id": str(due.mailing_id)}
            trace = telemetry.own_trace("run", due.row.traceparent, about)
            cause = Cause(traceparent=trace.traceparent)
            appends.append(Append(stream, decided, len(history), cause))
            traces.append(trace)
    return appends, traces


def _stream(mailing_id: UUID) -> str:
    return f"schedule-{mailing_id}"


async def decline_runs(
    store: PostgresEventStore, db: Connection, received: Sequence[Received[RunDeclined]]
) -> None:
    """Arm again what was declined as postponed, miss what can never run; the caller commits.

    A decline of another proposal than the last one changes nothing.
    """
    now = await database.now(db)
    for each in received:
        event = each.event
        if not await queue.lock(db, event.mailing_id):
            continue  # its mailing is unknown: a log that is older than our database
        command = DeclineRun(
            run_id=event.run_id,
            mailing_id=event.mailing_id,
            nominal=event.nominal,
            reason=event.reason,
            ends_at=event.ends_at,
            proposed_at=event.proposed_at,
            now=now,
        )
        stream = _stream(event.mailing_id)
        events = await execute_in(db, store, schedule, stream, command, cause=each.cause)
        database.when_ended(db, partial(_count_missed, events))
        for decided in events:
            if isinstance(decided, RunPostponed):
                crash_point("scheduler.rearm.appended")
                await queue.arm(db, event.mailing_id, event.starts_at, revision=each.version)
                crash_point("scheduler.rearm.armed")

"""What the scheduler does when time has come: the only place where rules meet I/O."""

from collections.abc import Sequence
from functools import partial
from math import inf
from typing import NamedTuple
from uuid import UUID

from services.scheduler import queue
from services.scheduler.domain.calendar import INSTANT, Calendar
from services.scheduler.domain.schedule import DeclineRun, FireMailing, RunPostponed, schedule
from services.scheduler.queue import Due
from shared import database, set_aside, telemetry
from shared.contracts.catalog import RunDeclined
from shared.contracts.scheduler import ONCE, MissedReason, RunMissed
from shared.crash import crash_point
from shared.database import Connection, transaction
from shared.database_errors import is_fault_of_record
from shared.errors import Unavailable
from shared.event import Cause, Event, Instant, Received
from shared.event_store import Append
from shared.event_store.postgres import PostgresEventStore, execute_in, load_many
from shared.schedule import occurrence_of
from shared.set_aside import Item, guard

AT_ONCE = 100  # mailings in one transaction
OF_ONE = 200  # occurrences of one mailing in it


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
        firings = [each for due in claimed for each in _firings(due, now)]
        appends, traces = await _fired(db, firings)
        await store.append_in(db, appends, now=now)
        crash_point("scheduler.fire.appended", when=claimed)
        await _settle(db, claimed, firings)
        crash_point("scheduler.fire.settled", when=claimed)
        if again := [due.mailing_id for due in claimed if due.was_set_aside]:
            await set_aside.clear(db, queue.FIRE, again)
    crash_point("scheduler.fire.committed", when=claimed)
    for trace in traces:
        trace.end()
    _count_missed([event for append in appends for event in append.events])
    due_at = [max(each.at, idle_at or each.at) for each in firings if each.command.missed is None]
    lateness = [(now - each).total_seconds() for each in due_at]
    telemetry.observe_many("scheduler.firing.lateness", lateness)
    telemetry.count("scheduler.runs.fired", len(firings))
    return len(claimed)


class Firing(NamedTuple):
    """An occurrence that is to be decided: proposed, or missed."""

    due: Due
    at: Instant  # when it was due
    command: FireMailing


def _firings(due: Due, now: Instant) -> list[Firing]:
    """Return what is to be decided of a mailing that is due."""
    calendar, at = due.calendar, due.row.next_fire_at
    if calendar is None:
        plan = due.plan(at, due.row.ends_at)
        return [Firing(due, at, FireMailing(mailing_id=due.mailing_id, plan=plan, now=now))]
    return [
        Firing(
            due,
            each.occurrence.at,
            FireMailing(
                mailing_id=due.mailing_id,
                plan=due.plan(each.occurrence.at, calendar.end_of_run(each.occurrence)),
                nominal=each.occurrence.nominal,
                is_last=calendar.first_after(each.occurrence.at) is None,
                missed=each.missed,
                now=now,
            ),
        )
        for each in calendar.due(at, now, limit=OF_ONE)
    ]


async def _settle(db: Connection, claimed: Sequence[Due], firings: Sequence[Firing]) -> None:
    """Let nothing be due any more of what runs once, and the next occurrence of the others."""
    once = [due.mailing_id for due in claimed if due.calendar is None]
    if once:
        await queue.settle(db, once)
    decided = {each.due.mailing_id: each.at for each in firings}  # the last of each
    for due in claimed:
        if (calendar := due.calendar) is not None:
            await _rearm(db, due, calendar, decided.get(due.mailing_id))


async def _rearm(db: Connection, due: Due, calendar: Calendar, decided: Instant | None) -> None:
    """Let a recurring mailing be due at what follows what was decided, or at its own next one."""
    if decided is not None:
        await queue.go_on(db, due.mailing_id, calendar.first_after(decided), decided)
        return
    first = occurrence_of(due.row.next_nominal).at
    following = calendar.first_after(first - INSTANT)
    await queue.go_on(db, due.mailing_id, following, due.row.settled_at)


async def follow_time_zones(store: PostgresEventStore) -> bool:
    """Compute anew when mailings are due by other time zone rules than today's; say if any was.

    Each keeps the wall time of its next occurrence. One that cannot be computed any more stays due
    when it was: then it is set aside, as whatever cannot be fired.
    """
    async with transaction(store.pool) as db:
        stale = await queue.computed_by_other_rules(db, limit=AT_ONCE)
        for due in stale:
            try:
                calendar = due.calendar
                assert calendar is not None  # noqa: S101 - what runs once is by no such rules
                await _rearm(db, due, calendar, None)
            except ValueError:
                await queue.keep(db, due.mailing_id)
    return bool(stale)


def begin_counting() -> None:
    """Let missed runs be known as none: a rate needs a number before the first one."""
    for reason in MissedReason:
        telemetry.count("scheduler.runs.missed", 0, reason=reason)


def _count_missed(events: Sequence[Event]) -> None:
    for event in events:
        if isinstance(event, RunMissed):
            telemetry.count("scheduler.runs.missed", 1, reason=event.reason)


async def _fired(
    db: Connection, firings: Sequence[Firing]
) -> tuple[list[Append], list[telemetry.OwnTrace]]:
    """Return what follows for each occurrence that is due, and the traces of the runs."""
    streams = {_stream(each.due.mailing_id, each.command.nominal): each for each in firings}
    histories = await load_many(db, streams, schedule.events)
    appends, traces = [], []
    for stream, firing in streams.items():
        history = histories.get(stream, [])
        if decided := schedule.decide(firing.command, schedule.replay(history)):
            about = {"mailings.mailing_id": str(firing.due.mailing_id)}
            trace = telemetry.own_trace("run", firing.due.row.traceparent, about)
            cause = Cause(traceparent=trace.traceparent)
            appends.append(Append(stream, decided, len(history), cause))
            traces.append(trace)
    return appends, traces


def _stream(mailing_id: UUID, nominal: str) -> str:
    """Return the stream of what runs once, or of one occurrence: none grows with the years."""
    return f"schedule-{mailing_id}" if nominal == ONCE else f"schedule-{mailing_id}/{nominal}"


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
            starts_at=event.starts_at,
            ends_at=event.ends_at,
            proposed_at=event.proposed_at,
            now=now,
        )
        stream = _stream(event.mailing_id, event.nominal)
        events = await execute_in(db, store, schedule, stream, command, cause=each.cause)
        database.when_ended(db, partial(_count_missed, events))
        for decided in events:
            if isinstance(decided, RunPostponed) and event.nominal == ONCE:
                crash_point("scheduler.rearm.appended")
                await queue.arm(db, event.mailing_id, event.starts_at, revision=each.version)
                crash_point("scheduler.rearm.armed")

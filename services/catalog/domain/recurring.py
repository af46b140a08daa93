"""A recurring mailing: which occurrences become runs, and when the last one is over.

An occurrence is decided once: the scheduler proposes them in the order of time, so the latest
that was decided says of all before it that they were. What runs and what waits for its turn is
counted by runs, and no clock is asked but for the end of a window.
"""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from services.catalog.domain.mailing_commands import BeginRun, FinishRun, MissRun, StartMailing
from services.catalog.domain.mailing_state import (
    Mailing,
    MailingEvent,
    MailingFinished,
    OccurrencePassed,
    QueuedRun,
    RunEnded,
    RunQueued,
    Status,
    current_plan,
    evolve,
)
from services.catalog.domain.plan import MailingInvalid, Plan, pinned
from shared import ids
from shared.contracts.catalog import DeclinedReason, RunBegun, RunDeclined
from shared.contracts.schedule import Overlap, Schedule
from shared.contracts.scheduler import ONCE
from shared.errors import Conflict, FieldError, Invalid
from shared.event import Instant
from shared.schedule import end_of, end_of_run, occurrence_of, occurrences

QUEUE_LIMIT = 100  # runs that wait for their turn; what comes then is declined
INSTANT = timedelta(microseconds=1)


def schedule_of(plan: Plan) -> Schedule:
    """Return the schedule of a plan that has one."""
    assert plan.schedule is not None  # noqa: S101 - the callers have asked
    return plan.schedule


def has_occurrence(plan: Plan, after: Instant) -> bool:
    """Return whether the plan has an occurrence later than `after`, or at its very start."""
    schedule, starts_at = schedule_of(plan), plan.starts_at
    assert starts_at is not None  # noqa: S101 - of a plan that was settled
    until = end_of(schedule, starts_at, plan.ends_at)
    return any(occurrences(schedule, after=max(after, starts_at - INSTANT), until=until))


def check_recurs(plan: Plan, now: Instant) -> None:
    """Refuse a plan of which no occurrence is left.

    Raises:
        MailingInvalid: With the place.
    """
    if not has_occurrence(plan, now - INSTANT):
        detail = "no occurrence is left before ends_at: set a later end, or stop the mailing"
        raise MailingInvalid(FieldError("/schedule", "no_occurrence", detail))


def proposed(command: BeginRun, mailing: Mailing) -> list[MailingEvent]:
    """Begin the run of an occurrence, let it wait for its turn, or decline it."""
    if mailing.settled_until is not None and command.starts_at <= mailing.settled_until:
        return []  # it came before
    plan = current_plan(mailing)
    run = QueuedRun(
        mailing_id=command.mailing_id,
        run_id=command.run_id,
        nominal=command.nominal,
        starts_at=command.starts_at,
        ends_at=end_of_run(schedule_of(plan), command.starts_at, plan.ends_at),
        is_last=command.is_last,
        is_by_hand=False,
        proposed_at=command.proposed_at,
    )
    reason = _obstacle(run, mailing, plan, command.now)
    if reason is None:
        return _begun_or_queued(run, mailing, command.now)
    return [_declined(run, reason, command.now)]


def nominal_of(given: str | None, zone: str, now: Instant) -> str:
    """Return the name of a run that is begun by hand: as given, or one of its own.

    Raises:
        NominalInvalid: What is given is no local time.
    """
    if given is None:
        return f"by-hand/{now.isoformat()}"
    try:
        return occurrence_of(given if "[" in given else f"{given}[{zone}]").nominal
    except ValueError as error:
        raise NominalInvalid(FieldError("/nominal", "nominal", str(error))) from None


def started(command: StartMailing, mailing: Mailing) -> list[MailingEvent]:
    """Begin a run by hand, under its nominal time: the same one is begun once.

    Raises:
        RunIsGoingOn: The mailing does not let runs overlap, and one is going on.
    """
    nominal = command.nominal or nominal_of(None, "", command.now)
    run_id = ids.run_id(command.mailing_id, nominal)
    if run_id in mailing.begun or any(each.run_id == run_id for each in mailing.queued):
        return []
    plan = current_plan(mailing)
    if mailing.running and schedule_of(plan).overlap is Overlap.SKIP:
        raise RunIsGoingOn
    run = QueuedRun(
        mailing_id=command.mailing_id,
        run_id=run_id,
        nominal=nominal,
        starts_at=command.now,
        ends_at=end_of_run(schedule_of(plan), command.now, plan.ends_at),
        is_last=False,
        is_by_hand=True,
        proposed_at=command.now,
    )
    return _begun_or_queued(run, mailing, command.now)


def missed(command: MissRun, mailing: Mailing) -> list[MailingEvent]:
    """Note that an occurrence has passed without a run."""
    events: list[MailingEvent] = []
    at, settled = command.starts_at, mailing.settled_until
    if at is not None and (settled is None or settled < at):
        events.append(
            OccurrencePassed(
                mailing_id=command.mailing_id,
                nominal=command.nominal,
                starts_at=at,
                passed_at=command.now,
            )
        )
    return [*events, *_end_if_over(_after(mailing, events), command)]


def finished(command: FinishRun, mailing: Mailing) -> list[MailingEvent]:
    """Note that a run is over, begin the next one that waits, or end the mailing."""
    if command.run_id is None or command.run_id not in mailing.running:
        return []
    events: list[MailingEvent] = [
        RunEnded(mailing_id=command.mailing_id, run_id=command.run_id, ended_at=command.now)
    ]
    events += _next_ones(_after(mailing, events), command.now)
    return [*events, *_end_if_over(_after(mailing, events), command)]


def _next_ones(mailing: Mailing, now: Instant) -> Iterator[MailingEvent]:
    """Begin the first run that waits and whose window is not over; decline those before it."""
    for run in mailing.queued:
        if mailing.running:
            return
        if now < run.ends_at:
            yield _begun(run, mailing, now)
            return
        yield _declined(run, DeclinedReason.WINDOW_OVER, now)


def _begun_or_queued(run: QueuedRun, mailing: Mailing, now: Instant) -> list[MailingEvent]:
    if mailing.running and schedule_of(current_plan(mailing)).overlap is Overlap.QUEUE:
        return [RunQueued(mailing_id=run.mailing_id, run=run, queued_at=now)]
    return [_begun(run, mailing, now)]


def _obstacle(run: QueuedRun, mailing: Mailing, plan: Plan, now: Instant) -> DeclinedReason | None:
    if run.run_id in mailing.begun:
        return DeclinedReason.ALREADY_BEGUN
    if mailing.status is Status.DELETED:
        return DeclinedReason.DELETED
    if mailing.status is Status.STOPPED:
        return DeclinedReason.STOPPED
    if not _is_occurrence(plan, run.nominal):
        return DeclinedReason.POSTPONED
    if mailing.status is Status.FINISHED or now >= run.ends_at:
        return DeclinedReason.WINDOW_OVER
    overlap = schedule_of(plan).overlap
    is_full = overlap is Overlap.QUEUE and len(mailing.queued) >= QUEUE_LIMIT
    if mailing.running and (overlap is Overlap.SKIP or is_full):
        return DeclinedReason.OVERLAP
    return None


def _is_occurrence(plan: Plan, nominal: str) -> bool:
    """Return whether the plan has it still, by its wall time: no table of zones is compared.

    One that ran once when the run was proposed has none of that name.
    """
    if nominal == ONCE:
        return False
    at, starts_at = occurrence_of(nominal).at, plan.starts_at
    assert starts_at is not None  # noqa: S101 - of a plan that was settled
    schedule = schedule_of(plan)
    if not starts_at <= at < end_of(schedule, starts_at, plan.ends_at):
        return False
    near = occurrences(schedule, after=at - INSTANT, until=at + INSTANT)
    return any(each.nominal == nominal for each in near)


def _begun(run: QueuedRun, mailing: Mailing, now: Instant) -> RunBegun:
    window = replace(current_plan(mailing), starts_at=run.starts_at, ends_at=run.ends_at)
    return RunBegun(
        run_id=run.run_id,
        mailing_id=run.mailing_id,
        nominal=run.nominal,
        revision=mailing.version,
        is_last=run.is_last,
        is_by_hand=run.is_by_hand,
        proposed_at=run.proposed_at,
        begun_at=now,
        **pinned(window, run.nominal),
    )


def _declined(run: QueuedRun, reason: DeclinedReason, now: Instant) -> RunDeclined:
    return RunDeclined(
        run_id=run.run_id,
        mailing_id=run.mailing_id,
        nominal=run.nominal,
        reason=reason,
        starts_at=run.starts_at,
        ends_at=run.ends_at,
        proposed_at=run.proposed_at,
        declined_at=now,
    )


def _end_if_over(mailing: Mailing, command: MissRun | FinishRun) -> list[MailingEvent]:
    """End the mailing if nothing runs, nothing waits and no occurrence is left."""
    settled = mailing.settled_until
    if mailing.running or mailing.queued or settled is None:
        return []
    if has_occurrence(current_plan(mailing), settled):
        return []
    return [MailingFinished(mailing_id=command.mailing_id, finished_at=command.now)]


def _after(mailing: Mailing, events: list[MailingEvent]) -> Mailing:
    for event in events:
        mailing = evolve(mailing, event)
    return mailing


class NominalInvalid(Invalid):
    """No run can have this nominal time."""


class RunIsGoingOn(Conflict):
    """A run of the mailing is going on, and its schedule lets none overlap: wait for its end."""

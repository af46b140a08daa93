"""A mailing: what may be asked of it, and what follows."""

from dataclasses import replace
from typing import get_args

from services.catalog.domain import recurring
from services.catalog.domain.following import as_created, followed
from services.catalog.domain.links import check_links
from services.catalog.domain.mailing_commands import (
    BeginRun,
    ChangeMailing,
    CreateMailing,
    DeleteMailing,
    FinishRun,
    FollowAudience,
    MailingCommand,
    MissRun,
    PauseMailing,
    RecordRun,
    ResumeMailing,
    RunCommand,
    StartMailing,
    StopMailing,
)
from services.catalog.domain.mailing_state import (
    Mailing,
    MailingBegan,
    MailingEvent,
    MailingFinished,
    MailingMissed,
    Status,
    current_plan,
    evolve,
)
from services.catalog.domain.plan import (
    Plan,
    canonical,
    check,
    check_running,
    patched,
    pinned,
    settled,
)
from shared.contracts.catalog import (
    DeclinedReason,
    MailingChanged,
    MailingCreated,
    MailingDeleted,
    MailingPaused,
    MailingResumed,
    MailingRunRequested,
    MailingStopped,
    RunBegun,
    RunDeclined,
    content_of,
)
from shared.contracts.scheduler import ONCE
from shared.decider import Decider, Snapshots
from shared.errors import Conflict, FieldError, Invalid, NotFound


def decide(command: MailingCommand, mailing: Mailing) -> list[MailingEvent]:
    """Answer with what happens next, with nothing if it is so already, or raise a refusal."""
    match command, mailing.status:
        case CreateMailing() as c, Status.ABSENT:
            return [_created(c)]
        case CreateMailing() as c, _:
            return _created_again(c, mailing)
        case BeginRun() | RecordRun() | MissRun() | FinishRun() as c, _:
            return _decide_run(c, mailing)
        case FollowAudience() as c, _:
            return [*followed(c, mailing)]
        case _, Status.ABSENT:
            raise MailingUnknown
        case DeleteMailing(), Status.DELETED:
            return []
        case _, Status.DELETED:
            raise MailingUnknown
        case DeleteMailing() as c, _:
            return [MailingDeleted(mailing_id=c.mailing_id, deleted_at=c.now)]
        case StopMailing(), Status.STOPPED | Status.FINISHED:
            return []
        case _, Status.STOPPED | Status.FINISHED:
            raise MailingAlreadyEnded
        case ChangeMailing() as c, _:
            return _changed(c, mailing)
        case StartMailing(), Status.PAUSED:
            raise MailingIsPaused
        case StartMailing() as c, _:
            return _requested(c, mailing)
        case StopMailing() as c, _:
            return [MailingStopped(mailing_id=c.mailing_id, stopped_at=c.now, by=c.by)]
        case PauseMailing() as c, _:
            if mailing.status is Status.PAUSED:
                return []
            return [MailingPaused(mailing_id=c.mailing_id, paused_at=c.now, by=c.by)]
        case ResumeMailing() as c, Status.PAUSED:
            return [MailingResumed(mailing_id=c.mailing_id, resumed_at=c.now, by=c.by)]
        case ResumeMailing(), _:
            return []


def _decide_run(command: RunCommand, mailing: Mailing) -> list[MailingEvent]:
    """Decide what the scheduler proposes, and record what became of runs."""
    is_over = mailing.status in (Status.STOPPED, Status.FINISHED, Status.DELETED)
    is_recurring = mailing.plan is not None and mailing.plan.schedule is not None
    match command:
        case _ if mailing.status is Status.ABSENT:
            return []  # a log that is older than our database: the mailing will not come
        case BeginRun() if is_recurring:
            return recurring.proposed(command, mailing)
        case BeginRun():
            return _proposed(command, mailing)
        case _ if is_over:
            return []
        case MissRun() if is_recurring:
            return recurring.missed(command, mailing)
        case MissRun():
            return _missed(command, mailing)
        case RecordRun() if mailing.has_begun:
            return []
        case RecordRun():
            return [MailingBegan(mailing_id=command.mailing_id, began_at=command.now)]
        case FinishRun() if is_recurring:
            return recurring.finished(command, mailing)
        case FinishRun(is_last=True):
            return [MailingFinished(mailing_id=command.mailing_id, finished_at=command.now)]
        case FinishRun():
            return []


def _created(command: CreateMailing) -> MailingCreated:
    plan = settled(command.plan, command.now, command.gateways)
    check_links(plan, None, has_links=command.has_links)
    if plan.schedule is not None:
        recurring.check_recurs(plan, command.now)
    return MailingCreated(mailing_id=command.mailing_id, created_at=command.now, **plan.as_dict())


def _created_again(command: CreateMailing, mailing: Mailing) -> list[MailingEvent]:
    first = mailing.created_as
    wanted = as_created(canonical(command.plan), first)
    if first is not None and wanted.starts_at is None:
        wanted = replace(wanted, starts_at=first.starts_at)
    if wanted != first:
        raise MailingDiffers
    if mailing.status == Status.DELETED:
        raise MailingWasDeleted
    return []


def _changed(command: ChangeMailing, mailing: Mailing) -> list[MailingEvent]:
    before = current_plan(mailing)
    plan = patched(before, command.changes, command.now)
    if plan == before:
        return []
    if mailing.has_begun:
        check_running(before, plan)
    check(plan, command.now, before, command.gateways)
    check_links(plan, before, has_links=command.has_links)
    if plan.schedule is not None and not (mailing.running or mailing.queued):
        recurring.check_recurs(plan, command.now)
    return [
        MailingChanged(mailing_id=command.mailing_id, changed_at=command.now, **plan.as_dict())
    ]


def _requested(command: StartMailing, mailing: Mailing) -> list[MailingEvent]:
    plan = current_plan(mailing)
    is_recurring = plan.schedule is not None
    if command.nominal is not None and not is_recurring:
        raise MailingRunsOnce
    if not is_recurring and (mailing.has_begun or mailing.is_requested):
        return []
    if plan.is_over(command.now):
        raise MailingWindowOver(FieldError("/ends_at", "window_over"))
    if is_recurring:
        return recurring.started(command, mailing)
    return [MailingRunRequested(mailing_id=command.mailing_id, requested_at=command.now)]


def _proposed(command: BeginRun, mailing: Mailing) -> list[MailingEvent]:
    """Begin the run with the newest revision, or decline it; the same proposal only once."""
    plan = current_plan(mailing)
    if command.proposed_at == mailing.answered:
        return []
    reason = _obstacle(command, mailing, plan)
    if reason is not None:
        return [_declined(command, plan, reason)]
    begun = RunBegun(
        run_id=command.run_id,
        mailing_id=command.mailing_id,
        nominal=command.nominal,
        revision=mailing.version,
        is_last=command.is_last,
        proposed_at=command.proposed_at,
        begun_at=command.now,
        **pinned(plan),
    )
    return [begun]


def _obstacle(command: BeginRun, mailing: Mailing, plan: Plan) -> DeclinedReason | None:
    """Return why the run cannot begin. The start is compared, no clock; only the end is judged."""
    if command.run_id in mailing.begun:
        return DeclinedReason.ALREADY_BEGUN
    if mailing.status is Status.DELETED:
        return DeclinedReason.DELETED
    if mailing.status is Status.STOPPED:
        return DeclinedReason.STOPPED
    if mailing.status is Status.FINISHED or command.now >= plan.ends_at:
        return DeclinedReason.WINDOW_OVER
    if command.starts_at != plan.starts_at or command.nominal != ONCE:
        return DeclinedReason.POSTPONED  # or it recurred when that was proposed
    return None


def _missed(command: MissRun, mailing: Mailing) -> list[MailingEvent]:
    """End the mailing, or let the run be proposed again if the end was moved meanwhile.

    Where both know the same end the scheduler's time counts: two clocks would argue for ever.
    """
    plan = current_plan(mailing)
    if command.run_id in mailing.begun or command.proposed_at == mailing.answered:
        return []
    if command.nominal != ONCE:
        return []  # it recurred then
    if command.now < plan.ends_at != command.ends_at:
        return [_declined(command, plan, DeclinedReason.POSTPONED)]
    return [
        MailingMissed(mailing_id=command.mailing_id, reason=command.reason, missed_at=command.now)
    ]


def _declined(command: BeginRun | MissRun, plan: Plan, reason: DeclinedReason) -> RunDeclined:
    content = content_of(plan)
    return RunDeclined(
        run_id=command.run_id,
        mailing_id=command.mailing_id,
        nominal=command.nominal,
        reason=reason,
        starts_at=content.starts_at,
        ends_at=content.ends_at,
        proposed_at=command.proposed_at,
        declined_at=command.now,
    )


# Refusals


class MailingUnknown(NotFound):
    """No mailing has this identifier."""


class MailingDiffers(Invalid):
    """This Idempotency-Key came before, with another mailing."""


class MailingWasDeleted(Conflict):
    """This Idempotency-Key came before, with a mailing that was deleted; take another key."""


class MailingAlreadyEnded(Conflict):
    """The mailing was stopped or has finished; that is final. Create another one."""


class MailingIsPaused(Conflict):
    """The mailing is paused; resume it first."""


class MailingRunsOnce(Conflict):
    """Only a run of a recurring mailing has a nominal time; this mailing has no schedule."""


class MailingWindowOver(Conflict):
    """The mailing's window is over; set a later end first."""


mailing = Decider(
    initial=Mailing(),
    evolve=evolve,
    decide=decide,
    events=get_args(MailingEvent),
    snapshots=Snapshots(every=200, shape=1),
)

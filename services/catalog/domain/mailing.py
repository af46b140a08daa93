"""A mailing: what may be asked of it, and what follows."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum, auto
from typing import Any, TypeAlias, get_args
from uuid import UUID

from services.catalog.domain.plan import Plan, check, check_running, plan_of
from shared.contracts.catalog import (
    MailingChanged,
    MailingCreated,
    MailingDeleted,
    MailingPaused,
    MailingResumed,
    MailingRunRequested,
    MailingStopped,
)
from shared.decider import Decider
from shared.errors import Conflict, FieldError, Invalid, NotFound
from shared.event import Event, Instant

# Commands


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateMailing:
    """Let there be a mailing. Asked twice with the same identifier and plan, it is one."""

    mailing_id: UUID
    plan: Plan
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeMailing:
    """Plan it otherwise; what `changes` does not name stays."""

    mailing_id: UUID
    changes: Mapping[str, Any]
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class StartMailing:
    """Begin now, whatever the start says."""

    mailing_id: UUID
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseMailing:
    """Send nothing of it until it is resumed."""

    mailing_id: UUID
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeMailing:
    """Send it again."""

    mailing_id: UUID
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class StopMailing:
    """Send nothing of it any more, ever."""

    mailing_id: UUID
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteMailing:
    """Stop it, and show it no more."""

    mailing_id: UUID
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginRun:
    """Note that the scheduler fired it."""

    mailing_id: UUID
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class MissRun:
    """Note that the scheduler came too late."""

    mailing_id: UUID
    reason: str
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishRun:
    """Note that every message of a run is in a final state; `is_last` if no run follows."""

    mailing_id: UUID
    is_last: bool
    now: Instant


# Private events: others know it from the runs


class MailingBegan(Event, frozen=True, kw_only=True):
    """A run has begun."""

    mailing_id: UUID
    began_at: Instant


class MailingMissed(Event, frozen=True, kw_only=True):
    """Its only run was missed; nothing was sent."""

    mailing_id: UUID
    reason: str
    missed_at: Instant


class MailingFinished(Event, frozen=True, kw_only=True):
    """Its last run has finished."""

    mailing_id: UUID
    finished_at: Instant


MailingCommand: TypeAlias = (
    CreateMailing
    | ChangeMailing
    | StartMailing
    | PauseMailing
    | ResumeMailing
    | StopMailing
    | DeleteMailing
    | BeginRun
    | MissRun
    | FinishRun
)
MailingEvent: TypeAlias = (
    MailingCreated
    | MailingChanged
    | MailingRunRequested
    | MailingPaused
    | MailingResumed
    | MailingStopped
    | MailingDeleted
    | MailingBegan
    | MailingMissed
    | MailingFinished
)


# State


class Status(StrEnum):
    """Where a mailing is in its life; the last three are final."""

    ABSENT = auto()
    CREATED = auto()
    RUNNING = auto()
    PAUSED = auto()
    STOPPED = auto()
    FINISHED = auto()
    DELETED = auto()


@dataclass(frozen=True, slots=True)
class Mailing:
    """All that `decide` needs to know; nothing more."""

    status: Status = Status.ABSENT
    plan: Plan | None = None
    created_as: Plan | None = None
    is_requested: bool = False  # by hand
    has_begun: bool = False  # a run has


def decide(command: MailingCommand, mailing: Mailing) -> list[MailingEvent]:
    """Answer with what happens next, with nothing if it is so already, or raise a refusal."""
    match command, mailing.status:
        case CreateMailing() as c, Status.ABSENT:
            return [_created(c)]
        case CreateMailing() as c, _:
            return _created_again(c, mailing.created_as)
        case BeginRun() | MissRun() | FinishRun() | DeleteMailing(), Status.DELETED:
            return []
        case _, Status.ABSENT | Status.DELETED:
            raise MailingUnknown
        case DeleteMailing() as c, _:
            return [MailingDeleted(mailing_id=c.mailing_id, deleted_at=c.now)]
        case (
            StopMailing() | BeginRun() | MissRun() | FinishRun(),
            Status.STOPPED | Status.FINISHED,
        ):
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
            return [MailingStopped(mailing_id=c.mailing_id, stopped_at=c.now)]
        case PauseMailing(), Status.PAUSED:
            return []
        case PauseMailing() as c, _:
            return [MailingPaused(mailing_id=c.mailing_id, paused_at=c.now)]
        case ResumeMailing() as c, Status.PAUSED:
            return [MailingResumed(mailing_id=c.mailing_id, resumed_at=c.now)]
        case ResumeMailing(), _:
            return []
        case BeginRun() as c, _ if not mailing.has_begun:
            return [MailingBegan(mailing_id=c.mailing_id, began_at=c.now)]
        case BeginRun(), _:
            return []
        case MissRun() as c, _:
            return [MailingMissed(mailing_id=c.mailing_id, reason=c.reason, missed_at=c.now)]
        case FinishRun(is_last=True) as c, _:
            return [MailingFinished(mailing_id=c.mailing_id, finished_at=c.now)]
        case FinishRun(), _:
            return []


def _created(command: CreateMailing) -> MailingCreated:
    plan = replace(command.plan, starts_at=command.plan.starts_at or command.now)
    check(plan, command.now)
    return MailingCreated(mailing_id=command.mailing_id, created_at=command.now, **plan.as_dict())


def _created_again(command: CreateMailing, first: Plan | None) -> list[MailingEvent]:
    wanted = command.plan
    if first is not None and wanted.starts_at is None:
        wanted = replace(wanted, starts_at=first.starts_at)
    if wanted == first:
        return []
    raise MailingDiffers


def _changed(command: ChangeMailing, mailing: Mailing) -> list[MailingEvent]:
    assert mailing.plan is not None  # noqa: S101 - it is not absent
    plan = replace(mailing.plan, **dict(command.changes))
    if plan == mailing.plan:
        return []
    if mailing.has_begun:
        check_running(mailing.plan, plan)
    check(plan, command.now, mailing.plan)
    return [
        MailingChanged(mailing_id=command.mailing_id, changed_at=command.now, **plan.as_dict())
    ]


def _requested(command: StartMailing, mailing: Mailing) -> list[MailingEvent]:
    if mailing.has_begun or mailing.is_requested:
        return []
    if mailing.plan is not None and mailing.plan.is_over(command.now):
        raise MailingWindowOver(FieldError("/ends_at", "window_over"))
    return [MailingRunRequested(mailing_id=command.mailing_id, requested_at=command.now)]


def evolve(mailing: Mailing, event: MailingEvent) -> Mailing:
    """Apply what happened. Never fails: history is not negotiable."""
    match event:
        case MailingCreated():
            plan = plan_of(event)
            return Mailing(status=Status.CREATED, plan=plan, created_as=plan)
        case MailingChanged():
            return replace(mailing, plan=plan_of(event))
        case MailingRunRequested():
            return replace(mailing, is_requested=True)
        case MailingPaused():
            return replace(mailing, status=Status.PAUSED)
        case MailingResumed():
            resumed = Status.RUNNING if mailing.has_begun else Status.CREATED
            return replace(mailing, status=resumed)
        case MailingBegan():
            paused = mailing.status is Status.PAUSED
            return replace(
                mailing, status=Status.PAUSED if paused else Status.RUNNING, has_begun=True
            )
        case MailingStopped():
            return replace(mailing, status=Status.STOPPED)
        case MailingDeleted():
            return replace(mailing, status=Status.DELETED)
        case MailingMissed() | MailingFinished():
            return replace(mailing, status=Status.FINISHED)


# Refusals


class MailingUnknown(NotFound):
    """No mailing has this identifier."""


class MailingDiffers(Invalid):
    """This Idempotency-Key came before, with another mailing."""


class MailingAlreadyEnded(Conflict):
    """The mailing was stopped or has finished; that is final. Create another one."""


class MailingIsPaused(Conflict):
    """The mailing is paused; resume it first."""


class MailingWindowOver(Conflict):
    """The mailing's window is over; set a later end first."""


mailing = Decider(initial=Mailing(), evolve=evolve, decide=decide, events=get_args(MailingEvent))

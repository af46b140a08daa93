"""A mailing's state: where it is in its life, as the events of its stream leave it."""

from dataclasses import dataclass, replace
from enum import StrEnum, auto
from typing import TypeAlias
from uuid import UUID

from services.catalog.domain.plan import Plan, plan_of
from shared import ids
from shared.contracts.catalog import (
    MailingChanged,
    MailingCreated,
    MailingDeleted,
    MailingPaused,
    MailingResumed,
    MailingRunRequested,
    MailingStopped,
    RunBegun,
    RunDeclined,
)
from shared.contracts.scheduler import ONCE
from shared.event import Event, Instant

# Private events: others know it from the runs


class MailingBegan(Event, frozen=True, kw_only=True):
    """A run has begun, of which the scheduler decided. Written in older releases only."""

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


MailingEvent: TypeAlias = (
    MailingCreated
    | MailingChanged
    | MailingRunRequested
    | MailingPaused
    | MailingResumed
    | MailingStopped
    | MailingDeleted
    | RunBegun
    | RunDeclined
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
    is_requested: bool = False  # by hand: its window begins then
    begun: frozenset[UUID] = frozenset()  # runs
    answered: Instant | None = None  # the proposal that was decided last
    version: int = 0

    @property
    def has_begun(self) -> bool:
        """Whether a run has begun."""
        return bool(self.begun)


def evolve(mailing: Mailing, event: MailingEvent) -> Mailing:
    """Apply what happened. Never fails: history is not negotiable."""
    return replace(_evolved(mailing, event), version=mailing.version + 1)


def _evolved(mailing: Mailing, event: MailingEvent) -> Mailing:
    match event:
        case MailingCreated():
            plan = plan_of(event)
            return Mailing(status=Status.CREATED, plan=plan, created_as=plan)
        case MailingChanged():  # another start replaces a start by hand
            plan = plan_of(event)
            is_same = plan.starts_at == current_plan(mailing).starts_at
            return replace(mailing, plan=plan, is_requested=mailing.is_requested and is_same)
        case MailingRunRequested():
            plan = replace(current_plan(mailing), starts_at=event.requested_at)
            return replace(mailing, plan=plan, is_requested=True)
        case MailingPaused():
            return replace(mailing, status=Status.PAUSED)
        case MailingResumed():
            resumed = Status.RUNNING if mailing.has_begun else Status.CREATED
            return replace(mailing, status=resumed)
        case RunBegun():
            return replace(_running(mailing, event.run_id), answered=event.proposed_at)
        case RunDeclined():
            return replace(mailing, answered=event.proposed_at)
        case MailingBegan():  # of the only run that there was
            return _running(mailing, ids.run_id(event.mailing_id, ONCE))
        case MailingStopped():
            return replace(mailing, status=Status.STOPPED)
        case MailingDeleted():
            return replace(mailing, status=Status.DELETED)
        case MailingFinished():  # its only run has begun, whichever topic was read first
            begun = mailing.begun | {ids.run_id(event.mailing_id, ONCE)}
            return replace(mailing, status=Status.FINISHED, begun=begun)
        case MailingMissed():
            return replace(mailing, status=Status.FINISHED)


def current_plan(mailing: Mailing) -> Plan:
    """Return the plan of a mailing that is not absent."""
    assert mailing.plan is not None  # noqa: S101 - all that follows from MailingCreated
    return mailing.plan


def _running(mailing: Mailing, run_id: UUID) -> Mailing:
    status = Status.PAUSED if mailing.status is Status.PAUSED else Status.RUNNING
    return replace(mailing, status=status, begun=mailing.begun | {run_id})

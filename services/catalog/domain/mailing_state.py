"""A mailing's state: where it is in its life, as the events of its stream leave it."""

from dataclasses import dataclass, replace
from enum import StrEnum, auto
from typing import TypeAlias
from uuid import UUID

import msgspec

from services.catalog.domain.plan import Plan, plan_of
from shared import ids
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


class RunOpened(Event, frozen=True, kw_only=True):
    """A run has begun with the content that the mailing had then: `RunBegun` in a stream.

    A mailing that recurs for years does not keep its text once for each run.
    """

    run_id: UUID
    mailing_id: UUID
    nominal: str
    revision: int
    is_last: bool
    is_by_hand: bool
    starts_at: Instant
    ends_at: Instant
    proposed_at: Instant
    begun_at: Instant


class RunEnded(Event, frozen=True, kw_only=True):
    """A run of a recurring mailing has ended; others may follow."""

    mailing_id: UUID
    run_id: UUID
    ended_at: Instant


class OccurrencePassed(Event, frozen=True, kw_only=True):
    """An occurrence of a recurring mailing was missed; the scheduler says why."""

    mailing_id: UUID
    nominal: str
    starts_at: Instant
    passed_at: Instant


class QueuedRun(msgspec.Struct, frozen=True, kw_only=True):
    """A run that begins when the one before it has ended, if its window is not over then."""

    mailing_id: UUID
    run_id: UUID
    nominal: str
    starts_at: Instant
    ends_at: Instant
    is_last: bool
    is_by_hand: bool
    proposed_at: Instant


class RunQueued(Event, frozen=True, kw_only=True):
    """A run waits until the one before it has ended."""

    mailing_id: UUID
    run: QueuedRun
    queued_at: Instant


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
    | RunOpened
    | RunQueued
    | RunEnded
    | OccurrencePassed
)

RECENT = 500  # runs whose beginning is remembered: the dispatcher begins none twice by its name


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
    begun: tuple[UUID, ...] = ()  # the latest runs
    answered: Instant | None = None  # the proposal that was decided last
    version: int = 0
    # Of a recurring mailing only:
    running: frozenset[UUID] = frozenset()  # runs that have not ended
    queued: tuple[QueuedRun, ...] = ()  # runs that wait for their turn
    settled_until: Instant | None = None  # the latest occurrence that was decided, or passed

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
        case RunBegun() | RunOpened():
            begun = replace(_running(mailing, event.run_id), answered=event.proposed_at)
            return begun if event.is_by_hand else _settled(begun, event.starts_at)
        case RunDeclined():
            return _declined(replace(mailing, answered=event.proposed_at), event)
        case RunQueued(run=run):
            queued = replace(mailing, queued=(*mailing.queued, run))
            return queued if run.is_by_hand else _settled(queued, run.starts_at)
        case OccurrencePassed():
            return _settled(mailing, event.starts_at)
        case RunEnded():
            return replace(mailing, running=mailing.running - {event.run_id})
        case MailingBegan():  # of the only run that there was
            return _running(mailing, ids.run_id(event.mailing_id, ONCE))
        case MailingStopped():
            return replace(mailing, status=Status.STOPPED)
        case MailingDeleted():
            return replace(mailing, status=Status.DELETED)
        case MailingFinished():  # its only run has begun, whichever topic was read first
            runs = mailing.begun or (ids.run_id(event.mailing_id, ONCE),)
            return replace(mailing, status=Status.FINISHED, begun=runs)
        case MailingMissed():
            return replace(mailing, status=Status.FINISHED)


def current_plan(mailing: Mailing) -> Plan:
    """Return the plan of a mailing that is not absent."""
    assert mailing.plan is not None  # noqa: S101 - all that follows from MailingCreated
    return mailing.plan


def in_stream(event: Event) -> Event:
    """Return what stands in the stream for an event: of a recurring mailing's runs no content."""
    if not isinstance(event, RunBegun) or event.nominal == ONCE:
        return event
    names = RunOpened.__struct_fields__
    return RunOpened(**{name: getattr(event, name) for name in names})


def _running(mailing: Mailing, run_id: UUID) -> Mailing:
    status = Status.PAUSED if mailing.status is Status.PAUSED else Status.RUNNING
    begun = (*mailing.begun[1 - RECENT :], run_id)
    if current_plan(mailing).schedule is None:
        return replace(mailing, status=status, begun=begun)
    running, queued = mailing.running | {run_id}, _without(mailing.queued, run_id)
    return replace(mailing, status=status, begun=begun, running=running, queued=queued)


def _declined(mailing: Mailing, event: RunDeclined) -> Mailing:
    if event.reason is DeclinedReason.POSTPONED:
        return mailing  # it is no occurrence any more: nothing was decided about one
    if any(each.run_id == event.run_id for each in mailing.queued):
        return replace(mailing, queued=_without(mailing.queued, event.run_id))
    return _settled(mailing, event.starts_at)


def _without(queued: tuple[QueuedRun, ...], run_id: UUID) -> tuple[QueuedRun, ...]:
    return tuple(each for each in queued if each.run_id != run_id)


def _settled(mailing: Mailing, at: Instant) -> Mailing:
    """Return the mailing with its occurrences decided until `at`."""
    if current_plan(mailing).schedule is None:
        return mailing
    return replace(mailing, settled_until=max(at, mailing.settled_until or at))

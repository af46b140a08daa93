"""A schedule: what becomes of each occurrence of a mailing.

The catalog decides about each proposal, in the mailing's own stream. So one may be made again,
but never before the last one was declined.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import TypeAlias, get_args
from uuid import UUID

from shared import ids
from shared.contracts.catalog import DeclinedReason, MailingContent
from shared.contracts.scheduler import ONCE, MailingScheduled, MissedReason, RunMissed
from shared.decider import Decider
from shared.errors import NotFound
from shared.event import Event, Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A mailing in one revision, as it is proposed."""

    revision: int
    content: MailingContent


@dataclass(frozen=True, slots=True, kw_only=True)
class FireMailing:
    """Propose the run that is due, or miss it."""

    mailing_id: UUID
    plan: Plan  # with the window of the run
    now: Instant
    nominal: str = ONCE
    is_last: bool = True
    missed: MissedReason | None = None  # why it is not to run, for what the mailing's rules say


@dataclass(frozen=True, slots=True, kw_only=True)
class DeclineRun:
    """Let a declined run be proposed again, or miss it if it can never run."""

    run_id: UUID
    mailing_id: UUID
    nominal: str
    reason: DeclinedReason
    starts_at: Instant
    ends_at: Instant
    proposed_at: Instant
    now: Instant


class RunPostponed(Event, frozen=True, kw_only=True):
    """An occurrence that was proposed is to be proposed again: its mailing's window was moved."""

    run_id: UUID
    mailing_id: UUID
    nominal: str
    proposed_at: Instant
    postponed_at: Instant


ScheduleCommand: TypeAlias = FireMailing | DeclineRun
ScheduleEvent: TypeAlias = MailingScheduled | RunMissed | RunPostponed


@dataclass(frozen=True, slots=True)
class Schedule:
    """All that `decide` needs to know: when each occurrence was proposed, if it was.

    It is that of a mailing that runs once, or of one occurrence of a recurring mailing.
    """

    proposed: Mapping[str, Instant] = field(default_factory=dict)


def decide(command: ScheduleCommand, schedule: Schedule) -> list[ScheduleEvent]:
    """Return what follows: nothing, if it is settled."""
    match command:
        case FireMailing():
            return [] if command.nominal in schedule.proposed else [_fired(command)]
        case DeclineRun():
            is_stale = schedule.proposed.get(command.nominal) != command.proposed_at
            return [] if is_stale else _declined(command)


def _fired(command: FireMailing) -> ScheduleEvent:
    """Return the proposal to begin the run, or to miss it if it is too late."""
    run_id, content = ids.run_id(command.mailing_id, command.nominal), command.plan.content
    is_over = command.now >= content.ends_at
    if (reason := MissedReason.WINDOW_OVER if is_over else command.missed) is not None:
        return RunMissed(
            run_id=run_id,
            mailing_id=command.mailing_id,
            nominal=command.nominal,
            is_last=command.is_last,
            reason=reason,
            missed_at=command.now,
            ends_at=content.ends_at,
            starts_at=None if command.nominal == ONCE else content.starts_at,
        )
    return MailingScheduled(
        run_id=run_id,
        mailing_id=command.mailing_id,
        nominal=command.nominal,
        revision=command.plan.revision,
        is_last=command.is_last,
        **content.as_dict(),
        scheduled_at=command.now,
        is_proposal=True,
    )


def _declined(command: DeclineRun) -> list[ScheduleEvent]:
    match command.reason:
        case DeclinedReason.ALREADY_BEGUN:
            return []
        case DeclinedReason.POSTPONED:
            return [
                RunPostponed(
                    run_id=command.run_id,
                    mailing_id=command.mailing_id,
                    nominal=command.nominal,
                    proposed_at=command.proposed_at,
                    postponed_at=command.now,
                )
            ]
        case reason:
            return [
                RunMissed(
                    run_id=command.run_id,
                    mailing_id=command.mailing_id,
                    nominal=command.nominal,
                    is_last=command.nominal == ONCE,
                    reason=MissedReason(reason),
                    missed_at=command.now,
                    ends_at=command.ends_at,
                    starts_at=None if command.nominal == ONCE else command.starts_at,
                )
            ]


def evolve(schedule: Schedule, event: ScheduleEvent) -> Schedule:
    """Apply what happened. Never fails: history is not negotiable."""
    proposed = dict(schedule.proposed)
    match event:
        case MailingScheduled():
            proposed[event.nominal] = event.scheduled_at
        case RunMissed():
            proposed[event.nominal] = event.missed_at
        case RunPostponed():
            proposed.pop(event.nominal, None)
    return replace(schedule, proposed=proposed)


class ScheduleUnknown(NotFound):
    """No mailing of this identifier is scheduled."""


class RunUnknown(NotFound):
    """No run has this identifier."""


schedule = Decider(
    initial=Schedule(), evolve=evolve, decide=decide, events=get_args(ScheduleEvent)
)

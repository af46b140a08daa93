"""A schedule: when a mailing's occurrences are due, and what becomes of each.

Pure: no I/O, no clock, no random identifiers. Time and identifiers arrive in the command.
"""

from dataclasses import dataclass, replace
from typing import TypeAlias, get_args
from uuid import UUID

from shared import ids
from shared.contracts.catalog import Filter, GatewayName
from shared.contracts.scheduler import ONCE, MailingScheduled, MissedReason, RunMissed
from shared.decider import Decider
from shared.errors import NotFound
from shared.event import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """A mailing in one revision, as a run will have it."""

    revision: int
    body: str
    subject: str | None
    filter: Filter
    starts_at: Instant
    ends_at: Instant
    gateway: GatewayName


@dataclass(frozen=True, slots=True, kw_only=True)
class FireMailing:
    """Begin the run that is due."""

    mailing_id: UUID
    plan: Plan
    now: Instant


ScheduleCommand: TypeAlias = FireMailing
ScheduleEvent: TypeAlias = MailingScheduled | RunMissed


@dataclass(frozen=True, slots=True)
class Schedule:
    """All that `decide` needs to know: the occurrences that are settled."""

    settled: frozenset[str] = frozenset()


def decide(command: ScheduleCommand, schedule: Schedule) -> list[ScheduleEvent]:
    """Fire what is due, once; say so where it is too late."""
    if ONCE in schedule.settled:
        return []
    run_id, plan = ids.run_id(command.mailing_id, ONCE), command.plan
    if command.now >= plan.ends_at:
        return [
            RunMissed(
                run_id=run_id,
                mailing_id=command.mailing_id,
                nominal=ONCE,
                is_last=True,
                reason=MissedReason.WINDOW_OVER,
                missed_at=command.now,
            )
        ]
    return [
        MailingScheduled(
            run_id=run_id,
            mailing_id=command.mailing_id,
            nominal=ONCE,
            revision=plan.revision,
            is_last=True,
            body=plan.body,
            subject=plan.subject,
            filter=plan.filter,
            starts_at=plan.starts_at,
            ends_at=plan.ends_at,
            gateway=plan.gateway,
            scheduled_at=command.now,
        )
    ]


def evolve(schedule: Schedule, event: ScheduleEvent) -> Schedule:
    """Apply what happened. Never fails: history is not negotiable."""
    return replace(schedule, settled=schedule.settled | {event.nominal})


class ScheduleUnknown(NotFound):
    """No mailing of this identifier is scheduled."""


class RunUnknown(NotFound):
    """No run has this identifier."""


schedule = Decider(
    initial=Schedule(), evolve=evolve, decide=decide, events=get_args(ScheduleEvent)
)

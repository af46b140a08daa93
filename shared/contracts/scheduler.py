"""What the scheduler publishes."""

from enum import StrEnum, auto
from typing import ClassVar
from uuid import UUID

from shared.contracts.catalog import Filter, GatewayKey
from shared.event import Event, Instant
from shared.topic import Topic

RUNS = Topic("scheduler.runs", is_ordered=True)

ONCE = "once"  # the nominal time of a mailing that runs once, whenever and however it starts


class MissedReason(StrEnum):
    """Why an occurrence does not run."""

    WINDOW_OVER = auto()  # its end had passed when its turn came
    STOPPED = auto()  # the mailing was, before the run began
    DELETED = auto()
    OVERLAP = auto()  # a run before it was going on
    TOO_LATE = auto()  # later than its mailing lets an occurrence be
    SUPERSEDED = auto()  # a later one that was due as well ran in its place


class MailingScheduled(Event, frozen=True, kw_only=True, omit_defaults=True):
    """It is time for a run. The catalog begins it, or declines it if the mailing has changed.

    Not a proposal: it was written when the scheduler decided; the run begins with its content.
    """

    topic: ClassVar = RUNS

    run_id: UUID
    mailing_id: UUID
    nominal: str  # the time that names the occurrence
    revision: int  # the mailing's version
    is_last: bool  # no other occurrence follows
    body: str
    subject: str | None
    filter: Filter
    starts_at: Instant
    ends_at: Instant
    gateway: GatewayKey
    scheduled_at: Instant
    is_proposal: bool = False
    html: str | None = None
    sender: str | None = None


class RunMissed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """An occurrence does not run, unless the mailing's end was moved meanwhile."""

    topic: ClassVar = RUNS

    run_id: UUID
    mailing_id: UUID
    nominal: str
    is_last: bool
    reason: MissedReason
    missed_at: Instant
    ends_at: Instant | None = None  # the mailing's end, as it was known then
    starts_at: Instant | None = None  # of a recurring mailing: when the occurrence was due

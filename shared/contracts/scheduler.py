"""What the scheduler tells the others."""

from enum import StrEnum, auto
from typing import ClassVar
from uuid import UUID

from shared.contracts.catalog import Filter, GatewayName
from shared.event import Event, Instant
from shared.topic import Topic

RUNS = Topic("scheduler.runs")

ONCE = "once"  # the nominal time of a mailing that runs once, whenever and however it starts


class MissedReason(StrEnum):
    """Why an occurrence was not fired."""

    WINDOW_OVER = auto()  # its end had passed when the scheduler came to it


class MailingScheduled(Event, frozen=True, kw_only=True):
    """A run begins now, with the mailing as it is in this revision."""

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
    gateway: GatewayName
    scheduled_at: Instant


class RunMissed(Event, frozen=True, kw_only=True):
    """An occurrence was not fired and never will be."""

    topic: ClassVar = RUNS

    run_id: UUID
    mailing_id: UUID
    nominal: str
    is_last: bool
    reason: MissedReason
    missed_at: Instant

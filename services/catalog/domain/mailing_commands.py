"""What may be asked of a mailing: by people, and by what is known of its runs."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias
from uuid import UUID

from services.catalog.domain.gateway import Gateways, inherited
from services.catalog.domain.plan import Plan
from shared.contracts.catalog import Filter
from shared.event import Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class CreateMailing:
    """Create a mailing. Repeating it with the same identifier and plan has no effect."""

    mailing_id: UUID
    plan: Plan
    now: Instant
    gateways: Gateways = field(default_factory=inherited)  # those that there are
    has_links: bool = True  # to unsubscribe


@dataclass(frozen=True, slots=True, kw_only=True)
class ChangeMailing:
    """Change a mailing; fields that are not in `changes` keep their values."""

    mailing_id: UUID
    changes: Mapping[str, Any]
    now: Instant
    gateways: Gateways = field(default_factory=inherited)  # those that there are
    has_links: bool = True  # to unsubscribe


@dataclass(frozen=True, slots=True, kw_only=True)
class FollowAudience:
    """Let the mailing go to whom its audience selects now, if it refers to this one."""

    mailing_id: UUID
    audience_id: UUID
    filter: Filter
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class StartMailing:
    """Begin now, whatever the start says; of a recurring mailing, a run of its own."""

    mailing_id: UUID
    now: Instant
    nominal: str | None = None  # names the run; the same one is begun once


@dataclass(frozen=True, slots=True, kw_only=True)
class PauseMailing:
    """Send nothing of it until it is resumed."""

    mailing_id: UUID
    now: Instant
    by: str | None = None  # as they name themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class ResumeMailing:
    """Send it again."""

    mailing_id: UUID
    now: Instant
    by: str | None = None  # as they name themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class StopMailing:
    """Send nothing of it any more, ever."""

    mailing_id: UUID
    now: Instant
    by: str | None = None  # as they name themselves


@dataclass(frozen=True, slots=True, kw_only=True)
class DeleteMailing:
    """Stop it, and show it no more."""

    mailing_id: UUID
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class BeginRun:
    """Begin the run that the scheduler proposed, or decline it if the mailing has changed."""

    mailing_id: UUID
    run_id: UUID
    nominal: str
    is_last: bool
    starts_at: Instant
    proposed_at: Instant
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class RecordRun:
    """Record that a run has begun elsewhere: the scheduler decided that in older releases."""

    mailing_id: UUID
    now: Instant


@dataclass(frozen=True, slots=True, kw_only=True)
class MissRun:
    """Note the run that the scheduler missed: the mailing ends, unless others follow."""

    mailing_id: UUID
    run_id: UUID
    nominal: str
    ends_at: Instant | None  # as the scheduler knew it; None: written by an older release
    reason: str
    proposed_at: Instant
    now: Instant
    starts_at: Instant | None = None  # of a recurring mailing's


@dataclass(frozen=True, slots=True, kw_only=True)
class FinishRun:
    """Note that every message of a run is in a final state; `is_last` if no run follows."""

    mailing_id: UUID
    is_last: bool
    now: Instant
    run_id: UUID | None = None


RunCommand: TypeAlias = BeginRun | RecordRun | MissRun | FinishRun
MailingCommand: TypeAlias = (
    CreateMailing
    | ChangeMailing
    | FollowAudience
    | StartMailing
    | PauseMailing
    | ResumeMailing
    | StopMailing
    | DeleteMailing
    | RunCommand
)

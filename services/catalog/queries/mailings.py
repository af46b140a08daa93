"""Queries: one mailing, and whom it is for."""

from enum import StrEnum, auto
from uuid import UUID

import msgspec
from pydantic import Field
from sqlalchemy import func, select, text
from sqlalchemy.dialects.postgresql import aggregate_order_by

from services.catalog import tables
from services.catalog.domain.mailing import MailingUnknown
from services.catalog.domain.remarks import DETAILS, Remark
from shared.contracts.catalog import Filter
from shared.database import Connection
from shared.event import Instant
from shared.http import View
from shared.http.filters import FilterView, stated
from shared.http.schedules import RecurrenceView
from shared.http.timing import QuietHoursView, TimePolicyView


class MailingStatus(StrEnum):
    """The statuses of mailings that are shown."""

    CREATED = auto()
    RUNNING = auto()
    PAUSED = auto()
    STOPPED = auto()
    FINISHED = auto()


class PausedRun(View):
    """A run whose own switch pauses it, which is lifted at the dispatcher."""

    run_id: UUID
    since: Instant
    by: str | None = Field(description="As they named themselves.", examples=["anna"])


class MailingView(View):
    """A mailing, as it is shown."""

    mailing_id: UUID
    name: str
    body: str
    subject: str | None
    filter: FilterView
    starts_at: Instant
    ends_at: Instant
    gateway: str  # of any release, also one that knows more than this
    html: str | None
    sender: str | None
    priority: str = Field(examples=["normal"])  # of any release, as the gateway
    max_attempts: int | None = Field(
        description="Of each message; none: the window decides.", examples=[None]
    )
    on_unknown: str | None = Field(
        description="None: as its gateway is described.", examples=[None]
    )
    schedule: RecurrenceView | None = Field(description="When it recurs; none: it runs once.")
    message_class: str = Field(examples=["marketing"])  # of any release, as the gateway
    topic: str | None = Field(
        description="By which clients can refuse it; none: no particular one.", examples=[None]
    )
    time_policy: TimePolicyView | None = Field(
        description="When each client gets it; none: when a run begins."
    )
    quiet_hours: QuietHoursView | None = Field(description="None: as the platform has it.")
    audience_id: UUID | None = stated(description="That the filter is of; none: its own.")
    audience_name: str | None = stated(examples=["Regulars"])
    status: MailingStatus
    missed_reason: str | None
    paused_at: Instant | None = Field(description="None also: it was in an older release.")
    paused_by: str | None = Field(description="As they named themselves.", examples=["anna"])
    paused_runs: list[PausedRun] = Field(description="Runs that are paused by their own switch.")
    version: int
    created_at: Instant
    changed_at: Instant


class RemarkView(View):
    """For what a change does not hold, or what its times lead to."""

    code: Remark
    detail: str = Field(examples=[DETAILS[Remark.NEXT_RUN]])


class SavedMailing(MailingView):
    """A mailing as it was saved."""

    remarks: list[RemarkView] | None = stated(
        description="If there is something to be said of what was saved: what that is.",
        examples=[[{"code": Remark.NEXT_RUN, "detail": DETAILS[Remark.NEXT_RUN]}]],
    )
    unknown_phones: list[str] | None = stated(
        description="If it was given phones: JSON pointers of those that are no client's.",
        examples=[["/filter/include/phones/0"]],
    )


class ChangedMailing(SavedMailing):
    """A mailing, as it was changed."""


_switch = tables.run_switches.c
_paused_run = func.jsonb_build_object(
    *("run_id", _switch.run_id, "since", _switch.paused_at, "by", _switch.paused_by)
)
_paused_runs = (
    select(
        func.coalesce(
            func.jsonb_agg(aggregate_order_by(_paused_run, _switch.paused_at)), text("'[]'")
        )
    )
    .where(_switch.mailing_id == tables.mailings.c.mailing_id, _switch.paused_at.is_not(None))
    .scalar_subquery()
)
_audience_name = (
    select(tables.audiences.c.name)
    .where(tables.audiences.c.audience_id == tables.mailings.c.audience_id)
    .scalar_subquery()
)
SHOWN = select(
    tables.mailings,
    _paused_runs.label("paused_runs"),
    _audience_name.label("audience_name"),
)


async def mailing(db: Connection, mailing_id: UUID) -> MailingView:
    """Return one mailing.

    Raises:
        MailingUnknown: No mailing has this identifier.
    """
    wanted = SHOWN.where(tables.mailings.c.mailing_id == mailing_id)
    row = (await db.execute(wanted)).one_or_none()
    if row is None:
        raise MailingUnknown
    return MailingView.model_validate(row)


async def filter_of(db: Connection, mailing_id: UUID) -> Filter:
    """Return the filter of a mailing.

    Raises:
        MailingUnknown: No mailing has this identifier.
    """
    table = tables.mailings
    wanted = select(table.c.filter).where(table.c.mailing_id == mailing_id)
    found = (await db.execute(wanted)).scalar_one_or_none()
    if found is None:
        raise MailingUnknown
    return msgspec.convert(found, Filter)

"""Queries: rows of the scheduler in, views out. Nothing is changed here."""

from uuid import UUID

from pydantic import Field
from sqlalchemy import Select, func, select, true

from services.scheduler import tables
from services.scheduler.domain.schedule import RunUnknown, ScheduleUnknown
from shared.contracts.scheduler import MissedReason
from shared.database import Connection
from shared.event import Instant
from shared.http import View
from shared.http.schedules import RecurrenceView


class ScheduleView(View):
    """When a mailing is due, or what became of it."""

    mailing_id: UUID
    revision: int
    starts_at: Instant
    ends_at: Instant
    schedule: RecurrenceView | None = Field(description="When it recurs; none: it runs once.")
    next_nominal: str | None = Field(
        description="Names what is due next, if it recurs.",
        examples=["2026-03-01T09:00[Europe/Moscow]"],
    )
    next_fire_at: Instant | None
    fired_at: Instant | None
    missed_reason: MissedReason | None = Field(description="Of the last occurrence.")
    tzdata: str | None = Field(
        description="The release of the time zones that next_fire_at is by.", examples=["2026.6"]
    )


class RunView(View):
    """A run: an occurrence that was fired, or missed."""

    run_id: UUID
    mailing_id: UUID
    nominal: str
    starts_at: Instant | None
    ends_at: Instant | None
    fired_at: Instant | None
    missed_at: Instant | None
    missed_reason: MissedReason | None
    late_s: float | None = Field(description="Seconds from its start to its firing.")


async def schedule(db: Connection, mailing_id: UUID) -> ScheduleView:
    """Return the schedule of a mailing.

    Raises:
        ScheduleUnknown: No mailing of this identifier is scheduled.
    """
    found = _schedules().where(tables.schedules.c.mailing_id == mailing_id)
    row = (await db.execute(found)).first()
    if row is None:
        raise ScheduleUnknown
    return ScheduleView.model_validate(row)


async def schedules(
    db: Connection, *, mailing_id: UUID | None, after: UUID, limit: int
) -> list[ScheduleView]:
    """Return up to `limit` schedules, in the order of mailing identifiers, behind `after`.

    Of one mailing, if it is named.
    """
    key = tables.schedules.c.mailing_id
    page = _schedules().where(key > after).order_by(key).limit(limit)
    if mailing_id is not None:
        page = page.where(key == mailing_id)
    rows = await db.execute(page)
    return [ScheduleView.model_validate(row) for row in rows]


def _schedules() -> Select[tuple[object, ...]]:
    schedules, runs = tables.schedules, tables.runs
    of_mailing = select(runs).where(runs.c.mailing_id == schedules.c.mailing_id)
    last = of_mailing.order_by(runs.c.starts_at.desc().nulls_last()).limit(1).lateral("last")
    return select(
        schedules.c.mailing_id,
        schedules.c.revision,
        schedules.c.starts_at,
        schedules.c.ends_at,
        schedules.c.schedule,
        schedules.c.next_nominal,
        schedules.c.next_fire_at,
        schedules.c.tzdata,
        last.c.fired_at,
        last.c.missed_reason,
    ).select_from(schedules.outerjoin(last, true()))


def _runs() -> Select[tuple[object, ...]]:
    runs = tables.runs
    late_s = func.extract("epoch", runs.c.fired_at - runs.c.starts_at)
    return select(runs, func.greatest(late_s, 0).label("late_s"))


async def run(db: Connection, run_id: UUID) -> RunView:
    """Return one run.

    Raises:
        RunUnknown: No run has this identifier.
    """
    table = tables.runs
    row = (await db.execute(_runs().where(table.c.run_id == run_id))).one_or_none()
    if row is None:
        raise RunUnknown
    return RunView.model_validate(row)


async def runs(
    db: Connection, *, mailing_id: UUID | None, after: UUID, limit: int
) -> list[RunView]:
    """Return up to `limit` runs, of one mailing or of all, behind `after`."""
    table = tables.runs
    page = _runs().where(table.c.run_id > after).order_by(table.c.run_id).limit(limit)
    if mailing_id is not None:
        page = page.where(table.c.mailing_id == mailing_id)
    return [RunView.model_validate(row) for row in await db.execute(page)]

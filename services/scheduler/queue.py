"""Schedules that replicas take turns at firing."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, cast
from uuid import UUID

import msgspec
from sqlalchemy import bindparam, func, select, text, update

from services.scheduler.domain.calendar import Calendar
from services.scheduler.domain.schedule import Plan
from services.scheduler.tables import schedules
from shared.contracts.catalog import Filter, MailingContent
from shared.contracts.schedule import Schedule
from shared.database import Connection, fragment
from shared.event import Instant
from shared.schedule import Occurrence, tzdata_version
from shared.set_aside import is_free, was_set_aside
from shared.tables import Timestamp

FIRE = "fire"  # the loop, by which its rows are set aside
# What is known of a mailing must be whole: where an event of it is set aside, it waits for that.
IS_WHOLE = "NOT EXISTS (SELECT FROM dead_letters WHERE key = schedules.mailing_id)"
IS_FREE = text(fragment("{free} AND {whole}", free=is_free(FIRE, "mailing_id"), whole=IS_WHOLE))


@dataclass(frozen=True, slots=True)
class Due:
    """A mailing whose time has come."""

    row: Any  # of `schedules`

    @property
    def mailing_id(self) -> UUID:
        """Return the mailing's identifier."""
        return cast("UUID", self.row.mailing_id)

    @property
    def was_set_aside(self) -> bool:
        """Return whether it has failed before."""
        return bool(self.row.was_set_aside)

    @property
    def calendar(self) -> Calendar | None:
        """Return when the mailing recurs; None if it runs once.

        Raises:
            ValueError: The row is none that this release can read.
        """
        return calendar_of(self.row)

    def plan(self, starts_at: Instant, ends_at: Instant) -> Plan:
        """Return the plan of a run in this window.

        Raises:
            ValueError: The row is none that this release can read.
        """
        row = self.row
        return Plan(
            revision=row.revision,
            content=MailingContent(
                body=row.body,
                subject=row.subject,
                filter=msgspec.convert(row.filter, Filter),
                starts_at=starts_at,
                ends_at=ends_at,
                gateway=row.gateway,
                html=row.html,
                sender=row.sender,
            ),
        )


def calendar_of(row: Any) -> Calendar | None:  # noqa: ANN401 - a row of `schedules`
    """Return when the mailing of a row recurs; None if it runs once."""
    if row.schedule is None:
        return None
    schedule = msgspec.convert(row.schedule, Schedule)
    return Calendar(schedule=schedule, starts_at=row.starts_at, ends_at=row.ends_at)


_AT = schedules.c.next_fire_at
_NOW = bindparam("now", type_=Timestamp)
NEXT_DUE = select(
    func.coalesce(
        select(_AT).where(_AT <= _NOW, IS_FREE).limit(1).scalar_subquery(),
        select(func.min(_AT)).where(_AT > _NOW).scalar_subquery(),
    )
)


async def next_due(db: Connection, now: Instant) -> Instant | None:
    """Return when a mailing is due next: in the past if one is; a look at an index, no lock."""
    found: Instant | None = await db.scalar(NEXT_DUE, {"now": now})
    return found


async def claim_due(db: Connection, now: Instant, *, limit: int) -> list[Due]:
    """Return up to `limit` mailings that are due, the latest last.

    Guarantee: nobody else gets or changes them until the commit; rivals take the next ones.
    """
    before = text(was_set_aside(FIRE, "mailing_id"))
    due = select(schedules, before).where(schedules.c.next_fire_at <= now, IS_FREE)
    rows = await db.execute(
        due.order_by(schedules.c.next_fire_at)
        .limit(limit)
        .with_for_update(skip_locked=True, of=schedules)
    )
    return [Due(row) for row in rows]


async def settle(db: Connection, mailing_ids: Sequence[UUID]) -> None:
    """Let nothing of these mailings be due any more."""
    settled = update(schedules).where(schedules.c.mailing_id.in_(mailing_ids))
    await db.execute(settled.values(next_fire_at=None))


async def go_on(
    db: Connection, mailing_id: UUID, following: Occurrence | None, settled_at: Instant
) -> None:
    """Let the recurring mailing be due at its next occurrence, if there is one."""
    row = update(schedules).where(schedules.c.mailing_id == mailing_id)
    await db.execute(row.values(settled_at=settled_at, **due_at(following)))


def due_at(occurrence: Occurrence | None) -> dict[str, Any]:
    """Return the columns that say when a recurring mailing is due next."""
    if occurrence is None:
        return {"next_fire_at": None, "next_nominal": None, "tzdata": tzdata_version()}
    return {
        "next_fire_at": occurrence.at,
        "next_nominal": occurrence.nominal,
        "tzdata": tzdata_version(),
    }


async def computed_by_other_rules(db: Connection, *, limit: int) -> list[Due]:
    """Return, and lock, recurring mailings whose next instant was computed by another tzdata."""
    is_other = schedules.c.tzdata != tzdata_version()
    stale = select(schedules).where(schedules.c.next_fire_at.is_not(None), is_other)
    rows = await db.execute(stale.limit(limit).with_for_update(skip_locked=True))
    return [Due(row) for row in rows]


async def keep(db: Connection, mailing_id: UUID) -> None:
    """Let the mailing be due when it is, whatever rules of time that is by."""
    row = update(schedules).where(schedules.c.mailing_id == mailing_id)
    await db.execute(row.values(tzdata=tzdata_version()))


async def lock(db: Connection, mailing_id: UUID) -> bool:
    """Lock the schedule of a mailing until the commit; return whether there is one."""
    row = select(schedules.c.mailing_id).where(schedules.c.mailing_id == mailing_id)
    return await db.scalar(row.with_for_update()) is not None


async def arm(db: Connection, mailing_id: UUID, at: Instant, *, revision: int) -> None:
    """Let the mailing be due `at`, unless what happened after `revision` is known already.

    One that recurs by now is due by its schedule.
    """
    armed = update(schedules).where(
        schedules.c.mailing_id == mailing_id,
        schedules.c.revision < revision,
        schedules.c.schedule.is_(None),
    )
    await db.execute(armed.values(next_fire_at=at, revision=revision))

"""Remarks: what an editor is told of a change that does not hold for all, and of times."""

from collections.abc import Collection
from enum import StrEnum, auto

from services.catalog.domain.mailing_state import Mailing, Status, current_plan
from services.catalog.domain.plan import Plan
from shared.event import Instant
from shared.overlapping import DETAIL, Recurring, overlaps

OF_NO_RUN = {"name", "ends_at", "schedule"}  # what runs do not take with them, or hear of at once
OF_TIMES = frozenset({"starts_at", "ends_at", "schedule", "time_policy"})
ENDED = (Status.STOPPED, Status.FINISHED, Status.DELETED)


class Remark(StrEnum):
    """For what a change does not hold, or what its times lead to."""

    NEXT_RUN = auto()  # a run that is going on keeps what it began with
    NOT_EXPIRED = auto()  # what has expired by the old end stays expired
    OWN_WINDOW = auto()  # a run that is going on ends with its own window at the latest
    OVERLAP = auto()  # occurrences may be declined, for the run before them is going on


DETAILS = {
    Remark.NEXT_RUN: (
        "a run that is going on keeps what it began with; the next one has the change"
    ),
    Remark.NOT_EXPIRED: (
        "the end holds for what has not expired when the dispatcher hears of it; what has, stays"
        " expired"
    ),
    Remark.OWN_WINDOW: (
        "a run that is going on ends with its own window, or with the mailing if that is earlier"
    ),
    Remark.OVERLAP: DETAIL,
}


def remarks(changed: Collection[str], mailing: Mailing, now: Instant) -> list[Remark]:
    """Return what is to be said of changed fields, by the state of the mailing afterwards."""
    found = _of_run_going_on(changed, mailing)
    if mailing.status not in ENDED and not OF_TIMES.isdisjoint(changed):
        found += of_plan(current_plan(mailing), now)
    return found


def of_plan(plan: Plan, now: Instant) -> list[Remark]:
    """Return what is to be said of the times of a mailing."""
    if plan.schedule is None:
        return []
    recurring = Recurring(
        schedule=plan.schedule,
        starts_at=plan.starts_at or now,
        ends_at=plan.ends_at,
        time_policy=plan.time_policy,
    )
    return [Remark.OVERLAP] if overlaps(recurring, now) else []


def _of_run_going_on(changed: Collection[str], mailing: Mailing) -> list[Remark]:
    is_recurring = current_plan(mailing).schedule is not None
    is_going_on = bool(mailing.running) if is_recurring else mailing.has_begun
    if not is_going_on or mailing.status in ENDED:
        return []
    found = []
    if is_recurring and not OF_NO_RUN.issuperset(changed):
        found.append(Remark.NEXT_RUN)
    if "ends_at" in changed:
        found += [Remark.OWN_WINDOW] * is_recurring + [Remark.NOT_EXPIRED]
    return found

"""Remarks: what an editor is told of a change that does not hold for all."""

from collections.abc import Collection
from enum import StrEnum, auto

from services.catalog.domain.mailing_state import Mailing, Status, current_plan

OF_NO_RUN = {"name", "ends_at", "schedule"}  # what runs do not take with them, or hear of at once


class Remark(StrEnum):
    """For what a change does not hold."""

    NEXT_RUN = auto()  # a run that is going on keeps what it began with
    NOT_EXPIRED = auto()  # what has expired by the old end stays expired
    OWN_WINDOW = auto()  # a run that is going on ends with its own window at the latest


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
}


def remarks(changed: Collection[str], mailing: Mailing) -> list[Remark]:
    """Return what is to be said of changed fields, by the state of the mailing afterwards."""
    is_recurring = current_plan(mailing).schedule is not None
    is_going_on = bool(mailing.running) if is_recurring else mailing.has_begun
    if not is_going_on or mailing.status in (Status.STOPPED, Status.FINISHED, Status.DELETED):
        return []
    found = []
    if is_recurring and not OF_NO_RUN.issuperset(changed):
        found.append(Remark.NEXT_RUN)
    if "ends_at" in changed:
        found += [Remark.OWN_WINDOW] * is_recurring + [Remark.NOT_EXPIRED]
    return found

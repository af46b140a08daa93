"""A mailing's state, as it is kept of long streams."""

from dataclasses import fields
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec

from services.catalog.domain.mailing import mailing
from services.catalog.domain.mailing_state import Mailing, QueuedRun, Status
from services.catalog.domain.plan import Plan
from shared.contracts.catalog import Filter
from shared.contracts.schedule import Daily, Schedule

NOON = datetime(2030, 1, 1, 12, tzinfo=UTC)
HOUR = timedelta(hours=1)
ID = UUID(int=1)
PLAN = Plan(
    name="daily",
    body="Hello",
    subject=None,
    filter=Filter(tags=("vip",)),
    starts_at=NOON,
    ends_at=NOON + HOUR,
    gateway="http",
    schedule=Schedule(entries=(Daily(at="09:00", zone="Europe/Moscow"),)),
)
QUEUED = QueuedRun(
    mailing_id=ID,
    run_id=UUID(int=2),
    nominal="2030-01-01T09:00[Europe/Moscow]",
    starts_at=NOON,
    ends_at=NOON + HOUR,
    is_last=False,
    is_by_hand=True,
    proposed_at=NOON,
)
FULL = Mailing(
    status=Status.PAUSED,
    plan=PLAN,
    created_as=PLAN,
    is_requested=True,
    begun=(ID, UUID(int=3)),
    answered=NOON,
    version=7,
    running=frozenset({ID}),
    queued=(QUEUED,),
    settled_until=NOON,
)


def test_a_state_that_is_kept_comes_back_as_it_was() -> None:
    kept = msgspec.json.encode(msgspec.to_builtins(FULL))

    assert msgspec.json.decode(kept, type=Mailing) == FULL
    assert all(getattr(FULL, each.name) != getattr(Mailing(), each.name) for each in fields(FULL))


def test_a_state_with_other_fields_has_another_shape() -> None:
    """Whoever changes what a state holds, or what an event does to it, raises the shape."""
    shapes = {
        1: (
            *("status", "plan", "created_as", "is_requested", "begun", "answered", "version"),
            *("running", "queued", "settled_until"),
        ),
    }

    assert mailing.snapshots is not None
    assert tuple(each.name for each in fields(Mailing)) == shapes[mailing.snapshots.shape]

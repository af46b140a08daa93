"""Schedules, as the catalog's mailings move them."""

import pytest

from shared.contracts.catalog import Filter
from tests.scheduler.world import HOUR, TRACE, Mailing, Scheduler


async def test_a_mailing_is_planned_as_it_was_created(
    scheduler: Scheduler, later: Mailing
) -> None:
    await scheduler.hear(later.created(subject="Hi"), version=4)

    row = (await scheduler.schedules())[later.id]
    assert (row.revision, row.subject, row.gateway) == (4, "Hi", "http")
    assert row.filter == {"operator_codes": ["916"], "tags": ["vip"]}
    assert (row.starts_at, row.ends_at) == (later.starts_at, later.ends_at)
    assert (row.next_fire_at, row.requested_at) == (later.starts_at, None)
    assert row.traceparent == TRACE


async def test_a_change_moves_what_waits(scheduler: Scheduler, later: Mailing) -> None:
    starts_at = later.starts_at + HOUR / 2
    await scheduler.hear(later.created(), later.changed(starts_at=starts_at, filter=Filter()))

    row = (await scheduler.schedules())[later.id]
    assert (row.revision, row.starts_at, row.next_fire_at) == (2, starts_at, starts_at)
    assert row.filter == {"operator_codes": [], "tags": []}


async def test_a_start_by_hand_pulls_forward_and_a_later_change_does_not_push_back(
    scheduler: Scheduler, later: Mailing
) -> None:
    now = await scheduler.now()
    await scheduler.hear(later.created(), later.requested(now), later.changed(body="new"))

    row = (await scheduler.schedules())[later.id]
    assert (row.next_fire_at, row.requested_at, row.body) == (now, now, "new")


@pytest.mark.parametrize("how", ["stopped", "deleted"])
async def test_a_stop_lets_nothing_be_due_whatever_follows(
    scheduler: Scheduler, later: Mailing, how: str
) -> None:
    now = await scheduler.now()
    await scheduler.hear(later.created(), getattr(later, how)())
    await scheduler.hear(later.requested(now), later.changed(), version=3)

    row = (await scheduler.schedules())[later.id]
    assert (row.revision, row.next_fire_at) == (4, None)


async def test_what_comes_again_or_late_changes_nothing(
    scheduler: Scheduler, later: Mailing
) -> None:
    now = await scheduler.now()
    story = [later.created(), later.changed(body="b"), later.requested(now), later.stopped()]
    await scheduler.hear(*story)
    before = await scheduler.schedules()

    for version, event in enumerate(story, start=1):
        await scheduler.hear(event, version=version)
        assert await scheduler.schedules() == before
    await scheduler.hear(*story)
    assert await scheduler.schedules() == before


async def test_versions_may_have_gaps(scheduler: Scheduler, later: Mailing) -> None:
    await scheduler.hear(later.created(), version=1)
    await scheduler.hear(later.changed(body="b"), version=7)

    row = (await scheduler.schedules())[later.id]
    assert (row.revision, row.body) == (7, "b")


async def test_mailings_do_not_touch_each_other(
    scheduler: Scheduler, due: Mailing, later: Mailing
) -> None:
    await scheduler.hear(due.created())
    await scheduler.hear(later.created())
    await scheduler.hear(due.stopped(), version=2)

    rows = await scheduler.schedules()
    assert (rows[due.id].next_fire_at, rows[later.id].next_fire_at) == (None, later.starts_at)


async def test_what_is_done_to_a_mailing_nobody_knows_is_ignored(
    scheduler: Scheduler, later: Mailing
) -> None:
    await scheduler.hear(later.requested(later.starts_at), later.stopped(), later.deleted())

    assert await scheduler.schedules() == {}

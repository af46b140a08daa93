"""What becomes of proposals that the catalog declines, on a real database."""

from typing import Any

import pytest

from services.scheduler import queue
from services.scheduler.domain.schedule import RunPostponed
from shared.contracts.scheduler import MailingScheduled, MissedReason, RunMissed
from shared.database import transaction
from shared.errors import Unavailable
from tests.scheduler.world import HOUR, Mailing, Scheduler


async def proposed(scheduler: Scheduler, mailing: Mailing) -> Any:
    """Let a mailing be fired; return its proposal."""
    await scheduler.hear(mailing.created())
    assert await scheduler.fire()
    return (await scheduler.events())[-1]


async def test_what_was_postponed_as_it_fired_fires_once_more_at_its_new_start(
    scheduler: Scheduler, due: Mailing
) -> None:
    first = await proposed(scheduler, due)
    start, end = due.starts_at + 24 * HOUR, due.starts_at + 25 * HOUR
    await scheduler.hear(due.changed(starts_at=start, ends_at=end, body="new"), version=2)
    declined = due.declined(first, "postponed", starts_at=start, ends_at=end)
    await scheduler.hear(declined, version=3)
    await scheduler.pass_time(23 * HOUR)
    early = await scheduler.fire()
    await scheduler.pass_time(HOUR)

    assert await scheduler.fire()
    assert not await scheduler.fire()

    assert not early
    second = (await scheduler.events())[-1]
    assert await scheduler.story(due) == [MailingScheduled, RunPostponed, MailingScheduled]
    assert (second.run_id, second.starts_at, second.body) == (first.run_id, start, "new")


async def test_a_decline_that_comes_again_arms_nothing(scheduler: Scheduler, due: Mailing) -> None:
    first = await proposed(scheduler, due)
    declined = due.declined(first, "postponed")
    await scheduler.hear(declined, version=2)
    assert await scheduler.fire()
    await scheduler.hear(declined, version=2)
    await scheduler.hear(declined, version=9)

    assert not await scheduler.fire()

    assert await scheduler.story(due) == [MailingScheduled, RunPostponed, MailingScheduled]


async def test_what_was_missed_although_its_end_was_moved_is_fired(
    scheduler: Scheduler, later: Mailing
) -> None:
    await scheduler.hear(later.created())
    await scheduler.pass_time(2 * HOUR)
    await scheduler.fire()
    (missed,) = await scheduler.events()
    end = later.ends_at + HOUR
    await scheduler.hear(later.changed(ends_at=end), version=2)
    assert not await scheduler.fire()
    await scheduler.hear(later.declined(missed, "postponed", ends_at=end), version=3)

    assert await scheduler.fire()

    assert missed.ends_at == later.ends_at
    assert await scheduler.story(later) == [RunMissed, RunPostponed, MailingScheduled]
    (run,) = await scheduler.runs()
    assert (run.missed_at, run.missed_reason, run.ends_at) == (None, None, end)


@pytest.mark.parametrize("reason", ["stopped", "deleted", "window_over"])
async def test_what_can_never_run_is_missed_with_the_reason(
    scheduler: Scheduler, due: Mailing, reason: str
) -> None:
    first = await proposed(scheduler, due)
    await scheduler.hear(due.declined(first, reason), version=2)
    await scheduler.hear(due.declined(first, reason), version=2)

    assert not await scheduler.fire()

    missed = (await scheduler.events())[-1]
    assert await scheduler.story(due) == [MailingScheduled, RunMissed]
    assert (missed.run_id, missed.reason) == (first.run_id, MissedReason(reason))
    assert missed.ends_at == due.ends_at
    (run,) = await scheduler.runs()
    assert (run.fired_at, run.missed_reason) == (None, reason)


async def test_a_run_that_began_is_shown_as_it_began(scheduler: Scheduler, due: Mailing) -> None:
    first = await proposed(scheduler, due)
    begun = due.begun(first, ends_at=due.ends_at - HOUR / 2)
    await scheduler.hear(begun, version=2)
    await scheduler.hear(due.declined(first, "already_begun"), version=3)

    assert not await scheduler.fire()

    (run,) = await scheduler.runs()
    assert (run.fired_at, run.ends_at) == (begun.begun_at, begun.ends_at)
    assert await scheduler.story(due) == [MailingScheduled]


async def test_what_waits_again_shows_no_run(scheduler: Scheduler, due: Mailing) -> None:
    first = await proposed(scheduler, due)
    await scheduler.hear(due.declined(first, "postponed"), version=2)

    assert await scheduler.runs() == []


async def test_what_was_stopped_after_the_decline_is_not_fired(
    scheduler: Scheduler, due: Mailing
) -> None:
    first = await proposed(scheduler, due)
    await scheduler.hear(due.declined(first, "postponed"), version=2)
    await scheduler.hear(due.stopped(), version=3)

    assert not await scheduler.fire()

    assert await scheduler.story(due) == [MailingScheduled, RunPostponed]


async def test_started_by_hand_as_it_fires_it_is_fired_as_started_by_hand(
    scheduler: Scheduler, due: Mailing
) -> None:
    first = await proposed(scheduler, due)
    at = await scheduler.now()
    await scheduler.hear(due.requested(at), version=2)
    await scheduler.hear(due.declined(first, "postponed", starts_at=at), version=3)

    assert await scheduler.fire()

    assert (await scheduler.events())[-1].starts_at == at


async def test_a_decline_of_a_mailing_that_nobody_knows_changes_nothing(
    scheduler: Scheduler, due: Mailing, later: Mailing
) -> None:
    first = await proposed(scheduler, due)

    await scheduler.hear(later.declined(first, "postponed"), version=2)

    assert list(await scheduler.schedules()) == [due.id]


async def test_what_dies_while_it_declines_declines_when_it_comes_again(
    scheduler: Scheduler, due: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = await proposed(scheduler, due)
    declined = due.declined(first, "postponed")

    async def die(*_: Any, **__: Any) -> None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr("services.scheduler.queue.arm", die)
        with pytest.raises(Unavailable):
            await scheduler.hear(declined, version=2)
    assert not await scheduler.fire()
    await scheduler.hear(declined, version=2)

    assert await scheduler.fire()


async def test_a_decline_that_is_read_after_a_stop_arms_nothing(
    scheduler: Scheduler, due: Mailing
) -> None:
    first = await proposed(scheduler, due)
    await scheduler.hear(due.stopped(), version=3)
    await scheduler.hear(due.declined(first, "postponed"), version=2)

    assert not await scheduler.fire()


async def test_nobody_fires_a_mailing_while_its_decline_is_decided(
    scheduler: Scheduler, due: Mailing
) -> None:
    await scheduler.hear(due.created())
    async with transaction(scheduler.pool) as deciding, transaction(scheduler.pool) as firing:
        is_known = await queue.lock(deciding, due.id)
        claimed = await queue.claim_due(firing, await scheduler.now(), limit=10)

    assert (is_known, list(claimed)) == (True, [])

"""Recurring mailings on a real database: each occurrence is decided once, on time, for ever."""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
import pytest
from sqlalchemy import text

from services.scheduler import handlers
from services.scheduler.domain.schedule import RunPostponed
from shared import ids
from shared.contracts.schedule import Cron, Daily, Missed, Schedule
from shared.contracts.scheduler import MailingScheduled, MissedReason, RunMissed
from shared.database import transaction
from shared.event import Instant
from tests.scheduler.world import Mailing, Scheduler

HOUR, DAY, SECOND = timedelta(hours=1), timedelta(days=1), timedelta(seconds=1)
MORNING = datetime(2030, 3, 1, 5, tzinfo=UTC)  # 08:00 in Moscow
FIRST = MORNING + HOUR
DAILY = Schedule(entries=(Daily(at="09:00", zone="Europe/Moscow"),), window_s=3 * 3600)
EACH_MINUTE = Cron(expression="* * * * *", zone="UTC")


def daily(ends_at: Instant = MORNING + 30 * DAY) -> Mailing:
    return Mailing(starts_at=MORNING, ends_at=ends_at)


async def at(scheduler: Scheduler, instant: Instant) -> None:
    """Move the clock to an instant."""
    await scheduler.pass_time(instant - await scheduler.now())


async def fire_all(scheduler: Scheduler) -> None:
    while await scheduler.fire():
        pass


async def told(scheduler: Scheduler) -> list[tuple[str, str]]:
    """Return the nominal time of what was told, and what became of it."""
    return [
        (each.nominal, each.reason if isinstance(each, RunMissed) else "proposed")
        for each in await scheduler.events()
    ]


async def nominals(scheduler: Scheduler) -> list[str]:
    return [nominal for nominal, _ in await told(scheduler)]


async def next_of(scheduler: Scheduler, mailing: Mailing) -> tuple[Any, Any]:
    row = (await scheduler.schedules())[mailing.id]
    return row.next_nominal, row.next_fire_at


async def test_each_occurrence_is_proposed_when_it_is_due_with_a_window_of_its_own(
    scheduler: Scheduler,
) -> None:
    mailing = daily()
    await at(scheduler, MORNING)
    await scheduler.hear(mailing.created(schedule=DAILY))
    assert not await scheduler.fire()
    for day in range(3):
        await at(scheduler, FIRST + day * DAY)
        await fire_all(scheduler)

    events = await scheduler.events()
    assert [each.nominal for each in events] == [
        f"2030-03-0{day}T09:00[Europe/Moscow]" for day in (1, 2, 3)
    ]
    for day, event in enumerate(events):
        assert isinstance(event, MailingScheduled)
        assert (event.starts_at, event.ends_at) == (
            FIRST + day * DAY,
            FIRST + day * DAY + 3 * HOUR,
        )
        assert event.run_id == ids.run_id(mailing.id, event.nominal)
        assert (event.is_proposal, event.is_last) == (True, False)
    assert {each.key for each in await scheduler.told()} == {str(mailing.id)}
    assert await next_of(scheduler, mailing) == (
        "2030-03-04T09:00[Europe/Moscow]",
        FIRST + 3 * DAY,
    )


async def test_after_the_last_occurrence_nothing_is_due(scheduler: Scheduler) -> None:
    mailing = daily(ends_at=FIRST + DAY + SECOND)
    await at(scheduler, MORNING)
    await scheduler.hear(mailing.created(schedule=DAILY))
    for day in range(2):
        await at(scheduler, FIRST + day * DAY)
        await fire_all(scheduler)

    first, last = await scheduler.events()
    assert (first.is_last, last.is_last) == (False, True)
    assert last.ends_at == mailing.ends_at
    assert await next_of(scheduler, mailing) == (None, None)


# What came due while nothing fired it

MINUTES_OF_THE_OUTAGE = 12


@pytest.mark.parametrize(
    ("rules", "reasons"),
    [
        ({"missed": Missed.RUN_LATEST}, ["superseded"] * 11 + ["proposed"]),
        ({"missed": Missed.RUN_ALL}, ["superseded"] * 2 + ["proposed"] * 10),
        (
            {"missed": Missed.RUN_ALL, "missed_max": 3},
            ["superseded"] * 9 + ["proposed"] * 3,
        ),
        ({"missed": Missed.RUN_ALL, "missed_max": 99}, ["proposed"] * 12),
        ({"missed": Missed.SKIP}, ["too_late"] * 11 + ["proposed"]),
        ({"missed": Missed.RUN_ALL, "catch_up_s": 300}, ["too_late"] * 7 + ["proposed"] * 5),
        ({"missed": Missed.RUN_ALL, "window_s": 300}, ["window_over"] * 7 + ["proposed"] * 5),
        ({"window_s": 300}, ["window_over"] * 7 + ["superseded"] * 4 + ["proposed"]),
    ],
)
async def test_what_came_due_meanwhile_runs_or_is_missed_as_the_mailing_says(
    scheduler: Scheduler, rules: dict[str, Any], reasons: list[str]
) -> None:
    await at(scheduler, MORNING)
    schedule = Schedule(entries=(EACH_MINUTE,), **rules)
    await scheduler.hear(daily().created(schedule=schedule))
    await fire_all(scheduler)  # the occurrence of this very minute
    before = len(await scheduler.events())
    await at(scheduler, MORNING + MINUTES_OF_THE_OUTAGE * 60 * SECOND + SECOND / 2)
    await fire_all(scheduler)

    found = (await told(scheduler))[before:]
    assert [what for _, what in found] == reasons
    assert [nominal for nominal, _ in found] == [
        f"2030-03-01T05:{minute:02}[UTC]" for minute in range(1, 13)
    ]
    missed = [each for each in await scheduler.events() if isinstance(each, RunMissed)]
    assert all(each.starts_at is not None for each in missed)


async def test_however_much_came_due_it_is_decided_in_bounded_steps(
    scheduler: Scheduler, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "OF_ONE", 4)
    await at(scheduler, MORNING)
    schedule = Schedule(entries=(EACH_MINUTE,), missed=Missed.RUN_ALL, missed_max=3)
    await scheduler.hear(daily().created(schedule=schedule))
    await fire_all(scheduler)
    await at(scheduler, MORNING + MINUTES_OF_THE_OUTAGE * 60 * SECOND)
    await fire_all(scheduler)

    found = (await told(scheduler))[1:]
    assert [what for _, what in found] == ["superseded"] * 9 + ["proposed"] * 3


# Edits


async def test_another_text_leaves_what_is_due_as_it_was(scheduler: Scheduler) -> None:
    mailing = daily()
    await at(scheduler, MORNING)
    await scheduler.hear(mailing.created(schedule=DAILY))
    await at(scheduler, FIRST + SECOND)
    await scheduler.hear(
        _changed(mailing, FIRST + SECOND, schedule=DAILY, body="Good evening"), version=2
    )
    await fire_all(scheduler)

    [event] = await scheduler.events()
    assert (event.nominal, event.body) == ("2030-03-01T09:00[Europe/Moscow]", "Good evening")


async def test_another_schedule_does_not_bring_back_what_would_have_been(
    scheduler: Scheduler,
) -> None:
    mailing = daily()
    await at(scheduler, MORNING)
    await scheduler.hear(mailing.created(schedule=DAILY))
    await at(scheduler, FIRST + HOUR)
    earlier = Schedule(entries=(Daily(at="08:30", zone="Europe/Moscow"),))
    await scheduler.hear(_changed(mailing, FIRST + HOUR, schedule=earlier), version=2)

    assert not await scheduler.fire()
    assert await next_of(scheduler, mailing) == (
        "2030-03-02T08:30[Europe/Moscow]",
        FIRST + DAY - HOUR / 2,
    )


async def test_what_was_fired_is_not_due_again_though_the_catalog_has_another_clock(
    scheduler: Scheduler,
) -> None:
    mailing = daily()
    await at(scheduler, FIRST)
    await scheduler.hear(mailing.created(schedule=DAILY))
    await fire_all(scheduler)
    more = Schedule(entries=(*DAILY.entries, Daily(at="21:00", zone="Europe/Moscow")))
    await scheduler.hear(_changed(mailing, FIRST - SECOND, schedule=more), version=2)

    assert not await scheduler.fire()
    assert await next_of(scheduler, mailing) == (
        "2030-03-01T21:00[Europe/Moscow]",
        FIRST + DAY / 2,
    )


async def test_a_later_end_lets_more_follow(scheduler: Scheduler) -> None:
    mailing = daily(ends_at=FIRST + HOUR)
    await at(scheduler, FIRST)
    await scheduler.hear(mailing.created(schedule=DAILY))
    await fire_all(scheduler)
    later = daily(ends_at=FIRST + 9 * DAY)
    await scheduler.hear(_changed(later, FIRST + SECOND, schedule=DAILY), version=2)

    assert await next_of(scheduler, mailing) == ("2030-03-02T09:00[Europe/Moscow]", FIRST + DAY)


async def test_what_is_no_occurrence_any_more_is_forgotten(scheduler: Scheduler) -> None:
    mailing = daily()
    await at(scheduler, FIRST)
    await scheduler.hear(mailing.created(schedule=DAILY))
    await fire_all(scheduler)
    [proposal] = await scheduler.events()
    await scheduler.hear(mailing.declined(proposal, "postponed"), version=3)

    assert await scheduler.runs() == []
    assert len(await scheduler.events()) == 1
    async with transaction(scheduler.pool) as db:
        kinds = list(await db.scalars(text("SELECT type FROM events ORDER BY version")))
    assert kinds == [kind.type_name() for kind in (MailingScheduled, RunPostponed)]
    assert await next_of(scheduler, mailing) == ("2030-03-02T09:00[Europe/Moscow]", FIRST + DAY)


@pytest.mark.parametrize("reason", ["overlap", "window_over", "stopped", "deleted"])
async def test_what_is_declined_is_missed_for_that_reason(
    scheduler: Scheduler, reason: str
) -> None:
    mailing = daily()
    await at(scheduler, FIRST)
    await scheduler.hear(mailing.created(schedule=DAILY))
    await fire_all(scheduler)
    [proposal] = await scheduler.events()
    await scheduler.hear(
        mailing.declined(proposal, reason, starts_at=proposal.starts_at), version=3
    )

    _, missed = await scheduler.events()
    assert isinstance(missed, RunMissed)
    assert (missed.reason, missed.is_last) == (MissedReason(reason), False)
    assert (missed.nominal, missed.starts_at) == (proposal.nominal, proposal.starts_at)


async def test_a_stopped_mailing_is_due_no_more(scheduler: Scheduler) -> None:
    mailing = daily()
    await at(scheduler, MORNING)
    await scheduler.hear(mailing.created(schedule=DAILY), mailing.stopped())
    await at(scheduler, FIRST)

    assert not await scheduler.fire()


# Time zones that change


@pytest.fixture
def other_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let another release of the time zones be in use."""
    monkeypatch.setattr("services.scheduler.queue.tzdata_version", lambda: "2099.1")


@pytest.mark.usefixtures("other_rules")
async def test_other_rules_of_time_keep_the_wall_time(scheduler: Scheduler) -> None:
    mailing = daily()
    await at(scheduler, MORNING)
    await scheduler.hear(mailing.created(schedule=DAILY))
    async with transaction(scheduler.pool) as db:  # as older rules had it: an hour later
        await db.execute(
            text("UPDATE schedules SET tzdata = '2026.1', next_fire_at = next_fire_at + '1 hour'")
        )

    assert await handlers.follow_time_zones(scheduler.store)
    assert not await handlers.follow_time_zones(scheduler.store)

    assert await next_of(scheduler, mailing) == ("2030-03-01T09:00[Europe/Moscow]", FIRST)


async def test_what_other_rules_have_made_later_waits_for_its_time(scheduler: Scheduler) -> None:
    mailing = daily()
    await at(scheduler, MORNING)
    await scheduler.hear(mailing.created(schedule=DAILY))
    async with transaction(scheduler.pool) as db:  # as older rules had it: an hour earlier
        await db.execute(
            text("UPDATE schedules SET next_fire_at = next_fire_at - CAST('1 hour' AS interval)")
        )
    await fire_all(scheduler)

    assert await scheduler.events() == []
    assert await next_of(scheduler, mailing) == ("2030-03-01T09:00[Europe/Moscow]", FIRST)


async def test_what_is_kept_of_an_occurrence_does_not_grow_with_their_number(
    scheduler: Scheduler,
) -> None:
    await at(scheduler, MORNING)
    schedule = Schedule(entries=(EACH_MINUTE,), missed=Missed.RUN_ALL, missed_max=100)
    await scheduler.hear(daily().created(schedule=schedule))
    await at(scheduler, MORNING + 50 * 60 * SECOND)
    await fire_all(scheduler)

    async with transaction(scheduler.pool) as db:
        longest = await db.scalar(text("SELECT max(version) FROM events"))
    assert longest == 1
    assert len(await nominals(scheduler)) == 51


def _changed(mailing: Mailing, at: Instant, **fields: Any) -> Any:
    return msgspec.structs.replace(mailing.changed(**fields), changed_at=at)


@pytest.mark.usefixtures("other_rules")
async def test_other_rules_of_time_arm_nothing_that_was_stopped_or_runs_once_by_now(
    scheduler: Scheduler,
) -> None:
    stopped, once = daily(), Mailing(MORNING, MORNING + 30 * DAY, number=2)
    await at(scheduler, MORNING)
    await scheduler.hear(stopped.created(schedule=DAILY), stopped.stopped())
    await scheduler.hear(once.created(schedule=DAILY), _changed(once, MORNING))
    async with transaction(scheduler.pool) as db:
        await db.execute(text("UPDATE schedules SET tzdata = '2026.1' WHERE tzdata IS NOT NULL"))

    assert not await handlers.follow_time_zones(scheduler.store)
    assert await next_of(scheduler, once) == (None, MORNING)
    assert (await next_of(scheduler, stopped))[1] is None


@pytest.mark.usefixtures("other_rules")
async def test_what_other_rules_cannot_compute_stops_no_others(scheduler: Scheduler) -> None:
    broken, good = daily(), Mailing(MORNING, MORNING + 30 * DAY, number=2)
    await at(scheduler, MORNING)
    await scheduler.hear(broken.created(schedule=DAILY))
    await scheduler.hear(good.created(schedule=DAILY))
    async with transaction(scheduler.pool) as db:
        await db.execute(text("UPDATE schedules SET tzdata = '2026.1'"))
        await db.execute(
            text("UPDATE schedules SET next_nominal = :name WHERE mailing_id = :id"),
            {"id": broken.id, "name": "2030-03-01T09:00[Mars]"},
        )

    assert await handlers.follow_time_zones(scheduler.store)
    assert not await handlers.follow_time_zones(scheduler.store)
    assert await next_of(scheduler, good) == ("2030-03-01T09:00[Europe/Moscow]", FIRST)


async def test_a_mailing_that_recurs_by_now_is_not_armed_by_what_its_only_run_was_declined_for(
    scheduler: Scheduler,
) -> None:
    mailing = daily()
    await at(scheduler, MORNING)
    await scheduler.hear(mailing.created())
    await fire_all(scheduler)
    [proposal] = await scheduler.events()
    declined = mailing.declined(proposal, "postponed", starts_at=proposal.starts_at)
    await scheduler.hear(_changed(mailing, MORNING, schedule=DAILY), declined, version=2)

    assert await next_of(scheduler, mailing) == ("2030-03-01T09:00[Europe/Moscow]", FIRST)


async def test_a_run_that_was_begun_by_hand_is_shown_as_that_though_it_is_proposed_later(
    scheduler: Scheduler,
) -> None:
    mailing = daily()
    await at(scheduler, FIRST)
    await scheduler.hear(mailing.created(schedule=DAILY))
    await fire_all(scheduler)
    [proposal] = await scheduler.events()
    async with transaction(scheduler.pool) as db:
        await db.execute(text("UPDATE runs SET starts_at = :at"), {"at": MORNING})
        await db.execute(text("DELETE FROM events"))
        await db.execute(
            text(
                "UPDATE schedules SET next_fire_at = :at, next_nominal = :name, settled_at = NULL"
            ),
            {"at": FIRST, "name": proposal.nominal},
        )
    await fire_all(scheduler)

    [run] = await scheduler.runs()
    assert run.starts_at == MORNING

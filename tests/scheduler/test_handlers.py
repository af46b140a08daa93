"""Firing, on a real database: on time, once, whatever happens around it."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec import ValidationError
from sqlalchemy import text
from structlog.testing import capture_logs

from services.scheduler import handlers, queue, workers
from services.scheduler.projections import project
from shared import ids, set_aside
from shared.alarm import Alarm
from shared.contracts.scheduler import MailingScheduled, MissedReason, RunMissed
from shared.database import Pool, transaction
from shared.errors import Unavailable
from shared.event_store.postgres import PostgresEventStore
from shared.testing import NEVER, eventually
from tests.otlp import links_of, recorded_spans, trace_of
from tests.scheduler.world import HOUR, TRACE, Mailing, Scheduler

SECOND = timedelta(seconds=1)


async def test_inside_its_window_a_mailing_fires_at_once_as_it_is(
    scheduler: Scheduler, due: Mailing
) -> None:
    await scheduler.hear(due.created())

    assert await scheduler.fire()

    (told,) = await scheduler.told()
    event = told.event
    assert (told.topic, told.key) == ("scheduler.runs", str(due.id))
    assert told.headers["traceparent"] == TRACE.encode()
    assert isinstance(event, MailingScheduled)
    assert event.run_id == ids.run_id(due.id, "once")
    assert (event.body, event.filter) == (due.created().body, due.created().filter)
    assert (event.starts_at, event.ends_at, event.revision) == (due.starts_at, due.ends_at, 1)
    assert due.starts_at <= event.scheduled_at <= await scheduler.now()


async def test_mails_are_proposed_with_their_html_and_sender(
    scheduler: Scheduler, due: Mailing
) -> None:
    mail = {"html": "<p>Hello</p>", "sender": "Shop <news@shop.example>"}
    await scheduler.hear(due.created(subject="Hello", gateway="smtp", **mail))

    await scheduler.fire()

    (event,) = await scheduler.events()
    assert {"html": event.html, "sender": event.sender} == mail


async def test_a_run_has_a_trace_of_its_own_that_is_linked_to_the_request(
    scheduler: Scheduler, due: Mailing
) -> None:
    await scheduler.hear(due.created())

    with recorded_spans() as spans:
        assert await scheduler.fire()

    run = spans.one("run")
    (told,) = await scheduler.told()
    assert links_of(run) == [TRACE.split("-")[1]]
    assert told.headers["traceparent"].decode().split("-")[1] == trace_of(run)
    assert (run.attributes or {})["mailings.mailing_id"] == str(due.id)


async def test_a_run_that_did_not_get_on_record_is_in_no_trace(
    scheduler: Scheduler, due: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scheduler.hear(due.created())

    async def fail(*_: object) -> None:
        raise Unavailable

    monkeypatch.setattr(queue, "settle", fail)
    with recorded_spans() as spans, pytest.raises(Unavailable):
        await scheduler.fire()

    assert "run" not in spans.names


async def test_before_its_start_nothing_is_due_and_at_its_start_it_is(
    scheduler: Scheduler, later: Mailing
) -> None:
    await scheduler.hear(later.created())

    await scheduler.pass_time(HOUR - 30 * SECOND)
    assert not await scheduler.fire()
    await scheduler.pass_time(30 * SECOND)
    assert await scheduler.fire()

    (event,) = await scheduler.events()
    assert (event.starts_at, event.ends_at) == (later.starts_at, later.ends_at)


@pytest.mark.parametrize("by", [2 * HOUR, timedelta(days=3_650)])
async def test_when_its_end_has_passed_a_mailing_is_missed_and_the_reason_is_told(
    scheduler: Scheduler, later: Mailing, by: timedelta
) -> None:
    await scheduler.hear(later.created())
    await scheduler.pass_time(by)

    assert await scheduler.fire()
    assert not await scheduler.fire()

    (event,) = await scheduler.events()
    assert isinstance(event, RunMissed)
    assert (event.reason, event.is_last) == (MissedReason.WINDOW_OVER, True)
    assert event.run_id == ids.run_id(later.id, "once")


async def test_started_by_hand_a_run_begins_at_that_moment(
    scheduler: Scheduler, later: Mailing
) -> None:
    now = await scheduler.now()
    await scheduler.hear(later.created(), later.requested(now))

    assert await scheduler.fire()

    (event,) = await scheduler.events()
    assert (event.starts_at, event.ends_at) == (now, later.ends_at)


async def test_started_by_hand_and_then_by_its_start_is_one_run(
    scheduler: Scheduler, later: Mailing
) -> None:
    now = await scheduler.now()
    await scheduler.hear(later.created(), later.requested(now), later.requested(now))
    await scheduler.fire()
    await scheduler.hear(later.requested(now), version=9)
    await scheduler.pass_time(HOUR)

    assert not await scheduler.fire()

    assert len(await scheduler.events()) == 1


async def test_a_change_before_firing_counts_and_one_after_it_does_not(
    scheduler: Scheduler, later: Mailing
) -> None:
    await scheduler.hear(later.created())
    await scheduler.hear(later.changed(body="new", ends_at=later.ends_at + HOUR), version=2)
    await scheduler.pass_time(HOUR)
    await scheduler.fire()
    await scheduler.hear(later.changed(body="newer", starts_at=later.ends_at), version=3)
    await scheduler.pass_time(HOUR)

    assert not await scheduler.fire()

    (event,) = await scheduler.events()
    assert (event.body, event.revision, event.ends_at) == ("new", 2, later.ends_at + HOUR)


@pytest.mark.parametrize("how", ["stopped", "deleted"])
async def test_stopped_or_deleted_before_its_start_a_mailing_never_fires(
    scheduler: Scheduler, later: Mailing, how: str
) -> None:
    await scheduler.hear(later.created(), getattr(later, how)())
    await scheduler.hear(later.changed(), version=3)
    await scheduler.pass_time(HOUR)

    assert not await scheduler.fire()

    assert await scheduler.events() == []


async def test_a_schedule_that_seems_due_again_is_not_fired_again(
    scheduler: Scheduler, due: Mailing
) -> None:
    await scheduler.hear(due.created())
    await scheduler.fire()
    async with transaction(scheduler.pool) as db:
        await db.execute(text("UPDATE schedules SET next_fire_at = starts_at"))

    assert await scheduler.fire()
    assert not await scheduler.fire()

    assert len(await scheduler.events()) == 1


async def test_many_that_are_due_fire_in_the_order_of_their_starts(
    scheduler: Scheduler, due: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "AT_ONCE", 3)
    for number in range(7):
        starts_at = due.starts_at - number * SECOND
        await scheduler.hear(Mailing(starts_at, due.ends_at, number).created())

    assert [await scheduler.fire() for _ in range(4)] == [True, True, True, False]

    order = [each.mailing_id.int & 0xF for each in await scheduler.events()]
    assert order == [6, 5, 4, 3, 2, 1, 0]


async def test_two_replicas_claim_different_mailings(scheduler: Scheduler, due: Mailing) -> None:
    for number in range(4):
        await scheduler.hear(Mailing(due.starts_at, due.ends_at, number).created())
    now = await scheduler.now()

    async with transaction(scheduler.pool) as one, transaction(scheduler.pool) as two:
        mine = {each.mailing_id for each in await queue.claim_due(one, now, limit=2)}
        yours = {each.mailing_id for each in await queue.claim_due(two, now, limit=4)}

    assert (len(mine), len(yours), mine & yours) == (2, 2, set())


async def test_replicas_that_fire_at_once_fire_each_mailing_once(
    scheduler: Scheduler, due: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(handlers, "AT_ONCE", 2)
    for number in range(20):
        await scheduler.hear(Mailing(due.starts_at, due.ends_at, number).created())

    async def replica() -> None:
        store = PostgresEventStore("scheduler", scheduler.pool, project)
        while await handlers.fire_due(store):
            pass

    async with asyncio.TaskGroup() as replicas:
        for _ in range(4):
            replicas.create_task(replica())
    while await scheduler.fire():
        pass

    fired = [each.mailing_id for each in await scheduler.events()]
    assert len(fired) == len(set(fired)) == 20


async def test_a_change_waits_while_its_mailing_is_fired_and_then_changes_nothing(
    scheduler: Scheduler, due: Mailing
) -> None:
    await scheduler.hear(due.created())
    async with transaction(scheduler.pool) as db:
        (claimed,) = await queue.claim_due(db, await scheduler.now(), limit=1)
        change = asyncio.create_task(
            scheduler.hear(due.changed(starts_at=due.starts_at + SECOND), version=2)
        )

        async def is_waiting() -> bool:
            async with transaction(scheduler.pool) as other:
                waiting = text("SELECT count(*) FROM pg_locks WHERE NOT granted")
                return bool(await other.scalar(waiting))

        await eventually(is_waiting, within=120)
        await queue.settle(db, [claimed.mailing_id])
    await change

    assert (await scheduler.schedules())[due.id].next_fire_at is None


async def test_what_dies_before_the_commit_is_fired_later_once(
    scheduler: Scheduler, due: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    await scheduler.hear(due.created())

    async def die(*_: Any) -> None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(queue, "settle", die)
        with pytest.raises(Unavailable):
            await scheduler.fire()
    assert await scheduler.events() == []

    assert await scheduler.fire()
    assert len(await scheduler.events()) == 1


async def test_the_worker_fires_by_itself_when_time_has_come(
    scheduler: Scheduler, later: Mailing
) -> None:
    await scheduler.hear(later.created())
    every = timedelta(milliseconds=5)
    firing = workers.fire_due_mailings(scheduler.store, Alarm(), every=every)
    worker = asyncio.create_task(firing)
    try:
        await scheduler.pass_time(HOUR)

        await eventually(scheduler.events, within=120)
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)

    assert not await scheduler.fire()


async def test_the_worker_sleeps_until_the_next_mailing_is_due_and_is_woken_for_an_earlier_one(
    scheduler: Scheduler, later: Mailing
) -> None:
    await scheduler.hear(later.created())
    await scheduler.pass_time(HOUR / 2)
    alarm = Alarm()
    worker = asyncio.create_task(workers.fire_due_mailings(scheduler.store, alarm, every=HOUR))
    try:
        soon = await scheduler.now() + timedelta(milliseconds=300)
        earlier = Mailing(soon, later.ends_at, number=3)
        await scheduler.hear(earlier.created())
        alarm.ring()

        await eventually(scheduler.events, within=120)
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)

    (event,) = await scheduler.events()
    assert event.scheduled_at >= soon


async def test_without_the_database_it_says_so(no_pool: Pool) -> None:
    with pytest.raises(Unavailable):
        await handlers.fire_due(PostgresEventStore("scheduler", no_pool, project))


async def test_instants_that_the_driver_stores_as_infinities_stop_no_other_mailing(
    scheduler: Scheduler, due: Mailing
) -> None:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    endless, over = Mailing(first, last, number=8), Mailing(first, first, number=9)
    for each in (endless, over, due):
        await scheduler.hear(each.created())

    assert await scheduler.fire()

    kinds = {event.mailing_id: type(event) for event in await scheduler.events()}
    assert kinds == {endless.id: MailingScheduled, over.id: RunMissed, due.id: MailingScheduled}


async def test_a_schedule_that_fails_stops_no_other_and_is_tried_again_later(
    scheduler: Scheduler, due: Mailing
) -> None:
    now = await scheduler.now()
    bad = [Mailing(now, now + HOUR, number=number) for number in (7, 8)]
    for each in (*bad, due):
        await scheduler.hear(each.created())
    await change_filters(scheduler, "[]")

    with capture_logs() as logs:
        await scheduler.fire()
        await scheduler.fire()

    fired = [event.mailing_id for event in await scheduler.events()]
    rows = await set_aside_rows(scheduler)
    assert fired == [due.id]
    assert rows == [(each.id, "ValidationError", 1) for each in bad]
    assert [each["item"] for each in logs if each["event"] == "loop.set_aside"] == [
        str(each.id) for each in bad
    ]
    await scheduler.pass_time(HOUR / 2)
    with capture_logs():
        await scheduler.fire()
    assert all(failures > 1 for *_, failures in await set_aside_rows(scheduler))

    await change_filters(scheduler, "{}")
    await scheduler.pass_time(HOUR / 4)
    await scheduler.fire()

    assert {each.id for each in bad} <= {each.mailing_id for each in await scheduler.events()}
    assert await set_aside_rows(scheduler) == []


async def test_more_failures_than_can_be_the_fault_of_rows_end_the_loop(
    scheduler: Scheduler, due: Mailing, later: Mailing, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(set_aside, "MOST", 1)
    for each in (due, later):
        await scheduler.hear(each.created())
    await scheduler.pass_time(HOUR)
    async with transaction(scheduler.pool) as db:
        await db.execute(text("UPDATE schedules SET filter = '[]', ends_at = 'infinity'"))

    with pytest.raises(ValidationError):
        await scheduler.fire()


async def test_a_mailing_of_which_an_event_is_set_aside_fires_when_that_was_replayed(
    scheduler: Scheduler, due: Mailing
) -> None:
    await scheduler.hear(due.created())
    letter = (
        "INSERT INTO dead_letters VALUES ('scheduler', 'catalog.mailings', 0, 1, '', now(), :key)"
    )
    async with transaction(scheduler.pool) as db:
        await db.execute(text(letter), {"key": due.id})

    assert not await scheduler.fire()

    async with transaction(scheduler.pool) as db:
        await db.execute(text("DELETE FROM dead_letters"))
    assert await scheduler.fire()


async def change_filters(scheduler: Scheduler, value: str) -> None:
    numbers = [Mailing(NEVER, NEVER, number=number).id for number in (7, 8)]
    statement = text(
        "UPDATE schedules SET filter = CAST(:value AS jsonb) WHERE mailing_id = ANY(:ids)"
    )
    async with transaction(scheduler.pool) as db:
        await db.execute(statement, {"value": value, "ids": numbers})


async def set_aside_rows(scheduler: Scheduler) -> list[tuple[Any, ...]]:
    statement = text("SELECT item, reason, failures FROM set_aside ORDER BY item")
    async with transaction(scheduler.pool) as db:
        return [tuple(row) for row in await db.execute(statement)]

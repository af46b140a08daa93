"""A scheduler that is restored from a backup knows again what came since, and fires it once."""

from typing import Any

from pydantic import PostgresDsn

from services.scheduler.subscriptions import subscriptions
from shared import ids
from tests.restoring import back_up, eventually_is, listening, restore, send
from tests.scheduler.world import HOUR, Mailing, Scheduler

CONSUMER = "scheduler"


async def test_schedules_from_a_backup_are_armed_as_they_were(
    scheduler: Scheduler, scheduler_database: PostgresDsn, kafka: str, from_here: Any
) -> None:
    async def revisions() -> dict[Any, int]:
        found = await scheduler.schedules()
        return {each.mailing_id: each.revision for each in found.values()}

    now = await scheduler.now()
    first = ids.new_id().int
    kept, changed, new = (
        Mailing(now + HOUR, now + 2 * HOUR, number=(first + each) % (1 << 100))
        for each in range(3)
    )
    handlers = subscriptions(scheduler.store)
    await from_here(scheduler.pool, CONSUMER)
    async with listening(scheduler.pool, kafka, CONSUMER, handlers):
        await send(kafka, [(str(each.id), 1, each.created()) for each in (kept, changed)])
        await eventually_is(revisions, {kept.id: 1, changed.id: 1})
    await scheduler.pool.dispose()
    await back_up(scheduler_database)

    since = [(str(changed.id), 2, changed.changed(body="new")), (str(new.id), 1, new.created())]
    async with listening(scheduler.pool, kafka, CONSUMER, handlers):
        await send(kafka, since)
        await eventually_is(revisions, {kept.id: 1, changed.id: 2, new.id: 1})
        await restore(scheduler_database)
        await send(kafka, [(str(kept.id), 2, kept.changed(body="newer"))])
        await eventually_is(revisions, {kept.id: 2, changed.id: 2, new.id: 1})


async def test_a_run_that_was_fired_before_the_restore_is_the_same_run_again(
    scheduler: Scheduler, scheduler_database: PostgresDsn, due: Mailing
) -> None:
    await scheduler.hear(due.created())
    await scheduler.pool.dispose()
    await back_up(scheduler_database)
    assert await scheduler.fire()
    [before] = await scheduler.events()
    await scheduler.pool.dispose()
    await restore(scheduler_database)

    assert await scheduler.fire()

    [after] = await scheduler.events()
    assert (after.run_id, after.nominal) == (before.run_id, before.nominal)

"""The door of time: what happens without anybody asking."""

from datetime import timedelta

from services.scheduler import handlers
from shared.alarm import Alarm
from shared.database import autocommit
from shared.event_store.postgres import PostgresEventStore
from shared.loop import forever


async def fire_due_mailings(store: PostgresEventStore, alarm: Alarm, *, every: timedelta) -> None:
    """Fire each mailing when its time has come, until cancelled.

    It sleeps until then. `alarm` tells it that another one may be due earlier; for what that
    misses, as the plans of a scheduler that died, it looks `every` so often.
    """
    due_in_s, idle_at, is_current = 0.0, None, False
    handlers.begin_counting()

    async def step() -> bool:
        nonlocal due_in_s, idle_at, is_current
        if not is_current:  # a release may have brought other time zones
            is_current = not await handlers.follow_time_zones(store)
            return True
        async with autocommit(store.pool) as db:
            looked_at, due_in_s = await handlers.next_due(db)
        if due_in_s > 0:
            idle_at = looked_at
            return False
        return await handlers.fire_due(store, idle_at)

    async def rest(pause_s: float) -> None:
        await alarm.sleep(min(pause_s, due_in_s) if due_in_s > 0 else pause_s)

    await forever("fire_due_mailings", step, every=every, rest=rest)

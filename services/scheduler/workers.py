"""The door of time: what happens without anybody asking."""

from datetime import timedelta

from services.scheduler import handlers
from shared.alarm import Alarm
from shared.event_store.postgres import PostgresEventStore
from shared.loop import forever


async def fire_due_mailings(store: PostgresEventStore, alarm: Alarm, *, every: timedelta) -> None:
    """Fire each mailing when its time has come, until cancelled.

    It sleeps until then. `alarm` tells it that another one may be due earlier; for what that
    misses, as the plans of a scheduler that died, it looks `every` so often.
    """
    due_in_s = 0.0

    async def step() -> bool:
        nonlocal due_in_s
        due_in_s = await handlers.due_in(store)
        return due_in_s <= 0 and await handlers.fire_due(store)

    async def rest(pause_s: float) -> None:
        await alarm.sleep(min(pause_s, due_in_s) if due_in_s > 0 else pause_s)

    await forever("fire_due_mailings", step, every=every, rest=rest)

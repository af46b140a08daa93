"""The door of time: what happens without anybody asking."""

from datetime import timedelta

from services.scheduler import handlers
from shared.event_store.postgres import PostgresEventStore
from shared.loop import forever


async def fire_due_mailings(store: PostgresEventStore, *, every: timedelta) -> None:
    """Fire each mailing when its time has come, until cancelled."""

    async def step() -> bool:
        return await handlers.fire_due(store)

    await forever("fire_due_mailings", step, every=every)

"""The door of time: what happens without anybody asking."""

from datetime import timedelta

from services.scheduler import handlers
from shared.loop import forever
from shared.postgres_event_store import PostgresEventStore


async def fire_due_mailings(store: PostgresEventStore, *, every: timedelta) -> None:
    """Fire each mailing when its time has come, until cancelled."""

    async def step() -> bool:
        return await handlers.fire_due(store)

    await forever("fire_due_mailings", step, every=every)

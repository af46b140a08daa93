"""What the scheduler does when time has come: the only place where rules meet I/O."""

from services.scheduler import queue
from services.scheduler.domain import FireMailing, schedule
from shared import database, telemetry
from shared.database import autocommit, transaction
from shared.event import Cause
from shared.event_store import Append
from shared.event_store.postgres import PostgresEventStore, load

AT_ONCE = 100  # mailings in one transaction


async def fire_due(store: PostgresEventStore) -> bool:
    """Fire, or note as missed, what is due; say whether there was anything.

    Guarantee: once per occurrence, on any number of replicas: the schedule's row is locked, the
    occurrence settled and the event appended in one transaction.
    """
    async with autocommit(store.pool) as db:
        if not await queue.is_any_due(db, await database.now(db)):
            return False
    async with transaction(store.pool) as db:
        now = await database.now(db)
        claimed = await queue.claim_due(db, now, limit=AT_ONCE)
        for due in claimed:
            stream = f"schedule-{due.mailing_id}"
            history = await load(db, stream, schedule.events)
            command = FireMailing(mailing_id=due.mailing_id, plan=due.plan, now=now)
            decided = schedule.decide(command, schedule.replay(history))
            if decided:
                append = Append(stream, decided, len(history))
                cause = Cause(traceparent=due.traceparent)
                await store.append_in(db, [append], now=now, cause=cause)
        if claimed:
            await queue.settle(db, [due.mailing_id for due in claimed])
    telemetry.count("scheduler.runs.fired", len(claimed))
    return bool(claimed)

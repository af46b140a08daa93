"""A catalog that is restored from a backup hears again what became of its mailings."""

from datetime import timedelta
from typing import Any
from uuid import UUID

from pydantic import PostgresDsn

from services.catalog.domain.mailing import mailing
from services.catalog.domain.mailing_commands import CreateMailing
from services.catalog.domain.mailing_state import MailingFinished
from services.catalog.domain.plan import Plan
from services.catalog.handlers import handle
from services.catalog.projections import project
from services.catalog.subscriptions import subscriptions
from shared import database, ids
from shared.contracts.catalog import DeclinedReason, Filter, RunDeclined
from shared.contracts.dispatcher import RunFinished
from shared.contracts.scheduler import ONCE, MailingScheduled
from shared.database import Pool
from shared.event import Event, Instant
from shared.event_store.postgres import PostgresEventStore
from tests.restoring import back_up, eventually_is, listening, restore, send

CONSUMER = "catalog"
ALREADY = DeclinedReason.ALREADY_BEGUN


def story(mailing_id: UUID, now: Instant) -> list[tuple[str, int, Event]]:
    run_id = ids.run_id(mailing_id, ONCE)
    proposal = MailingScheduled(
        run_id=run_id,
        mailing_id=mailing_id,
        nominal=ONCE,
        revision=1,
        is_last=True,
        body="Hello",
        subject=None,
        filter=Filter(),
        starts_at=now,
        ends_at=now + timedelta(days=365),
        gateway="log",
        scheduled_at=now,
        is_proposal=True,
    )
    end = RunFinished(run_id=run_id, mailing_id=mailing_id, is_last=True, finished_at=now)
    return [(str(mailing_id), 1, proposal), (str(run_id), 3, end)]


async def test_mailings_from_a_backup_begin_and_end_as_they_did(
    catalog_pool: Pool, catalog_database: PostgresDsn, kafka: str, from_here: Any
) -> None:
    store = PostgresEventStore("catalog", catalog_pool, project)
    clock = database.business_clock(catalog_pool)
    now = await clock()
    mailings = [ids.new_id(), ids.new_id()]
    window = (now, now + timedelta(days=365))
    plan = Plan("spring", "Hello", None, Filter(), *window, "log")
    for each in mailings:
        await handle(store, CreateMailing(mailing_id=each, plan=plan, now=now))
    await from_here(catalog_pool, CONSUMER)
    await catalog_pool.dispose()
    await back_up(catalog_database)

    async def ends() -> list[bool]:
        """Return which of them have ended as finished, with nothing else said of their runs."""
        streams = [await store.load(f"mailing-{each}", mailing.events) for each in mailings]
        return [
            MailingFinished in map(type, stream)
            and not any(
                isinstance(event, RunDeclined) and event.reason is not ALREADY for event in stream
            )
            for stream in streams
        ]

    async with listening(catalog_pool, kafka, CONSUMER, subscriptions(store, clock)):
        await send(kafka, story(mailings[0], now))
        await eventually_is(ends, [True, False])
        await restore(catalog_database)
        await send(kafka, story(mailings[1], now))
        await eventually_is(ends, [True, True])

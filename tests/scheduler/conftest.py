"""A scheduler's world, and mailings to begin with."""

import pytest

from services.scheduler.projections import project
from shared.database import Pool
from shared.event_store.postgres import PostgresEventStore
from tests.scheduler.world import HOUR, Mailing, Scheduler


@pytest.fixture
def scheduler(scheduler_pool: Pool) -> Scheduler:
    store = PostgresEventStore("scheduler", scheduler_pool, project)
    return Scheduler(scheduler_pool, store)


@pytest.fixture
async def due(scheduler: Scheduler) -> Mailing:
    """Give a mailing whose window has just begun."""
    now = await scheduler.now()
    return Mailing(now, now + HOUR)


@pytest.fixture
async def later(scheduler: Scheduler) -> Mailing:
    """Give a mailing whose window begins in an hour."""
    now = await scheduler.now()
    return Mailing(now + HOUR, now + 2 * HOUR, number=2)

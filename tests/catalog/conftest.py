"""The catalog's HTTP door, before a real database and a clock that stands still."""

from collections.abc import AsyncIterator

import pytest
from httpx import ASGITransport, AsyncClient

from services.catalog.domain.mailing_state import in_stream
from services.catalog.projections import project
from services.catalog.routes import routers
from shared.database import Pool
from shared.event import Instant
from shared.event_store.postgres import PostgresEventStore
from shared.http import create_app
from shared.testing import FrozenClock


@pytest.fixture
def clock(now: Instant) -> FrozenClock:
    return FrozenClock(now)


@pytest.fixture
def store(catalog_pool: Pool) -> PostgresEventStore:
    return PostgresEventStore("catalog", catalog_pool, project, in_stream)


@pytest.fixture
async def http(
    catalog_pool: Pool, store: PostgresEventStore, clock: FrozenClock
) -> AsyncIterator[AsyncClient]:
    app = create_app("catalog", routers, catalog_pool, clock, store)
    async with AsyncClient(transport=ASGITransport(app), base_url="http://catalog/v1") as client:
        yield client

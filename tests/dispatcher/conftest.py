"""A dispatcher's world, which must add up at the end of every test that asks for it."""

from collections.abc import AsyncIterator

import pytest

from services.dispatcher.handlers import reconciling, recording
from shared.database import Pool
from tests.dispatcher.proof import prove
from tests.dispatcher.world import World


@pytest.fixture
async def world(dispatcher_pool: Pool, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    for module in (recording, reconciling):
        monkeypatch.setattr(module, "random", lambda: 0.5)  # retries are due when we expect it
    yield World(dispatcher_pool)
    await prove(dispatcher_pool)

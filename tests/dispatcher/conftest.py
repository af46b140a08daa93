"""A dispatcher's world, which must add up at the end of every test that asks for it."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from services.dispatcher.handlers import reconciling, recording
from shared.database import Pool
from tests.dispatcher.proof import prove
from tests.dispatcher.world import World

HERE = Path(__file__).parent
GATEWAYS = "test_gateways_"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test of gateways a loop of its own: some look at what is raised in it unseen."""
    for item in items:
        is_async = item.get_closest_marker("asyncio") is not None
        if is_async and item.path.is_relative_to(HERE) and item.path.name.startswith(GATEWAYS):
            item.add_marker(pytest.mark.asyncio(loop_scope="function"), append=False)


@pytest.fixture
async def world(dispatcher_pool: Pool, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[World]:
    for module in (recording, reconciling):
        monkeypatch.setattr(module, "random", lambda: 0.5)  # retries are due when we expect it
    yield World(dispatcher_pool)
    await prove(dispatcher_pool)

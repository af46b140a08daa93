"""The fixtures of the tests that read a real log."""

from collections.abc import AsyncIterator

import pytest

from shared.database import Pool
from tests.stats.log import Log, listening, log_in


@pytest.fixture
async def log(kafka: str) -> AsyncIterator[Log]:
    async with log_in(kafka) as log:
        yield log


@pytest.fixture
async def live(kafka: str, stats_pool: Pool) -> AsyncIterator[None]:
    """Listen as the service does."""
    async with listening(kafka, stats_pool):
        yield

"""Measuring: how old the figures are, for those who watch them."""

from services.stats.queries.freshness import freshness
from shared import telemetry
from shared.database import Connection


async def sample_freshness(db: Connection) -> None:
    """Record until when all that was recorded is in the figures; nothing if that is unknown."""
    fresh = await freshness(db)
    if fresh["as_of"] is not None:
        telemetry.measure("stats.as_of.timestamp", fresh["as_of"].timestamp())
        telemetry.measure_age("stats.figures.age", fresh["lag_s"])

"""Deciding: a consumer stops where the log lacks what comes next, until somebody has decided."""

import asyncio
from collections.abc import Awaitable, Callable, Collection
from contextlib import suppress
from typing import TypeAlias

from aiokafka import TopicPartition

from shared import liveness, stops
from shared.errors import Unavailable
from shared.kafka.limits import PositionsLost
from shared.loop import goes_on

LostOf: TypeAlias = Callable[[Collection[TopicPartition]], Awaitable[PositionsLost | None]]

DECIDED_EVERY = 2.0  # seconds between looks at whether positions were decided on


async def stop_until_decided(consumer: str, lost_of: LostOf, error: PositionsLost) -> None:
    """Return when the log has the positions: a command moved them, or the broker recovered."""
    part = f"consumer {consumer}"
    partitions = [each.partition for each in error.lost]
    lost: PositionsLost | None = error
    while goes_on() and lost is not None:
        liveness.beat()
        stops.stopped(part, f"{lost}; see `python -m shared.kafka positions`")
        await asyncio.sleep(DECIDED_EVERY)
        with suppress(Unavailable):
            lost = await lost_of(partitions)
    stops.resumed(part)

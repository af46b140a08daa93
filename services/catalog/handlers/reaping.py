"""Reaping: imports that nobody ends, for their process died."""

from datetime import timedelta

import structlog

from services.catalog import queue
from services.catalog.queue import Own
from shared import database
from shared.clock import Monotonic, monotonic
from shared.database import Pool, single, transaction
from shared.heartbeats import Heartbeats

log = structlog.get_logger()

LOST = "the service that took it ended; what is in stays, send it again"


class Reaper:
    """Who watches the running imports."""

    def __init__(self, pool: Pool, lease: timedelta, clock: Monotonic = monotonic) -> None:
        self._pool = pool
        self._heartbeats = Heartbeats[Own](lease.total_seconds(), clock)

    async def look(self) -> bool:
        """Look at all running imports; end those that are lost.

        Raises:
            Unavailable: The database did not answer; what was seen before counts no more.
        """
        lost = await self._heartbeats.look(self._beats)
        for own, beat in lost.items():
            await self._end(own, beat)
        return bool(lost)

    async def _beats(self) -> dict[Own, int]:
        async with single(self._pool) as db:
            return await queue.beats(db)

    async def _end(self, own: Own, beat: int) -> None:
        async with transaction(self._pool) as db:
            now = await database.now(db)
            is_ended = await queue.end_lost_import(db, own, beat, failure=LOST, now=now)
        if is_ended:
            log.warning("catalog.import_lost", import_id=str(own.import_id))

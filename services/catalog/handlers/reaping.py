"""Reaping: imports that nobody ends, for their process died."""

from datetime import timedelta

import structlog

from services.catalog import queue
from services.catalog.queue import Own
from shared import database
from shared.clock import Monotonic, monotonic
from shared.database import Pool, single, transaction
from shared.errors import Unavailable

log = structlog.get_logger()

LOST = "the service that took it ended; what is in stays, send it again"


class Reaper:
    """Who watches the running imports, on a clock that only grows.

    An import is lost when its beat was not seen to grow for a whole lease, without a failed look
    in between: so neither restarts of the database nor moved clocks end a living one.
    """

    def __init__(self, pool: Pool, lease: timedelta, clock: Monotonic = monotonic) -> None:
        self._pool = pool
        self._lease = lease.total_seconds()
        self._clock = clock
        self._seen: dict[Own, tuple[int, float]] = {}  # beat, and when it was seen first

    async def look(self) -> bool:
        """Look at all running imports; end those that are lost.

        Raises:
            Unavailable: The database did not answer; what was seen before counts no more.
        """
        now = self._clock()
        try:
            async with single(self._pool) as db:
                beats = await queue.beats(db)
        except Unavailable:
            self._seen.clear()
            raise
        seen_at = self._clock()  # it may have taken long to see them
        self._seen = {
            own: self._seen[own] if self._seen.get(own, (-1, 0.0))[0] == beat else (beat, seen_at)
            for own, beat in beats.items()
        }
        lost = [own for own, (_, since) in self._seen.items() if now - since > self._lease]
        for own in lost:
            await self._end(own, beats[own])
        return bool(lost)

    async def _end(self, own: Own, beat: int) -> None:
        async with transaction(self._pool) as db:
            now = await database.now(db)
            is_ended = await queue.end_lost_import(db, own, beat, failure=LOST, now=now)
        if is_ended:
            log.warning("catalog.import_lost", import_id=str(own.import_id))

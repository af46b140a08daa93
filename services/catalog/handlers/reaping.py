"""Reaping: imports whose process died are ended as failed."""

from datetime import timedelta
from uuid import UUID

import structlog

from services.catalog.queue import imports as queue
from services.catalog.queue.imports import ImportLease
from shared import database, set_aside, telemetry
from shared.clock import Monotonic, monotonic
from shared.database import Pool, autocommit, transaction
from shared.heartbeats import Heartbeats
from shared.set_aside import Item, guard

log = structlog.get_logger()

REAP = "reap"  # the loop, by which its imports are set aside
LOST = "the service that took it ended; what is in stays, send it again"


class Reaper:
    """Watches the heartbeats of running imports."""

    def __init__(self, pool: Pool, lease: timedelta, clock: Monotonic = monotonic) -> None:
        self._pool = pool
        self._heartbeats = Heartbeats[ImportLease](lease.total_seconds(), clock)
        telemetry.count("leases.reaped", 0, kind="import")

    async def check(self) -> bool:
        """Check all running imports; end those that are lost; return whether there were any.

        Raises:
            Unavailable: The database did not answer; heartbeats seen before are forgotten.
        """
        lost = await self._heartbeats.update(self._beats)
        known = await self._set_aside() if lost else {}
        free = {each: beat for each, beat in lost.items() if not known.get(each.import_id)}
        for lease, beat in free.items():
            async with guard(self._pool, REAP, Item(lease.import_id, lease.import_id in known)):
                await self._end(lease, beat)
        return bool(free)

    async def _set_aside(self) -> dict[UUID, bool]:
        async with autocommit(self._pool) as db:
            return await set_aside.items(db, REAP)

    async def _beats(self) -> dict[ImportLease, int]:
        async with autocommit(self._pool) as db:
            return await queue.beats(db)

    async def _end(self, lease: ImportLease, beat: int) -> None:
        async with transaction(self._pool) as db:
            now = await database.now(db)
            is_ended = await queue.end_lost_import(db, lease, beat, failure=LOST, now=now)
        if is_ended:
            telemetry.count("leases.reaped", 1, kind="import")
            telemetry.count("catalog.imports", 1, outcome="lost")
            log.warning("catalog.import_lost", import_id=str(lease.import_id))

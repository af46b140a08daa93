"""The relay's lease: one relay is at work per database, the others stand by."""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from datetime import timedelta
from typing import NamedTuple
from uuid import UUID

import structlog
from sqlalchemy import text

from shared import ids, telemetry
from shared.clock import Monotonic, monotonic
from shared.crash import crash_point
from shared.database import Pool, autocommit, transaction
from shared.errors import Unavailable
from shared.heartbeats import Heartbeats

log = structlog.get_logger()


class Holder(NamedTuple):
    """The row of the lease."""

    owner: UUID | None
    epoch: int
    beat: int


class RelayLease:
    """The lease on a database's outbox, measured on clocks that only grow.

    It is taken from another relay only after its heartbeat was seen to stand still for a whole
    lease: so neither restarts nor moved clocks end a living lease.
    """

    def __init__(self, pool: Pool, lease: timedelta, clock: Monotonic = monotonic) -> None:
        self.pool = pool
        self.owner = ids.new_id()
        self.epoch: int | None = None
        self._lease_s = lease.total_seconds()
        self._clock = clock
        self._renewed_at = 0.0
        self._holder: Holder | None = None

    async def wait(self) -> None:
        """Wait until the lease is ours.

        Raises:
            Unavailable: The database did not answer; what was seen before counts no more.
        """
        heartbeats = Heartbeats[int](self._lease_s, self._clock)
        while not await self.renew():
            stale = await heartbeats.update(self._beats)
            if self._holder is not None and (self._holder.owner is None or stale):
                await self._take(self._holder)
            else:
                await asyncio.sleep(self._lease_s / 8)

    async def _beats(self) -> Mapping[int, int]:
        self._holder = await holder(self.pool)
        return {self._holder.epoch: self._holder.beat}

    async def _take(self, before: Holder) -> None:
        began = self._clock()
        async with transaction(self.pool) as db:
            taken = await db.scalar(
                TAKE, {"owner": self.owner, "epoch": before.epoch, "beat": before.beat}
            )
        if taken is not None:
            crash_point("relay.taken")
            self.epoch, self._renewed_at = taken, began
            telemetry.count("leases.reaped", int(before.owner is not None), kind="relay")
            owner = str(before.owner) if before.owner else None
            log.info("relay.lease_taken", epoch=taken, from_owner=owner)

    async def renew(self) -> bool:
        """Return whether the lease is still ours; renew it when a quarter of it has passed."""
        if self.epoch is None:
            return False
        began = self._clock()
        if began - self._renewed_at < self._lease_s / 4:
            return True
        async with autocommit(self.pool) as db:
            epoch = await db.scalar(RENEW, {"owner": self.owner, "epoch": self.epoch})
        if epoch is None:
            self.mark_lost()
            return False
        crash_point("relay.renewed")
        self._renewed_at = began
        return True

    def mark_lost(self) -> None:
        """Note that another relay has taken the lease."""
        log.warning("relay.lease_lost", epoch=self.epoch)
        self.epoch = None

    async def release(self) -> None:
        """Release the lease, if the database can be reached: the next relay begins at once."""
        if self.epoch is None:
            return
        with suppress(Unavailable):
            async with transaction(self.pool) as db:
                await db.execute(RELEASE, {"owner": self.owner, "epoch": self.epoch})


TAKE = text("""
    UPDATE relays SET owner = :owner, epoch = epoch + 1, beat = beat + 1
    WHERE name = 'outbox' AND epoch = :epoch AND beat = :beat RETURNING epoch
""")
RENEW = text("""
    UPDATE relays SET beat = beat + 1
    WHERE name = 'outbox' AND owner = :owner AND epoch = :epoch RETURNING epoch
""")
RELEASE = text("UPDATE relays SET owner = NULL WHERE owner = :owner AND epoch = :epoch")
HOLDER = text("SELECT owner, epoch, beat FROM relays WHERE name = 'outbox'")


async def holder(pool: Pool) -> Holder:
    """Return the row of the lease, with its owner and its heartbeat.

    Raises:
        Unavailable: The database did not answer.
    """
    async with autocommit(pool) as db:
        return Holder(*(await db.execute(HOLDER)).one())

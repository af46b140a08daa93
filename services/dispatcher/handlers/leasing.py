"""Leasing: whether a sender's leases are still its own, and until when."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

from services.dispatcher.domain.attempt import Limits
from services.dispatcher.domain.flow import WORKS
from services.dispatcher.domain.gateway import GatewayVersion
from services.dispatcher.queue import flow, leasing
from services.dispatcher.queue.controls import Control
from shared import database, ids
from shared.crash import crash_point
from shared.database import Connection, Pool, autocommit, transaction
from shared.event import Instant

ONLY_VERSION = GatewayVersion()
RENEWALS = 8  # of the lease in its time; controls are read more often


class SenderLease:
    """The lease of one sender, which holds all that it has claimed.

    Guarantee: as long as `is_valid_at`, what is claimed is ours until the deadline of a request
    that starts then, and the controls that we know are not too old.
    """

    def __init__(
        self,
        pool: Pool,
        limits: Limits,
        gateway: str,
        version: GatewayVersion = ONLY_VERSION,
        *,
        marks_starts: bool,
    ) -> None:
        self.version = version
        self._pool = pool
        self._limits = limits
        self._gateway = gateway
        self._marks_starts = marks_starts
        self._time = asyncio.get_running_loop().time
        self.sender_id: UUID | None = None
        self.clock_offset_s = 0.0  # business time minus the loop's; never too small
        self._lease_expires_at = self._controls_read_at = 0.0  # the loop's time
        self.gateway_state = WORKS  # as it was read last

    def is_valid_at(self, at: float) -> bool:
        """Return whether a request may start at this time of the loop.

        It must end before the lease does, and the controls must have been read lately.
        """
        limits = self._limits
        return (
            at + limits.timeout_s < self._lease_expires_at
            and at - self._controls_read_at <= limits.controls_ttl_s
        )

    @property
    def business_time(self) -> float:
        """The business time now, in seconds since the epoch."""
        return self._time() + self.clock_offset_s

    @property
    def has_expired(self) -> bool:
        """Whether others may have declared us dead."""
        return self._time() >= self._lease_expires_at

    async def renew(self, run_ids: Sequence[UUID]) -> list[Control]:
        """Renew the lease if it is due, and read the time and the controls of `run_ids`.

        Raises:
            LeaseLost: Others declared us dead.
        """
        sender_id = self.sender_id or await self._register()
        began, lease_s = self._time(), self._limits.lease_s
        expires_at = self._lease_expires_at
        is_due = began + lease_s > expires_at + lease_s / RENEWALS
        if not (is_due or run_ids):
            return []
        async with autocommit(self._pool) as db:
            if is_due:
                await leasing.renew(db, sender_id, lease_s)
                expires_at = began + lease_s
                crash_point("dispatcher.lease.renewed")
            asked = self._time()
            now = await database.now(db)
            controls = await leasing.read_controls(db, sender_id, run_ids)
            self.gateway_state = await flow.read(db, self._gateway)
        if sender_id != self.sender_id:
            return []
        self.clock_offset_s = now.timestamp() - asked
        self._lease_expires_at, self._controls_read_at = expires_at, asked
        return controls

    async def _register(self) -> UUID:
        sender_id = ids.new_id()
        async with transaction(self._pool) as db:
            await leasing.register(
                db,
                sender_id,
                self._gateway,
                self.version.id,
                lease_s=self._limits.lease_s,
                marks_starts=self._marks_starts,
            )
        crash_point("dispatcher.lease.registered")
        self.sender_id = sender_id
        return sender_id

    async def hold(self, db: Connection, sender_id: UUID, *, reads_controls: bool) -> Instant:
        """Hold the sender; return the business time, from which the loop's offset follows.

        `reads_controls`: the caller reads the controls of all runs that it has something of.

        Raises:
            LeaseLost: It was declared dead.
        """
        asked = self._time()
        now = await leasing.hold(db, sender_id)
        self.gateway_state = await flow.read(db, self._gateway)
        self.clock_offset_s = now.timestamp() - asked
        if reads_controls:
            self._controls_read_at = asked
        return now

    def drop(self, sender_id: UUID) -> bool:
        """Begin anew if `sender_id` is ours, whose lease is lost; return whether it was."""
        if sender_id != self.sender_id:
            return False
        self.sender_id, self._lease_expires_at = None, 0.0
        return True

    async def leave(self, db: Connection) -> None:
        """Give the lease up: nothing is under way, and nothing is leased."""
        if self.sender_id is not None:
            await leasing.leave(db, self.sender_id)

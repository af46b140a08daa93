"""Reaping: the leases of a dead sender become free, and its lost attempts go on record."""

from collections.abc import Mapping
from types import MappingProxyType
from uuid import UUID

import structlog

from services.dispatcher.domain.attempt import Attempt, Limits, RetryPolicy
from services.dispatcher.domain.outcome import Outcome, Verdict
from services.dispatcher.handlers.events import Publishing
from services.dispatcher.handlers.reconciling import reconcile
from services.dispatcher.queue import controls, reaping, rendering
from services.dispatcher.queue.controls import Control
from services.dispatcher.queue.reaping import LostAttempt
from shared import database, ids, set_aside, telemetry
from shared.clock import Monotonic, monotonic
from shared.contracts.dispatcher import AttemptKind
from shared.crash import crash_point
from shared.database import Connection, Pool, autocommit, transaction
from shared.event import Instant
from shared.heartbeats import Heartbeats
from shared.set_aside import Item, guard

log = structlog.get_logger()

REAP = "reap"  # the loop, by which its senders are set aside
LOST = Verdict(Outcome.UNKNOWN, "sender_lost")


class Reaper:
    """Takes the leases of senders that have stopped to renew their own."""

    def __init__(
        self,
        pool: Pool,
        limits: Limits,
        clock: Monotonic = monotonic,
        *,
        policies: Mapping[str, RetryPolicy] = MappingProxyType({}),
    ) -> None:
        """`policies` are those of gateways by name, for the attempts that were lost."""
        self._pool = pool
        self._policies = policies
        self._policy = RetryPolicy(
            is_idempotent=False,  # only of those are starts marked
            backoff_base_s=limits.backoff_base_s,
            backoff_cap_s=limits.backoff_cap_s,
        )
        self._lease_s = limits.lease_s
        self._leases: dict[UUID, float] = {}  # of senders whose lease is their own to say
        self._heartbeats = Heartbeats[UUID](self._lease_of, clock)
        telemetry.count("leases.reaped", 0, kind="sender")

    async def check(self) -> bool:
        """Take the leases of all senders that are dead; return whether there were any.

        Raises:
            Unavailable: The database did not answer; what was seen before counts no more.
        """
        dead = await self._heartbeats.update(self._beats)
        known = await self._set_aside() if dead else {}
        free = {each: beat for each, beat in dead.items() if not known.get(each)}
        for sender_id, beat in free.items():
            async with guard(self._pool, REAP, Item(sender_id, sender_id in known)):
                await self._reap(sender_id, beat)
        return bool(free)

    async def _set_aside(self) -> dict[UUID, bool]:
        async with autocommit(self._pool) as db:
            return await set_aside.items(db, REAP)

    async def _beats(self) -> dict[UUID, int]:
        async with autocommit(self._pool) as db:
            beats = await reaping.beats(db)
        self._leases = {
            sender_id: beat.lease_s
            for sender_id, beat in beats.items()
            if beat.lease_s is not None
        }
        return {sender_id: beat.number for sender_id, beat in beats.items()}

    def _lease_of(self, sender_id: UUID) -> float:
        return self._leases.get(sender_id, self._lease_s)

    async def _reap(self, sender_id: UUID, beat: int) -> None:
        """Take the leases and put its lost attempts on record, in one transaction."""
        async with transaction(self._pool) as db:
            lost = await reaping.reap(db, sender_id, beat)
            crash_point("dispatcher.reap.taken")
            if lost:
                await self._record(db, lost, await database.now(db))
                crash_point("dispatcher.reap.written")
        if lost is not None:
            crash_point("dispatcher.reap.committed")
            telemetry.count("leases.reaped", 1, kind="sender")
            log.warning("dispatcher.sender_reaped", sender_id=str(sender_id), lost=len(lost))

    def _policy_of(self, run: Control) -> RetryPolicy:
        return self._policies.get(run.gateway, self._policy).of_run(run.retrying)

    async def _record(self, db: Connection, lost: list[LostAttempt], now: Instant) -> None:
        run_ids = list({each.key.run_id for each in lost})
        runs = {each.run_id: each for each in await controls.controls(db, run_ids)}
        attempts = [
            Attempt(
                message_id=ids.message_id(*each.key),
                client_id=each.key.client_id,
                chunk=each.chunk,
                number=each.number,
                kind=AttemptKind.LOST,
                verdict=LOST,
                started_at=each.started_at.timestamp(),
                ended_at=now.timestamp(),
                last_start=runs[each.key.run_id].window.last_start,
                policy=self._policy_of(runs[each.key.run_id]),
                sender_id=None,
                contact=None,
                version_id=each.version_id,
            )
            for each in lost
        ]
        templates = await rendering.templates(db, run_ids)
        publishing = {
            run_id: Publishing(each.traceparent, each.is_by_chunk)
            for run_id, each in templates.items()
        }
        await reconcile(db, attempts, publishing)

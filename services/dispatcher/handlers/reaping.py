"""Reaping: what a dead sender leaves behind goes to the living."""

from uuid import UUID

import structlog

from services.dispatcher.domain.message import Progress, Terms
from services.dispatcher.domain.outcome import Limits, Outcome, Verdict
from services.dispatcher.domain.window import LAST_START_S
from services.dispatcher.handlers import recording
from services.dispatcher.handlers.recording import Attempt
from services.dispatcher.queue import controls, reaping
from services.dispatcher.queue.reaping import LostAttempt
from shared import database, ids
from shared.clock import Monotonic, monotonic
from shared.contracts.dispatcher import AttemptKind
from shared.database import Connection, Pool, autocommit, transaction
from shared.event import Instant
from shared.heartbeats import Heartbeats

log = structlog.get_logger()

LOST = Verdict(Outcome.UNKNOWN, "sender_lost")


class Reaper:
    """Who watches the senders."""

    def __init__(self, pool: Pool, limits: Limits, clock: Monotonic = monotonic) -> None:
        self._pool = pool
        self._limits = limits
        self._heartbeats = Heartbeats[UUID](limits.lease_s, clock)

    async def look(self) -> bool:
        """Look at all senders; take the leases of those that are dead.

        Raises:
            Unavailable: The database did not answer; what was seen before counts no more.
        """
        dead = await self._heartbeats.update(self._beats)
        for sender_id, beat in dead.items():
            await self._reap(sender_id, beat)
        return bool(dead)

    async def _beats(self) -> dict[UUID, int]:
        async with autocommit(self._pool) as db:
            return await reaping.beats(db)

    async def _reap(self, sender_id: UUID, beat: int) -> None:
        """Take the leases and put its lost attempts on record, in one transaction."""
        async with transaction(self._pool) as db:
            lost = await reaping.reap(db, sender_id, beat)
            if lost:
                await self._record(db, lost, await database.now(db))
        if lost is not None:
            log.warning("dispatcher.sender_reaped", sender_id=str(sender_id), lost=len(lost))

    async def _record(self, db: Connection, lost: list[LostAttempt], now: Instant) -> None:
        run_ids = list({each.run_id for each in lost})
        ends = {each.run_id: each.ends_at for each in await controls.controls(db, run_ids)}
        texts = await controls.texts(db, run_ids)
        attempts = [
            Attempt(
                ids.message_id(each.run_id, each.client_id),
                each.run_id,
                each.client_id,
                each.chunk,
                each.number,
                AttemptKind.LOST,
                Progress(),
                LOST,
                Terms(
                    is_idempotent=False,  # only of those are starts marked
                    now=now.timestamp(),
                    last_start=ends[each.run_id].timestamp() - LAST_START_S,
                    backoff_base_s=self._limits.backoff_base_s,
                    backoff_cap_s=self._limits.backoff_cap_s,
                ),
                each.started_at.timestamp(),
                sender_id=None,
            )
            for each in lost
        ]
        traces = {run_id: said.traceparent for run_id, said in texts.items()}
        await recording.record_carefully(db, attempts, traces)

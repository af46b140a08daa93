"""Reaping: what a dead sender leaves behind goes to the living."""

from uuid import UUID

import structlog

from services.dispatcher.domain import LAST_START_S, Limits, Outcome, Progress, Terms, Verdict
from services.dispatcher.handlers import recording
from services.dispatcher.handlers.recording import Attempt
from services.dispatcher.queue import controls, reaping
from services.dispatcher.queue.reaping import LostAttempt
from shared import database, ids
from shared.clock import Monotonic, monotonic
from shared.contracts.dispatcher import AttemptKind
from shared.database import Connection, Pool, transaction
from shared.errors import Unavailable
from shared.event import Instant

log = structlog.get_logger()

LOST = Verdict(Outcome.UNKNOWN, "sender_lost")


class Reaper:
    """Who watches the senders, on a clock that only grows.

    A sender is dead when it was not seen to renew for a whole lease, without a failed look in
    between: so neither restarts of the database nor moved clocks end a living one.
    """

    def __init__(self, pool: Pool, limits: Limits, clock: Monotonic = monotonic) -> None:
        self._pool = pool
        self._limits = limits
        self._clock = clock
        self._seen: dict[UUID, tuple[int, float]] = {}  # beat, and when it was seen first

    async def look(self) -> bool:
        """Look at all senders; take the leases of those that are dead.

        Raises:
            Unavailable: The database did not answer; what was seen before counts no more.
        """
        now = self._clock()
        try:
            async with transaction(self._pool) as db:
                beats = await reaping.beats(db)
        except Unavailable:
            self._seen.clear()
            raise
        seen_at = self._clock()  # it may have taken long to see them
        self._seen = {
            sender_id: self._seen[sender_id]
            if self._seen.get(sender_id, (-1, 0.0))[0] == beat
            else (beat, seen_at)
            for sender_id, beat in beats.items()
        }
        dead = [
            sender_id
            for sender_id, (_, since) in self._seen.items()
            if now - since > self._limits.lease_s
        ]
        for sender_id in dead:
            await self._reap(sender_id, beats[sender_id])
        return bool(dead)

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

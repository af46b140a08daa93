"""Batching: results wait here until there are enough for a transaction, and are recorded.

A result leaves only when it is committed: whatever happens before that, it is written again.
"""

import asyncio
from collections import Counter
from collections.abc import Mapping, Sequence
from contextlib import suppress
from operator import attrgetter
from typing import NamedTuple
from uuid import UUID

import structlog

from services.dispatcher.domain.attempt import Attempt, instant
from services.dispatcher.domain.contact import Rejection
from services.dispatcher.domain.keys import ChunkKey, MessageKey
from services.dispatcher.domain.progress import Progress
from services.dispatcher.domain.recent import RecentAnswers
from services.dispatcher.gateways import Gateway
from services.dispatcher.handlers import measuring, reconciling, recording
from services.dispatcher.handlers.backlog import Backlog, Lease, RejectedJob
from services.dispatcher.handlers.claiming import Claimer
from services.dispatcher.handlers.events import EventBuffer
from services.dispatcher.handlers.failing import Failures, Result
from services.dispatcher.handlers.jobs import Job
from services.dispatcher.handlers.packing import Packer, Starting, is_plain
from services.dispatcher.handlers.recording import Rejected
from services.dispatcher.handlers.tracing import GATEWAY, RequestSpans
from services.dispatcher.queue import recording as ledger
from services.dispatcher.queue.exceptions import FastPathFailed
from services.dispatcher.queue.leasing import LeaseLost
from services.dispatcher.queue.recording import Closed, LedgerBatch
from shared import liveness, outbox, telemetry
from shared.crash import crash_point
from shared.database import Pool, autocommit, transaction
from shared.database_errors import is_fault_of_record
from shared.errors import Unavailable
from shared.event import Instant

log = structlog.get_logger()

BATCH = 2_000  # results that are recorded at once
GATHER_S = 0.1  # a transaction costs the same for ten as for a hundred
GATHER_PLAIN_S = 0.005  # the same where starts are marked


class Gathering(NamedTuple):
    """How long results are gathered: until there are `enough`, some `seconds` at most."""

    enough: int = BATCH
    seconds: float = GATHER_S


def gathering_for(gateway: Gateway) -> Gathering:
    """Return how long the results of a gateway are gathered."""
    if gateway.is_idempotent:
        return Gathering()
    # A result that is not on record keeps another message from starting.
    return Gathering(gateway.free // 2, GATHER_PLAIN_S)


class Results:
    """The results of one sender's messages, until they are on record."""

    def __init__(
        self,
        pool: Pool,
        claimer: Claimer,
        backlog: Backlog,
        spans: RequestSpans,
        *,
        packs: bool,
        gathering: Gathering,
    ) -> None:
        """`packs`: plain results are published as blocks."""
        self._pool = pool
        self._claimer = claimer
        self._backlog = backlog
        self._gateway = spans.gateway
        self._spans = spans
        self._packs = packs
        self._gathering = gathering
        self._time = asyncio.get_running_loop().time
        self._waiting: list[Result] = []
        self._has_some = asyncio.Event()
        self._has_many = asyncio.Event()  # a whole batch
        self._failures = Failures(pool, claimer, self._add)
        self.recent = RecentAnswers()

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, lease: Lease, before: Progress, attempt: Attempt) -> None:
        """Let the result of an attempt wait, which was counted when it started."""
        key = attempt.chunk.run_id.bytes + attempt.client_id.bytes
        self._add(Result(lease, key, before, attempt))

    def reject(self, job: RejectedJob) -> None:
        """Let a message wait that became final without an attempt."""
        lease, before, entry = job
        self._backlog.rejected(lease)
        self._add(Result(lease, entry.key.run_id.bytes + entry.key.client_id.bytes, before, entry))

    def fail(self, job: Job, rejection: Rejection) -> None:
        """Let a message wait that was taken to be started, and ends without an attempt."""
        key = MessageKey(job.lease.run.run_id, job.client_id)
        entry = Rejected(key, job.chunk, rejection)
        own = key.run_id.bytes + key.client_id.bytes
        self._add(Result(job.lease, own, job.before, entry))

    def _add(self, result: Result) -> None:
        waiting = self._waiting
        waiting.append(result)
        if len(waiting) == 1:
            self._has_some.set()
        if len(waiting) == self._gathering.enough:
            self._has_many.set()

    async def wait_for_batch(self) -> None:
        """Wait for a full batch, at most some time after the first result."""
        with liveness.waiting():
            await self._has_some.wait()
        self._has_many.clear()
        if len(self._waiting) < self._gathering.enough:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._gathering.seconds):
                    await self._has_many.wait()

    @property
    def batch_size(self) -> int:
        """How many results the next transaction writes."""
        return min(len(self._waiting), BATCH)

    async def record(self, starting: Starting | None = None) -> bool:
        """Write a batch of results; return whether there are more.

        If they go the fast path, the same transaction marks what is `starting` in their place.
        """
        size = self.batch_size
        batch, self._waiting = self._waiting[:size], self._waiting[size:]
        if not batch:
            self._has_some.clear()
            return False
        crash_point("dispatcher.record.answered")
        batch.sort(key=attrgetter("key"))
        parts = [batch]
        try:
            while parts:
                parts[:1] = await self._record_or_divide(parts[0], starting)
                starting = None
        except BaseException:  # whatever it is, nothing is lost
            self._waiting = [result for part in parts for result in part] + self._waiting
            raise
        return bool(self._waiting)

    async def _record_or_divide(
        self, batch: list[Result], starting: Starting | None
    ) -> list[list[Result]]:
        """Record a batch; return what is left of it: its halves, if one result may be to blame."""
        counts = Counter([result.lease for result in batch])
        try:
            with telemetry.batch("record", {GATEWAY: self._gateway}) as written:
                for lease, count in counts.items():
                    written.add(count, lease.run.publishing.traceparent)
                await self._write(batch, _leases_done(counts), starting)
        except Unavailable:
            raise
        except Exception as error:
            if not is_fault_of_record(error):
                raise
            if len(batch) == 1:
                await self._failures.set_aside(batch[0], error)
                return []
            half = len(batch) // 2
            return [batch[:half], batch[half:]]
        self._failures.recorded(batch)
        self._backlog.recorded(counts)
        self._claimer.end(counts)
        attempts = _attempts(batch)
        measuring.count_results(self._gateway, batch, attempts)
        self.recent.add(attempts, self._business_time())
        self._spans.record(batch, self._business_time())
        return []

    async def _write(
        self, batch: list[Result], done: Mapping[ChunkKey, int], starting: Starting | None
    ) -> None:
        """Record a batch: by the fast path if nobody else can have moved its messages."""
        sender_id = self._claimer.lease.sender_id
        if sender_id is not None and all(
            lease.is_clean and lease.sender_id == sender_id
            for lease in {each.lease for each in batch}
        ):
            try:
                await self._record(sender_id, batch, done, starting)
            except LeaseLost:
                self._claimer.drop(sender_id)
            except FastPathFailed:
                log.info("dispatcher.fast_path_failed", results=len(batch))
            else:
                return
        for each in batch:  # for good: a commit that is lost below has written rows, not blocks
            each.lease.is_clean = False
        await self._reconcile(batch, done)

    async def _record(
        self,
        sender_id: UUID,
        results: list[Result],
        done: Mapping[ChunkKey, int],
        starting: Starting | None,
    ) -> None:
        batch, published = self._entered(results, done)
        connect = autocommit if batch.is_one_statement else transaction
        async with connect(self._pool) as db:
            starts = None if starting is None else starting.starts
            await ledger.record(db, sender_id, batch, published, starts)
            crash_point("dispatcher.record.written")
        crash_point("dispatcher.record.committed")
        if starting is not None:
            starting.is_marked = True

    def _entered(
        self, results: list[Result], done: Mapping[ChunkKey, int]
    ) -> tuple[LedgerBatch, outbox.Row | None]:
        """Return what results add to the ledger, and what is published of them."""
        batch, events, now = LedgerBatch(), EventBuffer(), self._now()
        packer = Packer()
        finals: dict[ChunkKey, int] = {}
        for result in results:
            entry, before, lease = result.entry, result.before, result.lease
            publishing = lease.run.publishing
            is_final = True
            if type(entry) is Attempt:  # a Struct's instance check costs more than what follows
                if self._packs and is_plain(lease, before, entry):
                    packer.add(lease, entry)
                else:
                    is_final = recording.enter_attempt(batch, events, before, entry, publishing)
            elif type(entry) is Rejected:
                recording.enter_rejected(batch, events, before, entry, publishing, now)
            chunk = entry.chunk
            finals[chunk] = finals.get(chunk, 0) + is_final
        blocks = packer.blocks()
        batch.blocks = [each.row for each in blocks]
        batch.closed = {
            chunk: Closed(finals.get(chunk, 0), done.get(chunk, 0))
            for chunk in finals.keys() | done
        }
        for each in blocks:
            events.add_block(each.lease.run.publishing, each.event)
        return batch, outbox.row_of(events.batches())

    async def _reconcile(self, batch: list[Result], done: Mapping[ChunkKey, int]) -> None:
        publishing = {each.lease.run.run_id: each.lease.run.publishing for each in batch}
        rejected = [each.entry for each in batch if isinstance(each.entry, Rejected)]
        async with transaction(self._pool) as db:
            await reconciling.reconcile(db, _attempts(batch), publishing)
            await reconciling.reconcile_rejected(db, rejected, publishing, self._now())
            sender_id = self._claimer.lease.sender_id
            if sender_id is not None:  # leases of an earlier life match nothing
                closed = {chunk: Closed(finals=0, epoch=epoch) for chunk, epoch in done.items()}
                await ledger.close_chunks(db, sender_id, closed)
            crash_point("dispatcher.reconcile.written")
        crash_point("dispatcher.reconcile.committed")

    def _now(self) -> Instant:
        return instant(self._business_time())

    def _business_time(self) -> float:
        return self._time() + self._claimer.lease.clock_offset_s


def _leases_done(counts: Mapping[Lease, int]) -> dict[ChunkKey, int]:
    """Return the epochs of the chunks whose leases are over once so many results are on record."""
    return {
        lease.chunk: lease.epoch
        for lease, count in counts.items()
        if lease.chunk is not None
        and not lease.waiting
        and not lease.returned
        and lease.unrecorded == count
    }


def _attempts(batch: Sequence[Result]) -> list[Attempt]:
    return [each.entry for each in batch if type(each.entry) is Attempt]

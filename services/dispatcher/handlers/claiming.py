"""Claiming: what is due becomes jobs in the ready queue; what must not start is given back."""

import asyncio
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from operator import attrgetter
from uuid import UUID

import structlog

from services.dispatcher.domain.breaker import Samples
from services.dispatcher.domain.cap import NO_CAPS, Caps
from services.dispatcher.domain.keys import ChunkKey
from services.dispatcher.domain.retry_budget import RetryBudget
from services.dispatcher.domain.window import must_outlast
from services.dispatcher.gateways import Gateway
from services.dispatcher.handlers import jobs
from services.dispatcher.handlers.backlog import Backlog, Lease, RejectedJob, Run
from services.dispatcher.handlers.capping import cap
from services.dispatcher.handlers.events import Publishing
from services.dispatcher.handlers.jobs import Job
from services.dispatcher.handlers.leasing import SenderLease
from services.dispatcher.handlers.ready import ReadyQueue
from services.dispatcher.queue import claiming, controls, recording, rendering, suppressions
from services.dispatcher.queue.claiming import NOBODY, Claimant, ClaimedChunk, RunUnreadable
from services.dispatcher.queue.controls import CLAIM, Control
from services.dispatcher.queue.leasing import LeaseLost
from services.dispatcher.queue.recording import Closed
from services.dispatcher.queue.rendering import RunTemplates
from services.dispatcher.queue.retries import (
    ClaimedRetry,
    claim_retries,
    last_in_turn,
    release_retries,
)
from shared.crash import crash_point
from shared.database import Connection, Pool, autocommit, transaction
from shared.errors import Unavailable
from shared.event import Instant
from shared.set_aside import Item, guard
from shared.unsubscribe import Links, MakeLink

log = structlog.get_logger()

RETRIES = 200  # that are claimed at once
ASK_INTERVAL_S = 2.0  # what waits is found to be suppressed at most so much later


@dataclass(frozen=True, slots=True)
class Claim:
    """What a claim brought, beside jobs in the ready queue."""

    found: bool  # something was leased: there may be more
    rejected: Sequence[RejectedJob] = ()
    traces: Collection[str | None] = ()  # of the runs
    size: int = 0  # messages


NOTHING = Claim(found=False)


class Claimer:
    """What one sender has leased: claimed when there is room for it, given back if not started."""

    def __init__(  # noqa: PLR0913 - what a sender is made of
        self,
        pool: Pool,
        gateway: Gateway,
        lease: SenderLease,
        backlog: Backlog,
        samples: Samples,
        *,
        links: Links | None = None,
        caps: Caps = NO_CAPS,
    ) -> None:
        self._pool = pool
        self._gateway, self._channel = gateway.name, gateway.channel
        self._asks_by_own_id = gateway.looks_up_by_own_id
        self._samples, self._budget = samples, RetryBudget()
        self.lease = lease
        self._backlog = backlog
        self._links, self._caps = links, caps
        self.ready = ReadyQueue(backlog)
        self._time = asyncio.get_running_loop().time
        self._runs: dict[UUID, Run] = {}
        self._ask_at = 0.0  # what was suppressed since it was claimed
        self._leases: set[Lease] = set()
        self._last_runs: dict[str, UUID] = {}  # that had a chunk, by priority
        self._last_retried = NOBODY  # the run that had a retry
        self.is_stopping = False
        self.may_hold_unknown_leases = False  # the answer to a claim or a release was lost

    @property
    def run_ids(self) -> list[UUID]:
        """The runs of which something is leased."""
        return list(self._runs)

    @property
    def has_new(self) -> bool:
        """Whether messages of chunks, which were never tried, wait or are not on record yet."""
        return any(lease.chunk is not None and not lease.is_over for lease in self._leases)

    def put_back(self, taken: Sequence[Job]) -> None:
        """Let jobs that were taken wait again, but for those whose lease is lost."""
        self.ready.put_back(taken, self._leases)

    def end(self, leases: Iterable[Lease]) -> None:
        """Drop those leases of which nothing is left, not even to be given back."""
        self._leases.difference_update(
            lease for lease in leases if lease.is_over and not lease.returned
        )

    def drop(self, sender_id: UUID) -> None:
        """Drop all that `sender_id` had leased, which others have now.

        What is under way is recorded all the same.
        """
        if self.lease.drop(sender_id):
            log.warning("dispatcher.lease_lost", gateway=self._gateway)
            self.may_hold_unknown_leases = False
            self.ready.clear()
            self._leases.clear()

    # Giving back

    def apply(self, allowed: Iterable[Control]) -> None:
        """Take over what is allowed of runs now."""
        for control in allowed:
            run = self._runs.get(control.run_id)
            if run is not None:
                run.is_open, run.window = control.is_open, control.window

    async def give_back(self, *, whole: bool = False) -> None:
        """Give back what must not be started, once nothing of its lease is under way.

        `whole`: nothing may be started for a while, and what comes then is to be claimed anew.
        """
        await self._give_back_unwanted()
        now = self._time() + self.lease.clock_offset_s
        is_over = whole or self.is_stopping or self.may_hold_unknown_leases
        self.ready.give_back(
            {run for run in self._runs.values() if is_over or not run.allows_start(now)}
        )
        over = [lease for lease in self._leases if lease.returned and lease.is_over]
        if over:
            await self._release(sorted(over, key=attrgetter("place")))
        held = {lease.run.run_id for lease in self._leases}
        self._runs = {run_id: run for run_id, run in self._runs.items() if run_id in held}

    async def _give_back_unwanted(self) -> None:
        """Give back runs of which something that waits was suppressed since it was claimed.

        So they are claimed again, where it is judged: at a slow gateway a chunk waits for minutes.
        """
        if self._time() < self._ask_at or not len(self.ready):
            return
        self._ask_at = self._time() + ASK_INTERVAL_S
        async with autocommit(self._pool) as db:
            if not await suppressions.are_any(db):
                return
            unwanted = await suppressions.suppressed_messages(db, self.ready.keys)
        runs = {key.run_id for key in unwanted}
        self.ready.give_back({run for run in self._runs.values() if run.run_id in runs})

    async def _release(self, leases: Iterable[Lease]) -> None:
        try:
            async with transaction(self._pool) as db:
                for lease in leases:
                    sender_id, run_id = lease.sender_id, lease.run.run_id
                    if lease.chunk is None:
                        await release_retries(db, sender_id, run_id, lease.returned)
                    else:
                        await claiming.release_chunk(db, sender_id, lease.chunk, lease.epoch)
                crash_point("dispatcher.release.written")
            crash_point("dispatcher.release.committed")
        except Unavailable:
            self.may_hold_unknown_leases = True
            raise
        self._leases.difference_update(leases)

    async def leave(self) -> None:
        """End the sender, whose messages are all on record or given back."""
        sender_id = self.lease.sender_id
        if sender_id is not None:
            async with transaction(self._pool) as db:
                await claiming.release_all(db, sender_id)
                await self.lease.leave(db)

    # Claiming

    async def claim(self) -> Claim:
        """Lease what is due, if there is room for it or it may pass what waits."""
        sender_id = self.lease.sender_id
        if sender_id is None or not self._needs_work():
            return NOTHING
        try:
            async with transaction(self._pool) as db:
                # Of runs that we know, one may have been paused since the last renewal.
                now = await self.lease.hold(db, sender_id, reads_controls=not self._runs)
                if self.may_hold_unknown_leases:
                    await claiming.release_all(db, sender_id)
                retries, chunks, runs = await self._claim(db, sender_id, now)
                crash_point("dispatcher.claim.written", when=retries or chunks)
        except LeaseLost:
            self.drop(sender_id)
            return NOTHING
        except RunUnreadable as error:
            await self._set_aside(error)
            return Claim(found=True)
        except Unavailable:  # but the claim may have been committed
            self.may_hold_unknown_leases = True
            raise
        if sender_id != self.lease.sender_id:
            return NOTHING
        crash_point("dispatcher.claim.committed", when=retries or chunks)
        self.may_hold_unknown_leases = False
        self._runs |= runs  # a renewal may have dropped them meanwhile
        rejected = self._take_claimed(sender_id, retries, chunks)
        traces = {run.publishing.traceparent for run in runs.values()}
        size = len(retries) + sum(len(chunk.client_ids) for chunk in chunks)
        return Claim(bool(retries or chunks), rejected, traces, size)

    def _take_claimed(
        self, sender_id: UUID, retries: Sequence[ClaimedRetry], chunks: Sequence[ClaimedChunk]
    ) -> list[RejectedJob]:
        """Let messages wait for their start; return those that cannot be sent."""
        self._last_retried = last_in_turn(retries, self._last_retried)
        taken = jobs.of_retries(sender_id, self._runs, retries, self._channel)
        for chunk in chunks:
            run = self._runs[chunk.key.run_id]
            self._last_runs[run.priority] = run.run_id
            if chunk.client_ids:
                taken.append(jobs.of_chunk(sender_id, run, chunk, self._channel))
        for each in taken:
            self._leases.add(each.lease)
            self._backlog.claimed(each.lease, len(each.jobs))
            self.ready.add(each.jobs)
        return [rejected for each in taken for rejected in each.rejected]

    async def _set_aside(self, error: RunUnreadable) -> None:
        """Pass the run over for a while: the others are claimed without it."""
        async with guard(self._pool, CLAIM, Item(error.run_id)):
            raise error

    def _needs_work(self) -> bool:
        return not (
            self.is_stopping
            or self.lease.has_expired
            # First all leases that we know of must be over.
            or (self.may_hold_unknown_leases and self._leases)
        )

    async def _claim(
        self, db: Connection, sender_id: UUID, now: Instant
    ) -> tuple[list[ClaimedRetry], list[ClaimedChunk], dict[UUID, Run]]:
        claimant = Claimant(sender_id, self._gateway, self.lease.version, self._asks_by_own_id)
        latest = must_outlast(now)
        room = self.ready.room
        limit = min(self._budget.allowed(self._time(), self._samples.total), RETRIES, room.left)
        after = self._last_retried
        retries = await claim_retries(db, claimant, after, now=now, latest=latest, limit=limit)
        last = self._last_runs
        leased = await claiming.lease_chunks(db, claimant, room, last, now=now, latest=latest)
        wanted = {each.key.run_id for each in retries} | {each.run_id for each in leased}
        runs = await self._load_runs(db, wanted)
        keys = [ChunkKey(each.run_id, each.chunk) for each in leased]
        await cap(db, self._caps, keys, runs, now)
        chunks = await claiming.read_chunks(db, leased)
        self._budget.took(len(retries), sum(len(each.client_ids) for each in chunks))
        # Of some, all is on record already.
        closed = {each.key: Closed(0, each.epoch) for each in chunks if not each.client_ids}
        await recording.close_chunks(db, sender_id, closed)
        return retries, chunks, runs

    async def _load_runs(self, db: Connection, wanted: set[UUID]) -> dict[UUID, Run]:
        """Return the runs that are wanted: as we have them, else from the database."""
        known = {run_id: self._runs[run_id] for run_id in wanted & self._runs.keys()}
        missing = list(wanted - known.keys())
        if not missing:
            return known
        texts = await rendering.templates(db, missing)
        for control in await controls.controls(db, missing):
            templates = texts[control.run_id]
            known[control.run_id] = Run(
                run_id=control.run_id,
                templates=templates,
                publishing=Publishing(templates.traceparent, templates.is_by_chunk),
                is_open=control.is_open,
                window=control.window,
                retrying=control.retrying,
                priority=control.priority,
                link=self._link(templates),
            )
        return known

    def _link(self, templates: RunTemplates) -> MakeLink | None:
        is_mail = self._channel.contact == "email"
        if self._links is None or not templates.needs_link(is_mail=is_mail):
            return None
        return self._links.of_topic(templates.topic)

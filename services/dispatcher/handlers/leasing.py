"""Leasing: which messages are ours to send, for how long, and what is allowed of them.

Nothing is sent here. What is claimed waits in `ready`, in order; what must not be started any
more goes back.
"""

import asyncio
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import repeat
from typing import TypeAlias
from uuid import UUID

import structlog
from msgspec.structs import replace

from services.dispatcher.domain.contact import GONE, Contact, unfit
from services.dispatcher.domain.message import Progress
from services.dispatcher.domain.outcome import Limits
from services.dispatcher.domain.window import LAST_START_S, must_outlast
from services.dispatcher.handlers.ready import Job, Lease, Run
from services.dispatcher.handlers.recording import Settled
from services.dispatcher.queue import claiming, controls, leasing
from services.dispatcher.queue import recording as ledger
from services.dispatcher.queue.claiming import ClaimedChunk, ClaimedRetry
from services.dispatcher.queue.leasing import Overtaken
from shared import database, ids
from shared.contracts.dispatcher import State
from shared.database import Connection, Pool, autocommit, transaction
from shared.errors import Unavailable

log = structlog.get_logger()

ENOUGH = 2_000  # messages ready to be started; below it more are claimed
RETRIES = 200  # that are claimed at once
BEATS = 8  # renewals of the lease in its time; what is allowed is looked at more often
FRESH = Progress()
TEMPLATE_INVALID = (State.FAILED, "template_invalid")

# Of a message: its chunk, progress, identifier and client; no contact: a removed client.
Claimed: TypeAlias = tuple[int, Progress, str, UUID, Contact | None]


@dataclass(frozen=True, slots=True)
class Claim:
    """What a claim brought."""

    found: bool  # something was leased: there may be more
    settled: Sequence[tuple[Lease, Settled]] = ()  # messages that can't even be tried


NOTHING = Claim(found=False)


class Leases:
    """What one sender has leased, as long as it shows that it lives.

    Guarantee: what `take` gives is ours until the deadline of a request that starts now, in its
    window, and of a run that was neither paused nor stopped at a look that is not too old.
    """

    def __init__(self, pool: Pool, gateway: str, limits: Limits) -> None:
        self._pool = pool
        self._gateway = gateway
        self._limits = limits
        self._time = asyncio.get_running_loop().time
        self.me: UUID | None = None
        self.skew = 0.0  # business time minus the loop's; never too small
        self._until = self._looked_at = 0.0  # the loop's time
        self.is_stopping = False
        self.is_unsure = False  # leases may bear our name that we know nothing of
        self._runs: dict[UUID, Run] = {}
        self._leases: set[Lease] = set()
        self.ready: deque[Job] = deque()
        self._last_run = UUID(int=0)
        self.hungry = asyncio.Event()  # more can be claimed

    @property
    def has_enough(self) -> bool:
        """Whether there is enough to start for the moment."""
        return len(self.ready) >= ENOUGH

    def are_good(self, at: float) -> bool:
        """Whether a request may start now, `at` the loop's time.

        It must end before our leases do, and we must have looked lately at what is allowed.
        """
        limits = self._limits
        return at + limits.timeout_s < self._until and at - self._looked_at <= limits.believed_s

    def may_start(self, run: Run, at: float) -> bool:
        """Whether a message of `run` may be started now, which is `at` the loop's time."""
        return run.is_open and at + self.skew < run.ends_at - LAST_START_S

    def take(self, limit: int, at: float) -> list[Job]:
        """Take up to `limit` messages that may be started now, which is `at` the loop's time."""
        jobs: list[Job] = []
        if self.is_stopping or not self.are_good(at):
            return jobs
        ready = self.ready
        while ready and len(jobs) < limit:
            job = ready.popleft()
            lease = job.lease
            if self.may_start(lease.run, at):
                lease.waiting -= 1
                lease.unrecorded += 1
                jobs.append(job)
            else:
                _return(job)
        if len(ready) < ENOUGH:
            self.hungry.set()
        return jobs

    def put_back(self, jobs: list[Job]) -> None:
        """Let messages wait again, but for those whose lease was taken from us meanwhile."""
        for job in reversed(jobs):
            job.lease.waiting += 1
            job.lease.unrecorded -= 1
            if job.lease in self._leases:
                self.ready.appendleft(job)

    def end(self, leases: Iterable[Lease]) -> None:
        """Forget those leases of which nothing is left, not even to be given back."""
        self._leases.difference_update(
            lease for lease in leases if lease.is_over and not lease.returned
        )

    # Showing that we live

    async def renew(self) -> None:
        """Show that we live, learn the time and what is allowed, give back what is not."""
        me = self.me or await self._register()
        began, lease_s = self._time(), self._limits.lease_s
        until = self._until
        is_due = began + lease_s > until + lease_s / BEATS
        if not (is_due or self._runs):
            return
        try:
            async with autocommit(self._pool) as db:
                if is_due:
                    await leasing.renew(db, me)
                    until = began + lease_s
                asked = self._time()
                now = await database.now(db)
                allowed = await leasing.look(db, me, list(self._runs))
        except Overtaken:
            self.forget(me)
            return
        if me != self.me:
            return
        self.skew = now.timestamp() - asked
        self._until, self._looked_at = until, asked
        for control in allowed:
            run = self._runs[control.run_id]
            run.is_open, run.ends_at = control.is_open, control.ends_at.timestamp()
        await self.give_back()

    async def _register(self) -> UUID:
        sender_id = ids.new_id()
        async with transaction(self._pool) as db:
            await leasing.register(db, sender_id)
        self.me = sender_id
        return sender_id

    def forget(self, me: UUID) -> None:
        """Begin anew after others took our leases; what is under way is recorded all the same."""
        if me != self.me:
            return
        log.warning("dispatcher.sender_overtaken", gateway=self._gateway)
        self.me, self._until, self.is_unsure = None, 0.0, False
        self.ready.clear()
        self._leases.clear()

    async def give_back(self) -> None:
        """Give back what must not be started, once nothing of its lease is under way."""
        now = self._time()
        closed = {
            run
            for run in self._runs.values()
            if self.is_stopping or self.is_unsure or not self.may_start(run, now)
        }
        if closed:
            kept: deque[Job] = deque()
            for job in self.ready:
                _return(job) if job.lease.run in closed else kept.append(job)
            self.ready = kept
        over = [lease for lease in self._leases if lease.returned and lease.is_over]
        over.sort(key=lambda each: (each.run.run_id, each.chunk or 0))  # as all lock chunks
        if over:
            await self._release(over)
        held = {lease.run.run_id for lease in self._leases}
        self._runs = {run_id: run for run_id, run in self._runs.items() if run_id in held}

    async def _release(self, leases: Iterable[Lease]) -> None:
        try:
            async with transaction(self._pool) as db:
                for lease in leases:
                    run_id, me = lease.run.run_id, lease.sender_id
                    if lease.chunk is None:
                        await claiming.release_retries(db, me, run_id, lease.returned)
                    else:
                        await claiming.release_chunk(db, me, run_id, lease.chunk, lease.epoch)
        except Unavailable:
            self.is_unsure = True
            raise
        self._leases.difference_update(leases)

    async def leave(self) -> None:
        """End the sender, whose messages are all on record or given back."""
        if self.me is not None:
            async with transaction(self._pool) as db:
                await claiming.give_back(db, self.me)
                await leasing.leave(db, self.me)

    # Claiming

    async def claim(self) -> Claim:
        """Lease what is due, if there is room for it."""
        self.hungry.clear()
        me = self.me
        if me is None or not self._wants_more():
            return NOTHING
        try:
            async with transaction(self._pool) as db:
                await leasing.hold(db, me)
                if self.is_unsure:
                    await claiming.give_back(db, me)
                retries, chunk, runs = await self._claim(db, me)
        except Overtaken:
            self.forget(me)
            return NOTHING
        except Unavailable:  # but the claim may have been committed
            self.is_unsure = True
            raise
        if me != self.me:
            return NOTHING
        self.is_unsure = False
        self._runs |= runs  # a renewal may have dropped them meanwhile
        settled = self._take_retries(me, retries)
        if chunk is not None:
            self._last_run = chunk.run_id
        if chunk is not None and chunk.client_ids:
            settled += self._take_chunk(me, chunk)
        return Claim(bool(retries) or chunk is not None, settled)

    def _wants_more(self) -> bool:
        return not (
            self.is_stopping
            or self.has_enough
            or self._time() >= self._until
            or (self.is_unsure and self._leases)  # first all that we know of must be over
        )

    async def _claim(
        self, db: Connection, me: UUID
    ) -> tuple[list[ClaimedRetry], ClaimedChunk | None, dict[UUID, Run]]:
        name, asked = self._gateway, self._time()
        now = await database.now(db)
        self.skew = now.timestamp() - asked
        if not self._runs:  # else there may be one that was paused since the last renewal
            self._looked_at = asked
        latest = must_outlast(now)
        retries = await claiming.claim_retries(db, me, name, now=now, latest=latest, limit=RETRIES)
        chunk = await claiming.claim_chunk(
            db, me, name, now=now, latest=latest, last=self._last_run
        )
        if chunk is not None and not chunk.client_ids:  # all of it is on record already
            await ledger.close(db, me, {(chunk.run_id, chunk.chunk): (0, chunk.epoch)})
        wanted = {each.run_id for each in retries} | ({chunk.run_id} if chunk else set())
        return retries, chunk, await self._load_runs(db, wanted)

    async def _load_runs(self, db: Connection, wanted: set[UUID]) -> dict[UUID, Run]:
        """Return the runs that are wanted: as we have them, else from the database."""
        known = {run_id: self._runs[run_id] for run_id in wanted & self._runs.keys()}
        missing = list(wanted - known.keys())
        if not missing:
            return known
        texts = await controls.texts(db, missing)
        for control in await controls.controls(db, missing):
            said = texts[control.run_id]
            known[control.run_id] = Run(
                control.run_id,
                said.body,
                said.subject,
                said.traceparent,
                said.is_valid,
                control.is_open,
                control.ends_at.timestamp(),
            )
        return known

    def _take_chunk(self, me: UUID, chunk: ClaimedChunk) -> list[tuple[Lease, Settled]]:
        run = self._runs[chunk.run_id]
        lease = Lease(me, run, chunk.chunk, chunk.epoch, chunk.reaped == 0)
        message_ids = ids.message_ids(run.run_id, chunk.client_ids)
        before = replace(FRESH, attempt=chunk.reaped) if chunk.reaped else FRESH
        same = repeat(chunk.chunk), repeat(before)
        return self._take(
            lease, zip(*same, message_ids, chunk.client_ids, chunk.contacts, strict=False)
        )

    def _take_retries(
        self, me: UUID, retries: Iterable[ClaimedRetry]
    ) -> list[tuple[Lease, Settled]]:
        of_runs: dict[UUID, list[Claimed]] = {}
        for each in retries:
            message_id = ids.message_id(each.run_id, each.client_id)
            claimed = (each.chunk, each.progress, message_id, each.client_id, each.contact)
            of_runs.setdefault(each.run_id, []).append(claimed)
        settled = []
        for run_id, of_run in of_runs.items():
            lease = Lease(me, self._runs[run_id], None, 0, is_clean=True)
            settled += self._take(lease, of_run)
        return settled

    def _take(self, lease: Lease, claimed: Iterable[Claimed]) -> list[tuple[Lease, Settled]]:
        """Let messages wait for their start; return those that can't even be tried."""
        self._leases.add(lease)
        run_id, is_retry = lease.run.run_id, lease.chunk is None
        flaw = None if lease.run.is_valid else TEMPLATE_INVALID  # of all of them
        gateway, settled = self._gateway, []
        for chunk, before, message_id, client_id, contact in claimed:
            reason = unfit(gateway, contact) or flaw
            if contact is not None and reason is None:
                lease.waiting += 1
                self.ready.append(Job(lease, message_id, client_id, chunk, before, contact))
                continue
            state, why = reason or GONE
            if before.is_unknown:
                state = State.UNDETERMINED
            after = replace(before, state=state, version=before.version + 1, reason=why)
            settled.append((lease, Settled(run_id, client_id, chunk, after, is_retry)))
        return settled


def _return(job: Job) -> None:
    job.lease.waiting -= 1
    job.lease.returned.append(job.client_id)

"""Sending: leased messages out through one gateway, as fast as it takes them.

Nothing waits here: a message is started when the gateway is free, by whatever made it so. What
needs the database (claiming, recording, renewing) is done beside, in batches, by `workers`.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from functools import partial
from typing import NamedTuple
from uuid import UUID

import structlog

from services.dispatcher.domain import (
    LAST_START_S,
    Contact,
    Letter,
    Outcome,
    Progress,
    Terms,
    Verdict,
    unfit,
    variables,
)
from services.dispatcher.gateways import Gateway
from services.dispatcher.handlers import recording
from services.dispatcher.handlers.recording import Attempt, Settled, Told
from services.dispatcher.queue import ledger, senders
from services.dispatcher.queue.ledger import Entries
from services.dispatcher.queue.senders import ClaimedChunk, ClaimedRetry, Overtaken
from shared import database, ids
from shared.contracts.dispatcher import AttemptKind, State
from shared.database import Connection, Pool, transaction
from shared.errors import Unavailable
from shared.template import Template

log = structlog.get_logger()

ENOUGH = 1_000  # messages ready to be started; below it more are claimed
FULL = 1_000  # results that are recorded at once
# How long results are gathered until then: a transaction costs the same for ten as for a hundred.
# For a plain gateway what is not on record keeps others from starting, so it can't wait long.
GATHER_S, GATHER_PLAIN_S = 0.1, 0.005
UNRECORDED = 10_000  # results that may wait for the database; beyond it nothing is started
RETRIES = 200  # that are claimed at once
NOT_STARTED = Verdict(Outcome.NOT_PROCESSED, "not_started")
GONE = (State.CANCELLED, "client_removed")


@dataclass(slots=True, eq=False)
class Run:
    """A run as its messages need it; what is allowed of it changes while we send."""

    run_id: UUID
    body: Template
    subject: Template | None
    traceparent: str | None
    is_open: bool
    ends_at: float  # business time, seconds since the epoch


@dataclass(slots=True, eq=False)
class Lease:
    """What was claimed at once: a chunk, or retries of one run (no chunk, no epoch)."""

    sender_id: UUID
    run: Run
    chunk: int | None
    epoch: int
    is_clean: bool  # nobody else ever had it
    waiting: int = 0  # messages not started
    unrecorded: int = 0  # started, or settled, and not on record
    returned: list[UUID] = field(default_factory=list)  # clients not tried, to be given back

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to start or to record."""
        return not self.waiting and not self.unrecorded


class Job(NamedTuple):
    """A message that is to be started."""

    lease: Lease
    message_id: str
    client_id: UUID
    chunk: int
    number: int  # of the attempt
    progress: Progress
    contact: Contact


class Result(NamedTuple):
    """What came of a message: an attempt, or its end without one."""

    lease: Lease
    key: bytes  # run and client: results are written in this order
    entry: Attempt | Settled


class Claimed(NamedTuple):
    """What was leased at once, with all runs that it is of."""

    retries: list[ClaimedRetry]
    chunk: ClaimedChunk | None
    runs: dict[UUID, Run]


@dataclass(frozen=True, slots=True)
class Limits:
    """How long things may take and what follows failures, in seconds."""

    timeout_s: float
    lease_s: float
    backoff_base_s: float
    backoff_cap_s: float


class Sender:
    """Who sends through one gateway in this process: its leases, what is under way, its results.

    Guarantee: no request starts outside of its run's window, while its run is paused or stopped
    for longer than a renewal, or with a deadline beyond our lease.
    """

    def __init__(self, pool: Pool, gateway: Gateway, limits: Limits) -> None:
        self.gateway = gateway
        self._pool = pool
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._me: UUID | None = None
        self._skew = 0.0  # business time minus the loop's; never too small
        self._lease_until = 0.0  # the loop's time
        self._is_stopping = False
        self._bug: Exception | None = None  # seen where nobody could be told
        self._is_unsure = False  # leases may bear our name that we know nothing of
        self._runs: dict[UUID, Run] = {}
        self._leases: set[Lease] = set()
        self._ready: deque[Job] = deque()
        self._results: list[Result] = []
        self._unrecorded = 0
        self._in_flight = 0
        self._last_run = UUID(int=0)
        self.hungry = asyncio.Event()  # more can be claimed
        self.has_results = asyncio.Event()
        self._has_many = asyncio.Event()  # results: a whole batch
        self.can_start = asyncio.Event()  # for gateways whose starts are marked first

    @property
    def is_full(self) -> bool:
        """Whether there is enough to start for the moment."""
        return len(self._ready) >= ENOUGH

    @property
    def unrecorded(self) -> int:
        """How many messages have ended and are not on record yet."""
        return len(self._results)

    @property
    def in_flight(self) -> int:
        """How many requests are under way."""
        return self._in_flight

    # Starting

    def pump(self) -> None:
        """Start what can be started now. Called whenever something has changed."""
        if not self.gateway.is_idempotent:
            self.can_start.set()
            return
        for job in self._startable(self.gateway.free):
            self._start(job)

    def _startable(self, limit: int) -> list[Job]:
        """Take up to `limit` messages that may be started now."""
        now = self._loop.time()
        if self._is_stopping or not self._has_lease(now):
            return []
        jobs: list[Job] = []
        limit = min(limit, UNRECORDED - self._unrecorded)
        while self._ready and len(jobs) < limit:
            job = self._ready.popleft()
            if self._may_start(job.lease.run, now):
                job.lease.waiting -= 1
                job.lease.unrecorded += 1
                jobs.append(job)
            else:
                self._return(job)
        self._unrecorded += len(jobs)
        if len(self._ready) < ENOUGH:
            self.hungry.set()
        return jobs

    def _has_lease(self, now: float) -> bool:
        return now + self._limits.timeout_s < self._lease_until

    def _may_start(self, run: Run, now: float) -> bool:
        return run.is_open and now + self._skew < run.ends_at - LAST_START_S

    def _start(self, job: Job) -> None:
        run, now = job.lease.run, self._loop.time()
        letter = Letter(
            job.message_id.encode(),
            job.contact.phone,
            job.contact.email,
            _rendered(run.subject, job.contact) if run.subject else None,
            _rendered(run.body, job.contact),
            run.traceparent.encode() if run.traceparent else b"",
        )
        deadline = min(now + self._limits.timeout_s, run.ends_at - self._skew)
        self._in_flight += 1
        self.gateway.send(letter, deadline, partial(self._answered, job, now + self._skew))

    def _answered(self, job: Job, started_at: float, verdict: Verdict) -> None:
        self._in_flight -= 1
        try:
            self._add(job, started_at, verdict)
            self.pump()
        except Exception as bug:  # noqa: BLE001 - it must end the process, not this connection
            self._bug = bug

    def _add(self, job: Job, started_at: float, verdict: Verdict) -> None:
        run = job.lease.run
        terms = Terms(
            self.gateway.is_idempotent,
            max(self._loop.time() + self._skew, started_at),
            run.ends_at - LAST_START_S,
            self._limits.backoff_base_s,
            self._limits.backoff_cap_s,
        )
        attempt = Attempt(
            job.message_id,
            run.run_id,
            job.client_id,
            job.chunk,
            job.number,
            AttemptKind.ANSWER,
            job.progress,
            verdict,
            terms,
            started_at,
            job.lease.sender_id,
        )
        key = run.run_id.bytes + job.client_id.bytes
        self._results.append(Result(job.lease, key, attempt))
        self.has_results.set()
        if len(self._results) >= FULL:
            self._has_many.set()

    def _return(self, job: Job) -> None:
        job.lease.waiting -= 1
        job.lease.returned.append(job.client_id)

    async def mark_and_start(self) -> bool:
        """Start what can be started, after it is on record that it begins.

        For a gateway that can't recognize a message: so what a crash leaves unknown is what was
        under way, not all that was leased.
        """
        # What is answered but not on record would be unknown as well: both together are bounded.
        jobs = self._startable(self.gateway.free + self._in_flight - self._unrecorded)
        me = self._me
        if not jobs or me is None:
            return False
        begun = [(job.lease.run.run_id, job.client_id, job.number) for job in jobs]
        now = self._loop.time() + self._skew
        try:
            async with transaction(self._pool) as db:
                await senders.hold(db, me)
                await senders.mark(db, begun, recording.instant(now))
        except Overtaken:
            self._put_back(jobs)
            self._forget(me)
            return False
        except BaseException:  # whatever it is, no message is lost
            self._put_back(jobs)
            raise
        for job in jobs:
            marked = self._loop.time()  # which may have taken long
            if self._has_lease(marked) and self._may_start(job.lease.run, marked):
                self._start(job)
            else:
                self._add(job, now, NOT_STARTED)
        return True

    def _put_back(self, jobs: list[Job]) -> None:
        """Let messages wait again, but for those whose lease was taken from us meanwhile."""
        self._unrecorded -= len(jobs)
        for job in reversed(jobs):
            job.lease.waiting += 1
            job.lease.unrecorded -= 1
            if job.lease in self._leases:
                self._ready.appendleft(job)

    # Leases

    async def renew(self) -> None:
        """Show that we live, learn the time and what is allowed, give back what is not."""
        if self._bug is not None:
            raise self._bug
        me = self._me or await self._register()
        began = self._loop.time()
        try:
            async with transaction(self._pool) as db:
                await senders.renew(db, me)
                now = await database.now(db)
                controls = await senders.controls(db, list(self._runs))
        except Overtaken:
            self._forget(me)
            return
        if me != self._me:
            return
        self._skew = now.timestamp() - began
        self._lease_until = began + self._limits.lease_s
        for control in controls:
            run = self._runs[control.run_id]
            run.is_open, run.ends_at = control.is_open, control.ends_at.timestamp()
        await self._give_back()
        self.pump()

    async def _register(self) -> UUID:
        sender_id = ids.new_id()
        async with transaction(self._pool) as db:
            await senders.register(db, sender_id)
        self._me = sender_id
        return sender_id

    def _forget(self, me: UUID) -> None:
        """Begin anew after others took our leases; what is under way is recorded all the same."""
        if me != self._me:
            return
        log.warning("dispatcher.sender_overtaken", gateway=self.gateway.name)
        self._me, self._lease_until, self._is_unsure = None, 0.0, False
        self._ready.clear()
        self._leases.clear()

    async def _give_back(self) -> None:
        """Give back what must not be started, once nothing of its lease is under way."""
        now = self._loop.time()
        closed = {
            run
            for run in self._runs.values()
            if self._is_stopping or self._is_unsure or not self._may_start(run, now)
        }
        if closed:
            kept: deque[Job] = deque()
            for job in self._ready:
                self._return(job) if job.lease.run in closed else kept.append(job)
            self._ready = kept
        over = [lease for lease in self._leases if lease.returned and lease.is_over]
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
                        await senders.release_retries(db, me, run_id, lease.returned)
                    else:
                        await senders.release_chunk(db, me, run_id, lease.chunk, lease.epoch)
        except Unavailable:
            self._is_unsure = True
            raise
        self._leases.difference_update(leases)

    # Claiming

    async def claim(self) -> bool:
        """Lease what is due, if there is room for it; say whether there was something."""
        self.hungry.clear()
        me = self._me
        if me is None or not self._wants_more():
            return False
        try:
            async with transaction(self._pool) as db:
                await senders.hold(db, me)
                if self._is_unsure:
                    await senders.give_back(db, me)
                claimed = await self._claim(db, me)
        except Overtaken:
            self._forget(me)
            return False
        except Unavailable:  # but the claim may have been committed
            self._is_unsure = True
            raise
        if me == self._me:
            self._is_unsure = False
            self._take_all(me, claimed)
        return bool(claimed.retries) or claimed.chunk is not None

    def _wants_more(self) -> bool:
        return not (
            self._is_stopping
            or self.is_full
            or self._unrecorded >= UNRECORDED
            or self._loop.time() >= self._lease_until
            or (self._is_unsure and self._leases)  # first all that we know of must be over
        )

    async def _claim(self, db: Connection, me: UUID) -> Claimed:
        now, name = await database.now(db), self.gateway.name
        latest = recording.instant(now.timestamp() + LAST_START_S)
        retries = await senders.claim_retries(db, me, name, now=now, latest=latest, limit=RETRIES)
        chunk = await senders.claim_chunk(
            db, me, name, now=now, latest=latest, last=self._last_run
        )
        if chunk is not None and not chunk.clients:  # all of it is on record already
            await ledger.close(db, me, {(chunk.run_id, chunk.chunk): (0, chunk.epoch)})
        wanted = {each.run_id for each in retries} | ({chunk.run_id} if chunk else set())
        return Claimed(retries, chunk, await self._load_runs(db, wanted))

    async def _load_runs(self, db: Connection, wanted: set[UUID]) -> dict[UUID, Run]:
        """Return the runs that are wanted: as we have them, else from the database."""
        known = {run_id: self._runs[run_id] for run_id in wanted & self._runs.keys()}
        missing = list(wanted - known.keys())
        if not missing:
            return known
        texts = await senders.texts(db, missing)
        for control in await senders.controls(db, missing):
            said = texts[control.run_id]
            known[control.run_id] = Run(
                control.run_id,
                said.body,
                said.subject,
                said.traceparent,
                control.is_open,
                control.ends_at.timestamp(),
            )
        return known

    def _take_all(self, me: UUID, claimed: Claimed) -> None:
        self._runs |= claimed.runs  # a renewal may have dropped them meanwhile
        self._take_retries(me, claimed.retries)
        chunk = claimed.chunk
        if chunk is not None:
            self._last_run = chunk.run_id
            if chunk.clients:
                self._take_chunk(me, chunk)
        self.pump()

    def _take_chunk(self, me: UUID, chunk: ClaimedChunk) -> None:
        run = self._runs[chunk.run_id]
        lease = Lease(me, run, chunk.chunk, chunk.epoch, chunk.reaped == 0)
        self._leases.add(lease)
        for client_id, contact in chunk.clients:
            self._take(lease, client_id, chunk.chunk, Progress(attempt=chunk.reaped), contact)

    def _take_retries(self, me: UUID, retries: list[ClaimedRetry]) -> None:
        leases: dict[UUID, Lease] = {}
        for each in retries:
            run = self._runs[each.run_id]
            lease = leases.get(each.run_id)
            if lease is None:
                lease = leases[each.run_id] = Lease(me, run, None, 0, is_clean=True)
                self._leases.add(lease)
            self._take(lease, each.client_id, each.chunk, each.progress, each.contact)

    def _take(
        self,
        lease: Lease,
        client_id: UUID,
        chunk: int,
        progress: Progress,
        contact: Contact | None,
    ) -> None:
        reason = unfit(self.gateway.name, contact)
        if contact is not None and reason is None:
            lease.waiting += 1
            message_id = ids.message_id(lease.run.run_id, client_id)
            job = Job(lease, message_id, client_id, chunk, progress.attempt + 1, progress, contact)
            self._ready.append(job)
            return
        state, why = reason or GONE
        if progress.is_unknown:
            state = State.UNDETERMINED
        after = progress._replace(state=state, version=progress.version + 1, reason=why)
        settled = Settled(lease.run.run_id, client_id, chunk, after, lease.chunk is None)
        lease.unrecorded += 1
        self._unrecorded += 1
        key = lease.run.run_id.bytes + client_id.bytes
        self._results.append(Result(lease, key, settled))
        self.has_results.set()

    # Recording

    async def gather(self) -> None:
        """Wait until there are results for a whole batch, or long enough."""
        limit = GATHER_S if self.gateway.is_idempotent else GATHER_PLAIN_S
        self._has_many.clear()
        if len(self._results) < FULL:
            with suppress(TimeoutError):
                async with asyncio.timeout(limit):
                    await self._has_many.wait()

    async def record(self) -> bool:
        """Write what came of attempts; say whether there is more."""
        batch, self._results = self._results[:FULL], self._results[FULL:]
        if not batch:
            self.has_results.clear()
            return False
        batch.sort(key=lambda each: each.key)
        done = self._done_with(batch)
        try:
            await self._write(batch, done)
        except BaseException:  # whatever it is, nothing is lost
            self._results = batch + self._results
            raise
        for result in batch:
            result.lease.unrecorded -= 1
        self._unrecorded -= len(batch)
        self._leases.difference_update(
            lease
            for lease in {result.lease for result in batch}
            if lease.is_over and not lease.returned
        )
        recording.counted(self.gateway.name, _attempts(batch))
        self.pump()
        return bool(self._results)

    def _done_with(self, batch: list[Result]) -> dict[tuple[UUID, int], int]:
        """Return the epochs of the chunks' leases that are over once `batch` is on record."""
        counts: dict[Lease, int] = {}
        for result in batch:
            counts[result.lease] = counts.get(result.lease, 0) + 1
        return {
            (lease.run.run_id, lease.chunk): lease.epoch
            for lease, count in counts.items()
            if lease.chunk is not None
            and not lease.waiting
            and not lease.returned
            and lease.unrecorded == count
        }

    async def _write(self, batch: list[Result], done: dict[tuple[UUID, int], int]) -> None:
        """Record a batch: the plain way if it is our own and fresh, else with a closer look."""
        plain = all(each.lease.is_clean and each.lease.sender_id == self._me for each in batch)
        if plain and self._me is not None:
            try:
                async with transaction(self._pool) as db:
                    await senders.hold(db, self._me)
                    await self._write_plainly(db, self._me, batch, done)
            except (Overtaken, ledger.Unexpected):
                log.info("dispatcher.recorded_carefully", results=len(batch))
            else:
                return
        await self._write_carefully(batch, done)

    async def _write_plainly(
        self, db: Connection, me: UUID, batch: list[Result], done: dict[tuple[UUID, int], int]
    ) -> None:
        entries, told = Entries(), Told({})
        closed: dict[tuple[UUID, int], int] = {}
        now = recording.instant(self._loop.time() + self._skew)
        for lease, _, entry in batch:
            trace = lease.run.traceparent
            is_final = True
            if isinstance(entry, Attempt):
                is_final = recording.enter(entries, told, entry, trace)
            else:
                recording.settle(entries, told, entry, trace, now)
            place = (entry.run_id, entry.chunk)
            closed[place] = closed.get(place, 0) + is_final
        entries.closed = {
            place: (closed.get(place, 0), done.get(place, 0)) for place in closed.keys() | done
        }
        await ledger.record(db, me, entries)
        await told.put(db, now)

    async def _write_carefully(
        self, batch: list[Result], done: dict[tuple[UUID, int], int]
    ) -> None:
        traces = {each.lease.run.run_id: each.lease.run.traceparent for each in batch}
        async with transaction(self._pool) as db:
            await recording.record_carefully(db, _attempts(batch), traces)
            settled = [each.entry for each in batch if isinstance(each.entry, Settled)]
            now = recording.instant(self._loop.time() + self._skew)
            await recording.settle_carefully(db, settled, traces, now)
            if self._me is not None:  # leases of an earlier life match nothing
                await ledger.close(db, self._me, {place: (0, done[place]) for place in done})

    # Ending

    async def stop(self, within_s: float) -> None:
        """Start nothing more, record what is under way, give the rest back."""
        self._is_stopping = True
        limit = self._loop.time() + within_s
        try:
            while self._in_flight and self._loop.time() < limit:
                await self.record()
                await asyncio.sleep(GATHER_S)
            await self.gateway.close()  # what is under way even now ends with that
            while await self.record():
                pass
            await self._give_back()
            if self._me is not None and not self._unrecorded:
                async with transaction(self._pool) as db:
                    await senders.leave(db, self._me)
        except Unavailable:
            log.warning("dispatcher.left_without_goodbye", gateway=self.gateway.name)
        finally:
            await self.gateway.close()


def _rendered(template: Template, contact: Contact) -> str:
    return template.render(variables(contact, template.variables))


def _attempts(batch: list[Result]) -> list[Attempt]:
    return [each.entry for each in batch if isinstance(each.entry, Attempt)]

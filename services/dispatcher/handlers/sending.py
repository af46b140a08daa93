"""Sending: leased messages out through one gateway, as fast as it takes them.

Nothing waits here: a message is started when the gateway is free, by whatever made it so. What
needs the database (claiming, recording, renewing) is done beside, in batches, by `workers`.
"""

import asyncio
from functools import partial

import structlog

from services.dispatcher.domain.contact import tellable
from services.dispatcher.domain.message import Terms
from services.dispatcher.domain.outcome import Letter, Limits, Outcome, Verdict
from services.dispatcher.domain.window import LAST_START_S
from services.dispatcher.gateways import Gateway
from services.dispatcher.handlers import recording
from services.dispatcher.handlers.batching import GATHER_S, Results
from services.dispatcher.handlers.leasing import Leases
from services.dispatcher.handlers.ready import Job
from services.dispatcher.handlers.recording import Attempt
from services.dispatcher.queue import claiming, leasing
from services.dispatcher.queue.leasing import Overtaken
from shared.contracts.dispatcher import AttemptKind
from shared.database import Pool, transaction
from shared.errors import Unavailable

log = structlog.get_logger()

UNRECORDED = 10_000  # results that may wait for the database; beyond it nothing is started
NOT_STARTED = Verdict(Outcome.NOT_PROCESSED, "not_started")


class Sender:
    """Who sends through one gateway in this process: its leases, what is under way, its results.

    Guarantee: no request starts outside of its run's window, with a deadline beyond our lease, or
    a second after its run was paused or stopped in our database.
    """

    def __init__(self, pool: Pool, gateway: Gateway, limits: Limits) -> None:
        self.gateway = gateway
        self.leases = Leases(pool, gateway.name, limits)
        self.results = Results(
            pool, self.leases, gateway.name, is_idempotent=gateway.is_idempotent
        )
        self._pool = pool
        self._limits = limits
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time
        self._is_pumping = False
        self._bug: Exception | None = None  # seen where nobody could be told
        self.in_flight = 0  # requests under way
        self.can_start = asyncio.Event()  # for gateways whose starts are marked first

    # Starting

    def pump(self) -> None:
        """Start what can be started now. Called whenever something has changed."""
        if not self.gateway.is_idempotent:
            self.can_start.set()
            return
        for job in self._startable(self.gateway.free):
            self._start(job)

    def _pump_soon(self) -> None:
        """Pump once for all that is answered in this turn of the event loop."""
        if not self._is_pumping:
            self._is_pumping = True
            self._loop.call_soon(self._pump_now)

    def _pump_now(self) -> None:
        self._is_pumping = False
        try:
            self.pump()
        except Exception as bug:  # noqa: BLE001 - it must end the process
            self._bug = bug

    def _startable(self, limit: int) -> list[Job]:
        """Take up to `limit` messages that may be started now."""
        limit = min(limit, UNRECORDED - self.results.unrecorded)
        jobs = self.leases.take(limit, self._time())
        self.results.unrecorded += len(jobs)
        return jobs

    def _start(self, job: Job) -> None:
        run, contact, now = job.lease.run, job.contact, self._time()
        letter = Letter(
            job.message_id.encode(),
            contact.phone,
            contact.email,
            run.subject.render(contact) if run.subject else None,
            run.body.render(contact),
            run.trace,
        )
        skew = self.leases.skew
        deadline = min(now + self._limits.timeout_s, run.ends_at - skew)
        self.in_flight += 1
        self.gateway.send(letter, deadline, partial(self._answered, job, now + skew))

    def _answered(self, job: Job, started_at: float, verdict: Verdict) -> None:
        self.in_flight -= 1
        try:
            self._add(job, started_at, verdict)
        except Exception as bug:  # noqa: BLE001 - it must end the process, not this connection
            self._bug = bug
        self._pump_soon()

    def _add(self, job: Job, started_at: float, verdict: Verdict) -> None:
        lease, limits = job.lease, self._limits
        run = lease.run
        terms = Terms(
            self.gateway.is_idempotent,
            max(self._time() + self.leases.skew, started_at),
            run.ends_at - LAST_START_S,
            limits.backoff_base_s,
            limits.backoff_cap_s,
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
            lease.sender_id,
            tellable(verdict.gateway_message_id, job.contact),
        )
        self.results.add(lease, attempt)

    async def mark_and_start(self) -> bool:
        """Start what can be started, after it is on record that it begins.

        For a gateway that can't recognize a message: so what a crash leaves unknown is what was
        under way, not all that was leased.
        """
        # What is answered but not on record would be unknown as well: both together are bounded.
        jobs = self._startable(self.gateway.free + self.in_flight - self.results.unrecorded)
        leases = self.leases
        me = leases.me
        if not jobs or me is None:
            return False
        begun = [(job.lease.run.run_id, job.client_id, job.number) for job in jobs]
        now = self._time() + leases.skew
        try:
            async with transaction(self._pool) as db:
                await leasing.hold(db, me)
                await claiming.mark(db, begun, recording.instant(now))
        except Overtaken:
            self._put_back(jobs)
            leases.forget(me)
            return False
        except BaseException:  # whatever it is, no message is lost
            self._put_back(jobs)
            raise
        for job in jobs:
            marked = self._time()  # which may have taken long
            if leases.are_good(marked) and leases.may_start(job.lease.run, marked):
                self._start(job)
            else:
                self._add(job, now, NOT_STARTED)
        return True

    def _put_back(self, jobs: list[Job]) -> None:
        self.results.unrecorded -= len(jobs)
        self.leases.put_back(jobs)

    # What needs the database

    async def renew(self) -> None:
        """Show that we live, learn the time and what is allowed, give back what is not."""
        if self._bug is not None:
            raise self._bug
        await self.leases.renew()
        self.pump()

    async def claim(self) -> bool:
        """Lease what is due, if there is room for it; say whether there was something."""
        if self.results.unrecorded >= UNRECORDED:
            return False
        claim = await self.leases.claim()
        for lease, settled in claim.settled:
            self.results.settle(lease, settled)
        self.pump()
        return claim.found

    async def record(self) -> bool:
        """Write what came of attempts; say whether there is more."""
        has_more = await self.results.record()
        self.pump()
        return has_more

    # Ending

    async def stop(self, within_s: float) -> None:
        """Start nothing more, record what is under way, give the rest back."""
        self.leases.is_stopping = True
        limit = self._time() + within_s
        try:
            while self.in_flight and self._time() < limit:
                await self.record()
                await asyncio.sleep(GATHER_S)
            await self.gateway.close()  # what is under way even now ends with that
            while await self.record():
                pass
            await self.leases.give_back()
            if not self.results.unrecorded:
                await self.leases.leave()
        except Unavailable:
            log.warning("dispatcher.left_without_goodbye", gateway=self.gateway.name)
        finally:
            await self.gateway.close()

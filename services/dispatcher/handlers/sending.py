"""Sending: leased messages out through one gateway, as fast as it takes them.

Nothing waits here: a message is started when the gateway is free, by whatever made it so. What
needs the database (claiming, recording, renewing) is done beside, in batches, by `workers`.
"""

import asyncio
from collections.abc import Sequence
from functools import partial

import structlog

from services.dispatcher.domain.attempt import Limits, instant
from services.dispatcher.domain.contact import TEMPLATE_FAILED
from services.dispatcher.domain.gateway import GatewayVersion
from services.dispatcher.domain.outcome import NOT_STARTED, Verdict
from services.dispatcher.gateways import Gateway, policy_for
from services.dispatcher.handlers.backlog import Backlog
from services.dispatcher.handlers.batching import GATHER_S, Results, gathering_for
from services.dispatcher.handlers.claiming import Claimer
from services.dispatcher.handlers.flow import Flow
from services.dispatcher.handlers.jobs import NOT_RENDERED, Job
from services.dispatcher.handlers.leasing import ONLY_VERSION, SenderLease
from services.dispatcher.handlers.packing import Starting, packed_starts
from services.dispatcher.handlers.rendering import render
from services.dispatcher.handlers.tracing import GATEWAY, ONE_IN, RequestSpans
from services.dispatcher.queue import starts
from services.dispatcher.queue.leasing import LeaseLost
from shared import liveness, telemetry
from shared.crash import crash_point
from shared.database import Pool, autocommit
from shared.errors import Unavailable
from shared.unsubscribe import Links

log = structlog.get_logger()


class Sender:
    """Sends through one gateway in this process.

    Guarantee: no request starts outside of its run's window, with a deadline beyond our lease, or
    a second after its run was paused or stopped in our database.
    """

    def __init__(  # noqa: PLR0913 - what differs between them
        self,
        pool: Pool,
        gateway: Gateway,
        limits: Limits,
        version: GatewayVersion = ONLY_VERSION,
        *,
        packs: bool = True,
        traced_one_in: int = ONE_IN,
        links: Links | None = None,
    ) -> None:
        """`packs`: results go by the block, starts by the chunk; `links`: to unsubscribe."""
        self.gateway = gateway
        self._pool = pool
        self._limits = limits
        self._packs = packs
        self._policy = policy_for(gateway, limits)
        self._loop = asyncio.get_running_loop()
        self._time = self._loop.time
        self._backlog, is_plain = Backlog(), not gateway.is_idempotent
        self.lease = SenderLease(pool, limits, gateway.name, version, marks_starts=is_plain)
        self.flow = flow = Flow(pool, gateway.name, limits, self._pump_soon, self._has_new)
        parts = pool, gateway, self.lease, self._backlog, flow.samples
        self.claimer = Claimer(*parts, links=links, caps=limits.caps)
        spans, gathering = RequestSpans(gateway.name, traced_one_in), gathering_for(gateway)
        self.results = Results(
            pool, self.claimer, self._backlog, spans, packs=packs, gathering=gathering
        )
        self._is_pumping = False
        self._bug: Exception | None = None  # seen in a callback, raised by the next renewal
        self.in_flight = self._tests = 0  # requests under way; of these, in no ledger
        self._can_start = asyncio.Event()  # for gateways whose starts are marked first

    def _has_new(self) -> bool:
        return self.claimer.has_new

    # Starting

    def pump(self) -> None:
        """Start what can be started now. Called whenever something has changed."""
        if not self.gateway.is_idempotent:
            self._can_start.set()
            return
        jobs = self._startable(self.gateway.free)
        crash_point("dispatcher.start.taken", when=jobs)
        for place, job in enumerate(jobs):
            now = self._time()  # the others before it have taken some
            if not self._allows(job, now):
                self._put_back(jobs[place:])
                self._pump_soon()  # for those whose time is not over
                return
            self._start(job, now)

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

    def _startable(self, limit: int) -> Sequence[Job]:
        """Take up to `limit` messages that may be started now, with their texts."""
        now = self._time()
        if self.claimer.is_stopping or not self.lease.is_valid_at(now):
            return []
        ready, business = self.claimer.ready, now + self.lease.clock_offset_s
        jobs = self.flow.take(ready, min(limit, self._backlog.room), business)
        rendered = render(jobs, self.gateway.name)
        for job in rendered.failed:
            self.results.fail(job, TEMPLATE_FAILED)
        if rendered.rest:
            self.claimer.put_back(rendered.rest)
            self._pump_soon()
        self.flow.taken(len(rendered.ready), business)
        return rendered.ready

    def _put_back(self, jobs: Sequence[Job]) -> None:
        self.claimer.put_back(jobs)
        self.flow.returned(len(jobs))

    def _allows(self, job: Job, now: float) -> bool:
        """Return whether a message may still be started."""
        business = now + self.lease.clock_offset_s
        return self.lease.is_valid_at(now) and job.lease.run.allows_start(business)

    def _start(self, job: Job, now: float) -> None:
        message, job.message = job.message, NOT_RENDERED
        offset = self.lease.clock_offset_s
        deadline = min(now + self._limits.timeout_s, job.lease.run.window.ends_at - offset)
        self.in_flight += 1
        self.flow.started(job.message_id)
        self.gateway.send(message, deadline, partial(self._answered, job, now + offset))

    def count_test(self, change: int) -> None:
        """Count a request that is in no ledger as under way; by -1: as answered."""
        self.in_flight, self._tests = self.in_flight + change, self._tests + change
        self._pump_soon()

    def _answered(self, job: Job, started_at: float, verdict: Verdict) -> None:
        self.in_flight -= 1
        try:
            business = self.lease.business_time
            self.flow.answered(job, verdict, business)
            self._add(job, started_at, verdict, business)
        except Exception as bug:  # noqa: BLE001 - it must end the process, not this connection
            self._bug = bug
        self._pump_soon()

    def _add(self, job: Job, started_at: float, verdict: Verdict, ended_at: float) -> None:
        version, policy = self.lease.version.id, self._policy.of_run(job.lease.run.retrying)
        attempt = job.attempted(verdict, started_at, ended_at, policy, version)
        self.results.add(job.lease, job.before, attempt)

    def _take_to_mark(self, freed: int = 0) -> Starting | None:
        """Take what may be started once that is on record, and `freed` of others' results are."""
        # What is answered but not on record would be unknown as well: both together are bounded.
        limit = self.gateway.free + self.in_flight - self._tests - self._backlog.unrecorded + freed
        sender_id = self.lease.sender_id
        if sender_id is None or not (jobs := self._startable(limit)):
            return None
        now = instant(self._time() + self.lease.clock_offset_s)
        return Starting(jobs, sender_id, packed_starts(jobs, now, packs=self._packs))

    async def mark_and_start(self) -> bool:
        """Start what can be started, after it is on record that it begins.

        For a gateway that can't recognize a message: so what a crash leaves unknown is what was
        under way, not all that was leased.
        """
        starting = self._take_to_mark()
        if starting is None:
            return False
        try:
            crash_point("dispatcher.start.unmarked")
            async with autocommit(self._pool) as db:
                await starts.mark(db, starting.sender_id, starting.starts)
            starting.is_marked = True
            crash_point("dispatcher.start.marked")
        except LeaseLost:
            self.claimer.drop(starting.sender_id)
        finally:
            self._begin(starting)
        return starting.is_marked

    async def record_and_start(self) -> bool:
        """Write a batch of results, and start as many messages, which one transaction marks.

        Return whether there are more results.
        """
        starting = self._take_to_mark(freed=self.results.batch_size)
        try:
            return await self.results.record(starting)
        finally:
            if starting is not None:
                self._begin(starting)

    def _begin(self, starting: Starting) -> None:
        """Start what is on record as begun; whatever happened, no message is lost."""
        if not starting.is_marked:
            self._put_back(starting.jobs)
            return
        taken_at = starting.starts.at.timestamp()
        for job in starting.jobs:
            now = self._time()  # to mark them may have taken long
            business = now + self.lease.clock_offset_s
            is_startable = self.gateway.free > 0 and self._allows(job, now)
            if is_startable and self.flow.lets_start(business):
                self._start(job, now)
            else:
                self._add(job, taken_at, NOT_STARTED, business)
                self.flow.returned(1)
        crash_point("dispatcher.start.handed_over")

    # What needs the database

    async def renew(self) -> bool:
        """Renew the lease, obey the controls, give back what must not be started."""
        if self._bug is not None:
            raise self._bug
        try:
            controls = await self.lease.renew(self.claimer.run_ids)
        except LeaseLost as lost:
            self.claimer.drop(lost.sender_id)
        else:
            self.claimer.apply(controls)
            now = self.lease.business_time
            self.flow.apply(self.lease.gateway_state, now)
            await self.claimer.give_back(whole=self.flow.is_shut(now))
        self.pump()
        return False

    async def claim(self) -> bool:
        """Lease what is due, if there is room for it; return whether there was something."""
        if not self._backlog.room:
            return False
        with telemetry.batch("claim", {GATEWAY: self.gateway.name}) as batch:
            claim = await self.claimer.claim()
            batch.add(claim.size)
            for trace in claim.traces:
                batch.add(0, trace)
        self.flow.apply(self.lease.gateway_state, self.lease.business_time)
        for job in claim.rejected:
            self.results.reject(job)
        self.pump()
        return claim.found

    async def claim_when_needed(self) -> bool:
        """Claim as soon as more is needed; return whether there was something."""
        await self.claimer.ready.wait_for_room()
        return await self.claim()

    async def start_when_possible(self) -> bool:
        """Mark and start as soon as something may have become startable; return whether it was."""
        with liveness.waiting():
            await self._can_start.wait()
        self._can_start.clear()
        return await self.mark_and_start()

    async def record(self) -> bool:
        """Write a batch of results; return whether there are more."""
        has_more = await self.results.record()
        self.pump()
        return has_more

    async def record_when_full(self) -> bool:
        """Record once there is a batch; return whether there are more results."""
        await self.results.wait_for_batch()
        if self.gateway.is_idempotent:
            return await self.record()
        return await self.record_and_start()

    async def stop(self, within_s: float) -> None:
        """Start nothing more, record what is under way, give the rest back."""
        self.claimer.is_stopping = True
        limit = self._time() + within_s
        try:
            while self.in_flight and self._time() < limit:
                await self.record()
                await asyncio.sleep(GATHER_S)
            await self.gateway.close()  # what is under way even now ends with that
            while await self.record():
                pass
            await self.claimer.give_back()
            if not self._backlog.unrecorded:
                await self.claimer.leave()
        except Unavailable:
            log.warning("dispatcher.lease_left_behind", gateway=self.gateway.name)
        finally:
            await self.gateway.close()

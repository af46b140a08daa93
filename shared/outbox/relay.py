"""The relay: from the outbox to Kafka, in order, at least once.

One relay is at work per database, the others stand by: two would swap records of one key.
"""

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared import cloudevents, liveness, telemetry
from shared.alarm import Alarm
from shared.crash import crash_point
from shared.database import Connection, Pool, transaction
from shared.errors import Unavailable
from shared.loop import Backoff, goes_on
from shared.outbox import producer, store
from shared.outbox.apart import Apart
from shared.outbox.batch import Batch, Undecodable
from shared.outbox.cache import BatchCache, caching
from shared.outbox.lease import RelayLease
from shared.outbox.progress import Progress, batch_of, ends_at_takeover
from shared.outbox.refusals import Refused, may_be_fault_of_record
from shared.outbox.waking import waking

KAFKA = {"messaging.system": "kafka"}  # of spans
GATHER_S = 0.05  # between two looks while there is something to send

# What is done about records whose order another relay may have swapped: their latest state again.
Repair: TypeAlias = Callable[[Connection, Sequence[Batch]], Awaitable[None]]


async def relay(
    pool: Pool,
    servers: str,
    service: str,
    *,
    every: timedelta,
    lease: timedelta,
    repair: Repair | None = None,
) -> None:
    """Connect, again and again until it works; publish until cancelled, and how far that is.

    Guarantee: what was committed earlier is sent earlier, at least once; rows go when Kafka has
    acknowledged all of them. `repair` is called with what may have been sent after another relay
    took over. What Kafka refuses for its own fault is set aside, with what comes after it of its
    key; the others go on.
    """
    backoff = Backoff("relay")
    own_lease = RelayLease(pool, lease)
    telemetry.show("outbox.relay.active", lambda: own_lease.epoch is not None)
    ours = Relay(pool, own_lease, Apart(pool, own_lease, servers), repair)
    async with waking(pool) as waker:
        with liveness.running("relay"):
            try:
                while goes_on():
                    try:
                        await ours.take_over()
                        await ours.publish_apart()
                        with waker.at_work(), caching(pool) as cache:
                            async with producer.producing(servers) as client:
                                progress = Progress(
                                    service, await ends_at_takeover(servers, service)
                                )
                                rests = Rests(waker.alarm, progress, min(every, lease / 4))
                                await ours.publish(client, cache, rests, backoff)
                    except (KafkaError, OSError, Unavailable, Refused) as error:
                        await backoff.wait(error)
            finally:
                await ours.lease.release()


class Rests:
    """When the relay looks into the outbox, and when it rests.

    It looks when it is woken, and now and then by itself. A report looks as well: where those
    flow, the relay of an idle service asks its database for nothing else.
    """

    def __init__(self, alarm: Alarm, progress: Progress, every: timedelta) -> None:
        self.progress = progress
        self.must_look = True
        self._alarm = alarm
        self._every_s = every.total_seconds()
        self._found = 0  # rows, at the last look

    def looked(self, found: int) -> None:
        """Note how many rows were found."""
        self._found = found

    async def rest(self) -> None:
        """Rest, unless there is more to send: until woken, or a look or a report is due."""
        if self._found >= store.ROWS or self.progress.has_left:
            self.must_look = True
            return
        if self._found:  # what comes next may gather: few large turns cost less
            await asyncio.sleep(min(GATHER_S, self._every_s))
            self.must_look, self._found = True, 0
            return
        pause_s = max(min(self._every_s, self.progress.due_in()), 0)
        self.must_look = await self._alarm.sleep(pause_s) or not self.progress.is_due()


@dataclass
class Relay:
    """A relay of one database, at work or standing by."""

    pool: Pool
    lease: RelayLease
    apart: Apart
    repair: Repair | None = None
    unconfirmed: Sequence[Batch] = ()  # sent, and perhaps after the lease was lost
    is_apart: bool = False  # among the oldest rows is something that is refused or has to wait

    async def take_over(self) -> None:
        """Wait until the lease is ours; before that, repair what was sent without it."""
        if not await self.lease.renew():
            if self.unconfirmed and self.repair is not None:
                async with transaction(self.pool) as db:
                    await self.repair(db, self.unconfirmed)
            self.unconfirmed = ()
            await self.lease.wait()

    async def must_go_apart(self) -> bool:
        """Return whether there is something that cannot be sent together with all others."""
        return self.is_apart or await self.apart.is_wanted()

    async def publish_apart(self) -> None:
        """Publish what cannot be sent together with all others, before where topics end is read.

        Raises:
            KafkaError, OSError, Unavailable: As `Apart.publish`.
        """
        await self.apart.load()
        if self.is_apart:
            await self.apart.publish(self._note)
            self.is_apart = False
        await self.apart.replay(self._note)

    def _note(self, batches: Sequence[Batch]) -> None:
        self.unconfirmed = batches

    async def publish(
        self, client: AIOKafkaProducer, cache: BatchCache, rests: Rests, backoff: Backoff
    ) -> None:
        """Publish, and report how far, as long as the lease is ours and nothing must go apart.

        Raises:
            KafkaError, OSError, Unavailable, Refused: As `publish_some`.
        """
        while goes_on() and await self.lease.renew() and not await self.must_go_apart():
            if rests.must_look:
                begun = time.monotonic()
                found = await self.publish_some(client, cache, rests.progress)
                if found:
                    telemetry.observe("outbox.relay.turn.duration", time.monotonic() - begun)
                rests.looked(found)
            await self.report(client, rests.progress)
            backoff.succeeded()
            await rests.rest()

    async def publish_some(
        self, client: AIOKafkaProducer, cache: BatchCache, progress: Progress
    ) -> int:
        """Send the oldest rows, delete them once Kafka has them; return how many there were.

        Raises:
            Refused: That failed, and something in them may be to blame.
        """
        try:
            rows = await store.oldest(self.pool, cache)
        except Undecodable as error:
            raise self._refused() from error
        if not rows:
            return 0
        batches = [batch for _, batches in rows for batch in batches]
        if self.apart.must_wait(batches):
            self.is_apart = True
            return len(rows)
        traces = cloudevents.traceparents(batch.headers for batch in batches)
        kind = telemetry.SpanKind.PRODUCER
        with telemetry.batch("publish outbox", KAFKA, kind=kind, traceparents=traces) as turn:
            turn.add(sum(len(batch.records) for batch in batches))
            crash_point("relay.read")
            await self._send(client, batches, progress)
            crash_point("relay.acknowledged")
            if await self._delete([position for position, _ in rows], cache):
                telemetry.published(turn.size)
        return len(rows)

    async def _send(
        self, client: AIOKafkaProducer, batches: Sequence[Batch], progress: Progress
    ) -> None:
        self.unconfirmed = batches
        try:
            async with asyncio.timeout(producer.STUCK):
                progress.acknowledged(await producer.send(client, batches))
        except Exception as error:
            if may_be_fault_of_record(error):
                raise self._refused() from error
            raise

    async def _delete(self, positions: Sequence[int], cache: BatchCache) -> bool:
        """Delete rows that Kafka has; return False if the lease is lost."""
        if not await store.delete(self.pool, positions, self.lease.owner, self.lease.epoch):
            self.lease.mark_lost()
            return False
        crash_point("relay.deleted")
        self.unconfirmed = ()
        cache.drop(positions[-1])
        return True

    def _refused(self) -> Refused:
        self.is_apart = True
        return Refused()

    async def report(self, client: AIOKafkaProducer, progress: Progress) -> None:
        """Publish how far the outbox is, if that is due."""
        report = await progress.next_report(self.pool, self.lease)
        if report is not None:
            async with asyncio.timeout(producer.STUCK):
                await producer.send(client, [batch_of(report, self.lease.epoch)])
            crash_point("relay.reported")
            telemetry.measure("outbox.as_of.timestamp", report.as_of.timestamp())

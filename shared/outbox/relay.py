"""The relay: from the outbox to Kafka, in order, at least once.

One relay is at work per database, the others stand by: two would swap records of one key.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import TypeAlias

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from shared import contracts, telemetry
from shared.database import Connection, Pool, transaction
from shared.errors import Unavailable
from shared.loop import Backoff
from shared.outbox import producer, store
from shared.outbox.batch import Batch
from shared.outbox.cache import BatchCache, caching
from shared.outbox.lease import RelayLease
from shared.outbox.progress import Progress, batch_of, ends_at_takeover

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
    took over.
    """
    backoff = Backoff("relay")
    ours = Relay(pool, RelayLease(pool, lease), repair)
    try:
        while True:
            try:
                await ours.take_over()
                with caching(pool) as cache:
                    async with producer.producing(servers) as client:
                        progress = Progress(service, await ends_at_takeover(servers, service))
                        while await ours.lease.renew():
                            sent = await ours.publish_some(client, cache, progress)
                            await ours.report(client, progress)
                            backoff.succeeded()
                            if not sent:
                                await asyncio.sleep(every.total_seconds())
            except (KafkaError, OSError, Unavailable) as error:
                await backoff.wait(error)
    finally:
        await ours.lease.release()


@dataclass
class Relay:
    """A relay of one database, at work or standing by."""

    pool: Pool
    lease: RelayLease
    repair: Repair | None = None
    unconfirmed: Sequence[Batch] = ()  # sent, and perhaps after the lease was lost

    async def take_over(self) -> None:
        """Wait until the lease is ours; before that, repair what was sent without it."""
        if not await self.lease.renew():
            if self.unconfirmed and self.repair is not None:
                async with transaction(self.pool) as db:
                    await self.repair(db, self.unconfirmed)
            self.unconfirmed = ()
            await self.lease.wait()

    async def publish_some(
        self, client: AIOKafkaProducer, cache: BatchCache, progress: Progress
    ) -> bool:
        """Send the oldest rows, delete them once Kafka has them; return False if none were."""
        rows = await store.oldest(self.pool, cache)
        if not rows:
            return False
        batches = [batch for _, batches in rows for batch in batches]
        self.unconfirmed = batches
        async with asyncio.timeout(producer.STUCK):
            for group in _in_order(batches):
                progress.acknowledged(await producer.send(client, group))
        positions = [position for position, _ in rows]
        if not await store.delete(self.pool, positions, self.lease.owner, self.lease.epoch):
            self.lease.mark_lost()
            return True
        self.unconfirmed = ()
        cache.drop(positions[-1])
        telemetry.published(sum(len(batch.records) for batch in batches))
        return True

    async def report(self, client: AIOKafkaProducer, progress: Progress) -> None:
        """Publish how far the outbox is, if that is due."""
        report = await progress.next_report(self.pool, self.lease)
        if report is not None:
            async with asyncio.timeout(producer.STUCK):
                await producer.send(client, [batch_of(report, self.lease.epoch)])
            telemetry.measure("outbox.as_of", report.as_of.timestamp())


def _in_order(batches: Sequence[Batch]) -> list[list[Batch]]:
    """Return groups to send one after the other: what a topic waits for is in one before it."""
    groups: list[list[Batch]] = [[]]
    for batch in batches:
        awaited = {topic.name for topic in contracts.TOPICS[batch.topic].waits_for}
        if awaited & {other.topic for other in groups[-1]}:
            groups.append([])
        groups[-1].append(batch)
    return groups

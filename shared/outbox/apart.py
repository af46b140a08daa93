"""Apart: what could not be sent at once is sent by halves of halves, down to what is refused."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, TypeAlias

from shared import telemetry
from shared.clock import Monotonic, monotonic
from shared.database import Pool
from shared.outbox import producer, store, unpublished
from shared.outbox.batch import Batch, Undecodable, decode
from shared.outbox.lease import RelayLease
from shared.outbox.refusals import may_be_fault_of_record
from shared.outbox.unpublished import HELD, Key, RelayLeaseLost, SetAside, keys_of

POLL_INTERVAL_S = 1.0  # of requests to try again, while anything is set aside

UNDECODABLE = "it cannot be decoded"
# Called with what is being sent, and with nothing once that is settled.
Note: TypeAlias = Callable[[Sequence[Batch]], None]
Refusals: TypeAlias = dict[int, str]  # numbers of parts, and why


class Part(NamedTuple):
    """What is refused or published as a whole; its number is the caller's."""

    number: int
    batches: list[Batch]


@dataclass
class Apart:
    """What is set aside, and how the relay goes on beside it."""

    pool: Pool
    lease: RelayLease
    servers: str
    clock: Monotonic = monotonic
    waiting: set[Key | None] = field(default_factory=set)  # see `unpublished.keys`
    _polled_at: float = field(init=False, default=float("-inf"))

    async def load(self) -> None:
        """Read what is set aside; only who has the lease changes it, but for requests."""
        self.waiting = await unpublished.keys(self.pool)

    def must_wait(self, batches: Sequence[Batch]) -> bool:
        """Return whether one of the records has to wait for another of its key."""
        return bool(self.waiting) and not self.waiting.isdisjoint(keys_of(batches))

    async def publish(self, note: Note) -> None:
        """Publish the oldest rows one by one; set aside what is refused, and what is behind it.

        Raises:
            KafkaError, OSError: Something failed that is no fault of a record, or more fail than
                can be their fault. The rows before it are settled.
            Unavailable: The database went away, or another relay has the lease.
        """
        for position, row in await store.oldest_raw(self.pool):
            try:
                batches = decode(row)
            except Undecodable:
                if not await unpublished.room(self.pool):
                    raise
                await self._settle(position, [SetAside(row, UNDECODABLE)])
                continue
            note(batches)
            parts = [Part(number, [batch]) for number, batch in enumerate(_one_by_one(batches))]
            refused = await self._send(parts, set(self.waiting), await unpublished.room(self.pool))
            await self._settle(
                position,
                [SetAside.of(parts[each].batches[0], refused[each]) for each in sorted(refused)],
            )
            note(())

    async def _settle(self, position: int, events: Sequence[SetAside]) -> None:
        await unpublished.settle(self.pool, self.lease, position, events)
        if events:
            await self.load()

    async def is_wanted(self) -> bool:
        """Return whether something that was set aside is to be tried again; ask now and then."""
        now = self.clock()
        if not self.waiting or now - self._polled_at < POLL_INTERVAL_S:
            return False
        self._polled_at = now
        await self.load()  # what was given up waits no more
        return bool(await unpublished.wanted(self.pool))

    async def replay(self, note: Note) -> None:
        """Publish what somebody wants again, and what waits for nothing any more.

        Raises:
            KafkaError, OSError, Unavailable: As `publish`.
        """
        wanted = await unpublished.wanted(self.pool) if self.waiting else []
        if wanted:
            kept: dict[int, str] = {}
            parts = []
            for position, row in wanted:
                try:
                    parts.append(Part(position, decode(row)))
                except Undecodable:
                    kept[position] = UNDECODABLE
            note([batch for part in parts for batch in part.batches])
            kept |= await self._send(parts, await unpublished.blocked(self.pool), len(parts))
            published = {position for position, _ in wanted} - kept.keys()
            await unpublished.settle_again(self.pool, self.lease, published, kept)
            note(())
            await self.load()

    async def _send(self, parts: Sequence[Part], held: set[Key | None], room: int) -> Refusals:
        """Send by halves of halves, in order; return what was refused or has to wait, and why.

        `held` has the keys whose records wait, and grows. No more than `room` may be refused.
        """
        parts, refused = _without_held(parts, held)
        try:
            await self._try(parts)
        except Exception as error:
            if not may_be_fault_of_record(error):
                raise
            if len(parts) > 1:
                half = len(parts) // 2
                refused |= await self._send(parts[:half], held, room)
                room -= sum(reason != HELD for reason in refused.values())
                return refused | await self._send(parts[half:], held, room)
            if not room:
                raise
            [part] = parts
            held.update(keys_of(part.batches))
            refused[part.number] = type(error).__name__
        return refused

    async def _try(self, parts: Sequence[Part]) -> None:
        """Send parts as a whole, by a producer of their own: after an error none is used again."""
        if not await self.lease.renew():
            raise RelayLeaseLost
        batches = [batch for part in parts for batch in part.batches]
        if batches:
            async with producer.producing(self.servers) as client, asyncio.timeout(producer.STUCK):
                await producer.send(client, batches)
                telemetry.published(sum(len(batch.records) for batch in batches))


def _one_by_one(batches: Sequence[Batch]) -> list[Batch]:
    """Return a batch for each record."""
    return [
        Batch(batch.topic, batch.headers, [record], batch.partition_key)
        for batch in batches
        for record in batch.records
    ]


def _without_held(parts: Sequence[Part], held: set[Key | None]) -> tuple[list[Part], Refusals]:
    """Return the parts that need not wait; the others, whose keys then wait too, as held."""
    free, waiting = list[Part](), Refusals()
    for part in parts:
        keys = keys_of(part.batches)
        if held.isdisjoint(keys):
            free.append(part)
        else:
            held.update(keys)
            waiting[part.number] = HELD
    return free, waiting

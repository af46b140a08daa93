"""Gathering: what came of messages waits here until there is a batch, and goes on record.

A result leaves only when it is committed: whatever happens before that, it is written again.
"""

import asyncio
from collections.abc import Mapping
from contextlib import suppress
from operator import attrgetter
from typing import TypeAlias
from uuid import UUID

import msgspec
import structlog

from services.dispatcher.handlers import recording
from services.dispatcher.handlers.events import Told
from services.dispatcher.handlers.leasing import Leases
from services.dispatcher.handlers.ready import Lease
from services.dispatcher.handlers.recording import Attempt, Settled
from services.dispatcher.queue import leasing
from services.dispatcher.queue import recording as ledger
from services.dispatcher.queue.leasing import Overtaken
from services.dispatcher.queue.recording import Entries
from shared.database import Connection, Pool, transaction

log = structlog.get_logger()

FULL = 2_000  # results that are recorded at once
# How long results are gathered until then: a transaction costs the same for ten as for a hundred.
# For a plain gateway what is not on record keeps others from starting, so it can't wait long.
GATHER_S, GATHER_PLAIN_S = 0.1, 0.005

Place: TypeAlias = tuple[UUID, int]  # run and chunk


class Result(msgspec.Struct, gc=False):
    """What came of a message: an attempt, or its end without one."""

    lease: Lease
    key: bytes  # run and client: results are written in this order
    entry: Attempt | Settled


class Results:
    """What came of one sender's messages, until it is on record."""

    def __init__(self, pool: Pool, leases: Leases, gateway: str, *, is_idempotent: bool) -> None:
        self._pool = pool
        self._leases = leases
        self._gateway = gateway
        self._gather_s = GATHER_S if is_idempotent else GATHER_PLAIN_S
        self._time = asyncio.get_running_loop().time
        self._waiting: list[Result] = []
        self.unrecorded = 0  # messages started, or settled, and not on record
        self.has_some = asyncio.Event()
        self._has_many = asyncio.Event()  # a whole batch

    def __len__(self) -> int:
        return len(self._waiting)

    def add(self, lease: Lease, entry: Attempt | Settled) -> None:
        """Let a result wait. It is among the `unrecorded` already."""
        key = entry.run_id.bytes + entry.client_id.bytes
        waiting = self._waiting
        waiting.append(Result(lease, key, entry))
        if len(waiting) == 1:
            self.has_some.set()
        elif len(waiting) == FULL:
            self._has_many.set()

    def settle(self, lease: Lease, settled: Settled) -> None:
        """Let a message wait that became final without an attempt."""
        lease.unrecorded += 1
        self.unrecorded += 1
        self.add(lease, settled)

    async def gather(self) -> None:
        """Wait until there are results for a whole batch, or long enough."""
        await self.has_some.wait()
        self._has_many.clear()
        if len(self._waiting) < FULL:
            with suppress(TimeoutError):
                async with asyncio.timeout(self._gather_s):
                    await self._has_many.wait()

    async def record(self) -> bool:
        """Write what came of attempts; say whether there is more."""
        batch, self._waiting = self._waiting[:FULL], self._waiting[FULL:]
        if not batch:
            self.has_some.clear()
            return False
        batch.sort(key=attrgetter("key"))
        counts: dict[Lease, int] = {}
        for result in batch:
            counts[result.lease] = counts.get(result.lease, 0) + 1
        try:
            await self._write(batch, _done_with(counts))
        except BaseException:  # whatever it is, nothing is lost
            self._waiting = batch + self._waiting
            raise
        for lease, count in counts.items():
            lease.unrecorded -= count
        self.unrecorded -= len(batch)
        self._leases.end(counts)
        recording.counted(self._gateway, _attempts(batch))
        return bool(self._waiting)

    async def _write(self, batch: list[Result], done: Mapping[Place, int]) -> None:
        """Record a batch: the plain way if it is our own and fresh, else with a closer look."""
        me = self._leases.me
        if me is not None and all(
            lease.is_clean and lease.sender_id == me for lease in {each.lease for each in batch}
        ):
            try:
                async with transaction(self._pool) as db:
                    await leasing.hold(db, me)
                    await self._write_plainly(db, me, batch, done)
            except Overtaken:
                self._leases.forget(me)
            except ledger.Unexpected:
                log.info("dispatcher.recorded_carefully", results=len(batch))
            else:
                return
        await self._write_carefully(batch, done)

    async def _write_plainly(
        self, db: Connection, me: UUID, batch: list[Result], done: Mapping[Place, int]
    ) -> None:
        entries, told = Entries(), Told({})
        closed: dict[Place, int] = {}
        now = recording.instant(self._time() + self._leases.skew)
        for result in batch:
            entry, trace = result.entry, result.lease.run.traceparent
            is_final = True
            if type(entry) is Attempt:  # a Struct's instance check costs more than what follows
                is_final = recording.enter(entries, told, entry, trace)
            elif type(entry) is Settled:
                recording.settle(entries, told, entry, trace, now)
            place = (entry.run_id, entry.chunk)
            closed[place] = closed.get(place, 0) + is_final
        entries.closed = {
            place: (closed.get(place, 0), done.get(place, 0)) for place in closed.keys() | done
        }
        await ledger.record(db, me, entries)
        await told.put(db)

    async def _write_carefully(self, batch: list[Result], done: Mapping[Place, int]) -> None:
        traces = {each.lease.run.run_id: each.lease.run.traceparent for each in batch}
        async with transaction(self._pool) as db:
            await recording.record_carefully(db, _attempts(batch), traces)
            settled = [each.entry for each in batch if isinstance(each.entry, Settled)]
            now = recording.instant(self._time() + self._leases.skew)
            await recording.settle_carefully(db, settled, traces, now)
            me = self._leases.me
            if me is not None:  # leases of an earlier life match nothing
                await ledger.close(db, me, {place: (0, done[place]) for place in done})


def _done_with(counts: Mapping[Lease, int]) -> dict[Place, int]:
    """Return the epochs of the chunks whose leases are over once so many results are on record."""
    return {
        (lease.run.run_id, lease.chunk): lease.epoch
        for lease, count in counts.items()
        if lease.chunk is not None
        and not lease.waiting
        and not lease.returned
        and lease.unrecorded == count
    }


def _attempts(batch: list[Result]) -> list[Attempt]:
    return [each.entry for each in batch if isinstance(each.entry, Attempt)]

"""The door of time: what happens without anybody asking."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import timedelta
from functools import partial
from typing import TypeAlias

from services.dispatcher.handlers import ending, planning
from services.dispatcher.handlers.reaping import Reaper
from services.dispatcher.handlers.sending import Sender
from services.dispatcher.queue import pending
from services.dispatcher.queue.pending import Outlook
from services.dispatcher.queue.planning import Readers
from shared import database
from shared.database import Pool, autocommit
from shared.kafka import EndOffsets
from shared.loop import forever

Step: TypeAlias = Callable[[], Awaitable[bool]]

LOOKS = timedelta(milliseconds=100)  # a new run or retry is found at most this late
SOON = timedelta(milliseconds=50)  # to see what the last look has found costs nothing
RENEWALS = timedelta(milliseconds=150)  # so a pause is obeyed well within a second


class Watch:
    """Who looks at what there is to do, for all workers of this process."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.seen = Outlook()

    async def look(self) -> bool:
        """See what there is to do now."""
        async with autocommit(self._pool) as db:
            self.seen = await pending.look(db, await database.now(db))
        return False

    def when(self, is_seen: Callable[[Outlook], bool], step: Step) -> Step:
        """Return a step that is taken only if there is something to do, and leads to a look."""

        async def guarded() -> bool:
            if not is_seen(self.seen):
                return False
            found = await step()
            await self.look()
            return found

        return guarded


async def run_runs(pool: Pool, ends: EndOffsets, readers: Readers, watch: Watch) -> None:
    """Expand runs, end them when their time is over, and finish them, until cancelled."""
    wait = partial(planning.begin_waiting, pool, ends, readers)
    steps = {
        "begin_waiting": watch.when(lambda seen: seen.has_waiting, wait),
        "expand": watch.when(lambda seen: seen.has_expanding, partial(planning.expand, pool)),
        "end": watch.when(lambda seen: seen.has_ending, partial(ending.end, pool)),
        "finish": watch.when(lambda seen: seen.has_complete, partial(ending.finish, pool)),
    }
    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(forever("look", watch.look, every=LOOKS))
            for name, step in steps.items():
                tasks.create_task(forever(name, step, every=SOON))
    finally:
        await ends.close()


async def send_messages(sender: Sender, watch: Watch, *, drain: timedelta) -> None:
    """Claim, start and record messages of one gateway until cancelled; then hand over in order."""
    leases, name = sender.leases, sender.gateway.name

    async def renew() -> bool:
        await sender.renew()
        return False

    async def claim() -> bool:
        if leases.has_enough:
            await leases.hungry.wait()
        if not (name in watch.seen.due or leases.is_unsure):
            return False
        found = await sender.claim()
        if not found:
            await watch.look()
        return found

    async def start() -> bool:
        await sender.can_start.wait()
        sender.can_start.clear()
        return await sender.mark_and_start()

    async def record() -> bool:
        await sender.results.gather()
        return await sender.record()

    try:
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(forever(f"renew.{name}", renew, every=RENEWALS))
            tasks.create_task(forever(f"claim.{name}", claim, every=SOON))
            tasks.create_task(forever(f"start.{name}", start, every=timedelta()))
            tasks.create_task(forever(f"record.{name}", record, every=timedelta()))
    finally:
        await sender.stop(drain.total_seconds())


async def reap_dead_senders(reaper: Reaper, *, every: timedelta) -> None:
    """Give the leases of senders that died to the living, until cancelled."""
    await forever("reap", reaper.look, every=every)

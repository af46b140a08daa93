"""The door of time: what happens without anybody asking."""

import asyncio
from datetime import timedelta
from functools import partial

from services.dispatcher.handlers import running
from services.dispatcher.handlers.reaping import Reaper
from services.dispatcher.handlers.sending import Sender
from shared.database import Pool
from shared.loop import forever

SOON = timedelta(milliseconds=100)  # a new run or retry is found at most this late
RENEWALS = timedelta(milliseconds=150)  # so a pause is obeyed well within a second
NOW_AND_THEN = timedelta(milliseconds=250)  # for what ends and finishes


async def run_runs(pool: Pool, servers: str, consumer: str) -> None:
    """Expand runs, end them when their time is over, and finish them, until cancelled."""
    async with asyncio.TaskGroup() as tasks:
        for name, step, every in (
            ("begin_waiting", partial(running.begin_waiting, pool, servers, consumer), SOON),
            ("expand", partial(running.expand, pool), SOON),
            ("end", partial(running.end, pool), NOW_AND_THEN),
            ("finish", partial(running.finish, pool), NOW_AND_THEN),
        ):
            tasks.create_task(forever(name, step, every=every))


async def send_messages(sender: Sender, *, drain: timedelta) -> None:
    """Claim, start and record messages of one gateway until cancelled; then hand over in order."""

    async def renew() -> bool:
        await sender.renew()
        return False

    async def claim() -> bool:
        if sender.leases.has_enough:
            await sender.leases.hungry.wait()
        return await sender.claim()

    async def start() -> bool:
        await sender.can_start.wait()
        sender.can_start.clear()
        return await sender.mark_and_start()

    async def record() -> bool:
        await sender.results.gather()
        return await sender.record()

    try:
        async with asyncio.TaskGroup() as tasks:
            name = sender.gateway.name
            tasks.create_task(forever(f"renew.{name}", renew, every=RENEWALS))
            tasks.create_task(forever(f"claim.{name}", claim, every=SOON))
            tasks.create_task(forever(f"start.{name}", start, every=timedelta()))
            tasks.create_task(forever(f"record.{name}", record, every=timedelta()))
    finally:
        await sender.stop(drain.total_seconds())


async def reap_dead_senders(reaper: Reaper, *, every: timedelta) -> None:
    """Give the leases of senders that died to the living, until cancelled."""
    await forever("reap", reaper.look, every=every)

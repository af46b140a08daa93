"""Idle workers: what wakes them, and what they find by themselves if nothing does."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from services.dispatcher import workers
from services.dispatcher.handlers.sending import Sender
from services.dispatcher.queue.planning import Readers
from services.dispatcher.workers import WorkPoller
from shared.kafka import EndOffsets
from shared.loop import forever
from shared.testing import eventually
from tests.dispatcher.world import CHANNELS, FakeGateway, World, lasting

AN_HOUR = timedelta(hours=1)
NO_READERS: Readers = {}


class Poller(WorkPoller):
    """A poller of which is known that it rests."""

    def __init__(self, world: World) -> None:
        super().__init__(world.pool)
        self.rests = asyncio.Event()

    async def rest(self, pause_s: float) -> None:
        self.rests.set()
        await super().rest(pause_s)


@asynccontextmanager
async def advancing(world: World, poller: Poller) -> AsyncIterator[None]:
    """Let runs be expanded, ended and finished as in a dispatcher that has nothing to do yet."""
    ends = EndOffsets("nowhere:1")
    advance = workers.advance_runs(world.pool, ends, NO_READERS, CHANNELS, poller)
    task = asyncio.create_task(advance)
    try:
        await asyncio.wait_for(poller.rests.wait(), 20)
        yield
        assert not task.done(), task
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def begin(world: World) -> None:
    """Let a run begin that has nobody to be sent to: it is finished by workers alone."""
    await (await world.schedule()).begin()


async def finished(world: World) -> bool:
    return bool(await world.value("SELECT count(*) FROM runs WHERE state = 'finished'"))


async def test_an_idle_poller_is_woken(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(workers, "IDLE_INTERVAL", AN_HOUR)
    poller = Poller(world)
    async with advancing(world, poller):
        await begin(world)

        poller.alarm.ring()

        await eventually(lambda: finished(world), within=120)


async def test_work_that_nothing_has_announced_is_found_all_the_same(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(workers, "IDLE_INTERVAL", timedelta(milliseconds=10))
    async with advancing(world, Poller(world)):
        await begin(world)

        await eventually(lambda: finished(world), within=120)


async def test_an_idle_sender_that_gets_something_to_do_obeys_at_once(world: World) -> None:
    gateway = FakeGateway(connections=1)
    gateway.is_hanging = True
    sender = Sender(world.pool, gateway, lasting())
    poller = WorkPoller(world.pool)
    work = (
        workers.send_messages(sender, poller, drain=timedelta(), idle_renewal=AN_HOUR),
        forever("poll", poller.poll, every=timedelta(milliseconds=10)),
    )
    tasks = [asyncio.create_task(each) for each in work]
    try:

        async def is_there() -> bool:
            return bool(await world.value("SELECT count(*) FROM senders"))

        await eventually(is_there, within=120)
        run = await world.plan(20)

        async def is_under_way() -> bool:
            return bool(sender.in_flight)

        await eventually(is_under_way, within=120)
        await run.pause()

        async def has_given_back() -> bool:
            return not sender.claimer.ready

        await eventually(has_given_back, within=120)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

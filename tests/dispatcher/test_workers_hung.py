"""The loops of a sender: each that hangs is named, and an idle one waits as long as it takes."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import timedelta

import pytest

from services.dispatcher import workers
from services.dispatcher.handlers.sending import Sender
from services.dispatcher.queue.pending import PendingWork
from services.dispatcher.workers import WorkPoller
from shared import liveness
from shared.testing import eventually, hung_after
from tests.dispatcher.world import FakeGateway, World, lasting

AN_HOUR = timedelta(hours=1)


async def hang() -> bool:
    await asyncio.Event().wait()
    return False


@asynccontextmanager
async def sending(sender: Sender, poller: WorkPoller) -> AsyncIterator[None]:
    """Let a sender work that has nothing to send."""
    work = workers.send_messages(sender, poller, drain=timedelta(), idle_renewal=AN_HOUR)
    task = asyncio.create_task(work)
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


@pytest.mark.parametrize(
    ("method", "loop"),
    [
        ("renew", "renew.http"),
        ("claim_when_needed", "claim.http"),
        ("start_when_possible", "start.http"),
        ("record_when_full", "record.http"),
    ],
)
async def test_a_loop_of_a_sender_that_hangs_is_named(
    world: World, monkeypatch: pytest.MonkeyPatch, method: str, loop: str
) -> None:
    sender, poller = Sender(world.pool, FakeGateway(), lasting()), WorkPoller(world.pool)
    poller.pending = PendingWork(due=frozenset({"http"} if "claim" in method else ()))
    monkeypatch.setattr(sender, method, hang)

    async with sending(sender, poller):
        if method != "renew":
            await eventually(rests, within=120)

        assert await hung_after(60) == {loop}


async def test_a_sender_without_anything_to_send_does_not_hang(world: World) -> None:
    sender = Sender(world.pool, FakeGateway(), lasting())

    async with sending(sender, WorkPoller(world.pool)):
        await eventually(rests, within=120)

        assert await hung_after(AN_HOUR.total_seconds()) == set()


async def rests() -> bool:
    """Return whether the loop that renews knows that nothing is leased."""
    return any(
        each.name == "renew.http" and each.allowed_s > AN_HOUR.total_seconds()
        for each in liveness.loops()
    )

"""Fairness: runs that share a gateway, on their way from the ledger to it."""

from collections import Counter
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from services.dispatcher.domain import turns
from services.dispatcher.handlers import claiming, planning
from services.dispatcher.handlers.sending import Sender
from services.dispatcher.queue import planning as planning_queue
from shared import ids
from shared.contracts.catalog import Filter
from shared.contracts.dispatcher import State
from shared.database import transaction
from shared.testing import eventually
from tests.dispatcher.proof import prove
from tests.dispatcher.world import (
    ACCEPTED,
    CHANNELS,
    NOT_PROCESSED,
    FakeGateway,
    Run,
    World,
    alive,
    work,
)

MINUTE = timedelta(minutes=1)
CHUNK, LIMIT, SMALL = 4, 8, 2
VIP = Filter(tags=("vip",))
CLIENTS = 24  # of a large run; of one for the VIPs two


@pytest.fixture(autouse=True)
def little_room(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning_queue, "CHUNK", CHUNK)
    monkeypatch.setattr(turns, "READY_LIMIT", LIMIT)
    monkeypatch.setattr(turns, "SMALL", SMALL)


async def begun(world: World, **fields: Any) -> Run:
    """Let a run begin and be written down."""
    run = await world.begin_run(**fields)
    await run.begin()
    while await planning.expand(world.pool, CHANNELS):
        pass
    return run


async def full(world: World, **fields: Any) -> tuple[Sender, FakeGateway, Run]:
    """Return a sender whose queue is full of one run, of which one request is under way."""
    await world.know_clients(range(1, CLIENTS - 1))
    await world.know_clients(range(CLIENTS - 1, CLIENTS + 1), tags=("vip",))
    large = await begun(world, **fields)
    gateway = FakeGateway(connections=1)
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    while await sender.claim():
        pass
    assert sender.claimer.ready.is_full
    return sender, gateway, large


async def leased(world: World, run: Run) -> int:
    found: int = await world.value(
        "SELECT count(*) FROM chunks WHERE state = 'leased' AND run_id = :run_id",
        run_id=run.run_id,
    )
    return found


def run_ids(gateway: FakeGateway) -> list[UUID]:
    """Return the runs of the messages that were sent, in order."""
    pairs = [ids.run_and_client(each.message_id.decode()) for each in gateway.messages]
    return [pair[0] for pair in pairs if pair]


async def answered(sender: Sender, gateway: FakeGateway) -> None:
    """Let all that hangs be accepted, and the rest be sent."""
    gateway.is_hanging = False
    gateway.answer_all(ACCEPTED)
    await work(sender)


async def delivered(world: World, count: int) -> None:
    await world.end()
    assert await prove(world.pool) == {State.DELIVERED: count}


async def test_an_urgent_run_passes_a_full_queue(world: World) -> None:
    sender, gateway, large = await full(world)
    urgent = await begun(world, priority="urgent")

    await sender.claim()
    await answered(sender, gateway)

    assert run_ids(gateway)[: LIMIT + 1] == [large.run_id] + [urgent.run_id] * LIMIT
    await delivered(world, 2 * CLIENTS)


async def test_a_small_run_gets_in_though_the_queue_is_full_and_a_large_one_waits(
    world: World,
) -> None:
    sender, gateway, large = await full(world)
    other = await begun(world)
    small = await begun(world, filter=VIP)
    held = await leased(world, large)

    found = await sender.claim()
    again = await sender.claim()

    assert (found, again) == (True, False)
    assert [await leased(world, each) for each in (large, other, small)] == [held, 0, 1]
    await answered(sender, gateway)
    assert run_ids(gateway).index(small.run_id) <= turns.TURN + 1
    await delivered(world, 2 * CLIENTS + 2)


async def test_a_small_run_of_which_something_waits_needs_room_as_the_others_do(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender, gateway, _ = await full(world)
    monkeypatch.setattr(planning_queue, "CHUNK", 1)
    small = await begun(world, filter=VIP)  # of two chunks

    await sender.claim()

    assert await leased(world, small) == 1
    await answered(sender, gateway)
    await delivered(world, CLIENTS + 2)


async def test_bulk_goes_on_though_what_is_urgent_fills_the_queue(world: World) -> None:
    sender, gateway, _ = await full(world, priority="urgent")
    bulk = await begun(world, priority="bulk")
    normal = await begun(world)

    await sender.claim()

    assert [await leased(world, each) for each in (bulk, normal)] == [1, 1]
    await answered(sender, gateway)
    sent = run_ids(gateway)
    assert sent.index(normal.run_id) < sent.index(bulk.run_id) <= turns.SHARE + 1
    await delivered(world, 3 * CLIENTS)


async def test_an_urgent_run_is_claimed_before_those_that_came_before_it(world: World) -> None:
    await world.know_clients(range(1, 3))
    runs = [await begun(world, priority=each) for each in ("bulk", "normal", "urgent")]
    gateway = FakeGateway()

    await work(await alive(world, gateway))

    assert run_ids(gateway) == [run.run_id for run in reversed(runs) for _ in range(2)]


async def test_an_urgent_run_that_is_paused_lets_the_others_go_on(world: World) -> None:
    sender, gateway, large = await full(world)
    urgent = await begun(world, priority="urgent")
    await sender.claim()

    await urgent.pause()
    await sender.renew()
    await answered(sender, gateway)
    paused = run_ids(gateway)
    await urgent.resume()
    await sender.renew()
    await work(sender)

    assert set(paused) == {large.run_id}
    await delivered(world, 2 * CLIENTS)


async def test_a_run_of_a_priority_or_class_that_only_newer_releases_know_is_sent(
    world: World,
) -> None:
    await world.know_clients([1])
    await begun(world, priority="immediately", message_class="lyrical")

    await work(await alive(world, FakeGateway()))

    await delivered(world, 1)
    [run] = await world.rows("SELECT priority, message_class FROM runs")
    assert tuple(run) == ("normal", "marketing")


async def at_the_gateway(gateway: FakeGateway, number: int) -> None:
    async def are_there() -> bool:
        return len(gateway.messages) >= number

    await eventually(are_there, within=60)


@pytest.mark.parametrize("is_analyzed", [False, True])
async def test_retries_of_runs_take_turns_whatever_the_planner_knows(
    world: World, monkeypatch: pytest.MonkeyPatch, *, is_analyzed: bool
) -> None:
    monkeypatch.setattr(claiming, "RETRIES", 2)
    await world.know_clients(range(1, 4))
    failing = FakeGateway({number: [NOT_PROCESSED] * 2 for number in range(1, 4)})
    sender = await alive(world, failing)
    one = await begun(world)
    await work(sender)
    other = await begun(world)
    await work(sender)
    await world.pass_time(MINUTE)
    await sender.renew()
    failing.messages.clear()
    if is_analyzed:  # as autovacuum does, sooner or later
        async with transaction(world.pool) as db:
            await db.execute(text("ANALYZE runs, exceptions, chunks, mailings"))

    for claims in range(1, 4):
        await sender.claim()
        # What waits is sent run by run: so each claim's messages go before the next one.
        await at_the_gateway(failing, 2 * claims)

    turns_of = [Counter(run_ids(failing)[first : first + 2]) for first in (0, 2, 4)]
    assert turns_of[0] + turns_of[1] == Counter({one.run_id: 2, other.run_id: 2})
    assert len(turns_of[0]) == 1
    assert turns_of[2] == Counter({one.run_id: 1, other.run_id: 1})
    await work(sender)
    await delivered(world, 6)

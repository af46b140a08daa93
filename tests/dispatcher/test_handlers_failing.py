"""Results that cannot be recorded: they wait by themselves, and everything else goes on."""

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from services.dispatcher.handlers import failing
from services.dispatcher.handlers.packing import Packer
from shared import set_aside
from shared.contracts.dispatcher import State
from shared.database_errors import Unstorable
from tests.dispatcher.proof import prove
from tests.dispatcher.world import (
    ACCEPTED,
    FakeGateway,
    World,
    alive,
    client,
    fetch,
    numbers,
    reap_all,
    replaced,
    work,
)

KINDS = pytest.mark.parametrize("is_idempotent", [True, False])
# PostgreSQL takes no text with such a character.
UNSTORABLE = replaced(ACCEPTED, gateway_message_id="a\0b")


async def set_aside_rows(world: World) -> list[tuple[Any, ...]]:
    rows = await world.rows("SELECT loop, item, reason, failures FROM set_aside")
    return [tuple(row) for row in rows]


@KINDS
async def test_a_result_that_cannot_be_stored_stops_no_other(
    world: World, *, is_idempotent: bool
) -> None:
    run, other = await world.plan(6), await world.plan(6)
    script: dict[int, Any] = {3: [UNSTORABLE, ACCEPTED]}
    sender = await alive(world, FakeGateway(script, is_idempotent=is_idempotent))

    await work(sender)

    recorded = await world.value("SELECT count(*) FROM all_attempts WHERE kind = 'answer'")
    assert recorded == 11
    [(loop, item, reason, failures)] = await set_aside_rows(world)
    assert (loop, reason, failures) == ("record", "Unstorable", 1)
    assert item in {run.run_id, other.run_id}


@KINDS
async def test_a_sender_that_ends_with_such_a_result_leaves_its_message_to_be_reaped(
    world: World, *, is_idempotent: bool
) -> None:
    run = await world.plan(6)
    gateway = FakeGateway({3: [UNSTORABLE]}, is_idempotent=is_idempotent)
    sender = await alive(world, gateway)
    await work(sender)

    await sender.stop(0)
    assert await world.value("SELECT state FROM chunks") == "leased", "it may have been sent"
    await reap_all(world)
    await world.pass_time(timedelta(minutes=1))
    successor = await alive(world, FakeGateway(is_idempotent=is_idempotent))
    await work(successor)
    await world.end()

    assert await prove(world.pool) == {State.DELIVERED: 6}
    assert await run.status() == "finished"
    assert await set_aside_rows(world) == []
    assert numbers(gateway) == [1, 2, 3, 4, 5, 6]


@KINDS
async def test_a_result_that_could_not_be_recorded_is_tried_again_later(
    world: World, monkeypatch: pytest.MonkeyPatch, *, is_idempotent: bool
) -> None:
    run = await world.plan(6)
    monkeypatch.setattr(failing, "LONGEST_PAUSE_S", 0)
    add, failures = Packer.add, iter(range(4))  # the batch, its halves, the result

    def fail(packer: Packer, lease: Any, attempt: Any) -> None:
        if attempt.client_id == client(3) and next(failures, None) is not None:
            raise KeyError
        add(packer, lease, attempt)

    monkeypatch.setattr(Packer, "add", fail)
    sender = await alive(world, FakeGateway(is_idempotent=is_idempotent))
    await fetch(sender)
    await asyncio.sleep(0)
    await sender.record()
    assert await set_aside_rows(world) == [("record", run.run_id, "KeyError", 1)]
    await asyncio.sleep(0)
    await work(sender)
    await world.end()

    assert await prove(world.pool) == {State.DELIVERED: 6}
    assert await run.status() == "finished"
    assert await set_aside_rows(world) == []


@pytest.mark.parametrize("why", ["more fail than can be their fault", "all leases must end"])
async def test_a_result_that_may_not_wait_ends_the_process_and_is_not_lost(
    world: World, monkeypatch: pytest.MonkeyPatch, why: str
) -> None:
    await world.plan(6)
    sender = await alive(world, FakeGateway({3: [UNSTORABLE]}))
    await fetch(sender)
    await asyncio.sleep(0)
    if why == "all leases must end":
        sender.claimer.may_hold_unknown_leases = True
    else:
        monkeypatch.setattr(set_aside, "MOST", 0)

    with pytest.raises(Unstorable):
        await sender.record()

    assert len(sender.results) == 4
    assert await set_aside_rows(world) == []

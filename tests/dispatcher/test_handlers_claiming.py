"""Rows that a claim cannot read: their run is passed over for a while, and the others are sent."""

from datetime import timedelta

import pytest

from services.dispatcher.domain import turns
from services.dispatcher.queue import planning
from shared.contracts.dispatcher import State
from tests.dispatcher.proof import prove
from tests.dispatcher.world import (
    NOT_PROCESSED,
    FakeGateway,
    World,
    alive,
    numbers,
    work,
)

MINUTE = timedelta(minutes=1)


async def test_a_retry_that_cannot_be_read_stops_no_other_and_is_sent_when_it_can(
    world: World,
) -> None:
    bad = await world.plan(1)
    gateway = FakeGateway({1: [NOT_PROCESSED]})
    sender = await alive(world, gateway)
    await work(sender)
    await world.rows(
        """UPDATE exceptions SET contact = '{"telephone": 1}', unknowns = 1 RETURNING 1"""
    )
    await world.pass_time(MINUTE)
    await world.plan(3)

    await work(await alive(world, gateway))

    assert sorted(numbers(gateway)[1:]) == [1, 2, 3]
    rows = await world.rows("SELECT loop, item, reason FROM set_aside")
    assert [tuple(row) for row in rows] == [("claim", bad.run_id, "RunUnreadable")]

    await world.rows("UPDATE exceptions SET contact = NULL, unknowns = 0 RETURNING 1")
    await world.pass_time(MINUTE)
    await work(await alive(world, gateway))
    await world.end()

    assert await prove(world.pool) == {State.DELIVERED: 4}
    assert await world.rows("SELECT 1 FROM set_aside") == []


async def test_a_claim_leases_as_many_chunks_as_there_is_room_for(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning, "CHUNK", 2)
    monkeypatch.setattr(turns, "READY_LIMIT", 5)
    await world.plan(14)
    gateway = FakeGateway(connections=1)
    gateway.is_hanging = True
    sender = await alive(world, gateway)

    await sender.claim()
    first = await leased(world)
    await sender.claim()  # five are ready: there is no room

    assert first == await leased(world) == [0, 1, 2]
    assert len(numbers(gateway)) == 1


async def leased(world: World) -> list[int]:
    rows = await world.rows("SELECT chunk FROM chunks WHERE state = 'leased' ORDER BY chunk")
    return [row.chunk for row in rows]

"""The counts of clients: how long they stay, and what older dispatchers have counted."""

import asyncio
from datetime import timedelta
from importlib import import_module

import pytest
from sqlalchemy import text

from services.dispatcher.domain.cap import caps_from
from services.dispatcher.handlers import capping
from shared.contracts.dispatcher import State
from shared.database import transaction
from tests.dispatcher.proof import prove
from tests.dispatcher.test_capping import COUNTED, DAY, begun, sender_with, sent
from tests.dispatcher.world import (
    NOT_PROCESSED,
    REFUSED,
    FakeGateway,
    Run,
    World,
    alive,
    client,
    fetch,
    record_all,
    work,
)

MIGRATION = import_module("services.dispatcher.migrations.0035_counts_by_client")
MINUTE = timedelta(minutes=1)
COUNT_AS_BEFORE = text("""
    INSERT INTO counted_messages (client_id, run_id, day, message_class, counts)
    SELECT client_id, :run_id, CAST(:day AS date), 'marketing', :counts
    FROM unnest(CAST(:client_ids AS uuid[])) AS own (client_id)
""")


async def execute(world: World, *statements: str) -> None:
    async with transaction(world.pool) as db:
        for each in statements:
            await db.execute(text(each))


async def count_as_before(world: World, run: Run, *numbers: int, counts: bool = True) -> None:
    """Count messages as dispatchers of an older release do."""
    values = {"run_id": run.run_id, "day": (await world.now()).date(), "counts": counts}
    async with transaction(world.pool) as db:
        await db.execute(COUNT_AS_BEFORE, values | {"client_ids": list(map(client, numbers))})


async def test_what_was_tried_before_there_was_a_cap_gives_nothing_back(world: World) -> None:
    await world.know_clients([1, 2])
    await begun(world)
    gateway = FakeGateway({1: [NOT_PROCESSED]}, connections=1)
    before = await alive(world, gateway)
    await before.claim()
    gateway.is_closed = True
    await asyncio.sleep(0)
    await record_all(before)
    await before.stop(0)
    await world.pass_time(MINUTE)

    assert await sent(world, "all=1/7d", FakeGateway({1: [REFUSED]})) == {1: 1, 2: 1}

    assert await prove(world.pool) == {State.DELIVERED: 1, State.FAILED: 1}
    assert await world.value(COUNTED) == 1
    await begun(world)
    assert await sent(world, "all=1/7d") == {1: 1}


async def test_what_a_cap_suppressed_gives_nothing_back(world: World) -> None:
    await world.know_clients([1])
    for _ in range(2):
        await begun(world)
        await sent(world, "all=1/7d")
    await begun(world)

    assert await sent(world, "all=1/7d") == {}
    assert await world.value(COUNTED) == 1


async def test_messages_of_another_class_count_for_none_but_the_cap_of_all(world: World) -> None:
    caps = "all=3/7d,marketing=1/7d"
    await world.know_clients([1])
    await begun(world, message_class="transactional")
    await sent(world, caps)
    for more in ({1: 1}, {}):
        await begun(world, message_class="marketing")
        assert await sent(world, caps) == more


async def test_days_that_no_cap_asks_for_leave_when_others_are_added(world: World) -> None:
    await world.know_clients([1])
    for _ in range(4):
        await begun(world)
        assert await sent(world, "all=1/1d,transactional=9/2d") == {1: 1}
        await world.pass_time(DAY)

    assert await world.value(COUNTED) == 2


async def test_clients_are_looked_through_once_a_day(world: World) -> None:
    await world.know_clients([1])
    pruner = capping.Pruner(caps_from("all=1/1d"))
    await begun(world)
    await sent(world, "all=1/1d")
    await pruner.prune(world.pool)
    await execute(world, "UPDATE client_counts SET marketing = ARRAY[marketing[1] - 1]")

    await pruner.prune(world.pool)
    assert await world.value(COUNTED) == 1
    await world.pass_time(DAY)
    await pruner.prune(world.pool)
    assert await world.value(COUNTED) == 0


async def test_clients_are_looked_through_slice_by_slice(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(capping, "PRUNED", 2)
    await world.know_clients(range(1, 6))
    await begun(world)
    await sent(world, "all=1/1d")
    pruner, left = capping.Pruner(caps_from("all=1/1d")), []
    assert [await pruner.prune(world.pool) for _ in range(3)] == [True, True, False]
    await world.pass_time(DAY)

    while await pruner.prune(world.pool):
        left.append(await world.value(COUNTED))

    assert left == [3, 1]
    assert await world.value(COUNTED) == 0


async def test_messages_that_count_no_more_leave_with_their_day(world: World) -> None:
    await world.know_clients([1])
    await begun(world)
    await sent(world, "all=1/1d", FakeGateway({1: [REFUSED]}))
    pruner, uncounted = capping.Pruner(caps_from("all=1/1d")), "uncounted_messages"

    await pruner.prune(world.pool)
    assert await world.value(f"SELECT count(*) FROM {uncounted}") == 1
    await world.pass_time(DAY)
    await pruner.prune(world.pool)
    assert await world.value(f"SELECT count(*) FROM {uncounted}") == 0


async def test_what_an_older_dispatcher_counts_is_known_to_the_others(world: World) -> None:
    await world.know_clients([1, 2])
    run = await begun(world)
    older = await alive(world, FakeGateway({2: [REFUSED]}))
    await older.claim()
    await count_as_before(world, run, 1, 2)
    await work(older)
    await begun(world)

    assert await sent(world, "all=1/7d") == {2: 1}
    assert await world.value(COUNTED) == 2


async def test_what_was_counted_by_message_is_carried_over(world: World) -> None:
    await world.know_clients([1, 2, 3, 4])
    over, under_way = await world.begin_run(), await begun(world)
    older = await sender_with(world, "", FakeGateway({2: [REFUSED], 4: [REFUSED]}))
    await fetch(older)
    await execute(world, "ALTER TABLE counted_messages DISABLE TRIGGER carry_counts")
    await count_as_before(world, over, 1)
    await count_as_before(world, over, 2, counts=False)
    await count_as_before(world, under_way, 2, 3)
    await execute(
        world,
        "ALTER TABLE counted_messages ENABLE TRIGGER carry_counts",
        *MIGRATION.carry("counted_messages", MIGRATION.ALL_CHUNKS),
    )
    assert await world.value(COUNTED) == 3

    await record_all(older)
    assert await world.value(COUNTED) == 2
    await begun(world)
    assert await sent(world, "all=1/7d") == {2: 1, 4: 1}

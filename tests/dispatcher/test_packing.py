"""Plain results of a chunk are published as blocks, everything else as single events."""

from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import text

from services.dispatcher.domain.outcome import Verdict
from shared import outbox
from shared.contracts.dispatcher import (
    MESSAGES,
    MessageEvent,
    MessagesDelivered,
    chunk_key,
)
from shared.database import transaction
from shared.outbox import Batch
from tests.dispatcher.proof import prove, read, told
from tests.dispatcher.world import (
    ACCEPTED,
    NOT_PROCESSED,
    REFUSED,
    UNKNOWN,
    FakeGateway,
    Run,
    World,
    alive,
    client,
    fetch,
    reap_all,
    replaced,
    work,
)

MIXED: dict[int, list[Verdict | None]] = {
    2: [NOT_PROCESSED],
    3: [REFUSED],
    5: [UNKNOWN],
    6: [replaced(ACCEPTED, gateway_message_id=None)],
    7: [replaced(ACCEPTED, status_code=202)],
}


async def batches(world: World) -> list[Batch]:
    """Return what there is to publish of messages."""
    async with transaction(world.pool) as db:
        rows = await db.scalars(text("SELECT batches FROM outbox ORDER BY position"))
        found = [batch for row in rows for batch in outbox.read(row)]
    return [batch for batch in found if batch.topic == MESSAGES.name]


async def blocks(world: World) -> list[MessagesDelivered]:
    found = [
        read(dict(record.headers)["ce_type"], record.value or b"")
        for batch in await batches(world)
        for record in batch.records
    ]
    return [each for each in found if isinstance(each, MessagesDelivered)]


async def send(world: World, *, packs: bool) -> Run:
    """Send to ten clients, of whom some are answered otherwise, until nothing is due."""
    run = await world.plan(10)
    gateway = FakeGateway({number: list(verdicts) for number, verdicts in MIXED.items()})
    for _ in range(4):
        await work(await alive(world, gateway, packs=packs))
        await world.pass_time(timedelta(minutes=1))
    return run


async def stories(world: World, run: Run) -> list[Any]:
    """Return what is told of each message of a run, without its instants and gateway's words."""
    events = [
        each
        for each in await told(world.pool)
        if isinstance(each, MessageEvent) and each.run_id == run.run_id
    ]
    names = ("state", "attempts", "version", "chunk", "attempt", "outcome", "status_code")
    return sorted(
        (
            each.client_id,
            number,
            type(each).__name__,
            *(str(getattr(each, name, "")) for name in names),
        )
        for number, each in enumerate_by_client(events)
    )


def enumerate_by_client(events: list[MessageEvent]) -> list[tuple[int, MessageEvent]]:
    """Return each event with its place among those of its client."""
    seen: Counter[Any] = Counter()
    numbered = []
    for each in events:
        seen[each.client_id] += 1
        numbered.append((seen[each.client_id], each))
    return numbered


async def test_packed_or_not_the_same_is_told_of_each_message(world: World) -> None:
    packed = await stories(world, await send(world, packs=True))
    packed_blocks = await blocks(world)
    single = await stories(world, await send(world, packs=False))

    assert packed == single
    assert await blocks(world) == packed_blocks != []
    await prove(world.pool)


async def test_what_is_plain_of_a_chunk_is_one_record(world: World) -> None:
    await world.plan(50)

    await work(await alive(world, FakeGateway()))

    [block] = await blocks(world)
    assert block.client_ids == [client(number) for number in range(1, 51)]
    assert (block.chunk, block.epoch, block.number) == (0, 1, 1)
    assert [len(batch.records) for batch in await batches(world)] == [1]


async def test_what_is_not_plain_has_its_own_record(world: World) -> None:
    await send(world, packs=True)

    packed = [each for block in await blocks(world) for each in block.client_ids]

    assert Counter(packed) == Counter(client(number) for number in (1, 4, 6, 7, 8, 9, 10))


async def test_all_events_of_a_chunk_go_to_one_partition(world: World) -> None:
    run = await send(world, packs=True)

    keys = {batch.partition_key for batch in await batches(world)}

    assert keys == {chunk_key(run.run_id, 0).encode()}


async def test_a_run_that_began_before_there_were_blocks_goes_on_without(world: World) -> None:
    await world.plan(3)
    await world.rows("UPDATE runs SET is_by_chunk = false RETURNING 1")

    await work(await alive(world, FakeGateway()))

    assert await blocks(world) == []
    assert {batch.partition_key for batch in await batches(world)} == {None}


async def test_of_a_chunk_whose_sender_died_nothing_is_packed(world: World) -> None:
    await world.plan(3)
    gateway = FakeGateway()
    gateway.is_hanging = True
    await fetch(await alive(world, gateway))
    await reap_all(world)

    await work(await alive(world, FakeGateway()))

    assert await blocks(world) == []


@pytest.mark.parametrize("own_id", ["79160000001", "id-9160000001", "8-9160000001"])
async def test_no_block_holds_an_id_that_names_the_client(world: World, own_id: str) -> None:
    await world.plan(2)
    gateway = FakeGateway({1: [replaced(ACCEPTED, gateway_message_id=own_id)]})

    await work(await alive(world, gateway))

    assert [each.client_ids for each in await blocks(world)] == [[client(2)]]
    assert not any(
        own_id.encode() in (record.value or b"")
        for batch in await batches(world)
        for record in batch.records
    )


async def test_results_of_several_batches_are_blocks_with_names_of_their_own(
    world: World,
) -> None:
    await world.plan(3)
    gateway = FakeGateway()
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)
    for number in (2, 1, 3):
        gateway.answer(number, ACCEPTED)
        await sender.record()

    assert [(each.number, each.client_ids) for each in await blocks(world)] == [
        (1, [client(2)]),
        (2, [client(1)]),
        (3, [client(3)]),
    ]

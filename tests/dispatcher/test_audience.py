"""Who is in a run: the clients that were registered before it began, each at most once."""

from collections import Counter
from datetime import timedelta
from random import Random

import pytest

from services.dispatcher.handlers import planning
from services.dispatcher.queue import planning as planning_queue
from shared.contracts.catalog import ClientChanged, Filter
from tests.dispatcher.proof import prove
from tests.dispatcher.world import CHANNELS, FakeGateway, World, alive, numbers, registered, work

MOMENT = timedelta(microseconds=1)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a chunk hold three messages, and a step write two of them."""
    monkeypatch.setattr(planning_queue, "CHUNK", 3)
    monkeypatch.setattr(planning_queue, "AT_ONCE", 2)


def changed(number: int, **fields: object) -> ClientChanged:
    values = {
        name: getattr(registered(number), name)
        for name in ClientChanged.__struct_fields__
        if name not in ("changed_at", "registered_at")
    }
    at = {"changed_at": registered(number).registered_at}
    return ClientChanged(**values | at | fields)


async def expand(world: World) -> list[int]:
    while await planning.expand(world.pool, CHANNELS):
        pass
    rows = await world.rows("SELECT unnest(client_ids) AS id FROM chunks ORDER BY 1")
    return [row.id.int & 0xFFFF for row in rows]


@pytest.mark.parametrize(
    "wanted", [Filter(), Filter(operator_codes=("916",))], ids=["for all", "for some"]
)
async def test_who_was_registered_before_the_run_began_is_in_it_and_nobody_else(
    world: World, wanted: Filter
) -> None:
    begun_at = await world.now()
    run = await world.begin_run(begun_at=begun_at, filter=wanted)
    await run.begin()
    await world.know(
        registered(1, registered_at=begun_at - MOMENT),
        registered(2, registered_at=begun_at, operator_code="903"),
        registered(3, registered_at=begun_at + MOMENT),
        changed(4, registered_at=begun_at - MOMENT),
        changed(5, registered_at=begun_at),
        changed(6),  # by an older release: it was there
    )

    assert await expand(world) == [1, 4, 6]


async def test_a_change_does_not_move_when_a_client_was_registered(world: World) -> None:
    begun_at = await world.now()
    run = await world.begin_run(begun_at=begun_at)
    await run.begin()
    await world.know(*(registered(n, registered_at=begun_at - MOMENT) for n in (1, 2)))
    await world.know(*(registered(n, registered_at=begun_at) for n in (3, 4)))
    await world.know(changed(1), changed(3), version=2)
    await world.know(changed(2, registered_at=begun_at - MOMENT), version=2)
    await world.know(changed(4, registered_at=begun_at), version=2)

    assert await expand(world) == [1, 2]


async def test_a_run_of_an_older_release_has_all_that_are_there(world: World) -> None:
    run = await world.schedule()
    await run.begin()
    await world.know(registered(1, registered_at=await world.now()))

    assert await expand(world) == [1]


@pytest.mark.parametrize("seed", range(10))
async def test_nobody_is_written_to_twice_while_clients_are_removed_and_registered_anew(
    world: World, seed: int
) -> None:
    random = Random(seed)  # noqa: S311 - the same each time
    phones = {number: registered(number).phone for number in range(1, 31)}
    await world.know_clients(phones)
    run = await world.begin_run()
    await run.begin()
    gateway = FakeGateway()
    sender = await alive(world, gateway)

    for new in range(31, 91):
        gone = random.choice([*phones])
        phone = phones[new] = phones.pop(gone)
        await world.forget_client(gone)
        await world.know(registered(new, phone=phone, registered_at=await world.now()))
        if random.random() < 0.3:
            await planning.expand(world.pool, CHANNELS)
        if random.random() < 0.3:
            await work(sender)
    await expand(world)
    await work(sender)
    await world.end()

    sent = Counter(message.phone for message in gateway.messages)
    were_there = set(range(1, 31))
    assert set(sent.values()) == {1}
    assert were_there & phones.keys() <= set(numbers(gateway)) <= were_there
    assert await run.status() == "finished"
    await prove(world.pool)


@pytest.mark.parametrize("ids", ["AAAA", "A" * 24], ids=["three bytes", "eighteen bytes"])
async def test_a_filter_with_half_an_id_sets_its_run_aside_and_goes_to_nobody(
    world: World, ids: str
) -> None:
    await world.know_clients([1])
    run = await world.begin_run()
    await run.begin()
    broken = f'{{"operator_codes": [], "tags": [], "exclude": {{"client_ids": "{ids}"}}}}'
    await world.rows("UPDATE runs SET filter = CAST(:f AS jsonb) RETURNING 1", f=broken)

    assert await expand(world) == []
    assert await world.value("SELECT reason FROM set_aside") == "ValueError"

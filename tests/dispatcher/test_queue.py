"""Claims: who gets what, and in which order."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.dispatcher.domain.keys import MessageKey
from services.dispatcher.domain.progress import Progress
from services.dispatcher.domain.turns import Room
from services.dispatcher.queue import claiming, exceptions, starts
from services.dispatcher.queue import leasing as leasing_queue
from services.dispatcher.queue import planning as planning_queue
from services.dispatcher.queue import retries as queue_retries
from services.dispatcher.queue.exceptions import ExceptionRow
from services.dispatcher.queue.starts import StartOfOne, Starts
from shared.contracts.dispatcher import State
from shared.contracts.schedule import Daily, Schedule
from shared.database import Connection, transaction
from shared.event import Instant
from tests.dispatcher.world import CHANNELS, HOUR, World, claim_one, client

MINUTE = timedelta(minutes=1)
NOBODY = UUID(int=0)
ME, YOU = UUID(int=1), UUID(int=2)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning_queue, "CHUNK", 2)


async def register(world: World) -> None:
    async with transaction(world.pool) as db:
        for each in (ME, YOU):
            await leasing_queue.register(db, each, "http", marks_starts=False)


async def claim(
    db: Connection, now: Instant, *, me: UUID = ME, last: UUID = NOBODY, name: str = "http"
) -> Any:
    return await claim_one(db, me, name, now=now, latest=now, last=last)


async def retries(db: Connection, now: Instant, *, me: UUID = ME, limit: int = 10) -> list[int]:
    found = await queue_retries.claim_retries(
        db, claiming.Claimant(me, "http"), now=now, latest=now, limit=limit
    )
    return [each.key.client_id.int & 0xFFFF for each in found]


async def test_runs_take_turns_chunk_by_chunk(world: World) -> None:
    await register(world)
    await world.plan(6)
    await world.plan(6)
    await world.plan(6)
    now, last, order = await world.now(), NOBODY, []

    async with transaction(world.pool) as db:
        for _ in range(9):
            found = await claim(db, now, last=last)
            last = found.key.run_id
            order.append((found.key.run_id, found.key.chunk))
        assert await claim(db, now, last=last) is None

    assert [chunk for _, chunk in order] == [0, 0, 0, 1, 1, 1, 2, 2, 2]
    assert len({run_id for run_id, _ in order[:3]}) == 3


async def test_a_run_that_is_alone_has_turn_after_turn(world: World) -> None:
    await register(world)
    run = await world.plan(6)
    now = await world.now()

    async with transaction(world.pool) as db:
        found = [await claim(db, now, last=run.run_id) for _ in range(3)]

    assert [each.key for each in found] == [(run.run_id, n) for n in range(3)]


async def test_two_who_claim_at_once_get_different_chunks(world: World) -> None:
    await register(world)
    await world.plan(6)
    now = await world.now()

    async with transaction(world.pool) as one, transaction(world.pool) as two:
        mine, yours = await claim(one, now), await claim(two, now, me=YOU)

    assert (mine.key.chunk, yours.key.chunk) == (0, 1)
    assert mine.client_ids == [client(1), client(2)]


async def together(world: World, enough: int) -> list[Any]:
    now = await world.now()
    async with transaction(world.pool) as db:
        return await claiming.claim_chunks(
            db, claiming.Claimant(ME, "http"), Room(enough), {}, now=now, latest=now
        )


async def test_chunks_of_small_runs_are_claimed_together_until_they_are_enough(
    world: World,
) -> None:
    await register(world)
    await world.know_clients([1])
    runs = {(await world.plan()).run_id for _ in range(5)}

    found = [await together(world, 3) for _ in range(3)]

    assert [len(each) for each in found] == [3, 2, 0]
    assert {chunk.key.run_id for each in found for chunk in each} == runs


async def test_chunks_that_are_claimed_together_are_of_one_run_after_the_other(
    world: World,
) -> None:
    await register(world)
    await world.know_clients(range(1, 5))
    runs = {(await world.plan()).run_id for _ in range(2)}

    found = await together(world, 4)

    assert {chunk.key.run_id for chunk in found} == runs
    assert [chunk.key.chunk for chunk in found] == [0, 0]


async def test_a_claim_is_bounded_however_small_the_chunks_are(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claiming, "AT_ONCE", 2)
    await register(world)
    await world.know_clients([1])
    for _ in range(3):
        await world.plan()

    assert [len(await together(world, 100)) for _ in range(3)] == [2, 1, 0]


async def test_of_chunks_that_are_large_enough_one_is_claimed(world: World) -> None:
    await register(world)
    await world.plan(6)

    assert len(await together(world, 2)) == 1


@pytest.mark.parametrize("how", ["pause", "stop", "delete"])
async def test_what_is_not_allowed_is_not_claimed(world: World, how: str) -> None:
    await register(world)
    run = await world.plan(2)
    await getattr(run, how)()

    async with transaction(world.pool) as db:
        assert await claim(db, await world.now()) is None


async def planned(world: World, how: str) -> None:
    """Plan a run that may not send now; it may tell why."""
    now = await world.now()
    match how:
        case "has not begun":
            await world.plan(2, starts_at=now + MINUTE)
        case "has ended":
            await world.plan(2, starts_at=now - HOUR, ends_at=now)
        case "was ended earlier":
            run = await world.plan(2)
            await run.change_end(await world.now())
        case "has ended before its mailing":
            run = await world.plan(2, starts_at=now - HOUR, ends_at=now)
            daily = Schedule(entries=(Daily(at="09:00", zone="UTC"),))
            await run.change_end(now + HOUR, daily)
        case _:
            await world.plan(2, gateway="log")


@pytest.mark.parametrize(
    "how",
    [
        "has not begun",
        "has ended",
        "was ended earlier",
        "has ended before its mailing",
        "is of another gateway",
    ],
)
async def test_a_run_that_may_not_send_is_not_claimed(world: World, how: str) -> None:
    await register(world)
    await planned(world, how)
    now = await world.now()  # after it was planned: nothing else keeps it from being claimed

    async with transaction(world.pool) as db:
        assert await claim(db, now) is None
    await world.plan(2)
    async with transaction(world.pool) as db:
        assert await claim(db, await world.now()) is not None


@pytest.mark.parametrize(
    "how", ["has not begun", "has ended", "was ended earlier", "is of another gateway"]
)
async def test_retries_of_a_run_that_may_not_send_are_not_claimed(world: World, how: str) -> None:
    await register(world)
    await planned(world, how)
    now = await world.now()
    run_id = await world.value("SELECT run_id FROM runs")
    await excepted(world, run_id, 1, now)

    async with transaction(world.pool) as db:
        assert await retries(db, now) == []
    await forget_exceptions(world)


@pytest.mark.parametrize("how", ["has not begun", "is of another gateway"])
async def test_once_it_may_send_a_run_is_claimed(world: World, how: str) -> None:
    await register(world)
    await planned(world, how)
    name = "log" if how == "is of another gateway" else "http"

    async with transaction(world.pool) as db:
        assert (await claim(db, await world.now() + MINUTE, name=name)).key.chunk == 0


async def test_sending_begins_while_a_run_is_still_expanded(world: World) -> None:
    await register(world)
    await world.know_clients(range(1, 100))
    run = await world.schedule()
    await run.begin()
    async with transaction(world.pool) as db:
        await planning_queue.expand_next(db, CHANNELS)
        assert (await claim(db, await world.now())).key.chunk == 0
        await db.rollback()


async def test_a_chunk_given_back_is_claimed_without_what_is_on_record(world: World) -> None:
    await register(world)
    run = await world.plan(2)
    now = await world.now()
    async with transaction(world.pool) as db:
        first = await claim(db, now)
        key = MessageKey(run.run_id, client(1))
        row = ExceptionRow(key, 0, Progress(State.RETRY, 0, 0, 1), now)
        await exceptions.upsert_exceptions(db, [row])
        await claiming.release_chunk(db, ME, first.key, first.epoch)
        again = await claim(db, now)
        assert (again.epoch, again.is_reaped) == (2, False)
        assert again.client_ids == [client(2)]
        await db.rollback()


async def test_a_start_that_is_marked_is_no_answer_and_its_message_is_claimed_again(
    world: World,
) -> None:
    await register(world)
    run = await world.plan(2)
    now = await world.now()
    async with transaction(world.pool) as db:
        first = await claim(db, now)
        begun = [StartOfOne(MessageKey(run.run_id, client(1)), 1)]
        await starts.mark(db, ME, Starts([], begun, now))
        await claiming.release_chunk(db, ME, first.key, first.epoch)
        assert (await claim(db, now)).client_ids == [client(1), client(2)]
        await db.rollback()


async def test_only_the_lease_that_is_meant_is_given_back(world: World) -> None:
    await register(world)
    await world.plan(2)
    async with transaction(world.pool) as db:
        found = await claim(db, await world.now())
        await claiming.release_chunk(db, YOU, found.key, found.epoch)
        await claiming.release_chunk(db, ME, found.key, found.epoch - 1)

    assert await world.value("SELECT state FROM chunks") == "leased"


async def test_a_removed_client_and_one_that_was_never_heard_of_have_no_contact(
    world: World,
) -> None:
    await register(world)
    await world.plan(2)
    await world.forget_client(1)
    await world.rows("DELETE FROM clients WHERE NOT is_removed RETURNING 1")

    async with transaction(world.pool) as db:
        found = await claim(db, await world.now())

    assert (found.client_ids, found.contacts) == ([client(1), client(2)], [None, None])


async def excepted(world: World, run_id: UUID, number: int, due_at: Instant) -> None:
    """Let a message be due again without a story."""
    async with transaction(world.pool) as db:
        key = MessageKey(run_id, client(number))
        row = ExceptionRow(key, 0, Progress(State.RETRY), due_at)
        await exceptions.upsert_exceptions(db, [row])


async def forget_exceptions(world: World) -> None:
    """Messages without a story would not add up."""
    await world.rows("DELETE FROM exceptions RETURNING 1")


async def test_retries_are_claimed_when_due_the_longest_due_first_and_once(world: World) -> None:
    await register(world)
    an_hour_ago = await world.now() - HOUR  # so that nothing but the retries' time counts
    run = await world.plan(3, starts_at=an_hour_ago)
    await world.plan(1, starts_at=an_hour_ago)
    now = await world.now()
    for number in (1, 2, 3):
        await excepted(world, run.run_id, number, now - number * MINUTE)

    async with transaction(world.pool) as one, transaction(world.pool) as two:
        assert await retries(one, now - 4 * MINUTE) == []
        assert await retries(one, now - 2.5 * MINUTE) == [3]
        assert await retries(one, now, limit=1) == [2]
        assert await retries(two, now, me=YOU) == [1]
        assert await retries(one, now) == []
    await forget_exceptions(world)


@pytest.mark.parametrize("how", ["pause", "stop", "delete"])
async def test_retries_that_are_not_allowed_are_not_claimed(world: World, how: str) -> None:
    await register(world)
    run = await world.plan(1)
    now = await world.now()
    await excepted(world, run.run_id, 1, now)
    await getattr(run, how)()

    async with transaction(world.pool) as db:
        assert await retries(db, now) == []
    await forget_exceptions(world)


async def test_retries_of_an_ended_run_are_not_claimed(world: World) -> None:
    await register(world)
    run = await world.plan(1)
    await excepted(world, run.run_id, 1, await world.now())

    async with transaction(world.pool) as db:
        assert await retries(db, await world.now() + HOUR) == []
    await forget_exceptions(world)

"""A run ends with its window or its mailing, and is finished when all of it is final."""

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import pytest

from services.dispatcher.domain.keys import MessageKey
from services.dispatcher.handlers import ending, planning
from services.dispatcher.queue import ending as ending_queue
from services.dispatcher.queue import planning as planning_queue
from shared import ids
from shared.contracts.catalog import Filter
from shared.contracts.dispatcher import (
    MessageCancelled,
    MessageExpired,
    MessageUndetermined,
    RunFinished,
    State,
)
from shared.contracts.schedule import Daily, Schedule
from shared.database import Connection, transaction
from shared.errors import Unavailable
from tests.dispatcher.proof import prove, told
from tests.dispatcher.world import (
    ACCEPTED,
    CHANNELS,
    HOUR,
    LAST_START,
    NOT_PROCESSED,
    REFUSED,
    UNKNOWN,
    FakeGateway,
    Run,
    World,
    alive,
    fetch,
    give_back,
    work,
)

SECOND = timedelta(seconds=1)


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a chunk hold three messages, and a step write two of them."""
    monkeypatch.setattr(planning_queue, "CHUNK", 3)
    monkeypatch.setattr(planning_queue, "AT_ONCE", 2)


async def kinds(world: World, *kinds: type) -> list[Any]:
    return [each for each in await told(world.pool) if isinstance(each, kinds)]


async def test_at_its_end_a_run_expires_without_a_row_for_each_message(world: World) -> None:
    run = await world.plan(4)
    await world.pass_time(HOUR)

    await world.end()

    assert await run.status() == "finished"
    assert await prove(world.pool) == {State.EXPIRED: 4}
    assert len(await kinds(world, MessageExpired)) == 4
    assert await world.value("SELECT count(*) FROM exceptions") == 0


@pytest.mark.parametrize("how", ["stop", "delete"])
async def test_a_stopped_runs_messages_are_cancelled_with_the_reason(
    world: World, how: str
) -> None:
    run = await world.plan(3)
    await getattr(run, how)()

    await world.end()

    reasons = [each.reason for each in await kinds(world, MessageCancelled)]
    assert reasons == ["mailing_stopped"] * 3
    assert await run.status() == "finished"


async def test_a_paused_run_expires_too(world: World) -> None:
    run = await world.plan(3)
    await run.pause()
    await world.pass_time(HOUR)

    await world.end()

    assert await prove(world.pool) == {State.EXPIRED: 3}


async def test_before_its_end_nothing_of_a_run_ends(world: World) -> None:
    run = await world.plan(3)
    await world.pass_time(HOUR - 5 * SECOND)

    await world.end()

    assert await prove(world.pool) == {State.PLANNED: 3}
    assert await run.status() == "sending"


async def test_a_later_end_holds_for_all_of_the_only_run_that_has_not_expired(
    world: World,
) -> None:
    run, now = await world.plan(3), await world.now()
    await run.change_end(now + HOUR / 2)
    await run.change_end(now + 2 * HOUR)
    await world.pass_time(2 * HOUR - 5 * SECOND)

    await world.end()
    going_on = await prove(world.pool)
    await world.pass_time(5 * SECOND)
    await world.end()

    assert going_on == {State.PLANNED: 3}
    assert await prove(world.pool) == {State.EXPIRED: 3}


async def test_one_of_many_runs_ends_with_its_own_window_however_late_its_mailing_ends(
    world: World,
) -> None:
    daily = Schedule(entries=(Daily(at="09:00", zone="UTC"),))
    run, now = await world.plan(3), await world.now()
    await run.change_end(now + HOUR / 2, daily)
    await run.change_end(now + 2 * HOUR, daily)
    await world.pass_time(HOUR - 5 * SECOND)

    await world.end()
    going_on = await prove(world.pool)
    await world.pass_time(5 * SECOND)
    await world.end()

    assert going_on == {State.PLANNED: 3}
    assert await prove(world.pool) == {State.EXPIRED: 3}


async def test_the_end_of_a_recurring_mailing_ends_the_run_that_is_going_on(world: World) -> None:
    run, now = await world.plan(3), await world.now()
    await run.change_end(now + HOUR / 2, Schedule(entries=(Daily(at="09:00", zone="UTC"),)))
    await world.pass_time(HOUR / 2)

    await world.end()

    assert await prove(world.pool) == {State.EXPIRED: 3}


@pytest.mark.usefixtures("small_chunks")
async def test_a_run_that_is_stopped_while_it_is_expanded_is_written_down_all_the_same(
    world: World,
) -> None:
    await world.know_clients(range(1, 15))
    run = await world.schedule()
    await run.begin()
    await planning.expand(world.pool, CHANNELS)
    await run.stop()

    await world.end()
    assert await run.status() == "expanding"
    while await planning.expand(world.pool, CHANNELS):
        pass
    await world.end()

    assert await prove(world.pool) == {State.CANCELLED: 14}
    assert await run.status() == "finished"


@pytest.mark.parametrize("is_stopped", [False, True])
async def test_a_chunk_given_back_half_done_ends_only_for_the_rest(
    world: World, *, is_stopped: bool
) -> None:
    run = await world.plan(5)
    gateway = FakeGateway(connections=3)
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)
    await run.pause()
    await give_back(sender)
    for number, verdict in enumerate([ACCEPTED, NOT_PROCESSED, UNKNOWN], start=1):
        gateway.answer(number, verdict)
    await work(sender)
    await give_back(sender)
    assert await prove(world.pool) == {State.DELIVERED: 1, State.RETRY: 2, State.PLANNED: 2}

    if is_stopped:
        await run.stop()
    else:
        await world.pass_time(HOUR)
    await world.end()

    ended = State.CANCELLED if is_stopped else State.EXPIRED
    assert await prove(world.pool) == {State.DELIVERED: 1, State.UNDETERMINED: 1, ended: 3}
    assert len(await kinds(world, MessageUndetermined)) == 1
    reasons = {each.reason for each in await kinds(world, MessageCancelled)}
    assert reasons == ({"mailing_stopped"} if is_stopped else set())
    assert await run.status() == "finished"


async def test_what_is_leased_ends_when_it_has_been_given_back(world: World) -> None:
    run = await world.plan(3)
    gateway = FakeGateway({1: [None]}, connections=1)
    sender = await alive(world, gateway)
    await fetch(sender)
    await world.pass_time(HOUR)

    await world.end()
    assert await prove(world.pool) == {State.PLANNED: 3}
    await give_back(sender)
    gateway.answer(1, UNKNOWN)
    await work(sender)
    await give_back(sender)
    await world.end()

    assert await prove(world.pool) == {State.EXPIRED: 2, State.UNDETERMINED: 1}
    assert await run.status() == "finished"


async def test_a_run_finishes_once_however_many_look(world: World) -> None:
    await world.plan(1)
    await work(await alive(world, FakeGateway()))

    async with transaction(world.pool) as one:
        found = await ending_queue.finish(one, await world.now())
        await one.rollback()
    assert len(found) == 1
    for _ in range(3):
        await ending.finish(world.pool)

    assert len(await kinds(world, RunFinished)) == 1


async def test_runs_that_finish_together_share_a_row_of_the_outbox_each_with_its_own_totals(
    world: World,
) -> None:
    gateway = FakeGateway({2: [REFUSED]})
    first, second = await world.plan(1), await world.plan(2)  # the first client is in both
    none = await world.plan(filter=Filter(tags=("none",)))
    await work(await alive(world, gateway))
    rows = "SELECT count(*) FROM outbox"
    before = await world.value(rows)

    await ending.finish(world.pool)

    assert await world.value(rows) == before + 1
    assert {each.run_id: each.totals for each in await kinds(world, RunFinished)} == {
        first.run_id: {State.DELIVERED: 1},
        second.run_id: {State.DELIVERED: 1, State.FAILED: 1},
        none.run_id: {},
    }


async def test_a_run_does_not_finish_while_a_retry_waits(world: World) -> None:
    run = await world.plan(2)
    await work(await alive(world, FakeGateway({1: [NOT_PROCESSED] * 2})))

    await world.end()

    assert await run.status() == "sending"
    assert await prove(world.pool) == {State.DELIVERED: 1, State.RETRY: 1}


async def test_a_window_of_less_than_the_last_moments_ends_unsent(world: World) -> None:
    now = await world.now()
    run = await world.plan(1, starts_at=now, ends_at=now + LAST_START)
    gateway = FakeGateway()
    await work(await alive(world, gateway))
    await world.pass_time(SECOND)

    await world.end()

    assert gateway.messages == []
    assert await run.status() == "finished"


async def test_without_the_database_nothing_ends_and_it_is_said(no_pool: Any) -> None:
    for step in (ending.end, ending.finish):
        with pytest.raises(Unavailable):
            await step(no_pool)


async def failing_at(monkeypatch: pytest.MonkeyPatch, name: str, run: Run) -> None:
    """Let a function of `ending` fail at one run."""
    original = getattr(ending, name)

    async def fail(db: Connection, run_or_ids: Sequence[object], *rest: Any) -> Any:
        if run.run_id in run_or_ids:
            raise KeyError(name)
        return await original(db, run_or_ids, *rest)

    monkeypatch.setattr(ending, name, fail)


@pytest.mark.parametrize(("name", "loop"), [("_end_chunks", "end"), ("totals_of", "finish")])
async def test_a_run_that_cannot_be_ended_stops_no_other_and_is_tried_again_later(
    world: World, monkeypatch: pytest.MonkeyPatch, name: str, loop: str
) -> None:
    bad, good = await world.plan(2), await world.plan()
    await world.pass_time(HOUR)

    with monkeypatch.context() as patched:
        await failing_at(patched, name, bad)
        for _ in range(3):
            await ending.end(world.pool)
            await ending.finish(world.pool)

        assert (await bad.status(), await good.status()) == ("sending", "finished")
        rows = await world.rows("SELECT loop, item, reason, failures FROM set_aside")
        assert [tuple(row) for row in rows] == [(loop, bad.run_id, "KeyError", 1)]
        await world.pass_time(2 * SECOND)
    await world.end()
    await ending.finish(world.pool)

    assert await bad.status() == "finished"


async def test_a_mailing_of_which_an_event_is_set_aside_is_paused_until_that_was_replayed(
    world: World,
) -> None:
    gateway = FakeGateway()
    run, other = await world.plan(2), await world.plan()
    letter = "INSERT INTO dead_letters VALUES ('it', 'catalog.mailings', 0, 1, '', now(), :key)"
    await world.rows(f"{letter} RETURNING 1", key=run.mailing_id)
    sender = await alive(world, gateway)

    await work(sender)
    assert {each.run_id for each in runs_of(gateway)} == {other.run_id}

    await world.rows("DELETE FROM dead_letters RETURNING 1")
    await work(sender)
    assert {each.run_id for each in runs_of(gateway)} == {run.run_id, other.run_id}


def runs_of(gateway: FakeGateway) -> list[MessageKey]:
    found = [ids.run_and_client(each.message_id.decode()) for each in gateway.messages]
    return [MessageKey(*both) for both in found if both is not None]

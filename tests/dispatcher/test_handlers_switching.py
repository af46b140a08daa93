"""A run is paused, resumed and stopped by its own switch, beside that of its mailing."""

import asyncio
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from services.dispatcher.domain.message import RunUnknown
from services.dispatcher.domain.switch import Move
from services.dispatcher.domain.why import WhyCode
from services.dispatcher.handlers.switching import switch_run
from services.dispatcher.queries import runs as queries
from services.dispatcher.queries.runs import RunView, SwitchView
from services.dispatcher.queries.why import why_of
from services.dispatcher.queue import controls
from services.dispatcher.queue import planning as planning_queue
from shared.contracts.dispatcher import (
    MessageCancelled,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStopped,
    State,
)
from shared.database import autocommit, transaction
from shared.testing import eventually
from tests.dispatcher.proof import prove, told
from tests.dispatcher.world import (
    ACCEPTED,
    NOT_PROCESSED,
    REFUSED,
    FakeGateway,
    Run,
    World,
    alive,
    fetch,
    give_back,
    numbers,
    work,
)

MINUTE = timedelta(minutes=1)
MOVES = (RunPaused, RunResumed, RunStopped)


async def moves(world: World) -> list[Any]:
    return [each for each in await told(world.pool) if isinstance(each, MOVES)]


async def shown(run: Run) -> RunView:
    async with autocommit(run.world.pool) as db:
        return await queries.run(db, run.run_id)


async def test_a_paused_run_sends_nothing_and_resumed_it_goes_on_where_it_was(
    world: World,
) -> None:
    run = await world.plan(4)
    gateway = FakeGateway({each: [None] for each in (1, 2, 3)}, connections=3)
    sender = await alive(world, gateway)
    await fetch(sender)

    await run.switch(Move.PAUSE)
    await give_back(sender)  # as each replica does several times a second
    gateway.answer(2, NOT_PROCESSED)
    gateway.answer_all(ACCEPTED)
    await work(sender)
    await world.pass_time(MINUTE)
    await give_back(sender)
    await work(sender)
    assert numbers(gateway) == [1, 2, 3]

    await run.switch(Move.RESUME)
    await give_back(sender)
    await work(sender)
    await world.end()

    assert sorted(numbers(gateway)) == [1, 2, 2, 3, 4]
    assert await prove(world.pool) == {State.DELIVERED: 4}


async def test_no_sender_claims_anything_of_a_paused_run(world: World) -> None:
    run = await world.plan(3)
    await run.switch(Move.PAUSE)
    gateway = FakeGateway()

    await work(await alive(world, gateway))

    assert gateway.messages == []


@pytest.mark.parametrize("lifted_first", ["mailing", "run"])
async def test_each_switch_is_lifted_by_itself_and_both_must_be(
    world: World, lifted_first: str
) -> None:
    run = await world.plan(2)
    gateway = FakeGateway()
    sender = await alive(world, gateway)
    await run.pause()
    await run.switch(Move.PAUSE)

    async def lift(switch: str) -> None:
        await (run.resume() if switch == "mailing" else run.switch(Move.RESUME))

    await lift(lifted_first)
    await give_back(sender)
    await work(sender)
    assert gateway.messages == []
    await lift("run" if lifted_first == "mailing" else "mailing")
    await give_back(sender)
    await work(sender)

    assert numbers(gateway) == [1, 2]


async def test_a_stopped_runs_messages_are_cancelled_and_what_is_under_way_is_recorded(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning_queue, "CHUNK", 2)
    run = await world.plan(6)
    gateway = FakeGateway({each: [None] for each in (1, 2, 3)}, connections=3)
    sender = await alive(world, gateway)
    await fetch(sender)

    await run.switch(Move.STOP, "anna")
    await give_back(sender)
    gateway.answer(2, NOT_PROCESSED)
    gateway.answer_all(ACCEPTED)
    await work(sender)
    await give_back(sender)
    await world.end()

    assert await run.status() == "finished"
    assert await prove(world.pool) == {State.DELIVERED: 2, State.CANCELLED: 4}
    events = await told(world.pool)
    reasons = [each.reason for each in events if isinstance(each, MessageCancelled)]
    assert reasons == ["run_stopped"] * 4
    (finished,) = [each for each in events if isinstance(each, RunFinished)]
    assert finished.totals == {State.DELIVERED: 2, State.CANCELLED: 4}


async def test_a_stopped_run_ends_though_it_is_paused_and_no_other_does(world: World) -> None:
    run, other = await world.plan(2), await world.plan()
    await run.switch(Move.PAUSE)
    await run.switch(Move.STOP)

    await world.end()

    assert (await run.status(), await other.status()) == ("finished", "sending")
    assert (await shown(run)).paused == []


async def test_moves_are_published_each_once_with_its_number(world: World) -> None:
    run = await world.plan(1)
    for move in (Move.PAUSE, Move.PAUSE, Move.RESUME, Move.RESUME, Move.PAUSE, Move.STOP):
        await run.switch(move, "anna")

    found = await moves(world)

    names = [each.type_name().partition(".")[0] for each in found]
    assert names == ["RunPaused", "RunResumed", "RunPaused", "RunStopped"]
    assert [each.number for each in found] == [1, 2, 3, 4]
    assert {(each.run_id, each.mailing_id, each.by) for each in found} == {
        (run.run_id, run.mailing_id, "anna")
    }


async def test_moves_at_the_same_time_come_one_after_the_other(world: World) -> None:
    run = await world.plan(1)

    async def are_waiting() -> bool:
        waiting = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"
        return bool(await world.value(waiting) == len(movers))

    async with transaction(world.pool) as db:
        await db.execute(text("SELECT FROM runs FOR UPDATE"))
        movers = [asyncio.create_task(run.switch(move)) for move in (Move.PAUSE, Move.STOP)]
        await eventually(are_waiting, within=120)
    await asyncio.gather(*movers, return_exceptions=True)

    found = [each.number for each in await moves(world)]
    assert found == list(range(1, len(found) + 1))


async def test_both_switches_are_shown_with_who_and_since_when(world: World) -> None:
    run = await world.plan(1)
    assert ((await shown(run)).paused, (await shown(run)).stopped) == ([], [])
    await run.pause()
    await run.switch(Move.PAUSE, "anna")

    mailing, own = (await shown(run)).paused
    assert (mailing.of, mailing.by, own.of, own.by) == ("mailing", None, "run", "anna")
    assert mailing.since is not None
    assert own.since is not None
    assert mailing.since < own.since
    await run.switch(Move.RESUME)
    assert (await shown(run)).paused == [mailing]
    await run.resume()
    assert (await shown(run)).paused == []

    await run.switch(Move.STOP, "bo")
    await run.stop()
    stopped = (await shown(run)).stopped
    assert [(each.of, each.by) for each in stopped] == [("mailing", None), ("run", "bo")]
    assert SwitchView(of="run", since=(await moves(world))[-1].stopped_at, by="bo") in stopped


async def test_the_reason_names_the_switch(world: World) -> None:
    run = await world.plan(1)

    async def reason() -> tuple[WhyCode, str]:
        async with autocommit(world.pool) as db:
            found = await why_of(db, run.run_id)
        return found.code, found.sentence

    await run.switch(Move.PAUSE, "anna")
    code, sentence = await reason()
    assert (code, "by anna" in sentence) == (WhyCode.RUN_PAUSED, True)
    await run.pause()
    code, sentence = await reason()
    assert (code, "so is the run itself" in sentence) == (WhyCode.PAUSED, True)
    await run.switch(Move.STOP)
    code, sentence = await reason()
    assert (code, sentence.startswith("It was stopped")) == (WhyCode.STOPPED, True)


async def test_what_is_sent_after_a_resumption_is_late_since_that(world: World) -> None:
    run = await world.plan(1)
    await run.switch(Move.PAUSE)
    await world.pass_time(MINUTE)
    await run.switch(Move.RESUME)
    resumed = (await moves(world))[-1].resumed_at

    async with autocommit(world.pool) as db:
        (control,) = await controls.controls(db, [run.run_id])

    assert control.window.allowed_since == resumed.timestamp()


async def test_a_refused_message_of_a_stopped_run_keeps_its_own_reason(world: World) -> None:
    run = await world.plan(2)
    gateway = FakeGateway({1: [None]}, connections=1)
    sender = await alive(world, gateway)
    await fetch(sender)
    await run.switch(Move.STOP)
    await give_back(sender)
    gateway.answer(1, REFUSED)
    await work(sender)
    await give_back(sender)
    await world.end()

    assert await prove(world.pool) == {State.FAILED: 1, State.CANCELLED: 1}


async def test_an_unknown_run_has_no_switch(world: World) -> None:
    with pytest.raises(RunUnknown):
        await switch_run(world.pool, UUID(int=7), Move.PAUSE, None)

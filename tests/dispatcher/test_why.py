"""Why a run stands where it does, asked of a real database while things happen."""

from datetime import timedelta

import pytest
from sqlalchemy import text

from services.dispatcher.domain.message import RunUnknown
from services.dispatcher.domain.outcome import Finding, verdict_of
from services.dispatcher.domain.why import WhyCode
from services.dispatcher.queries import why as queries
from services.dispatcher.queries.why import WhyView
from services.dispatcher.queue import planning as planning_queue
from services.dispatcher.queue.controls import CLAIM
from shared.database import autocommit, transaction
from shared.set_aside import PUT
from tests.dispatcher.world import (
    ACCEPTED,
    NOT_PROCESSED,
    REFUSED,
    FakeGateway,
    Run,
    World,
    alive,
    fetch,
    work,
)

MINUTE = timedelta(minutes=1)


async def why(run: Run) -> WhyView:
    async with autocommit(run.world.pool) as db:
        return await queries.why_of(db, run.run_id)


async def code(run: Run) -> WhyCode:
    return (await why(run)).code


async def execute(world: World, statement: str, **values: object) -> None:
    async with transaction(world.pool) as db:
        await db.execute(text(statement), values)


async def test_a_run_from_its_beginning_to_its_end(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(planning_queue, "CHUNK", 2)
    gateway = FakeGateway({1: [None], 2: [NOT_PROCESSED]})
    sender = await alive(world, gateway)
    await world.know_clients([1, 2, 3])

    waiting = await world.schedule()
    assert await code(waiting) is WhyCode.WAITING_FOR_CLIENTS
    await waiting.begin()
    assert await code(waiting) is WhyCode.EXPANDING
    run = await world.plan()
    assert await code(run) is WhyCode.BEHIND
    await fetch(sender)
    assert ((await why(run)).code, (await why(run)).leased) == (WhyCode.SENDING, 3)
    await work(sender)
    gateway.answer(1, ACCEPTED)
    await work(sender)
    found = await why(run)
    assert (found.code, found.retries, found.open) == (WhyCode.WAITING_FOR_RETRY, 1, 1)
    assert found.until is not None
    await world.pass_time(found.until - await world.now())
    await sender.renew()
    assert await code(run) in (WhyCode.BEHIND, WhyCode.SENDING)
    await work(sender)
    assert await code(run) is WhyCode.FINISHING
    await world.end()
    assert await code(run) is WhyCode.ENDED


async def test_what_the_mailing_says_comes_before_what_senders_do(world: World) -> None:
    run, stopped = await world.plan(1), await world.plan()
    later = await world.plan(starts_at=await world.now() + MINUTE)
    await run.pause()
    await stopped.stop()
    over = await world.plan(ends_at=await world.now() + MINUTE / 2)
    await world.pass_time(MINUTE / 2)

    assert await code(run) is WhyCode.PAUSED
    assert await code(stopped) is WhyCode.STOPPED
    assert await code(later) is WhyCode.NOT_BEGUN
    assert await code(over) is WhyCode.WINDOW_OVER


async def test_what_cannot_be_applied_or_claimed_is_the_reason(world: World) -> None:
    held, aside = await world.plan(1), await world.plan()
    await execute(
        world,
        """
        INSERT INTO dead_letters (consumer, topic, partition, "offset", key, reason, recorded_at)
        VALUES ('c', 't', 0, 0, :key, 'r', now())
        """,
        key=held.mailing_id,
    )
    async with transaction(world.pool) as db:
        values = {"loop": CLAIM, "item": aside.run_id, "reason": "KeyError"}
        await db.execute(PUT, values | {"most": 100, "longest": 3_600})

    assert await code(held) is WhyCode.DEAD_LETTER
    assert await code(aside) is WhyCode.SET_ASIDE
    await world.pass_time(MINUTE)
    assert await code(aside) is WhyCode.NO_DISPATCHER


async def test_only_a_sender_that_is_alive_and_of_the_runs_gateway_counts(world: World) -> None:
    run = await world.plan(1)
    other = await world.plan(gateway="log")
    assert await code(run) is WhyCode.NO_DISPATCHER

    sender = await alive(world, FakeGateway())
    assert ((await why(run)).senders, (await why(other)).senders) == (1, 0)
    await world.pass_time(MINUTE)
    assert await code(run) is WhyCode.NO_DISPATCHER
    await execute(world, "UPDATE senders SET gateway = NULL, expires_at = NULL")  # older release
    assert ((await why(run)).senders, (await why(other)).senders) == (1, 1)
    await sender.claimer.leave()
    assert await code(run) is WhyCode.NO_DISPATCHER


async def test_a_run_that_waits_says_how_many_records_are_missing(world: World) -> None:
    run = await world.schedule()
    assert (await why(run)).unread is None
    await execute(
        world,
        "INSERT INTO offsets (consumer, topic, partition, position) VALUES ('c', 'topic', 1, 7)",
    )
    await execute(
        world,
        """UPDATE runs SET awaited = '{"topic": {"0": 3, "1": 9}, "other": {"0": 0}}'""",
    )

    assert (await why(run)).unread == 3 + 2


@pytest.mark.parametrize("refused", [(), (1, 2, 3, 4, 5)])
async def test_the_rate_counts_all_that_came_to_an_end_in_the_last_minute(
    world: World, monkeypatch: pytest.MonkeyPatch, refused: tuple[int, ...]
) -> None:
    monkeypatch.setattr(planning_queue, "CHUNK", 20)
    run = await world.plan(40)
    sender = await alive(world, FakeGateway({each: [REFUSED] for each in refused}))
    await work(sender)
    await world.pass_time(MINUTE * 2 / 3)

    found = await why(run)

    assert found.rate_per_s == pytest.approx(1, rel=0.05)  # 40 messages in 40 s


async def test_what_was_sent_longer_ago_is_no_rate(world: World) -> None:
    run = await world.plan(2)
    gateway = FakeGateway({2: [None]})
    sender = await alive(world, gateway)
    await work(sender)
    assert (await why(run)).rate_per_s == pytest.approx(1, rel=0.9)  # one, just now
    await world.pass_time(MINUTE)
    await execute(world, "UPDATE senders SET expires_at = 'infinity'")

    found = await why(run)

    assert (found.code, found.rate_per_s, found.leased) == (WhyCode.SENDING, None, 1)
    gateway.answer(2, ACCEPTED)
    await work(sender)


async def test_no_run_has_no_reason(world: World) -> None:
    run = await world.schedule()

    with pytest.raises(RunUnknown):
        await why(Run(world, run.mailing_id, run.mailing_id))


async def test_a_run_says_what_keeps_messages_from_its_gateway(world: World) -> None:
    run = await world.plan(2)
    slow = verdict_of(Finding.BUSY, "status_429", 429, retry_after_s=30.0)
    denied = verdict_of(Finding.DENIED, "unauthorized", 401)
    sender = await alive(world, FakeGateway({1: [slow, denied]}, connections=1))

    await work(sender)
    waits = await why(run)
    await world.pass_time(31 * MINUTE / 60)
    await sender.renew()
    await work(sender)
    fails = await why(run)

    assert (waits.code, waits.until is not None) == (WhyCode.GATEWAY_ASKED_TO_WAIT, True)
    assert (fails.code, fails.until is not None) == (WhyCode.BREAKER_OPEN, True)
    assert "unauthorized" in fails.sentence

"""What keeps messages from a gateway: pauses that it asked for, its breaker; for all replicas."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from services.dispatcher.domain import breaker, rate, retry_budget
from services.dispatcher.domain.breaker import UNREACHABLE_IN_A_ROW, OpenFor
from services.dispatcher.domain.outcome import (
    NOT_STARTED,
    Finding,
    Outcome,
    Verdict,
    verdict_of,
)
from services.dispatcher.domain.rate import Rate
from services.dispatcher.handlers.sending import Sender
from services.dispatcher.queue import flow, starts
from shared.contracts.catalog import Filter
from shared.contracts.dispatcher import State
from shared.database import transaction
from tests.dispatcher.proof import prove
from tests.dispatcher.world import (
    ACCEPTED,
    LIMITS,
    FakeGateway,
    World,
    alive,
    fetch,
    numbers,
    work,
)

SECOND = timedelta(seconds=1)
SLOW = verdict_of(Finding.BUSY, "status_429", 429, retry_after_s=30.0)
DENIED = verdict_of(Finding.DENIED, "unauthorized", 401)
UNREACHABLE = verdict_of(Finding.UNREACHABLE, "connect_failed")
SILENT = verdict_of(Finding.SILENT, "timeout")
KINDS = pytest.mark.parametrize("is_idempotent", [True, False])


async def later(world: World, seconds: float, *senders: Sender) -> None:
    """Let time pass, and all of them see what is allowed then."""
    await world.pass_time(seconds * SECOND)
    for sender in senders:
        await sender.renew()


async def state(world: World, gateway: str = "http") -> str:
    async with transaction(world.pool) as db:
        return (await flow.read(db, gateway)).breaker.state


# Pauses


@KINDS
async def test_a_gateway_that_asks_to_wait_gets_nothing_from_any_replica_until_then(
    world: World, *, is_idempotent: bool
) -> None:
    await world.plan(10)
    gateway = FakeGateway({1: [SLOW]}, is_idempotent=is_idempotent, connections=2)
    one, other = await alive(world, gateway), await alive(world, gateway)

    await work(one)
    await other.renew()
    await work(other)
    await later(world, 28, one, other)
    await work(one)
    await work(other)

    assert numbers(gateway) == [1, 2]
    await later(world, 3, one, other)
    await work(one)
    await work(other)
    await later(world, 60, one, other)
    await work(one)
    assert sorted(numbers(gateway)) == [1, *range(1, 11)]
    assert await prove(world.pool) == {State.DELIVERED: 10}


async def test_what_is_leased_when_another_replica_hears_of_a_pause_waits_for_its_end(
    world: World,
) -> None:
    await world.plan(10)
    gateway, own = FakeGateway({1: [SLOW]}, connections=1), FakeGateway(connections=1)
    other = await alive(world, own)
    own.is_hanging = True
    await fetch(other)
    one = await alive(world, gateway)
    async with transaction(world.pool) as db:
        before = await flow.lock(db, "http")
        now = (await world.now()).timestamp()
        await flow.save(db, "http", type(before)(now + 60, "status_429"))

    await other.renew()
    own.answer(1, ACCEPTED)
    await work(other)

    assert numbers(own) == [1]
    assert not await one.claim()  # nothing is claimed either
    own.is_hanging = False
    await later(world, 61, other)
    await work(other)
    assert numbers(own) == list(range(1, 11))


async def test_a_message_that_was_asked_to_wait_has_used_up_nothing(world: World) -> None:
    await world.plan(1)
    gateway = FakeGateway({1: [SLOW] * 8})
    sender = await alive(world, gateway)
    for _ in range(8):
        await work(sender)
        await later(world, 31, sender)

    waits = await world.value(
        "SELECT due_at - ended_at FROM exceptions JOIN attempts USING (run_id, client_id, attempt)"
    )
    assert (waits, len(gateway.messages)) == (30 * SECOND, 8)
    assert await world.value("SELECT uncounted FROM exceptions") == 8
    assert await world.value("SELECT attempts FROM exceptions") == 8  # all are on record
    await work(sender)
    assert await prove(world.pool) == {State.DELIVERED: 1}


async def test_a_greylisting_server_is_not_paused(world: World) -> None:
    await world.plan(3)
    grey = verdict_of(Finding.POSTPONED, "status_450", 450, retry_after_s=300.0)
    gateway = FakeGateway({1: [grey]}, connections=1)
    sender = await alive(world, gateway)

    await work(sender)

    assert numbers(gateway) == [1, 2, 3]
    assert await world.value("SELECT due_at > now() + interval '299 s' FROM exceptions")


# The breaker


async def test_a_fault_opens_it_for_all_replicas_and_burns_no_message(world: World) -> None:
    await world.plan(10)
    gateway = FakeGateway({n: [DENIED] for n in range(1, 11)}, connections=1)
    one, other = await alive(world, gateway), await alive(world, gateway)

    await work(one)
    await other.renew()
    await work(other)

    assert numbers(gateway) == [1]
    assert await state(world) == "open"
    assert not await other.claim()
    assert await world.value("SELECT uncounted FROM exceptions") == 1


async def test_connections_that_fail_in_a_row_open_it(world: World) -> None:
    await world.plan(40)
    gateway = FakeGateway({n: [UNREACHABLE] for n in range(1, 41)}, connections=1)
    sender = await alive(world, gateway)

    await work(sender)

    assert numbers(gateway) == list(range(1, UNREACHABLE_IN_A_ROW + 1))


@KINDS
async def test_it_probes_with_one_message_and_lets_all_through_when_it_works(
    world: World, *, is_idempotent: bool
) -> None:
    await world.plan(300)
    gateway = FakeGateway({1: [DENIED]}, is_idempotent=is_idempotent, connections=1)
    sender = await alive(world, gateway)
    await work(sender)
    assert await state(world) == "open"
    gateway.is_hanging = True

    await later(world, 7, sender)
    await work(sender)

    assert len(gateway.messages) == 2  # one probe is under way
    gateway.is_hanging = False
    gateway.answer_all(ACCEPTED)
    await work(sender)
    assert await state(world) == "closed"
    await later(world, 60, sender)
    await work(sender)
    assert await prove(world.pool) == {State.DELIVERED: 300}


async def test_a_probe_that_fails_opens_it_for_longer(world: World) -> None:
    await world.plan(10)
    gateway = FakeGateway({n: [DENIED] for n in range(1, 11)}, connections=1)
    sender = await alive(world, gateway)
    await work(sender)
    await later(world, 7, sender)
    await work(sender)
    assert len(gateway.messages) == 2

    await later(world, 9, sender)
    await work(sender)

    assert len(gateway.messages) == 2  # twice as long
    await later(world, 5, sender)
    await work(sender)
    assert len(gateway.messages) == 3
    await later(world, 19, sender)
    await work(sender)
    assert len(gateway.messages) == 3  # and again, since it was not tried before


async def test_what_was_not_started_after_all_says_nothing_of_the_gateway(world: World) -> None:
    await world.plan(40)
    gateway = FakeGateway({n: [NOT_STARTED] for n in range(1, 41)}, connections=1)
    sender = await alive(world, gateway)

    await work(sender)

    assert numbers(gateway) == list(range(1, 41))
    assert await state(world) == "closed"
    assert sender.flow.samples.total == 0  # nor that it works
    await later(world, 31, sender)
    await work(sender)
    assert await prove(world.pool) == {State.DELIVERED: 40}


async def test_a_probe_that_was_not_started_after_all_lets_another_take_its_place(
    world: World,
) -> None:
    await world.plan(300)
    gateway = FakeGateway({1: [DENIED], 2: [NOT_STARTED]}, connections=1)
    sender = await alive(world, gateway)
    await work(sender)

    await later(world, 7, sender)
    await work(sender)

    assert await state(world) == "closed"


async def test_rounds_are_shared_by_all_replicas(world: World) -> None:
    await world.plan(1_200)
    first = await alive(world, FakeGateway({1: [DENIED]}, connections=1))
    await work(first)
    await first.stop(0)
    gateways = [FakeGateway() for _ in range(3)]
    senders = [await alive(world, each) for each in gateways]
    for gateway in gateways:
        gateway.is_hanging = True

    await later(world, 7, *senders)
    for sender in senders:
        await work(sender)

    assert [len(each.messages) for each in gateways] == [1, 0, 0]


async def test_what_was_under_way_when_it_opened_neither_closes_nor_opens_it(
    world: World,
) -> None:
    await world.plan(5)
    gateway = FakeGateway(connections=5)
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)
    gateway.answer(1, DENIED)
    await work(sender)
    before = await world.rows("SELECT * FROM gateway_states")

    gateway.answer_all(DENIED)
    await work(sender)

    assert await world.rows("SELECT * FROM gateway_states") == before


async def test_a_gateway_beside_one_that_fails_goes_on(world: World) -> None:
    await world.plan(2)
    await world.plan(gateway="log")
    broken = FakeGateway({n: [DENIED] for n in range(1, 3)}, connections=1)
    await work(await alive(world, broken))
    works = FakeGateway()
    works.name = "log"

    await work(await alive(world, works))

    assert numbers(works) == [1, 2]


async def test_messages_that_wait_for_a_breaker_end_with_their_window(world: World) -> None:
    run = await world.plan(3, ends_at=await world.now() + 60 * SECOND)
    sender = await alive(world, FakeGateway({1: [DENIED]}, connections=1))
    await work(sender)

    await later(world, 61, sender)
    await world.end()

    assert await run.status() == "finished"
    assert await prove(world.pool) == {State.EXPIRED: 3}


async def test_what_was_cut_off_by_us_says_nothing_of_the_gateway(world: World) -> None:
    await world.plan(30)
    gateway = FakeGateway()
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)

    gateway.answer_all(Verdict(Outcome.UNKNOWN, "cut_off"))
    await work(sender)

    assert await state(world) == "closed"


async def test_what_was_marked_before_its_gateway_was_paused_does_not_start(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.plan(3)
    gateway = FakeGateway(is_idempotent=False, connections=2)
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)
    mark = starts.mark

    async def marked_late(*args: Any) -> None:
        await mark(*args)
        gateway.answer(2, SLOW)

    monkeypatch.setattr(starts, "mark", marked_late)
    gateway.answer(1, ACCEPTED)
    await sender.record()  # makes room for one
    await sender.mark_and_start()

    assert numbers(gateway) == [1, 2]
    await work(sender)
    reasons = await world.rows("SELECT reason FROM exceptions ORDER BY client_id")
    assert [row.reason for row in reasons] == ["status_429", "not_started"]


async def test_a_state_that_was_read_before_a_newer_one_was_shared_changes_nothing(
    world: World,
) -> None:
    await world.plan(3)
    gateway = FakeGateway({1: [DENIED]}, connections=1)
    sender = await alive(world, gateway)
    old = sender.lease.gateway_state
    await work(sender)

    sender.flow.apply(old, (await world.now()).timestamp())
    sender.pump()

    assert numbers(gateway) == [1]


# The rate


@KINDS
async def test_a_limited_gateway_gets_no_more_than_its_rate_from_all_replicas_together(
    world: World, monkeypatch: pytest.MonkeyPatch, *, is_idempotent: bool
) -> None:
    monkeypatch.setattr(rate, "LAPSE_S", 60.0)  # a test may take long between two steps
    await world.plan(40)
    gateway = FakeGateway(is_idempotent=is_idempotent)
    limits = replace(LIMITS, rate=Rate(0.5, burst=3))
    senders = [await alive(world, gateway, limits) for _ in range(2)]

    counts = []
    for _ in range(4):
        for sender in senders:
            await work(sender)
        counts.append(len(gateway.messages))
        await later(world, 2.0, *senders)

    assert counts[0] in (3, 4)  # the burst, and what comes while the test runs
    assert counts[-1] - counts[0] <= 6
    assert counts == sorted(set(counts))


async def test_an_unlimited_gateway_has_no_row(world: World) -> None:
    await world.plan(40)

    await work(await alive(world, FakeGateway()))

    assert await world.value("SELECT count(*) FROM gateway_states") == 0


BROKEN = verdict_of(Finding.UNABLE, "status_500", 500)


@KINDS
async def test_messages_at_which_the_gateway_fails_keep_it_from_no_others(
    world: World, *, is_idempotent: bool
) -> None:
    await world.plan(20)  # all of them
    gateway = FakeGateway({n: [BROKEN] * 999 for n in range(1, 21)}, is_idempotent=is_idempotent)
    senders = [await alive(world, gateway), await alive(world, gateway)]
    for _ in range(20):
        for sender in senders:
            await work(sender)
        await later(world, 20, *senders)
    assert await state(world) != "closed"

    await world.know_clients(range(21, 321), tags=("others",))
    await world.plan(filter=Filter(tags=("others",)))
    for _ in range(20):
        for sender in senders:
            await work(sender)
        await later(world, 1, *senders)

    assert await prove(world.pool) == {State.RETRY: 20, State.DELIVERED: 300}


@KINDS
async def test_messages_that_failed_before_do_not_open_it_while_others_are_under_way(
    world: World, *, is_idempotent: bool
) -> None:
    await world.plan(20)
    postponed = verdict_of(Finding.POSTPONED, "status_450", 450)
    fates: list[Verdict | None] = [postponed, *[BROKEN] * 999]
    gateway = FakeGateway(dict.fromkeys(range(1, 21), fates), is_idempotent=is_idempotent)
    sender = await alive(world, gateway)
    await work(sender)
    await world.know_clients(range(21, 41), tags=("others",))
    await world.plan(filter=Filter(tags=("others",)))
    gateway.is_hanging = True

    await later(world, 60, sender)
    await work(sender)

    assert len(gateway.messages) == 60  # each of the first ones once more
    assert await state(world) == "closed"
    gateway.answer_all(ACCEPTED)
    await work(sender)
    assert await prove(world.pool) == {State.RETRY: 20, State.DELIVERED: 20}
    await later(world, 120, sender)
    await work(sender)
    assert await state(world) == "open"  # nothing else says that it works


@KINDS
async def test_who_has_nothing_but_repeats_lets_another_probe_first(
    world: World, monkeypatch: pytest.MonkeyPatch, *, is_idempotent: bool
) -> None:
    monkeypatch.setattr(breaker, "REPEATS_AFTER_S", 60.0)
    await world.plan(10)
    broken = FakeGateway({n: [BROKEN] * 999 for n in range(1, 11)}, is_idempotent=is_idempotent)
    own = FakeGateway(is_idempotent=is_idempotent)
    one, other = await alive(world, broken), await alive(world, own)
    await work(one)
    await later(world, 60, one, other)
    async with transaction(world.pool) as db:
        before, now = await flow.lock(db, "http"), (await world.now()).timestamp()
        shut = replace(before.breaker, next_probe_at=now)
        await flow.save(db, "http", replace(before, breaker=shut))
    await fetch(one)
    await world.know_clients([11], tags=("others",))
    await world.plan(filter=Filter(tags=("others",)))
    await fetch(other)

    await work(one)
    await work(other)

    assert (len(broken.messages), numbers(own)) == (10, [11])
    await later(world, 61, one)
    await work(one)
    assert len(broken.messages) > 10


async def test_nothing_is_leased_ahead_while_it_is_open(world: World) -> None:
    await world.plan(40)
    sender = await alive(world, FakeGateway({1: [DENIED]}, connections=1))
    await work(sender)

    await later(world, 1, sender)

    assert await state(world) == "open"
    assert await world.value("SELECT count(*) FROM chunks WHERE state = 'leased'") == 0


# The budget of retries


async def test_when_all_have_failed_and_the_gateway_is_healed_all_are_delivered_soon(
    world: World,
) -> None:
    await world.plan(300)
    failed = verdict_of(Finding.UNABLE, "status_500", 500)
    gateway = FakeGateway({n: [failed] for n in range(1, 301)})
    sender = await alive(world, gateway, replace(LIMITS, backoff_base_s=2))
    await work(sender)
    assert len(gateway.messages) == 300

    for _ in range(30):
        await later(world, 1, sender)
        await work(sender)

    assert await prove(world.pool) == {State.DELIVERED: 300}


async def test_retries_beyond_the_budget_wait(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry_budget, "FULL", 20.0)
    await world.plan(40)
    gateway = FakeGateway({n: [SILENT] * 9 for n in range(1, 41)})
    limits = replace(LIMITS, open_for=OpenFor(0.0, 0.0))  # it is not the breaker that bounds them
    sender = await alive(world, gateway, limits)
    await work(sender)
    monkeypatch.setattr(sender.flow, "take", lambda ready, limit, now: ready.take(limit, now))

    await later(world, 60, sender)
    await fetch(sender)

    assert 20 <= len(gateway.messages) - 40 <= 30

"""No client gets more messages than the cap says, however many runs and senders there are."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from services.dispatcher.domain.cap import NO_CAPS, Caps, caps_from
from services.dispatcher.domain.resolution import Outcome, Resolution
from services.dispatcher.handlers import capping, planning
from services.dispatcher.handlers.resolving import resolve
from services.dispatcher.handlers.sending import Sender
from shared import ids
from shared.contracts.dispatcher import MessageSuppressed, State
from tests.dispatcher.proof import prove, told
from tests.dispatcher.world import (
    ACCEPTED,
    CHANNELS,
    LIMITS,
    NOT_PROCESSED,
    REFUSED,
    UNKNOWN,
    FakeGateway,
    Run,
    World,
    alive,
    client,
    client_of,
    fetch,
    reap_all,
    record_all,
    work,
)

DAY = timedelta(days=1)
COUNTED = """
    SELECT coalesce(sum(
        coalesce(cardinality(marketing), 0) + coalesce(cardinality(transactional), 0)
    ), 0) - (SELECT count(*) FROM uncounted_messages) FROM client_counts
"""
HOURS = timedelta(hours=2)


async def sender_with(world: World, caps: str, gateway: FakeGateway | None = None) -> Sender:
    limits = replace(LIMITS, caps=caps_from(caps))
    sender = Sender(world.pool, gateway or FakeGateway(), limits)
    await sender.renew()
    return sender


async def begun(world: World, **fields: Any) -> Run:
    """Let a run for all clients begin, and be expanded."""
    run = await world.begin_run(**fields)
    await run.begin()
    while await planning.expand(world.pool, CHANNELS):
        pass
    return run


async def sent(world: World, caps: str, gateway: FakeGateway | None = None) -> dict[int, int]:
    """Let one sender work; return how many messages each client was sent."""
    gateway = gateway or FakeGateway()
    sender = await sender_with(world, caps, gateway)
    while await sender.claim():
        pass
    await work(sender)
    return counts(gateway)


def counts(*gateways: FakeGateway) -> dict[int, int]:
    first = client(0).int
    return dict(
        Counter(client_of(each).int - first for gateway in gateways for each in gateway.messages)
    )


async def test_what_is_over_the_cap_ends_as_suppressed(world: World) -> None:
    await world.know_clients([1, 2])
    await begun(world)
    assert await sent(world, "all=1/7d") == {1: 1, 2: 1}
    await world.know_clients([3])
    await begun(world)

    assert await sent(world, "all=1/7d") == {3: 1}

    assert await prove(world.pool) == {State.DELIVERED: 3, State.SUPPRESSED: 2}
    capped = [each for each in await told(world.pool) if isinstance(each, MessageSuppressed)]
    assert {(each.client_id, each.reason) for each in capped} == {
        (client(1), "capped"),
        (client(2), "capped"),
    }
    assert await world.value(COUNTED) == 3


async def test_each_class_has_its_own_cap_beside_that_of_all(world: World) -> None:
    caps = "all=3/7d,marketing=1/7d"
    await world.know_clients([1])
    classes = ["marketing", "marketing", "transactional", "transactional", "transactional"]
    for each in classes:
        await begun(world, message_class=each)

    assert await sent(world, caps) == {1: 3}
    [row] = await world.rows(
        "SELECT cardinality(marketing), cardinality(transactional) FROM client_counts"
    )
    assert tuple(row) == (1, 2)


async def test_critical_messages_are_exempt_and_count_for_nothing(world: World) -> None:
    await world.know_clients([1])
    for each in ("critical", "critical", "marketing", "critical"):
        await begun(world, message_class=each)

    assert await sent(world, "all=1/7d") == {1: 4}
    assert await world.value(COUNTED) == 1


async def test_what_was_sent_counts_for_so_many_days(world: World) -> None:
    await world.know_clients([1])
    await begun(world)
    assert await sent(world, "all=1/2d") == {1: 1}

    await world.pass_time(DAY)
    await begun(world)
    assert await sent(world, "all=1/2d") == {}
    await world.pass_time(DAY)
    await begun(world)
    assert await sent(world, "all=1/2d") == {1: 1}

    assert not await capping.Pruner(caps_from("all=1/2d")).prune(world.pool)
    assert await world.value(COUNTED) == 1
    assert not await capping.Pruner(NO_CAPS).prune(world.pool)
    assert await world.value(COUNTED) == 0


@pytest.mark.parametrize(
    ("answers", "counts_on"),
    [([REFUSED], False), ([UNKNOWN], True), ([NOT_PROCESSED], True)],
    ids=["refused", "unknown", "waits"],
)
async def test_what_was_certainly_not_sent_counts_no_more(
    world: World, answers: list[Any], *, counts_on: bool
) -> None:
    await world.know_clients([1])
    await begun(world)

    await sent(world, "all=1/7d", FakeGateway({1: answers}))

    assert await world.value(COUNTED) == counts_on


async def test_what_was_not_sent_leaves_room_for_the_next(world: World) -> None:
    await world.know_clients([1])
    await begun(world)
    await sent(world, "all=1/7d", FakeGateway({1: [REFUSED]}))
    await begun(world)

    assert await sent(world, "all=1/7d") == {1: 1}


async def test_what_was_claimed_and_expired_counts_no_more(world: World) -> None:
    await world.know_clients([1, 2])
    await begun(world)
    sender = await sender_with(world, "all=1/7d", FakeGateway(connections=0))
    await sender.claim()
    assert await world.value(COUNTED) == 2
    await sender.stop(0)

    await world.pass_time(timedelta(hours=2))
    await world.end()

    assert await prove(world.pool) == {State.EXPIRED: 2}
    assert await world.value(COUNTED) == 0


async def hanging(world: World) -> tuple[Run, Sender, FakeGateway]:
    """Return a run that has ended, and the sender, found dead, that still waits for an answer."""
    await world.know_clients([1])
    run = await begun(world)
    gateway = FakeGateway({1: [None]}, is_idempotent=False)
    sender = await sender_with(world, "all=1/7d", gateway)
    await sender.claim()
    await fetch(sender)
    assert await world.value(COUNTED) == 1
    await reap_all(world)
    await world.pass_time(HOURS)
    await world.end()
    return run, sender, gateway


async def test_what_is_said_to_have_failed_and_is_answered_late_counts_again(
    world: World,
) -> None:
    run, sender, gateway = await hanging(world)
    assert await prove(world.pool) == {State.UNDETERMINED: 1}
    assert await world.value(COUNTED) == 1
    said = Resolution(State.FAILED, "their report")
    await resolve(world.pool, ids.message_id(run.run_id, client(1)), said)
    assert await world.value(COUNTED) == 0

    gateway.answer(1, ACCEPTED)
    await record_all(sender)

    assert await prove(world.pool) == {State.DELIVERED: 1}
    assert await world.value(COUNTED) == 1
    await begun(world)
    assert await sent(world, "all=1/7d") == {}


@pytest.mark.parametrize("outcome", [State.DELIVERED, State.FAILED])
async def test_what_is_resolved_by_hand_counts_as_it_is_said(
    world: World, outcome: Outcome
) -> None:
    run, _, _ = await hanging(world)

    said = Resolution(outcome, "their report")
    await resolve(world.pool, ids.message_id(run.run_id, client(1)), said)

    assert await world.value(COUNTED) == (outcome is State.DELIVERED)


async def test_without_a_cap_a_late_success_counts_for_nothing(world: World) -> None:
    await world.know_clients([1])
    await begun(world)
    gateway = FakeGateway({1: [None]}, is_idempotent=True)
    sender = await alive(world, gateway)
    await fetch(sender)
    await reap_all(world)
    await world.pass_time(HOURS)
    await world.end()

    gateway.answer(1, ACCEPTED)
    await record_all(sender)

    assert await prove(world.pool) == {State.DELIVERED: 1}
    assert await world.value("SELECT count(*) FROM client_counts") == 0


async def test_a_chunk_that_is_claimed_again_is_counted_once(world: World) -> None:
    await world.know_clients([1, 2])
    await begun(world)
    sender = await sender_with(world, "all=1/7d", FakeGateway(connections=0))
    await sender.claim()
    await sender.stop(0)

    assert await sent(world, "all=1/7d") == {1: 1, 2: 1}
    assert await world.value(COUNTED) == 2


async def test_senders_at_work_at_once_never_exceed_it(world: World) -> None:
    clients = range(1, 41)
    await world.know_clients(clients)
    for number in range(6):
        await begun(world, message_class=("marketing", "transactional")[number % 2])
    gateways = [FakeGateway() for _ in range(3)]
    senders = [await sender_with(world, "all=2/7d", each) for each in gateways]

    async def drain(sender: Sender) -> None:
        while await sender.claim():
            await work(sender)

    await asyncio.gather(*map(drain, senders))

    assert counts(*gateways) == dict.fromkeys(clients, 2)
    assert await prove(world.pool) == {State.DELIVERED: 80, State.SUPPRESSED: 160}


async def test_without_a_cap_nothing_is_counted(world: World) -> None:
    await world.know_clients([1])
    await begun(world)

    assert await sent(world, "transactional=1/7d") == {1: 1}
    assert await world.value(COUNTED) == 0


@pytest.mark.parametrize("text", ["", "all=1/7d", "all=5/7d, marketing=3/30d"])
def test_caps_are_read_as_people_write_them(text: str) -> None:
    assert [f"{each.of}={each.limit}/{each.days}d" for each in caps_from(text).caps] == [
        part.strip() for part in text.split(",") if part
    ]


@pytest.mark.parametrize(
    "text", ["1/7d", "all=0/7d", "all=1/0d", "all=1/400d", "critical=1/7d", "all=1"]
)
def test_what_is_no_cap_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="needed"):
        caps_from(text)


def test_the_longest_cap_says_how_long_rows_stay() -> None:
    assert caps_from("all=1/7d,marketing=3/30d").longest_days == 30
    assert Caps().longest_days == 0

"""A breaker that opens or closes says so on the topic of gateways, once for each change."""

from datetime import timedelta
from typing import Any

import pytest

from services.dispatcher.domain.gateway import gateway_id
from services.dispatcher.domain.outcome import Finding, Verdict, verdict_of
from services.dispatcher.handlers.sending import Sender
from shared import outbox
from shared.contracts.gateways import GATEWAYS, GatewayBreakerClosed, GatewayBreakerOpened
from shared.outbox import Record
from tests.dispatcher.proof import told
from tests.dispatcher.world import FakeGateway, World, alive, work

DENIED = verdict_of(Finding.DENIED, "unauthorized", 401)
SLOW = verdict_of(Finding.BUSY, "status_429", 429, retry_after_s=30.0)


async def events(world: World) -> list[Any]:
    kinds = (GatewayBreakerOpened, GatewayBreakerClosed)
    return [each for each in await told(world.pool) if isinstance(each, kinds)]


async def records(world: World) -> list[Record]:
    rows = await world.rows("SELECT batches FROM outbox ORDER BY position")
    return [
        record
        for row in rows
        for batch in outbox.read(row.batches)
        if batch.topic == GATEWAYS.name
        for record in batch.records
    ]


async def later(world: World, seconds: float, *senders: Sender) -> None:
    await world.pass_time(timedelta(seconds=seconds))
    for sender in senders:
        await sender.renew()


@pytest.fixture
async def failing(world: World) -> Sender:
    """Return a sender whose gateway has refused its login twice, and works after that."""
    await world.plan(300)
    gateway = FakeGateway({1: [DENIED], 2: [DENIED]}, connections=1)
    sender = await alive(world, gateway)
    await work(sender)
    return sender


async def test_a_breaker_that_opens_says_why_and_when_it_probes(
    world: World, failing: Sender
) -> None:
    [event] = await events(world)

    assert (event.name, event.gateway_id) == ("http", gateway_id("http"))
    assert (event.cause, event.reason) == ("fault", "unauthorized")
    [row] = await world.rows("SELECT changed_at, next_probe_at FROM gateway_states")
    assert (event.opened_at, event.next_probe_at) == (row.changed_at, row.next_probe_at)
    assert failing.flow.samples.total == 0


async def test_each_change_has_one_event_and_rounds_of_probes_have_none(
    world: World, failing: Sender
) -> None:
    await later(world, 7, failing)
    await work(failing)  # the second message is the probe, and fails
    await later(world, 14, failing)
    await work(failing)

    found = await events(world)

    assert [type(each) for each in found] == [
        GatewayBreakerOpened,
        GatewayBreakerOpened,
        GatewayBreakerClosed,
    ]
    assert [each.cause for each in found[:2]] == ["fault", "probes"]
    assert found[2].reason == "unauthorized"
    versions = [int(dict(each.headers)["ce_sequence"]) for each in await records(world)]
    assert versions == sorted(set(versions))


async def test_what_several_replicas_see_at_once_is_one_event(world: World) -> None:
    await world.plan(10)
    replicas = [
        await alive(world, FakeGateway({n: [DENIED] for n in range(1, 11)}, connections=1))
        for _ in range(3)
    ]
    for sender in replicas:
        sender.pump()
        await sender.claim()
        sender.pump()
    for sender in replicas:
        await work(sender)

    assert len(await events(world)) == 1


@pytest.mark.parametrize("verdict", [SLOW, None], ids=["paused", "works"])
async def test_a_gateway_whose_breaker_stays_closed_has_no_event(
    world: World, verdict: Verdict | None
) -> None:
    await world.plan(5)
    await work(await alive(world, FakeGateway({1: [verdict] if verdict else []}, connections=1)))

    assert await events(world) == []


async def test_its_events_hold_back_nothing_that_is_said_of_the_gateway(
    world: World, failing: Sender
) -> None:
    """Readers of an older release set them aside, with all that follows of their key."""
    [record] = await records(world)

    assert record.key != str(gateway_id("http")).encode()
    assert failing.gateway.name == "http"

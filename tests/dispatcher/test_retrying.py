"""What a mailing says of its retries: how often, and what where nobody knows."""

from datetime import timedelta
from typing import Any

import pytest

from services.dispatcher.domain.attempt import Retrying, RetryPolicy
from services.dispatcher.domain.outcome import Finding, verdict_of
from services.dispatcher.handlers import planning
from shared.contracts.catalog import OnUnknown
from shared.contracts.dispatcher import MessageFailed, State
from tests.dispatcher.proof import prove, told
from tests.dispatcher.world import (
    CHANNELS,
    NOT_PROCESSED,
    UNKNOWN,
    FakeGateway,
    World,
    alive,
    reap_all,
    work,
)

DENIED = verdict_of(Finding.DENIED, "unauthorized", 401)


async def begun(world: World, **fields: Any) -> None:
    """Let a run for one client begin, with what its mailing says of retries."""
    await world.know_clients([1])
    run = await world.begin_run(**fields)
    await run.begin()
    while await planning.expand(world.pool, CHANNELS):
        pass


async def worked(world: World, gateway: FakeGateway, turns: int) -> None:
    sender = await alive(world, gateway)
    for _ in range(turns):
        await work(sender)
        await world.pass_time(timedelta(seconds=130))
        await sender.renew()
    await work(sender)


async def test_a_message_that_has_had_all_its_attempts_fails(world: World) -> None:
    await begun(world, max_attempts=3)
    gateway = FakeGateway({1: [NOT_PROCESSED] * 9})

    await worked(world, gateway, 5)

    assert len(gateway.messages) == 3
    assert await prove(world.pool) == {State.FAILED: 1}
    (failed,) = [each for each in await told(world.pool) if isinstance(each, MessageFailed)]
    assert failed.reason == "attempts_exhausted"


async def test_it_is_undetermined_if_one_of_them_may_have_arrived(world: World) -> None:
    await begun(world, max_attempts=2)
    gateway = FakeGateway({1: [UNKNOWN, NOT_PROCESSED, NOT_PROCESSED]})

    await worked(world, gateway, 4)

    assert len(gateway.messages) == 2
    assert await prove(world.pool) == {State.UNDETERMINED: 1}


async def test_attempts_that_had_no_chance_use_up_nothing(world: World) -> None:
    await begun(world, max_attempts=1)
    gateway = FakeGateway({1: [DENIED, DENIED]})

    await worked(world, gateway, 3)

    assert len(gateway.messages) == 3
    assert await prove(world.pool) == {State.DELIVERED: 1}


async def test_without_a_maximum_the_window_decides(world: World) -> None:
    await begun(world)
    gateway = FakeGateway({1: [NOT_PROCESSED] * 9})

    await worked(world, gateway, 10)

    assert len(gateway.messages) == 10
    assert await prove(world.pool) == {State.DELIVERED: 1}


@pytest.mark.parametrize(
    ("is_idempotent", "resends", "wanted", "sent"),
    [
        (False, True, None, 2),
        (False, True, "prefer_silence", 1),
        (False, False, "prefer_delivery", 2),
        (False, False, None, 1),
        (True, True, "prefer_silence", 2),  # it cannot come twice
    ],
)
async def test_what_may_have_arrived_is_sent_again_as_the_mailing_prefers(
    world: World, is_idempotent: bool, resends: bool, wanted: str | None, sent: int
) -> None:
    await begun(world, on_unknown=wanted)
    gateway = FakeGateway({1: [UNKNOWN]}, is_idempotent=is_idempotent, resends_unknown=resends)

    await worked(world, gateway, 3)

    assert len(gateway.messages) == sent
    state = State.DELIVERED if sent == 2 else State.UNDETERMINED
    assert await prove(world.pool) == {state: 1}


async def test_what_a_dead_sender_may_have_sent_is_left_where_silence_is_preferred(
    world: World,
) -> None:
    await begun(world, on_unknown="prefer_silence")
    gateway = FakeGateway({1: [None]}, is_idempotent=False)
    await work(await alive(world, gateway))

    await reap_all(world)

    assert await prove(world.pool) == {State.UNDETERMINED: 1}


def test_a_run_that_says_nothing_has_its_gateways_policy() -> None:
    policy = RetryPolicy(is_idempotent=False, backoff_base_s=2, backoff_cap_s=600)

    assert policy.of_run(None) is policy
    silent = policy.of_run(Retrying(None, OnUnknown.PREFER_SILENCE))
    assert (policy.allows(1), silent.allows(1)) == (True, False)
    assert policy.of_run(Retrying(3)).is_exhausted(3)
    assert not policy.of_run(Retrying(3)).is_exhausted(2)

"""Measuring: what the dispatcher's metrics show."""

from datetime import timedelta

import pytest

from services.dispatcher.handlers import measuring
from shared.database import transaction
from shared.telemetry.metrics import Recorded
from tests.dispatcher.world import HOUR, FakeGateway, World, alive, work
from tests.recorded import shown

pytestmark = pytest.mark.postgres

MINUTE = timedelta(minutes=1)


async def sampled(world: World, recorded: Recorded) -> dict[tuple[str, ...], float]:
    async with transaction(world.pool) as db:
        await measuring.sample_ledger(["http"], db)
    return shown(recorded)


async def test_what_is_due_is_shown_by_gateway_and_how_long_it_has_been(
    world: World, recorded: Recorded
) -> None:
    nothing = await sampled(world, recorded)
    await world.plan(3)
    await world.pass_time(MINUTE)

    found = await sampled(world, recorded)

    assert nothing["dispatcher_messages_due", "http"] == 0
    assert nothing["dispatcher_messages_due_age_seconds", "http"] == 0
    assert found["dispatcher_messages_due", "http"] == 3
    assert 60 <= found["dispatcher_messages_due_age_seconds", "http"] < 120
    assert found["dispatcher_messages_due", "other"] == 0
    assert found["dispatcher_runs", "sending"] == 1


async def test_what_is_paused_is_not_due_and_after_it_was_resumed_only_from_then_on(
    world: World, recorded: Recorded
) -> None:
    run = await world.plan(3)
    await run.pause()
    await world.pass_time(HOUR / 2)

    paused = await sampled(world, recorded)
    await run.resume()
    await world.pass_time(MINUTE)
    resumed = await sampled(world, recorded)

    assert paused["dispatcher_messages_due", "http"] == 0
    assert (paused["dispatcher_runs", "paused"], paused["dispatcher_runs", "sending"]) == (1, 0)
    assert resumed["dispatcher_messages_due", "http"] == 3
    assert 60 <= resumed["dispatcher_messages_due_age_seconds", "http"] < 120


async def test_a_message_for_a_gateway_that_is_not_ours_is_due_at_another(
    world: World, recorded: Recorded
) -> None:
    await world.plan(2)

    async with transaction(world.pool) as db:
        await measuring.sample_ledger(["log"], db)

    found = shown(recorded)
    assert found["dispatcher_messages_due", "log"] == 0
    assert found["dispatcher_messages_due", "other"] == 2


async def test_a_message_is_as_late_as_it_starts_after_it_was_allowed(
    world: World, recorded: Recorded
) -> None:
    run = await world.plan(3)
    await run.pause()
    await world.pass_time(HOUR / 2)
    await run.resume()
    await world.pass_time(MINUTE)

    await work(await alive(world, FakeGateway()))

    found = shown(recorded)
    delay = "dispatcher_handover_delay_seconds"
    assert found[f"{delay}_count", "http"] == 3
    assert 180 <= found[f"{delay}_sum", "http"] < 360
    assert found["dispatcher_attempts_total", "http", "accepted"] == 3
    assert found["dispatcher_attempt_duration_seconds_count", "http"] == 3

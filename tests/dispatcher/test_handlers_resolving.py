"""What became of an undetermined message is said by hand; everything that counts follows."""

from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest

from services.dispatcher.domain.message import MessageUnknown
from services.dispatcher.domain.resolution import NotUndetermined, Outcome, Resolution
from services.dispatcher.domain.retention import MessagesDeleted
from services.dispatcher.handlers.archiving import archive
from services.dispatcher.handlers.resolving import resolve
from services.dispatcher.queries import messages as queries
from shared import ids
from shared.contracts.dispatcher import (
    DELIVERED_VERSION,
    MessageDelivered,
    MessageFailed,
    MessageResolved,
    RunCorrected,
    State,
)
from shared.database import autocommit
from tests.dispatcher.proof import prove, told
from tests.dispatcher.world import (
    ACCEPTED,
    HOUR,
    REFUSED,
    UNKNOWN,
    FakeGateway,
    Run,
    World,
    alive,
    client,
    reap_all,
    work,
)

MINUTE = timedelta(minutes=1)
OUTCOMES: list[Outcome] = [State.DELIVERED, State.FAILED]


def message_of(run: Run, number: int = 1) -> str:
    return ids.message_id(run.run_id, client(number))


async def undetermined(world: World) -> Run:
    """Return a finished run: nobody knows of the first message, the second is delivered."""
    run = await world.plan(2)
    gateway = FakeGateway({1: [UNKNOWN, UNKNOWN]}, is_idempotent=False)
    sender = await alive(world, gateway)
    await work(sender)
    await world.pass_time(MINUTE)
    await sender.renew()
    await work(sender)
    await world.end()
    assert await prove(world.pool) == {State.UNDETERMINED: 1, State.DELIVERED: 1}
    return run


async def events(world: World, *kinds: type) -> list[Any]:
    return [each for each in await told(world.pool) if isinstance(each, kinds)]


@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_a_resolved_message_counts_as_what_it_is_said_to_be(
    world: World, outcome: Outcome
) -> None:
    run = await undetermined(world)

    await resolve(world.pool, message_of(run), Resolution(outcome, "their report", "anna"))

    delivered = State.DELIVERED
    expected = {delivered: 2} if outcome is delivered else {State.FAILED: 1, delivered: 1}
    assert await prove(world.pool) == expected
    (corrected,) = await events(world, RunCorrected)
    assert corrected.totals == expected
    async with autocommit(world.pool) as db:
        shown = await queries.message(db, message_of(run))
    assert (shown.status, shown.reason, shown.attempts) == (outcome, "their report", 2)


@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_the_event_says_who_and_why_and_that_of_the_state_follows(
    world: World, outcome: Outcome
) -> None:
    run = await undetermined(world)

    await resolve(world.pool, message_of(run), Resolution(outcome, "their report", "anna"))

    own = [each for each in await told(world.pool) if getattr(each, "client_id", 0) == client(1)]
    event, final = own[-2:]
    assert isinstance(event, MessageResolved)
    assert (event.state, event.reason, event.by) == (outcome, "their report", "anna")
    is_delivered = outcome is State.DELIVERED
    assert isinstance(final, MessageDelivered if is_delivered else MessageFailed)
    assert final.version == event.version + (not is_delivered)
    assert (event.version >= DELIVERED_VERSION) is is_delivered


@pytest.mark.parametrize("outcome", OUTCOMES)
async def test_to_say_the_same_again_changes_nothing_and_another_thing_is_refused(
    world: World, outcome: Outcome
) -> None:
    run = await undetermined(world)
    said = Resolution(outcome, "their report", "anna")
    await resolve(world.pool, message_of(run), said)
    before = await told(world.pool)

    await resolve(world.pool, message_of(run), said)
    (other,) = set(OUTCOMES) - {outcome}
    for again in (Resolution(other, "their report"), Resolution(outcome, "I think")):
        with pytest.raises(NotUndetermined):
            await resolve(world.pool, message_of(run), again)

    assert await told(world.pool) == before


@pytest.mark.parametrize("late", [ACCEPTED, REFUSED])
async def test_a_late_success_wins_over_what_was_said_and_a_late_refusal_does_not(
    world: World, late: Any
) -> None:
    run = await world.plan(1)
    gateway = FakeGateway({1: [None]}, is_idempotent=False)
    sender = await alive(world, gateway)
    await work(sender)
    await reap_all(world)  # taken for dead while the request is under way
    await world.pass_time(HOUR)
    await world.end()
    await resolve(world.pool, message_of(run), Resolution(State.FAILED, "their report"))

    gateway.answer(1, late)
    await work(sender)

    is_delivered = late is ACCEPTED
    assert await prove(world.pool) == {State.DELIVERED if is_delivered else State.FAILED: 1}


async def test_only_what_is_undetermined_can_be_resolved(world: World) -> None:
    run = await world.plan(3)
    gateway = FakeGateway({2: [REFUSED], 3: [None]})
    await work(await alive(world, gateway))

    said = Resolution(State.FAILED, "their report")
    for number in (1, 2, 3):
        with pytest.raises(NotUndetermined):
            await resolve(world.pool, message_of(run, number), said)


async def test_a_message_that_is_none_or_gone_is_not_resolved(world: World) -> None:
    run = await undetermined(world)
    said = Resolution(State.FAILED, "their report")
    nobody = (ids.message_id(UUID(int=5), client(1)), message_of(run, 9), "nothing")
    for message_id in nobody:
        with pytest.raises(MessageUnknown):
            await resolve(world.pool, message_id, said)
    await archive(world.pool, await world.now() + MINUTE)

    with pytest.raises(MessagesDeleted):
        await resolve(world.pool, message_of(run), said)

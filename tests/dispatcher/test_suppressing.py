"""What clients do not want is not sent: it ends as suppressed, with the reason."""

from datetime import timedelta
from typing import Any

import pytest

from services.dispatcher.handlers import claiming, planning
from services.dispatcher.queue import planning as planning_queue
from services.dispatcher.queue import suppressions
from services.dispatcher.subscriptions import READERS
from shared.contracts.catalog import SuppressionChanged, SuppressionEntry, SuppressionLifted
from shared.contracts.dispatcher import MessageSuppressed, State
from shared.database import transaction
from tests.dispatcher.proof import prove, told
from tests.dispatcher.world import (
    ACCEPTED,
    CHANNELS,
    NOT_PROCESSED,
    UNKNOWN,
    FakeGateway,
    World,
    alive,
    client,
    numbers,
    received,
    work,
)

OWN, OF_OLD_KEY = "own-hash", "hash-of-old-key"


async def suppress(
    world: World, subject: str, topic: str | None = None, *, reason: str = "requested", **at: int
) -> None:
    """Hear what is suppressed now."""
    since = await world.now()
    entry = SuppressionEntry(topic=topic, reason=reason, since=since)
    event = SuppressionChanged(subject=subject, kind="phone", entries=(entry,), changed_at=since)
    async with transaction(world.pool) as db:
        await suppressions.store(db, [received(event, subject, at.get("version", 1))])


async def lift(world: World, subject: str, version: int) -> None:
    """Hear that nothing is suppressed any more."""
    async with transaction(world.pool) as db:
        event = SuppressionLifted(subject=subject)
        await suppressions.store(db, [received(event, subject, version)] * 2)


async def begun(world: World, **fields: Any) -> None:
    """Let a run for all clients begin, and be expanded."""
    run = await world.begin_run(**fields)
    await run.begin()
    while await planning.expand(world.pool, CHANNELS):
        pass


async def sent(world: World, gateway: FakeGateway | None = None) -> list[int]:
    """Let one sender work; return to which clients something went."""
    gateway = gateway or FakeGateway()
    await work(await alive(world, gateway))
    return sorted(numbers(gateway))


async def test_a_suppressed_client_gets_nothing_and_that_is_told_with_the_reason(
    world: World,
) -> None:
    await world.know_clients([1, 2, 3])
    await begun(world)
    await suppress(world, str(client(2)), reason="unsubscribed")

    assert await sent(world) == [1, 3]

    assert await prove(world.pool) == {State.DELIVERED: 2, State.SUPPRESSED: 1}
    (event,) = [each for each in await told(world.pool) if isinstance(each, MessageSuppressed)]
    assert (event.client_id, event.reason) == (client(2), "unsubscribed")


@pytest.mark.parametrize("subject", [OWN, OF_OLD_KEY])
async def test_a_suppressed_contact_is_known_by_each_of_its_hashes(
    world: World, subject: str
) -> None:
    await world.know_clients([1])
    await world.know_clients([2], phone_hashes=(OWN, OF_OLD_KEY))
    await begun(world)
    await suppress(world, subject)

    assert await sent(world) == [1]
    assert await prove(world.pool) == {State.DELIVERED: 1, State.SUPPRESSED: 1}


async def test_a_contact_that_the_gateway_does_not_use_is_no_hindrance(world: World) -> None:
    await world.rows(
        "INSERT INTO gateways VALUES ('http', :id, 'http', 'phone', '{}', 1, 1, "
        "false, false, NULL, now(), now()) RETURNING 1",
        id=client(9),
    )
    await world.know_clients([1], email="anna@example.com", email_hashes=(OWN,))
    await begun(world)
    await suppress(world, OWN)

    assert await sent(world) == [1]


@pytest.mark.parametrize(
    ("topic", "of_run", "is_sent"),
    [
        (None, None, False),
        (None, "news", False),
        ("news", "news", False),
        ("news", "offers", True),
        ("news", None, True),
    ],
)
async def test_a_topic_is_refused_apart_from_others(
    world: World, topic: str | None, of_run: str | None, *, is_sent: bool
) -> None:
    await world.know_clients([1])
    await begun(world, mailing_topic=of_run)
    await suppress(world, str(client(1)), topic)

    assert await sent(world) == ([1] if is_sent else [])


async def test_what_was_lifted_holds_no_more_whatever_comes_late(world: World) -> None:
    await world.know_clients([1])
    await begun(world)
    await suppress(world, str(client(1)))
    await lift(world, str(client(1)), 2)
    await suppress(world, str(client(1)), version=1)

    assert await sent(world) == [1]


async def test_a_retry_is_not_sent_to_who_was_suppressed_meanwhile(world: World) -> None:
    await world.know_clients([1, 2])
    await begun(world)
    gateway = FakeGateway({1: [NOT_PROCESSED], 2: [UNKNOWN]})
    sender = await alive(world, gateway)
    await work(sender)
    await suppress(world, str(client(1)))
    await suppress(world, str(client(2)))

    await world.pass_time(timedelta(minutes=2))
    await sender.renew()
    await work(sender)

    assert sorted(numbers(gateway)) == [1, 2]
    # What may have arrived is never said not to have been sent.
    assert await prove(world.pool) == {State.SUPPRESSED: 1, State.UNDETERMINED: 1}


async def test_hashes_of_a_client_of_before_come_with_the_same_version(world: World) -> None:
    await world.know_clients([1, 2])
    await world.know_clients([2], phone_hashes=(OWN,))  # published once more
    await world.know_clients([2])  # an earlier record, read again
    await suppress(world, OWN)
    await begun(world)

    assert await sent(world) == [1]


async def test_a_run_waits_for_what_was_suppressed_when_it_began(world: World) -> None:
    run = await world.begin_run()
    ends: dict[str, dict[int, int]] = {topic: {} for topic in READERS}
    ends["catalog.suppressions"] = {0: 1}
    async with transaction(world.pool) as db:
        await planning_queue.await_offsets(db, [run.run_id], ends)
        assert await planning_queue.begin_those_ready(db, READERS) == []


async def test_what_waits_for_its_start_is_not_sent_to_who_was_suppressed_meanwhile(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(claiming, "ASK_INTERVAL_S", 0.0)
    await world.know_clients([1, 2, 3])
    await begun(world)
    gateway = FakeGateway({1: [None]}, connections=1)
    sender = await alive(world, gateway)
    await sender.claim()  # 2 and 3 wait behind the first

    await suppress(world, str(client(3)))
    await sender.renew()
    gateway.answer(1, ACCEPTED)
    await work(sender)
    await sender.renew()
    await work(sender)

    assert sorted(numbers(gateway)) == [1, 2]
    assert await prove(world.pool) == {State.DELIVERED: 2, State.SUPPRESSED: 1}

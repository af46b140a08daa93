"""Copies of what others own."""

from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import pytest

from services.dispatcher import projections
from services.dispatcher.handlers import planning
from shared.contracts.catalog import (
    ClientChanged,
    ClientRemoved,
    MailingPaused,
    MailingResumed,
    MailingStopped,
)
from shared.contracts.dispatcher import State
from shared.database import transaction
from shared.event import Instant
from tests.dispatcher.proof import prove
from tests.dispatcher.world import (
    CHANNELS,
    HOUR,
    TRACE,
    FakeGateway,
    World,
    alive,
    client,
    control,
    created,
    received,
    registered,
    work,
)

MAILING = UUID(int=(0xA << 124) | 1)


def changed(number: int, **fields: Any) -> ClientChanged:
    values = {
        name: getattr(registered(number), name)
        for name in registered(number).__struct_fields__
        if name != "registered_at"
    }
    return ClientChanged(**values | {"changed_at": "2026-01-02T00:00:00Z"} | fields)


async def clients(world: World) -> dict[UUID, Any]:
    rows = await world.rows("SELECT * FROM clients")
    return {row.client_id: row for row in rows}


async def controls(world: World) -> Any:
    (row,) = await world.rows("SELECT * FROM mailings")
    return row


async def test_a_client_is_known_with_all_that_a_message_needs(world: World) -> None:
    await world.know(
        registered(1, tags=("vip", "a, b"), email="a@example.org", comment="old", phone=None)
    )

    row = (await clients(world))[client(1)]
    assert tuple(row) == (
        client(1),
        1,
        False,
        None,
        "916",
        ["vip", "a, b"],
        "Europe/Moscow",
        "a@example.org",
        "Client 1",
        "old",
        datetime(2026, 1, 1, tzinfo=UTC),
        *[None] * 3,
    )


async def test_a_change_is_taken_over_and_an_older_one_is_not(world: World) -> None:
    await world.know(changed(1, comment="third"), version=3)
    await world.know(changed(1, comment="second"), version=2)
    await world.know(changed(1, comment="third again"), version=3)

    row = (await clients(world))[client(1)]
    assert (row.version, row.comment, row.tags) == (3, "third", [])


async def test_of_a_removed_client_nothing_is_kept_but_that(world: World) -> None:
    await world.know(registered(1, tags=("vip",)))
    await world.know(ClientRemoved(client_id=client(1)), version=3)
    await world.know(changed(1), version=2)

    row = (await clients(world))[client(1)]
    since = datetime(2026, 1, 1, tzinfo=UTC)
    assert tuple(row) == (client(1), 3, True, None, None, [], *[None] * 4, since, *[None] * 3)


async def test_a_removal_that_comes_before_its_client_is_kept(world: World) -> None:
    await world.know(ClientRemoved(client_id=client(1)), version=2)
    await world.know(registered(1), version=1)

    assert (await clients(world))[client(1)].is_removed


async def test_of_several_states_in_one_batch_the_newest_is_known(world: World) -> None:
    batch = [
        received(changed(1, comment="b"), client(1), 2),
        received(changed(1, comment="c"), client(1), 3),
        received(registered(1, comment="a"), client(1), 1),
        received(registered(2, comment="other"), client(2), 1),
        received(ClientRemoved(client_id=client(1)), client(1), 3),  # its tombstone says it again
    ]
    async with transaction(world.pool) as db:
        await projections.clients(db, batch)

    known = await clients(world)
    assert {each.comment for each in known.values()} == {"c", "other"}


async def test_controls_may_come_before_their_run(world: World, now: Instant) -> None:
    event = created(MAILING, now, now + HOUR)
    paused = MailingPaused(mailing_id=MAILING, paused_at=now)

    await control(world.pool, event, paused, version=1)

    row = await controls(world)
    assert (row.version, row.is_paused, row.is_stopped) == (2, True, False)
    assert row.ends_at == now + HOUR


async def test_controls_that_come_again_or_late_change_nothing(world: World, now: Instant) -> None:
    story = [
        created(MAILING, now, now + HOUR),
        MailingPaused(mailing_id=MAILING, paused_at=now),
        MailingResumed(mailing_id=MAILING, resumed_at=now),
        MailingStopped(mailing_id=MAILING, stopped_at=now),
    ]
    await control(world.pool, *story, version=1)
    before = await controls(world)

    for version, event in enumerate(story, start=1):
        await control(world.pool, event, version=version)
        assert await controls(world) == before
    await control(world.pool, *story, version=1)
    assert await controls(world) == before
    assert (before.version, before.is_paused, before.is_stopped) == (4, False, True)


async def test_a_run_begins_as_the_catalog_says_and_not_because_it_was_proposed(
    world: World,
) -> None:
    proposed = await world.schedule(is_proposal=True)
    begun = await world.begin_run(body="as it was pinned")

    (row,) = await world.rows("SELECT run_id, body, state FROM runs")

    assert tuple(row) == (begun.run_id, "as it was pinned", "waiting")
    assert proposed.run_id != begun.run_id


async def test_a_beginning_that_comes_again_changes_nothing(world: World) -> None:
    await world.begin_run(body="first")
    world.last_mailing -= 1
    await world.begin_run(body="second")

    assert await world.value("SELECT body FROM runs") == "first"


async def test_a_run_is_there_once_with_its_trace_however_often_it_is_heard_of(
    world: World,
) -> None:
    now = await world.now()
    run = await world.schedule(starts_at=now, ends_at=now + HOUR, body="{{ phone }}", subject="S")
    world.last_mailing = 0
    await world.schedule(body="another")

    (row,) = await world.rows("SELECT * FROM runs")
    assert (row.run_id, row.mailing_id, row.body) == (run.run_id, run.mailing_id, "{{ phone }}")
    assert (row.state, row.traceparent, row.subject) == ("waiting", TRACE, "S")
    assert (row.starts_at, row.ends_at) == (now, now + HOUR)
    assert row.filter == {"operator_codes": [], "tags": []}


@pytest.mark.parametrize("stop", ["stop", "delete"])
async def test_a_stop_that_overtakes_its_run_holds(world: World, stop: str) -> None:
    await world.know_clients([1])
    run = await world.schedule()
    await getattr(run, stop)()
    await run.begin()
    await planning.expand(world.pool, CHANNELS)
    gateway = FakeGateway()

    await work(await alive(world, gateway))
    await world.end()

    assert gateway.messages == []
    assert await prove(world.pool) == {State.CANCELLED: 1}


async def test_the_earlier_end_counts(world: World) -> None:
    run = await world.plan(2)
    await run.change_end(await world.now() - timedelta(seconds=1))

    await world.end()

    assert await run.status() == "finished"
    assert await prove(world.pool) == {State.EXPIRED: 2}

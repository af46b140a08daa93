"""The reasons of a run: groups that add up to what the ledger says of each message."""

from base64 import urlsafe_b64decode
from collections import Counter
from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from services.dispatcher.domain.message import RunUnknown
from services.dispatcher.domain.retention import MessagesDeleted
from services.dispatcher.handlers.archiving import archive
from services.dispatcher.queries import reasons as queries
from services.dispatcher.queries.messages import Wanted, message, messages
from services.dispatcher.queries.reasons import ReasonView
from services.dispatcher.queue import planning as planning_queue
from services.dispatcher.queue import totals
from shared.contracts.dispatcher import State
from shared.database import autocommit
from tests.dispatcher.world import (
    ACCEPTED,
    HOUR,
    NOT_PROCESSED,
    REFUSED,
    UNKNOWN,
    FakeGateway,
    Run,
    World,
    alive,
    client,
    fetch,
    give_back,
    work,
)

MINUTE = timedelta(minutes=1)
CREATED = replace(ACCEPTED, reason="created", status_code=201)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning_queue, "CHUNK", 4)


async def pages(run: Run) -> list[list[ReasonView]]:
    found: list[list[ReasonView]] = []
    cursor: str | None = None
    while True:
        async with autocommit(run.world.pool) as db:
            items, following = await queries.reasons(db, run.run_id, cursor)
        found.append(items)
        if following is None:
            return found
        cursor = urlsafe_b64decode(following).decode()  # as the door does


async def reasons(run: Run) -> Counter[tuple[State, str | None, int | None]]:
    """Return how many messages are in each group, all pages together; each has its example."""
    counted: Counter[tuple[State, str | None, int | None]] = Counter()
    for each in [each for page in await pages(run) for each in page]:
        counted[each.status, each.reason, each.status_code] += each.count
        async with autocommit(run.world.pool) as db:
            example = await message(db, each.example_message_id)
        assert (example.status, example.reason) == (each.status, each.reason)
        codes = [one.status_code for one in example.attempts_log if one.kind != "start"]
        assert (codes or [None])[-1] == each.status_code
    return counted


async def one_by_one(run: Run) -> Counter[tuple[State, str | None]]:
    async with autocommit(run.world.pool) as db:
        items, _ = await messages(db, Wanted(run_id=run.run_id), None, 1_000)
    return Counter((each.status, each.reason) for each in items)


async def mixed(world: World, *, packs: bool) -> Run:
    """Return a run of which messages came to everything that there is."""
    await world.know_clients([10], phone=None)
    await world.know_clients(range(1, 25))
    run = await world.plan()
    script: dict[int, Any] = {2: [REFUSED], 3: [UNKNOWN, UNKNOWN], 4: [NOT_PROCESSED] * 9}
    script |= {5: [None], 6: [None], 7: [CREATED], 11: [NOT_PROCESSED], 20: [None]}
    await world.forget_client(9)
    sender = await alive(world, FakeGateway(script, is_idempotent=False), packs=packs)
    await work(sender)
    await world.pass_time(MINUTE)
    await give_back(sender)
    await work(sender)
    return run


@pytest.mark.parametrize("at_most", [1, 5, 1_000])
@pytest.mark.parametrize("packs", [True, False])
async def test_the_groups_of_all_pages_add_up_to_all_messages(
    world: World, monkeypatch: pytest.MonkeyPatch, at_most: int, *, packs: bool
) -> None:
    run = await mixed(world, packs=packs)
    monkeypatch.setattr(queries, "MESSAGES", at_most)

    found = await reasons(run)

    assert found == {
        (State.DELIVERED, "accepted", 200): 15,
        (State.DELIVERED, "created", 201): 1,
        (State.FAILED, "status_400", 400): 1,
        (State.FAILED, "no_phone", None): 1,
        (State.UNDETERMINED, "timeout", None): 1,
        (State.RETRY, "status_500", 500): 1,
        (State.CANCELLED, "client_removed", None): 1,
        (State.PLANNED, None, None): 3,
    }
    assert Counter({key[:2]: n for key, n in found.items()}) == await one_by_one(run)
    assert (len(await pages(run)) > 1) == (at_most < 1_000)
    for page in await pages(run):
        assert page == sorted(page, key=lambda each: (each.status, -each.count))


async def test_what_its_end_left_is_grouped_as_well(world: World) -> None:
    run, stopped = await world.plan(9), await world.plan()
    gateway = FakeGateway({1: [NOT_PROCESSED] * 99, 6: [None]})
    sender = await alive(world, gateway)
    await fetch(sender)
    while await sender.record():
        pass
    late = await world.plan(ends_at=await world.now() + MINUTE)
    await stopped.stop()
    await world.pass_time(HOUR)
    gateway.answer(6, ACCEPTED)
    await work(sender)
    await world.end()

    assert (await reasons(late))[State.EXPIRED, None, None] == 9
    for each in (run, stopped, late):
        by_state: Counter[State] = Counter()
        for (state, *_), count in (await reasons(each)).items():
            by_state[state] += count
        async with autocommit(world.pool) as db:
            assert by_state == (await totals.totals_of(db, [each.run_id]))[each.run_id]


async def test_a_stopped_run_that_nobody_claimed_is_cancelled_for_that_reason(
    world: World,
) -> None:
    run = await world.plan(5)
    await run.stop()
    await world.end()

    assert await reasons(run) == {(State.CANCELLED, "mailing_stopped", None): 5}


async def test_what_a_block_delivered_and_has_a_row_as_well_counts_once(world: World) -> None:
    run = await world.plan(4)
    await work(await alive(world, FakeGateway()))
    statement = text("""
        INSERT INTO exceptions (
            run_id, client_id, chunk, state, attempts, attempt, version, unknowns
        ) VALUES (:run_id, :client_id, 0, 'delivered', 2, 2, 2, 1)
    """)

    async with world.pool.connect() as db:  # rolled back: there is no event of it
        await db.execute(statement, {"run_id": run.run_id, "client_id": client(1)})
        [group], _ = await queries.reasons(db, run.run_id, None)

    assert (group.status, group.reason, group.count) == (State.DELIVERED, "accepted", 4)


async def test_a_run_without_messages_has_no_reasons_and_no_run_has_none(world: World) -> None:
    run = await world.plan()

    assert await pages(run) == [[]]
    with pytest.raises(RunUnknown):
        await pages(Run(world, run.mailing_id, run.mailing_id))


async def test_the_reasons_of_an_archived_run_are_gone(world: World) -> None:
    run = await world.plan(1)
    await work(await alive(world, FakeGateway()))
    await world.end()
    await world.pass_time(HOUR)
    await archive(world.pool, await world.now())

    with pytest.raises(MessagesDeleted):
        await pages(run)

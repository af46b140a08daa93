"""Plain results at rest: one row for many messages, shown and counted as rows of their own."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import pytest
from sqlalchemy import text

from services.dispatcher.domain.keys import ChunkKey
from services.dispatcher.domain.outcome import Verdict
from services.dispatcher.queries import messages
from services.dispatcher.queries.messages import Wanted
from services.dispatcher.queue import planning, recording
from services.dispatcher.queue.blocks import BlockRow, Places
from services.dispatcher.queue.exceptions import FastPathFailed
from services.dispatcher.queue.recording import Closed, LedgerBatch
from services.dispatcher.queue.totals import totals_of
from shared import ids
from shared.contracts.dispatcher import State
from shared.database import Connection, savepoint, transaction
from shared.errors import Unavailable
from tests.dispatcher.proof import prove
from tests.dispatcher.world import (
    ACCEPTED,
    NOT_PROCESSED,
    REFUSED,
    FakeGateway,
    Run,
    World,
    alive,
    client,
    fetch,
    leave_unheard,
    reap_all,
    replaced,
    work,
)

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ANSWER = '{"id":"%s","status":"accepted"}'


def accepted(own_id: str | None, answer: str = "") -> Verdict:
    return replaced(
        ACCEPTED, gateway_message_id=own_id, answer=answer or ANSWER % own_id, status_code=200
    )


SCRIPT: dict[int, list[Verdict | None]] = {
    1: [accepted("gw-1")],
    2: [NOT_PROCESSED],
    3: [accepted("gw-3")],
    4: [accepted("gw-4", '{"id":"gw-4","status":"accepted","queue":7}')],
    5: [accepted(None)],
    6: [REFUSED],
    7: [accepted("gw-7", ANSWER % "another")],
    8: [replaced(ACCEPTED, status_code=202)],
}


async def sent(world: World, *, packs: bool) -> Run:
    run = await world.plan(8)
    gateway = FakeGateway({number: list(verdicts) for number, verdicts in SCRIPT.items()})
    await work(await alive(world, gateway, packs=packs))
    return run


async def shown(world: World, run: Run) -> list[dict[str, Any]]:
    """Return all that is shown of a run's messages, but for instants."""
    async with transaction(world.pool) as db:
        found = [
            (await messages.message(db, ids.message_id(run.run_id, client(number)))).model_dump()
            for number in range(1, 9)
        ]
    for each in found:
        del each["message_id"], each["run_id"], each["mailing_id"]
        for name in ("last_attempt_at", "next_attempt_at"):
            each[name] = each[name] is not None
        for attempt in each["attempts_log"]:
            assert attempt["started_at"] <= attempt["ended_at"]
            assert attempt["latency_ms"] >= 0
            del attempt["started_at"], attempt["ended_at"], attempt["latency_ms"]
    return found


async def listed(world: World, **wanted: Any) -> list[Any]:
    async with transaction(world.pool) as db:
        found, cursor = await messages.messages(db, Wanted(**wanted), None, 50)
    assert cursor is None
    return found


async def test_a_message_in_a_block_is_shown_as_if_it_had_rows(world: World) -> None:
    packed = await sent(world, packs=True)
    numbers = await world.value("SELECT count(*) FROM blocks")
    single = await sent(world, packs=False)

    assert await shown(world, packed) == await shown(world, single)
    assert numbers == 2  # one for each status
    assert await world.value("SELECT count(*) FROM blocks") == numbers
    rows = await world.rows("SELECT client_id FROM attempts WHERE run_id = :id", id=packed.run_id)
    assert [row.client_id for row in rows] == [client(2), client(6)]


@pytest.mark.parametrize("status", [*State, None])
async def test_lists_look_into_blocks(world: World, status: State | None) -> None:
    packed, single = await sent(world, packs=True), await sent(world, packs=False)

    of_both = [
        [each.client_id for each in await listed(world, run_id=run.run_id, status=status)]
        for run in (packed, single)
    ]

    assert of_both[0] == of_both[1]
    assert bool(of_both[0]) == (status in (None, State.DELIVERED, State.RETRY, State.FAILED))
    of_client = await listed(world, client_id=client(3), status=status)
    assert len(of_client) == 2 * (status in (None, State.DELIVERED))


async def test_what_is_in_blocks_counts_among_the_totals(world: World) -> None:
    run = await sent(world, packs=True)

    async with transaction(world.pool) as db:
        assert (await totals_of(db, [run.run_id]))[run.run_id] == {
            State.DELIVERED: 6,
            State.RETRY: 1,
            State.FAILED: 1,
        }
    await prove(world.pool)


async def test_a_message_in_a_block_that_has_a_row_as_well_counts_by_its_row(
    world: World,
) -> None:
    run = await sent(world, packs=True)

    async with undone(world) as db:
        values = {"client_id": client(1), "run_id": run.run_id}
        await db.execute(
            text("""
                INSERT INTO exceptions (
                    run_id, client_id, chunk, state, attempts, attempt, version, unknowns
                ) VALUES (:run_id, :client_id, 0, 'undetermined', 2, 2, 2, 1)
            """),
            values,
        )

        totals = (await totals_of(db, [run.run_id]))[run.run_id]
        assert (totals[State.DELIVERED], totals[State.UNDETERMINED]) == (5, 1)


@pytest.mark.parametrize("answer", ["to 79160000001", "for Client 1!", "a@example.com"])
async def test_no_block_holds_an_answer_that_names_the_client(world: World, answer: str) -> None:
    await world.know_clients([1], email="A@example.com")
    await world.plan(0)
    gateway = FakeGateway({1: [accepted("gw-1", answer)]})

    await work(await alive(world, gateway))

    assert await world.value("SELECT count(*) FROM blocks") == 0
    assert await world.value("SELECT answer FROM attempts") == answer


def block(run: Run, *places: int, epoch: int = 1, number: int = 9) -> BlockRow:
    bits = sum(1 << (3 - place) for place in places)
    return BlockRow(
        chunk=ChunkKey(run.run_id, 0),
        epoch=epoch,
        number=number,
        places=Places(bits, 3),
        started_at=NOON,
        starts=bytes(4 * len(places)),
        durations=bytes(4 * len(places)),
        reason="accepted",
        status_code=200,
        gateway_ids=None,
        answer="",
        answers=None,
    )


@pytest.mark.parametrize(
    ("blocks", "is_recorded"),
    [
        ([((1, 2), 1, 1)], True),
        ([((1,), 1, 1), ((2, 3), 1, 2)], True),
        ([((1,), 2, 1)], False),  # the lease of another epoch
        ([((1,), 1, 1), ((2,), 2, 2)], False),  # of two leases
        ([((1,), 2, 1), ((2,), 1, 2)], False),
    ],
)
async def test_a_block_is_recorded_under_its_own_lease_only(
    world: World, blocks: list[tuple[tuple[int, ...], int, int]], *, is_recorded: bool
) -> None:
    run = await world.plan(3)
    sender_id = await leasing(world)
    rows = [block(run, *places, epoch=epoch, number=n) for places, epoch, n in blocks]

    async with undone(world) as db:
        assert await recorded(db, sender_id, rows) == is_recorded
        numbers = await db.scalar(text("SELECT count(*) FROM blocks"))
        assert numbers == len(blocks) * is_recorded


async def test_what_is_in_a_block_is_in_no_second_one(world: World) -> None:
    run = await world.plan(3)
    sender_id = await leasing(world)

    async with undone(world) as db:
        assert await recorded(db, sender_id, [block(run, 1, 2, number=1)])
        assert not await recorded(db, sender_id, [block(run, 2, 3, number=2)])
        assert await recorded(db, sender_id, [block(run, 3, number=3)])

        assert await db.scalar(text("SELECT CAST(recorded AS text) FROM chunks")) == "111"


async def test_nobody_else_records_what_a_sender_has_leased(world: World) -> None:
    run = await world.plan(3)
    await leasing(world)
    other = await alive(world, FakeGateway())

    async with undone(world) as db:
        assert not await recorded(db, other.lease.sender_id, [block(run, 1)])


async def leasing(world: World) -> UUID | None:
    """Return a sender that has leased all there is."""
    gateway = FakeGateway()
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)
    return sender.lease.sender_id


@asynccontextmanager
async def undone(world: World) -> AsyncIterator[Connection]:
    """Give a transaction that is rolled back: what is recorded in it has no events."""
    async with world.pool.connect() as db:
        yield db


async def recorded(db: Connection, sender_id: UUID | None, rows: list[BlockRow]) -> bool:
    assert sender_id is not None
    closed = {rows[0].chunk: Closed(finals=0)}
    try:
        async with savepoint(db):
            await recording.record(db, sender_id, LedgerBatch(blocks=rows, closed=closed), None)
    except FastPathFailed:
        return False
    return True


async def test_what_is_on_record_already_keeps_nothing_of_its_batch_from_being_recorded_once(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of two chunks in a batch one fits: nothing is written of either, and both go carefully."""
    monkeypatch.setattr(planning, "CHUNK", 2)
    await world.plan(4)
    gateway = FakeGateway()
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)
    gateway.answer(1, ACCEPTED)
    with monkeypatch.context() as patched:
        leave_unheard(patched, recording, "record")
        with pytest.raises(Unavailable):
            await sender.record()
    for number in (2, 3, 4):
        gateway.answer(number, ACCEPTED)

    await work(sender)

    assert await prove(world.pool) == {State.DELIVERED: 4}
    assert await world.value("SELECT count(*) FROM blocks") == 1


async def test_a_sender_that_was_reaped_knows_it_once_it_records(world: World) -> None:
    await world.plan(2)
    gateway = FakeGateway()
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)
    gateway.answer_all(ACCEPTED)
    await reap_all(world)

    await sender.record()

    assert sender.lease.sender_id is None
    assert await prove(world.pool) == {State.DELIVERED: 2}

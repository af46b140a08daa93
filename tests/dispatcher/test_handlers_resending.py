"""What did not arrive of a run is sent again by another one, to exactly those clients."""

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final
from uuid import UUID

import pytest
from sqlalchemy import text

from services.dispatcher.domain.message import RunUnknown
from services.dispatcher.domain.resend import (
    Chosen,
    MailingIsStopped,
    NothingToResend,
    Resendable,
    ResendDiffers,
    ResendUnderWay,
    RunNotEnded,
)
from services.dispatcher.domain.retention import MessagesDeleted
from services.dispatcher.domain.switch import Move
from services.dispatcher.handlers import planning
from services.dispatcher.handlers.archiving import archive
from services.dispatcher.handlers.resending import NewResend, count, resend
from services.dispatcher.queries import runs as queries
from services.dispatcher.queue import planning as planning_queue
from services.dispatcher.queue import resending
from shared import ids
from shared.contracts.dispatcher import MessagesPlanned, RunFinished, RunResent, State
from shared.database import autocommit, transaction
from shared.testing import eventually
from tests.dispatcher.described import HTTP, describe
from tests.dispatcher.proof import prove, told
from tests.dispatcher.world import (
    ACCEPTED,
    CHANNELS,
    HOUR,
    REFUSED,
    UNKNOWN,
    FakeGateway,
    Run,
    World,
    alive,
    client,
    fetch,
    give_back,
    numbers,
    work,
)

if TYPE_CHECKING:
    from services.dispatcher.domain.outcome import Verdict

MINUTE = timedelta(minutes=1)
FAILED: Final = State.FAILED
EXPIRED: Final = State.EXPIRED
UNDETERMINED: Final = State.UNDETERMINED
ALL: tuple[Resendable, ...] = (FAILED, EXPIRED, UNDETERMINED, State.CANCELLED)


@pytest.fixture(autouse=True)
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let a chunk hold two messages, and a step write three of them."""
    monkeypatch.setattr(planning_queue, "CHUNK", 2)
    monkeypatch.setattr(planning_queue, "AT_ONCE", 3)


async def ended(world: World, clients: int = 20) -> Run:
    """Return a finished run: 2 and 9 failed, 3 is undetermined, all from 11 on expired."""
    run = await world.plan(clients)
    script: dict[int, list[Verdict | None]] = {2: [REFUSED], 3: [UNKNOWN], 9: [REFUSED]}
    gateway = FakeGateway(script, is_idempotent=False, resends_unknown=False, connections=10)
    sender = await alive(world, gateway)
    await send_first(world, sender, 10)
    await world.pass_time(HOUR)
    await world.end()
    assert await run.status() == "finished"
    return run


async def send_first(world: World, sender: Any, number: int) -> None:
    """Send only to the first clients: the chunks of the others wait for tomorrow."""
    async with transaction(world.pool) as db:
        later = "UPDATE chunks SET due_at = due_at + interval '1 day' WHERE client_ids[1] > :last"
        await db.execute(text(later), {"last": client(number)})
    await work(sender)
    await sender.claimer.leave()


def chosen(run: Run, *statuses: Resendable, reasons: tuple[str, ...] = ()) -> Chosen:
    return Chosen(run.run_id, statuses, reasons)


async def again(world: World, of: Chosen, run_id: UUID | None = None) -> Run:
    """Send again, within an hour; return the new run, written down."""
    made = run_id or ids.new_id()
    ends_at = await world.now() + HOUR
    await resend(world.pool, NewResend(of, made, None, ends_at, "anna"))
    while await planning.expand(world.pool, CHANNELS):
        pass
    mailing = await world.value("SELECT mailing_id FROM runs WHERE run_id = :id", id=made)
    return Run(world, made, mailing)


async def members(world: World, run: Run) -> list[int]:
    rows = await world.rows(
        "SELECT unnest(client_ids) AS id FROM chunks WHERE run_id = :run_id ORDER BY chunk",
        run_id=run.run_id,
    )
    return [row.id.int & 0xFFFF for row in rows]


@pytest.mark.parametrize(
    ("statuses", "reasons", "expected"),
    [
        ([FAILED], (), [2, 9]),
        ([UNDETERMINED], (), [3]),
        ([EXPIRED], (), [*range(11, 21)]),
        ([FAILED, UNDETERMINED], (), [2, 3, 9]),
        ([FAILED, EXPIRED], (), [2, 9, *range(11, 21)]),
        ([FAILED, UNDETERMINED], ("timeout",), [3]),
        ([FAILED, EXPIRED], ("status_400", ""), [2, 9, *range(11, 21)]),
        ([FAILED, EXPIRED], ("",), [*range(11, 21)]),
    ],
)
async def test_a_resend_goes_to_exactly_those_clients_once_and_counts_them_before(
    world: World, statuses: list[Any], reasons: tuple[str, ...], expected: list[int]
) -> None:
    run = await ended(world)
    of = chosen(run, *statuses, reasons=reasons)
    assert (await count(world.pool, of)).clients == len(expected)

    made = await again(world, of)
    gateway = FakeGateway()
    await work(await alive(world, gateway))
    await world.end()

    assert await members(world, made) == expected
    assert numbers(gateway) == expected
    assert (await made.status(), await run.status()) == ("finished", "finished")
    await prove(world.pool)


async def test_what_was_cancelled_with_the_run_is_sent_again_by_its_reason(world: World) -> None:
    run = await world.plan(5)
    await run.switch(Move.STOP)
    await world.end()

    of_run = chosen(run, State.CANCELLED, reasons=("run_stopped",))
    of_mailing = chosen(run, State.CANCELLED, reasons=("mailing_stopped",))
    assert [(await count(world.pool, each)).clients for each in (of_run, of_mailing)] == [5, 0]
    made = await again(world, chosen(run, State.CANCELLED))
    gateway = FakeGateway()
    await work(await alive(world, gateway))

    assert await members(world, made) == numbers(gateway) == [1, 2, 3, 4, 5]


async def test_what_arrived_of_a_chunk_that_expired_is_not_sent_again(world: World) -> None:
    run = await world.plan(2)
    gateway = FakeGateway({1: [None]}, connections=1)
    sender = await alive(world, gateway)
    await fetch(sender)
    await world.pass_time(HOUR)
    await give_back(sender)
    gateway.answer(1, ACCEPTED)
    await work(sender)
    await give_back(sender)
    await world.end()
    assert await prove(world.pool) == {State.DELIVERED: 1, EXPIRED: 1}

    assert await members(world, await again(world, chosen(run, EXPIRED))) == [2]


async def test_its_events_are_those_of_any_run_behind_the_one_that_links_it(world: World) -> None:
    run = await ended(world)

    made = await again(world, chosen(run, FAILED, UNDETERMINED, reasons=("status_400",)))
    await work(await alive(world, FakeGateway()))
    await world.end()

    events = [each for each in await told(world.pool) if each.run_id == made.run_id]
    assert isinstance(events[0], RunResent)
    assert (events[0].resent_from, events[0].mailing_id) == (run.run_id, run.mailing_id)
    assert (events[0].statuses, events[0].reasons) == ([FAILED, UNDETERMINED], ["status_400"])
    assert events[0].by == "anna"
    assert isinstance(events[1], MessagesPlanned)
    assert isinstance(events[-1], RunFinished)
    assert (events[-1].totals, events[-1].is_last) == ({State.DELIVERED: 2}, False)
    async with autocommit(world.pool) as db:
        assert (await queries.run(db, made.run_id)).resent_from == run.run_id


async def test_a_client_without_a_contact_fails_again_and_one_that_has_it_now_does_not(
    world: World,
) -> None:
    await describe(world.pool, "http", HTTP, now=await world.now())
    await world.know_clients([1, 2], phone=None)
    run = await world.plan()
    await world.end()
    await world.know_clients([3])  # is in no run
    await world.pass_time(MINUTE)
    async with transaction(world.pool) as db:
        await db.execute(
            text("UPDATE clients SET phone = '79160000001' WHERE client_id = :id"),
            {"id": client(1)},
        )

    assert await count(world.pool, chosen(run, FAILED)) == (2, 1)
    await again(world, chosen(run, FAILED))
    gateway = FakeGateway()
    await work(await alive(world, gateway))

    assert numbers(gateway) == [1]
    assert await prove(world.pool) == {State.FAILED: 3, State.DELIVERED: 1}


async def test_a_mailing_that_has_ended_holds_no_resend_by_its_pause_or_its_end(
    world: World,
) -> None:
    run = await world.plan(2)
    await run.change_end(await world.now() + HOUR / 2)
    await run.pause()
    await world.pass_time(HOUR)
    await world.end()

    made = await again(world, chosen(run, EXPIRED))
    gateway = FakeGateway()
    sender = await alive(world, gateway)
    await made.switch(Move.PAUSE)
    await work(sender)
    assert gateway.messages == []
    await made.switch(Move.RESUME)
    await sender.renew()
    await work(sender)

    assert numbers(gateway) == [1, 2]


async def test_a_repeated_request_makes_one_run_and_another_under_its_key_is_refused(
    world: World,
) -> None:
    run = await ended(world)
    of, made = chosen(run, FAILED), ids.new_id()
    new = NewResend(of, made, None, await world.now() + HOUR)

    assert [(await resend(world.pool, new)).clients for _ in range(2)] == [2, 2]
    other = NewResend(chosen(run, EXPIRED), made, None, new.ends_at)
    with pytest.raises(ResendDiffers):
        await resend(world.pool, other)

    assert await world.value("SELECT count(*) FROM runs") == 2


async def test_while_one_is_under_way_nobody_sends_the_same_again(world: World) -> None:
    run = await ended(world)
    made = await again(world, chosen(run, FAILED))

    with pytest.raises(ResendUnderWay):
        await again(world, chosen(run, FAILED))
    with pytest.raises(ResendUnderWay):
        await count(world.pool, chosen(run, FAILED))
    await work(await alive(world, FakeGateway({2: [REFUSED], 9: [REFUSED]})))
    await world.end()

    assert await members(world, await again(world, chosen(made, FAILED))) == [2, 9]


async def sent_again(world: World, of: Chosen, script: dict[int, list[Any]] | None = None) -> Run:
    """Send again, until it has ended; return the run that did it."""
    made = await again(world, of)
    gateway = FakeGateway(script or {}, is_idempotent=False, resends_unknown=False)
    await work(await alive(world, gateway))
    await world.end()
    assert await made.status() == "finished"
    return made


async def test_who_got_it_by_a_resend_is_left_out_of_the_next_one_of_the_same_run(
    world: World,
) -> None:
    run = await ended(world)
    await sent_again(world, chosen(run, FAILED, EXPIRED), {9: [REFUSED], 14: [REFUSED]})

    both = chosen(run, FAILED, EXPIRED)
    assert (await count(world.pool, both)).clients == 2
    assert await members(world, await sent_again(world, both)) == [9, 14]
    with pytest.raises(NothingToResend):
        await again(world, both)


async def test_who_got_it_by_a_resend_of_a_resend_is_left_out_too(world: World) -> None:
    run = await ended(world)
    second = await sent_again(world, chosen(run, FAILED), {2: [REFUSED], 9: [REFUSED]})
    third = await sent_again(world, chosen(second, FAILED), {9: [REFUSED]})

    assert [
        (await count(world.pool, chosen(each, FAILED))).clients for each in (run, second, third)
    ] == [1, 1, 1]
    assert await members(world, await again(world, chosen(run, FAILED))) == [9]


async def test_who_may_have_got_it_by_a_resend_is_sent_to_again_only_if_that_is_asked_for(
    world: World,
) -> None:
    run = await ended(world)
    made = await sent_again(world, chosen(run, FAILED, UNDETERMINED), {2: [UNKNOWN], 3: [REFUSED]})

    of_both = chosen(run, FAILED, UNDETERMINED)
    assert (await count(world.pool, chosen(run, FAILED))).clients == 0
    assert (await count(world.pool, of_both)).clients == 2
    # What the first run may have brought was asked for when it was sent again.
    assert await members(world, await again(world, chosen(made, FAILED))) == [3]


async def test_one_resend_of_a_run_and_its_resends_begins_at_a_time(world: World) -> None:
    run = await ended(world)
    made = await sent_again(world, chosen(run, FAILED), {2: [REFUSED], 9: [REFUSED]})

    async def is_waiting() -> bool:
        waiting = "SELECT count(DISTINCT pid) FROM pg_locks WHERE NOT granted"
        return bool(await world.value(waiting))

    async with transaction(world.pool) as db:
        await resending.hold(db, run.run_id)
        other = asyncio.create_task(again(world, chosen(made, FAILED)))
        await eventually(is_waiting, within=60)
        await resending.insert(db, await of_all_failed(world, run))
    with pytest.raises(ResendUnderWay):
        await other


async def of_all_failed(world: World, run: Run) -> RunResent:
    now = await world.now()
    return RunResent(
        run_id=ids.new_id(),
        mailing_id=run.mailing_id,
        resent_from=run.run_id,
        statuses=[FAILED],
        reasons=[],
        starts_at=now,
        ends_at=now + HOUR,
        resent_at=now,
    )


async def test_of_what_is_gone_or_never_was_nothing_is_sent_again(world: World) -> None:
    old = await ended(world)
    await archive(world.pool, await world.now() + MINUTE)
    refusals = [
        (old, MessagesDeleted),
        (Run(world, UUID(int=9), UUID(int=9)), RunUnknown),
    ]

    for run, refusal in refusals:
        with pytest.raises(refusal):
            await again(world, chosen(run, *ALL))
        with pytest.raises(refusal):
            await count(world.pool, chosen(run, *ALL))


async def test_of_a_stopped_mailing_and_of_nothing_no_run_is_made(world: World) -> None:
    going, stopped = await world.plan(1), await world.plan()
    await stopped.stop()
    await world.end()

    with pytest.raises(MailingIsStopped):
        await again(world, chosen(stopped, *ALL))
    with pytest.raises(MailingIsStopped):
        await count(world.pool, chosen(stopped, *ALL))
    with pytest.raises(RunNotEnded):
        await again(world, chosen(going, *ALL))
    with pytest.raises(RunNotEnded):
        await count(world.pool, chosen(going, *ALL))
    await work(await alive(world, FakeGateway()))
    await world.end()
    with pytest.raises(NothingToResend):
        await again(world, chosen(going, *ALL))


async def test_what_is_sent_again_goes_by_the_turns_and_the_retries_of_its_mailing(
    world: World,
) -> None:
    run = await ended(world)
    says = "priority = 'urgent', max_attempts = 3, on_unknown = 'prefer_silence'"
    says += ", message_class = 'critical'"
    await world.rows(f"UPDATE runs SET {says} RETURNING run_id")

    made = await again(world, chosen(run, FAILED))

    names = "priority, max_attempts, on_unknown, message_class"
    rows = await world.rows(f"SELECT {names} FROM runs WHERE run_id = :id", id=made.run_id)
    assert [tuple(row) for row in rows] == [("urgent", 3, "prefer_silence", "critical")]

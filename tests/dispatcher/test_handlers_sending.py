"""A sender: what it starts, what it does not, and what it gives back."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from msgspec.structs import replace
from sqlalchemy import text

from services.dispatcher.domain.outcome import Verdict
from services.dispatcher.handlers import backlog, batching
from services.dispatcher.handlers import claiming as claiming_handler
from services.dispatcher.handlers.gateway_tests import send_one
from services.dispatcher.handlers.sending import Sender
from services.dispatcher.queue import leasing as leasing_queue
from services.dispatcher.queue import planning as planning_queue
from services.dispatcher.queue import recording as ledger
from services.dispatcher.queue import starts
from services.dispatcher.queue.exceptions import FastPathFailed
from shared.contracts.dispatcher import MessageAttempted, MessageCancelled, State
from shared.database import Connection, Pool, transaction
from shared.errors import Unavailable
from tests.dispatcher.proof import prove, told
from tests.dispatcher.world import (
    ACCEPTED,
    CHANNELS,
    HOUR,
    LAST_START,
    LIMITS,
    NOT_PROCESSED,
    REFUSED,
    TRACE,
    UNKNOWN,
    FakeGateway,
    World,
    alive,
    fetch,
    give_back,
    lasting,
    leave_unheard,
    numbers,
    reap_all,
    registered,
    work,
)

SECOND = timedelta(seconds=1)
KINDS = pytest.mark.parametrize("is_idempotent", [True, False])


async def attempts(world: World) -> list[tuple[int, int, str, str | None]]:
    """Return client, number, kind and outcome of all attempts, in order."""
    rows = await world.rows("SELECT * FROM all_attempts ORDER BY client_id, attempt, kind DESC")
    return [(r.client_id.int & 0xFFFF, r.attempt, r.kind, r.outcome) for r in rows]


# What goes out


async def test_a_subject_stays_one_line_whatever_a_client_has(world: World) -> None:
    await world.plan(1, subject="Dear {{ comment }}")
    await world.know(registered(1, comment="a\r\nBcc: b@example.com"), version=2)
    gateway = FakeGateway()

    await work(await alive(world, gateway))

    assert [message.subject for message in gateway.messages] == ["Dear a Bcc: b@example.com"]


async def test_a_mail_has_its_html_and_the_sender_of_its_mailing(world: World) -> None:
    mail = {"html": "<p>{{ full_name }}</p>", "sender": "Shop <news@shop.example>"}
    await world.plan(1, **mail)
    await world.plan(1)
    await world.know(registered(1, full_name="A&B"), version=2)
    gateway = FakeGateway()

    await work(await alive(world, gateway))

    sent = {(message.html, message.sender) for message in gateway.messages}
    assert sent == {("<p>A&amp;B</p>", "Shop <news@shop.example>"), (None, None)}


@KINDS
async def test_every_message_is_sent_once_in_order(world: World, *, is_idempotent: bool) -> None:
    run = await world.plan(5, body="Hi {{ full_name }}", subject="{{ phone }}")
    gateway = FakeGateway(is_idempotent=is_idempotent)

    await work(await alive(world, gateway))

    assert numbers(gateway) == [1, 2, 3, 4, 5]
    message = gateway.messages[1]
    assert (message.text, message.subject) == ("Hi Client 2", "79160000002")
    assert (message.phone, message.traceparent) == ("79160000002", TRACE.encode())
    await world.end()
    assert await run.status() == "finished"
    assert await prove(world.pool) == {State.DELIVERED: 5}


async def test_a_message_has_the_newest_contact(world: World) -> None:
    await world.plan(1)
    await world.know(registered(1, phone="79990000000", full_name="Anna"), version=2)
    gateway = FakeGateway()

    await work(await alive(world, gateway))

    assert (gateway.messages[0].phone, gateway.messages[0].text) == ("79990000000", "Hello Anna")


async def test_a_removed_client_gets_nothing_and_the_message_is_cancelled(world: World) -> None:
    run = await world.plan(3)
    await world.forget_client(2)
    gateway = FakeGateway()

    await work(await alive(world, gateway))

    assert numbers(gateway) == [1, 3]
    (cancelled,) = [e for e in await told(world.pool) if isinstance(e, MessageCancelled)]
    assert cancelled.reason == "client_removed"
    await world.end()
    assert await run.status() == "finished"


@pytest.mark.parametrize(
    ("verdict", "state"), [(NOT_PROCESSED, State.CANCELLED), (UNKNOWN, State.UNDETERMINED)]
)
async def test_a_client_removed_before_a_retry_ends_as_what_is_known(
    world: World, verdict: Any, state: State
) -> None:
    await world.plan(1)
    gateway = FakeGateway({1: [verdict]})
    sender = await alive(world, gateway)
    await work(sender)
    await world.forget_client(1)
    await world.pass_time(60 * SECOND)
    await give_back(sender)

    await work(sender)

    assert len(gateway.messages) == 1
    assert await prove(world.pool) == {state: 1}


async def test_a_client_who_lost_the_phone_after_the_plan_fails(world: World) -> None:
    await world.plan(2)
    await world.know(registered(1, phone=None), version=2)
    gateway = FakeGateway()

    await work(await alive(world, gateway))

    assert numbers(gateway) == [2]
    assert await prove(world.pool) == {State.FAILED: 1, State.DELIVERED: 1}


@pytest.mark.parametrize("wrong", ["{{ nick }}", "{{ full_name", "{% if x %}"])
@pytest.mark.parametrize("field", ["body", "subject", "html"])
async def test_messages_whose_text_is_no_template_fail_and_say_so_and_others_are_sent(
    world: World, field: str, wrong: str
) -> None:
    bad = await world.plan(3, **{field: wrong})
    good = await world.plan()

    await work(await alive(world, FakeGateway()))
    await world.end()

    rows = await world.rows("SELECT run_id, state, reason, attempts FROM exceptions")
    assert set(map(tuple, rows)) == {(bad.run_id, "failed", "template_invalid", 0)}
    assert await prove(world.pool) == {State.FAILED: 3, State.DELIVERED: 3}
    assert {await bad.status(), await good.status()} == {"finished"}


@pytest.mark.parametrize(
    ("verdict", "state"), [(NOT_PROCESSED, State.FAILED), (UNKNOWN, State.UNDETERMINED)]
)
async def test_retries_whose_text_is_no_template_end_as_what_is_known(
    world: World, verdict: Verdict, state: State
) -> None:
    run = await world.plan(1)
    await work(await alive(world, FakeGateway({1: [verdict]})))
    await world.rows("UPDATE runs SET body = '{{ nick }}' RETURNING run_id")
    await world.pass_time(HOUR / 2)
    gateway = FakeGateway()

    await work(await alive(world, gateway))
    await world.end()

    assert numbers(gateway) == []
    [row] = await world.rows("SELECT state, reason, attempts FROM exceptions")
    assert tuple(row) == (state, "template_invalid", 1)
    assert await prove(world.pool) == {state: 1}
    assert await run.status() == "finished"


async def test_no_more_is_under_way_than_the_gateway_takes(world: World) -> None:
    await world.plan(5)
    gateway = FakeGateway(connections=2)
    gateway.is_hanging = True
    sender = await alive(world, gateway)

    await fetch(sender)

    assert (sender.in_flight, gateway.free, numbers(gateway)) == (2, 0, [1, 2])
    gateway.answer(1, ACCEPTED)
    await asyncio.sleep(0)
    assert numbers(gateway) == [1, 2, 3]
    gateway.is_hanging = False
    gateway.answer_all(ACCEPTED)
    await work(sender)
    assert await prove(world.pool) == {State.DELIVERED: 5}


async def test_what_was_taken_in_time_and_is_too_late_at_its_turn_does_not_start(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.plan(3)
    gateway = FakeGateway(connections=3)
    sender = await alive(world, gateway)
    gateway.is_closed = True
    await sender.claim()
    gateway.is_closed = False
    time, asked = sender._time, 0  # noqa: SLF001 - nobody else can stop a process here

    def stand_still() -> float:
        nonlocal asked
        asked += 1  # all are taken at the first; the second is the first one's turn
        return time() + (0 if asked <= 2 else HOUR.total_seconds())

    with monkeypatch.context() as patched:
        patched.setattr(sender, "_time", stand_still)
        sender.pump()
    assert numbers(gateway) == [1]

    await work(sender)
    assert numbers(gateway) == [1, 2, 3], "here the clock went back, and the window is open"
    assert await prove(world.pool) == {State.DELIVERED: 3}


async def test_a_plain_gateway_has_no_more_under_way_or_unrecorded_than_connections(
    world: World,
) -> None:
    await world.plan(6)
    gateway = FakeGateway(is_idempotent=False, connections=2)
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)
    gateway.answer_all(ACCEPTED)
    assert gateway.free == 2

    await sender.mark_and_start()
    assert numbers(gateway) == [1, 2], "what a crash would leave unknown is bounded"
    await sender.record()
    await sender.mark_and_start()

    assert numbers(gateway) == [1, 2, 3, 4]
    gateway.is_hanging = False
    gateway.answer_all(ACCEPTED)
    await work(sender)
    assert await prove(world.pool) == {State.DELIVERED: 6}


@KINDS
async def test_nothing_is_started_or_claimed_while_too_much_waits_to_be_recorded(
    world: World, monkeypatch: pytest.MonkeyPatch, *, is_idempotent: bool
) -> None:
    monkeypatch.setattr(backlog, "UNRECORDED_LIMIT", 2)
    await world.plan(5)
    gateway = FakeGateway(is_idempotent=is_idempotent)
    sender = await alive(world, gateway)
    await fetch(sender)
    await asyncio.sleep(0)
    assert numbers(gateway) == [1, 2]
    await world.plan()

    assert not await sender.claim()
    assert await world.value("SELECT count(*) FROM chunks WHERE state = 'leased'") == 1
    await work(sender)

    assert await prove(world.pool) == {State.DELIVERED: 10}


@KINDS
@pytest.mark.parametrize("verdict", [ACCEPTED, REFUSED, NOT_PROCESSED, UNKNOWN])
async def test_the_answer_to_a_retry_that_was_given_back_meanwhile_moves_it_all_the_same(
    world: World, verdict: Verdict, *, is_idempotent: bool
) -> None:
    await world.plan(1)
    gateway = FakeGateway({1: [NOT_PROCESSED, None]}, is_idempotent=is_idempotent)
    sender = await alive(world, gateway)
    await work(sender)
    await world.pass_time(60 * SECOND)
    await give_back(sender)
    await fetch(sender)
    await world.rows("UPDATE exceptions SET sender_id = NULL RETURNING 1")

    gateway.answer(1, verdict)
    await sender.record()

    state = {ACCEPTED: State.DELIVERED, REFUSED: State.FAILED}.get(verdict, State.RETRY)
    assert await prove(world.pool) == {state: 1}
    assert await world.value("SELECT attempt FROM exceptions") == 2


@KINDS
async def test_a_retry_that_another_has_leased_meanwhile_is_left_to_it(
    world: World, *, is_idempotent: bool
) -> None:
    await world.plan(1)
    gateway = FakeGateway({1: [NOT_PROCESSED, None]}, is_idempotent=is_idempotent)
    sender = await alive(world, gateway)
    await work(sender)
    await world.pass_time(60 * SECOND)
    await give_back(sender)
    await fetch(sender)
    other = await alive(world, FakeGateway(is_idempotent=is_idempotent))
    await world.rows(  # as if it had been reaped and claimed
        "UPDATE exceptions SET sender_id = :it, attempt = 2, unknowns = 1 RETURNING 1",
        it=other.lease.sender_id,
    )

    gateway.answer(1, REFUSED)
    await sender.record()

    assert await prove(world.pool) == {State.RETRY: 1}
    assert await world.value("SELECT attempt FROM exceptions") == 3, "the number of the other"


# The window


@KINDS
async def test_nothing_is_claimed_or_starts_before_the_window(
    world: World, *, is_idempotent: bool
) -> None:
    now = await world.now()
    await world.plan(1, starts_at=now + 60 * SECOND, ends_at=now + HOUR)
    gateway = FakeGateway(is_idempotent=is_idempotent)
    sender = await alive(world, gateway)

    await work(sender)
    assert gateway.messages == []
    assert await world.value("SELECT epoch FROM chunks") == 0
    await world.pass_time(60 * SECOND)
    await work(sender)

    assert len(gateway.messages) == 1


async def test_a_chunk_waits_for_its_own_time_though_its_run_has_begun(world: World) -> None:
    await world.plan(1)
    await world.rows("UPDATE chunks SET due_at = due_at + interval '1 minute' RETURNING 1")
    gateway = FakeGateway()
    sender = await alive(world, gateway)

    await work(sender)
    assert await world.value("SELECT epoch FROM chunks") == 0
    await world.pass_time(60 * SECOND)
    await work(sender)

    assert numbers(gateway) == [1]


@KINDS
@pytest.mark.parametrize("left", [LAST_START, LAST_START / 2, -SECOND])
async def test_nothing_starts_in_the_last_moments_of_the_window_even_if_leased(
    world: World, left: timedelta, *, is_idempotent: bool
) -> None:
    await world.plan(3)
    gateway = FakeGateway(is_idempotent=is_idempotent, connections=1)
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)
    await world.pass_time(HOUR - left)
    await give_back(sender)

    gateway.answer_all(ACCEPTED)
    await work(sender)
    await give_back(sender)

    assert numbers(gateway) == [1]
    assert await prove(world.pool) == {State.DELIVERED: 1, State.PLANNED: 2}


@KINDS
async def test_nothing_is_claimed_that_could_not_be_started(
    world: World, *, is_idempotent: bool
) -> None:
    await world.plan(1)
    await world.pass_time(HOUR - LAST_START)
    gateway = FakeGateway(is_idempotent=is_idempotent)

    await work(await alive(world, gateway))

    assert gateway.messages == []
    assert await world.value("SELECT epoch FROM chunks") == 0


async def test_a_request_is_cut_off_at_the_end_of_the_window(world: World) -> None:
    now = await world.now()
    end = now + 30 * SECOND  # long enough to get there on a busy machine
    await world.plan(1, starts_at=now, ends_at=end)
    gateway = FakeGateway({1: [None]}, is_idempotent=False, resends_unknown=False)
    sender = await alive(world, gateway, lasting(timeout_s=50))
    loop = asyncio.get_running_loop()

    await fetch(sender)

    ends = (end - await world.now()).total_seconds()
    assert gateway.deadlines[0] <= loop.time() + ends + 0.05
    gateway.answer(1, UNKNOWN)
    await work(sender)
    assert await prove(world.pool) == {State.UNDETERMINED: 1}


async def test_an_end_that_was_moved_forward_is_obeyed(world: World) -> None:
    run = await world.plan(2)
    gateway = FakeGateway(connections=1)
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)
    await run.change_end(await world.now())

    await give_back(sender)
    gateway.answer_all(ACCEPTED)

    assert numbers(gateway) == [1]
    await work(sender)


# Leases


@KINDS
async def test_nothing_starts_when_the_lease_does_not_outlast_the_request(
    world: World, *, is_idempotent: bool
) -> None:
    await world.plan(2)
    gateway = FakeGateway(is_idempotent=is_idempotent)
    sender = await alive(world, gateway, lasting(timeout_s=5, lease_s=5))

    await fetch(sender)

    assert gateway.messages == []
    await sender.stop(0)
    assert await world.value("SELECT count(*) FROM senders") == 0


async def test_nothing_starts_when_the_last_look_at_what_is_allowed_is_too_old(
    world: World,
) -> None:
    await world.plan(2)
    gateway = FakeGateway(connections=1)
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)

    sender.lease._controls_read_at -= LIMITS.controls_ttl_s + 1  # noqa: SLF001 - a read that hung
    gateway.answer(1, ACCEPTED)
    await asyncio.sleep(0)
    assert numbers(gateway) == [1]
    await sender.renew()

    assert numbers(gateway) == [1, 2]
    gateway.answer_all(ACCEPTED)
    await work(sender)


async def test_a_claim_is_no_look_at_what_is_allowed_of_runs_that_are_known(world: World) -> None:
    paused = await world.plan(2)
    gateway = FakeGateway(connections=1)
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)
    await paused.pause()
    await world.plan()
    sender.lease._controls_read_at -= LIMITS.controls_ttl_s + 1  # noqa: SLF001 - a read that hung
    gateway.answer(1, ACCEPTED)

    assert await sender.claim()

    assert numbers(gateway) == [1], "it does not know of the pause"


async def test_an_overtaken_sender_claims_nothing(world: World) -> None:
    await world.plan(1)
    sender = await alive(world, FakeGateway())
    await reap_all(world)

    assert not await sender.claim()

    assert await world.value("SELECT epoch FROM chunks") == 0


async def test_a_sender_that_has_not_shown_itself_claims_nothing(world: World) -> None:
    await world.plan(1)
    sender = Sender(world.pool, FakeGateway(), lasting())

    assert not await sender.claim()
    assert not await sender.mark_and_start()
    assert await world.value("SELECT epoch FROM chunks") == 0


@KINDS
async def test_a_paused_run_is_given_back_with_one_renewal_and_goes_on_later(
    world: World, *, is_idempotent: bool
) -> None:
    run = await world.plan(4)
    gateway = FakeGateway(is_idempotent=is_idempotent, connections=1)
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)
    await run.pause()

    await give_back(sender)
    gateway.answer_all(ACCEPTED)
    await work(sender)
    await give_back(sender)

    assert numbers(gateway) == [1]
    assert await world.value("SELECT state FROM chunks") == "planned"
    gateway.is_hanging = False
    await run.resume()
    await work(sender)
    assert numbers(gateway) == [1, 2, 3, 4]
    assert await prove(world.pool) == {State.DELIVERED: 4}


@KINDS
async def test_what_is_under_way_when_its_run_is_paused_is_sent_by_nobody_else(
    world: World, *, is_idempotent: bool
) -> None:
    run = await world.plan(2)
    gateway = FakeGateway(is_idempotent=is_idempotent, connections=1)
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)
    await run.pause()
    await give_back(sender)
    await run.resume()
    other = FakeGateway(is_idempotent=is_idempotent)

    await work(await alive(world, other))
    assert other.messages == []
    gateway.answer_all(ACCEPTED)
    await work(sender)
    await give_back(sender)
    await work(await alive(world, other))

    assert (numbers(gateway), numbers(other)) == ([1], [2])
    assert await prove(world.pool) == {State.DELIVERED: 2}


async def test_a_chunk_that_nothing_was_sent_of_goes_back_at_once(world: World) -> None:
    run = await world.plan(2)
    gateway = FakeGateway(connections=0)
    sender = await alive(world, gateway)
    await fetch(sender)
    await run.stop()

    await give_back(sender)

    assert await world.value("SELECT state FROM chunks") == "planned"
    await world.end()
    assert await prove(world.pool) == {State.CANCELLED: 2}


async def test_retries_of_a_paused_run_are_given_back_too(world: World) -> None:
    run = await world.plan(2)
    gateway = FakeGateway({1: [NOT_PROCESSED], 2: [NOT_PROCESSED]})
    sender = await alive(world, gateway)
    await work(sender)
    await world.pass_time(60 * SECOND)
    await give_back(sender)
    gateway.connections = 0
    await fetch(sender)
    await run.pause()

    await give_back(sender)

    assert await world.value("SELECT count(sender_id) FROM exceptions") == 0
    gateway.connections = 5
    await run.resume()
    await work(sender)
    assert await prove(world.pool) == {State.DELIVERED: 2}


async def test_a_renewal_does_not_wait_for_what_is_being_recorded(world: World) -> None:
    sender = await alive(world, FakeGateway())
    async with transaction(world.pool) as db:
        await leasing_queue.hold(db, await world.value("SELECT sender_id FROM senders"))

        async with asyncio.timeout(20):
            await sender.renew()


async def test_a_run_forgotten_while_its_chunk_is_claimed_is_known_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = await world.plan(1)
    gateway = FakeGateway()
    sender = await alive(world, gateway)
    await work(sender)
    await world.know_clients([2])
    async with transaction(world.pool) as db:
        await db.execute(
            text("UPDATE runs SET state = 'expanding' WHERE run_id = :it"), {"it": run.run_id}
        )
        assert await planning_queue.expand_next(db, CHANNELS) is not None
        await db.rollback()
    other = await world.plan(2)
    await fetch(sender)
    await work(sender)  # both runs are known, neither has a lease
    third = await world.plan(3)
    load = sender.claimer._load_runs  # noqa: SLF001 - a moment that cannot be met otherwise

    async def slowly(db: Connection, wanted: Any) -> Any:
        found = await load(db, wanted)
        await sender.renew()
        return found

    monkeypatch.setattr(sender.claimer, "_load_runs", slowly)
    await work(sender)

    await world.end()
    assert [await each.status() for each in (run, other, third)] == ["finished"] * 3


# Marks


async def test_a_plain_gateways_start_is_on_record_before_the_first_byte(world: World) -> None:
    await world.plan(3)
    gateway = FakeGateway(is_idempotent=False, connections=2)
    gateway.is_hanging = True
    sender = await alive(world, gateway)

    await sender.claim()
    assert gateway.messages == []
    await sender.mark_and_start()

    assert await attempts(world) == [(1, 1, "start", None), (2, 1, "start", None)]
    gateway.answer_all(ACCEPTED)
    await work(sender)
    assert await prove(world.pool) == {State.DELIVERED: 2, State.PLANNED: 1}
    gateway.answer_all(ACCEPTED)
    await work(sender)


async def test_an_idempotent_gateways_start_is_not_on_record(world: World) -> None:
    await world.plan(2)

    await work(await alive(world, FakeGateway()))

    assert await attempts(world) == [(1, 1, "answer", "accepted"), (2, 1, "answer", "accepted")]


async def test_what_could_not_be_marked_waits_and_is_sent_later(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.plan(3)
    gateway = FakeGateway(is_idempotent=False)
    sender = await alive(world, gateway)
    await sender.claim()
    with monkeypatch.context() as patched:
        leave_unheard(patched, starts, "mark")
        with pytest.raises(Unavailable):
            await sender.mark_and_start()
    assert gateway.messages == []

    await work(sender)

    assert numbers(gateway) == [1, 2, 3]
    assert [row[2] for row in await attempts(world)] == ["start", "answer"] * 3
    assert await prove(world.pool) == {State.DELIVERED: 3}


async def test_what_was_being_marked_when_it_was_told_to_stop_is_given_back(
    world: World,
) -> None:
    await world.plan(3)
    gateway = FakeGateway(is_idempotent=False)
    sender = await alive(world, gateway)
    await sender.claim()
    marking = asyncio.create_task(sender.mark_and_start())
    await asyncio.sleep(0)
    marking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await marking

    await sender.stop(5)

    assert gateway.messages == []
    assert await world.value("SELECT state FROM chunks") == "planned"
    assert await world.value("SELECT count(*) FROM senders") == 0


async def test_what_was_marked_for_too_long_does_not_start_and_that_is_on_record(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.plan(1)
    gateway = FakeGateway(is_idempotent=False)
    sender = await alive(world, gateway)
    await sender.claim()
    mark = starts.mark

    async def slowly(*args: Any) -> None:
        await mark(*args)
        sender.lease._lease_expires_at = 0.0  # noqa: SLF001 - as if it had taken a lease's time

    with monkeypatch.context() as patched:
        patched.setattr(starts, "mark", slowly)
        await sender.mark_and_start()

    assert gateway.messages == []
    await sender.record()
    assert (await attempts(world))[-1] == (1, 1, "answer", "not_processed")
    assert await prove(world.pool) == {State.RETRY: 1}


async def test_what_is_marked_when_its_gateway_has_no_room_any_more_does_not_start(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.plan(2)
    gateway = FakeGateway(is_idempotent=False, connections=2)
    sender = await alive(world, gateway)
    await sender.claim()
    mark = starts.mark

    async def with_less_room(*args: Any) -> None:
        await mark(*args)
        gateway.connections = 1

    with monkeypatch.context() as patched:
        patched.setattr(starts, "mark", with_less_room)
        await sender.mark_and_start()

    assert len(gateway.messages) == 1
    await asyncio.sleep(0)
    await sender.record()
    assert await prove(world.pool) == {State.DELIVERED: 1, State.RETRY: 1}


async def test_an_overtaken_sender_marks_and_starts_nothing(world: World) -> None:
    await world.plan(2)
    gateway = FakeGateway(is_idempotent=False)
    sender = await alive(world, gateway)
    await sender.claim()
    await reap_all(world)

    assert not await sender.mark_and_start()

    assert gateway.messages == []
    await sender.renew()
    await work(sender)
    assert numbers(gateway) == [1, 2]
    assert [row[1] for row in await attempts(world)] == [2, 2, 2, 2]


async def test_what_was_to_be_marked_when_the_lease_was_lost_does_not_wait_again(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.plan(2)
    gateway = FakeGateway(is_idempotent=False)
    sender = await alive(world, gateway)
    await sender.claim()
    mark = starts.mark

    async def late(*args: Any) -> None:
        await reap_all(world)
        await sender.renew()  # by another name from now on
        await mark(*args)

    with monkeypatch.context() as patched:
        patched.setattr(starts, "mark", late)
        assert not await sender.mark_and_start()
    await sender.renew()
    await work(sender)

    assert numbers(gateway) == [1, 2]
    assert await prove(world.pool) == {State.DELIVERED: 2}


# After failures


async def test_a_certain_failure_is_tried_again_when_it_is_due(world: World) -> None:
    await world.plan(1)
    gateway = FakeGateway({1: [NOT_PROCESSED, NOT_PROCESSED]})
    sender = await alive(world, gateway)
    await work(sender)
    assert await prove(world.pool) == {State.RETRY: 1}

    for _ in range(2):
        await world.pass_time(60 * SECOND)
        await give_back(sender)
        await work(sender)

    assert await attempts(world) == [
        (1, 1, "answer", "not_processed"),
        (1, 2, "answer", "not_processed"),
        (1, 3, "answer", "accepted"),
    ]
    assert len({each.message_id for each in gateway.messages}) == 1
    assert await prove(world.pool) == {State.DELIVERED: 1}


async def test_a_retry_waits_for_its_time(world: World) -> None:
    await world.plan(1)
    gateway = FakeGateway({1: [NOT_PROCESSED]})
    sender = await alive(world, gateway, lasting(backoff_base_s=100))
    await work(sender)
    await world.rows("UPDATE exceptions SET due_at = due_at + interval '10 seconds' RETURNING 1")

    await work(sender)

    assert len(gateway.messages) == 1


async def test_an_unknown_outcome_is_resent_to_an_idempotent_gateway_as_the_same(
    world: World,
) -> None:
    await world.plan(1)
    gateway = FakeGateway({1: [UNKNOWN] * 3})
    sender = await alive(world, gateway)
    for _ in range(4):
        await work(sender)
        await world.pass_time(60 * SECOND)
        await give_back(sender)

    assert len(gateway.messages) == 4
    assert len({each.message_id for each in gateway.messages}) == 1
    assert await prove(world.pool) == {State.DELIVERED: 1}


async def test_an_unknown_outcome_is_resent_to_a_plain_gateway_once_only(world: World) -> None:
    await world.plan(1)
    gateway = FakeGateway({1: [UNKNOWN] * 5}, is_idempotent=False)
    sender = await alive(world, gateway)
    for _ in range(4):
        await work(sender)
        await world.pass_time(60 * SECOND)
        await give_back(sender)

    assert len(gateway.messages) == 2
    assert await prove(world.pool) == {State.UNDETERMINED: 1}


@KINDS
async def test_a_refusal_is_final(world: World, *, is_idempotent: bool) -> None:
    run = await world.plan(2)
    gateway = FakeGateway({1: [REFUSED]}, is_idempotent=is_idempotent)

    await work(await alive(world, gateway))

    await world.end()
    assert await prove(world.pool) == {State.FAILED: 1, State.DELIVERED: 1}
    assert await run.status() == "finished"


async def test_the_answer_is_kept_but_not_told(world: World) -> None:
    await world.plan(1)
    verdict = replace(ACCEPTED, answer="thanks, 79160000001")

    await work(await alive(world, FakeGateway({1: [verdict]})))

    assert await world.value("SELECT answer FROM attempts") == "thanks, 79160000001"
    (event,) = [e for e in await told(world.pool) if isinstance(e, MessageAttempted)]
    assert (event.gateway_message_id, event.status_code, event.reason) == ("gw-1", 200, "accepted")
    assert b"79160000001" not in event.json()


async def test_a_gateways_identifier_with_the_clients_phone_is_kept_but_not_told(
    world: World,
) -> None:
    await world.plan(1)
    verdict = replace(ACCEPTED, gateway_message_id="echo-79160000001")

    await work(await alive(world, FakeGateway({1: [verdict]})))

    assert await world.value("SELECT gateway_message_id FROM attempts") == "echo-79160000001"
    (event,) = [e for e in await told(world.pool) if isinstance(e, MessageAttempted)]
    assert event.gateway_message_id is None


# Overtaken


@KINDS
async def test_what_is_under_way_when_it_is_overtaken_is_recorded_all_the_same(
    world: World, *, is_idempotent: bool
) -> None:
    await world.plan(3)
    gateway = FakeGateway(is_idempotent=is_idempotent, connections=2)
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)
    await reap_all(world)
    await sender.renew()

    gateway.answer(1, ACCEPTED)
    gateway.answer(2, NOT_PROCESSED)
    while len(sender.results):
        await sender.record()

    rows = [row for row in await attempts(world) if row[2] == "answer"]
    assert rows == [(1, 1, "answer", "accepted"), (2, 1, "answer", "not_processed")]
    assert await prove(world.pool) == {State.DELIVERED: 1, State.RETRY: 1, State.PLANNED: 1}
    assert numbers(gateway) == [1, 2]
    gateway.is_hanging = False
    await sender.renew()
    await world.pass_time(60 * SECOND)
    await sender.renew()
    await work(sender)
    assert await prove(world.pool) == {State.DELIVERED: 3}


# The database goes away


def break_commits(patched: pytest.MonkeyPatch, *, is_committed: bool = False) -> None:
    """Let transactions of a sender end with a lost connection, before or after the commit."""

    @asynccontextmanager
    async def broken(pool: Pool) -> AsyncIterator[Connection]:
        async with transaction(pool) as db:
            yield db
            if not is_committed:
                raise Unavailable
        raise Unavailable

    for module in (claiming_handler, batching):
        patched.setattr(module, "transaction", broken)
    patched.setattr(batching, "autocommit", broken)


@KINDS
@pytest.mark.parametrize("is_committed", [False, True])
async def test_a_claim_whose_answer_was_lost_is_made_anew(
    world: World, monkeypatch: pytest.MonkeyPatch, *, is_committed: bool, is_idempotent: bool
) -> None:
    run = await world.plan(3)
    gateway = FakeGateway(is_idempotent=is_idempotent)
    sender = await alive(world, gateway)
    with monkeypatch.context() as patched:
        break_commits(patched, is_committed=is_committed)
        with pytest.raises(Unavailable):
            await sender.claim()

    await work(sender)

    assert numbers(gateway) == [1, 2, 3]
    await world.end()
    assert await run.status() == "finished"


async def test_a_claim_of_retries_whose_answer_was_lost_is_made_anew(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.plan(3)
    gateway = FakeGateway({1: [NOT_PROCESSED], 2: [None]}, connections=2)
    sender = await alive(world, gateway)
    await fetch(sender)
    await work(sender)
    await world.pass_time(60 * SECOND)
    await give_back(sender)
    with monkeypatch.context() as patched:
        break_commits(patched, is_committed=True)
        with pytest.raises(Unavailable):
            await sender.claim()

    await work(sender)
    assert numbers(gateway) == [1, 2, 3], "first what is known of must be over"
    gateway.answer(2, ACCEPTED)
    await work(sender)

    assert numbers(gateway) == [1, 2, 3, 1]
    assert await prove(world.pool) == {State.DELIVERED: 3}


async def test_leases_that_nobody_knows_of_go_back_when_a_sender_leaves(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.plan(3)
    sender = await alive(world, FakeGateway())
    with monkeypatch.context() as patched:
        break_commits(patched, is_committed=True)
        with pytest.raises(Unavailable):
            await sender.claim()

    await sender.stop(5)

    assert await world.value("SELECT state FROM chunks") == "planned"
    assert await world.value("SELECT count(*) FROM senders") == 0


@KINDS
@pytest.mark.parametrize("is_committed", [False, True])
async def test_results_whose_commit_is_unsure_are_on_record_once(
    world: World, monkeypatch: pytest.MonkeyPatch, *, is_committed: bool, is_idempotent: bool
) -> None:
    run = await world.plan(6)
    await world.forget_client(6)
    script: dict[int, Any] = {2: [NOT_PROCESSED], 3: [UNKNOWN], 4: [REFUSED], 5: [NOT_PROCESSED]}
    gateway = FakeGateway(script, is_idempotent=is_idempotent)
    sender = await alive(world, gateway)
    for _ in range(3):
        await fetch(sender)
        await asyncio.sleep(0)
        with monkeypatch.context() as patched:
            break_commits(patched, is_committed=is_committed)
            with pytest.raises(Unavailable):
                await sender.record()
            with pytest.raises(Unavailable):
                await sender.record()
        await work(sender)
        await prove(world.pool)
        if not await world.value("SELECT count(*) FROM exceptions WHERE state = 'retry'"):
            break
        await world.pass_time(60 * SECOND)
        await give_back(sender)

    await world.end()
    assert await run.status() == "finished"
    assert await prove(world.pool) == {
        State.DELIVERED: 4,
        State.FAILED: 1,
        State.CANCELLED: 1,
    }
    assert len(gateway.messages) == 8


@KINDS
async def test_what_went_the_careful_way_goes_it_again_after_its_commit_was_lost(
    world: World, monkeypatch: pytest.MonkeyPatch, *, is_idempotent: bool
) -> None:
    """Its rows may be there: a block of the same messages would be a second record of them."""
    await world.plan(3)
    gateway = FakeGateway({3: [None]}, is_idempotent=is_idempotent)
    sender = await alive(world, gateway)
    await fetch(sender)  # the third is under way to the end: the lease lasts
    await asyncio.sleep(0)
    with monkeypatch.context() as patched:

        async def fail(*_: object) -> None:
            raise FastPathFailed

        patched.setattr(ledger, "record", fail)
        break_commits(patched, is_committed=True)
        with pytest.raises(Unavailable):
            await sender.record()

    await work(sender)
    await prove(world.pool)
    gateway.answer(3, ACCEPTED)
    await work(sender)

    assert await prove(world.pool) == {State.DELIVERED: 3}
    assert await world.value("SELECT count(*) FROM blocks") == 0


# Stopping


@KINDS
async def test_stopping_waits_for_what_is_under_way_and_gives_back_the_rest(
    world: World, *, is_idempotent: bool
) -> None:
    await world.plan(4)
    gateway = FakeGateway(is_idempotent=is_idempotent, connections=2)
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)

    stopping = asyncio.create_task(sender.stop(30))
    await asyncio.sleep(0)
    gateway.answer_all(ACCEPTED)
    await stopping

    assert numbers(gateway) == [1, 2]
    assert await prove(world.pool) == {State.DELIVERED: 2, State.PLANNED: 2}
    assert await world.value("SELECT count(*) FROM senders") == 0
    heir = FakeGateway(is_idempotent=is_idempotent)
    await work(await alive(world, heir))
    assert numbers(heir) == [3, 4]
    assert {row[1] for row in await attempts(world)} == {1}


async def test_what_does_not_end_in_time_is_cut_off_and_that_is_on_record(world: World) -> None:
    await world.plan(2)
    gateway = FakeGateway()
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)

    await sender.stop(0)

    rows = await world.rows("SELECT outcome, reason FROM attempts")
    assert [tuple(row) for row in rows] == [("unknown", "cut_off")] * 2
    assert await prove(world.pool) == {State.RETRY: 2}
    assert await world.value("SELECT count(*) FROM senders") == 0


async def test_stopping_without_the_database_ends_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.plan(2)
    gateway = FakeGateway()
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)

    with monkeypatch.context() as patched:
        break_commits(patched)
        await sender.stop(0)

    assert gateway.under_way == {}
    await reap_all(world)
    heir = FakeGateway()
    await work(await alive(world, heir))
    assert numbers(heir) == [1, 2]


async def test_a_window_that_the_driver_stores_as_infinities_is_sent_in(world: World) -> None:
    first, last = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)
    gateway = FakeGateway()
    run = await world.plan(3, starts_at=first, ends_at=last)
    await run.change_end(last)
    sender = await alive(world, gateway)

    await work(sender)
    await sender.renew()

    assert numbers(gateway) == [1, 2, 3]


async def test_small_runs_are_claimed_and_sent_many_at_once(world: World) -> None:
    await world.know_clients([1])
    runs = [await world.plan() for _ in range(3)]
    gateway = FakeGateway()
    sender = await alive(world, gateway)

    await sender.claim()
    await asyncio.sleep(0)
    assert len(gateway.messages) == len(runs)

    await work(sender)
    await world.end()
    assert {await run.status() for run in runs} == {"finished"}


async def test_a_plain_gateway_gets_no_more_beside_a_test_than_it_is_free_for(
    world: World,
) -> None:
    gateway = FakeGateway(is_idempotent=False, connections=2)
    gateway.is_hanging = True
    await world.plan(5)
    sender = await alive(world, gateway)
    contact = {"phone": "79161234567", "email": None, "subject": None}

    testing = asyncio.create_task(send_one(sender, **contact, text="Test", timeout_s=5))
    await asyncio.sleep(0)
    await fetch(sender)
    under_way = len(gateway.under_way), sender.in_flight
    gateway.answer_all(ACCEPTED)

    assert under_way == (2, 2)
    assert ((await testing).verdict, sender.in_flight) == (ACCEPTED, 0)

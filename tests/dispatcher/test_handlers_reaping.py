"""What a dead sender leaves behind, and what it says later if it was not dead after all."""

from datetime import timedelta
from typing import Any

import pytest
from msgspec.structs import replace

from services.dispatcher.domain.outcome import Verdict
from services.dispatcher.handlers import reaping as reaping_handler
from services.dispatcher.handlers.reaping import Reaper
from services.dispatcher.handlers.reconciling import reconcile
from services.dispatcher.handlers.sending import Sender
from services.dispatcher.queue import reaping
from shared.contracts.dispatcher import AttemptKind, MessageAttempted, RunCorrected, State
from shared.database import Pool, transaction
from shared.errors import Unavailable
from tests.dispatcher.proof import prove, told
from tests.dispatcher.world import (
    ACCEPTED,
    HOUR,
    LIMITS,
    NOT_PROCESSED,
    REFUSED,
    UNKNOWN,
    FakeGateway,
    World,
    alive,
    fetch,
    give_back,
    numbers,
    record_all,
    work,
)

MINUTE = timedelta(minutes=1)
LEASE = LIMITS.lease_s
KINDS = pytest.mark.parametrize("is_idempotent", [True, False])


class Watch:
    """A reaper, and the clock that it looks at."""

    def __init__(self, pool: Pool) -> None:
        self.time = 1_000.0
        self.reaper = Reaper(pool, LIMITS, lambda: self.time)

    async def look(self, *, after: float = 0.0) -> bool:
        self.time += after
        return await self.reaper.check()


@pytest.fixture
def watch(world: World) -> Watch:
    return Watch(world.pool)


async def reap(watch: Watch) -> None:
    await watch.look()
    assert await watch.look(after=LEASE + 1)


async def beat(sender: Sender) -> None:
    """Let a sender renew its lease, of which so much has passed that it does."""
    sender.lease._lease_expires_at -= LEASE / 4  # noqa: SLF001 - our own
    await sender.renew()


async def log(world: World) -> list[tuple[int, int, str, str | None]]:
    rows = await world.rows("SELECT * FROM all_attempts ORDER BY client_id, attempt, kind DESC")
    return [(r.client_id.int & 0xFFFF, r.attempt, r.kind, r.outcome) for r in rows]


# When


async def test_a_sender_is_dead_after_a_whole_lease_without_a_renewal(
    world: World, watch: Watch
) -> None:
    await world.plan(1)
    sender = await alive(world, FakeGateway(connections=0))
    await fetch(sender)

    assert not await watch.look()
    assert not await watch.look(after=LEASE)
    assert await watch.look(after=0.1)

    assert await world.value("SELECT count(*) FROM senders") == 0
    assert await world.value("SELECT state FROM chunks") == "planned"


async def test_a_renewal_begins_the_lease_anew(world: World, watch: Watch) -> None:
    sender = await alive(world, FakeGateway())
    await watch.look()
    await beat(sender)

    assert not await watch.look(after=LEASE + 1)
    assert not await watch.look(after=LEASE - 1)
    assert await watch.look(after=2)


async def test_a_look_that_failed_begins_the_waiting_anew(
    world: World, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    await alive(world, FakeGateway())
    await watch.look()

    async def away(_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(reaping, "beats", away)
        with pytest.raises(Unavailable):
            await watch.look(after=LEASE / 2)

    assert not await watch.look(after=LEASE)
    assert not await watch.look(after=LEASE)
    assert await watch.look(after=1)


async def test_a_look_that_takes_long_counts_from_its_end(
    world: World, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    await alive(world, FakeGateway())
    beats = reaping.beats

    async def slowly(db: Any) -> Any:
        found = await beats(db)
        watch.time += LEASE - 1
        return found

    with monkeypatch.context() as patched:
        patched.setattr(reaping, "beats", slowly)
        await watch.look()

    assert not await watch.look(after=LEASE)
    assert await watch.look(after=1)


async def test_a_sender_that_shows_itself_while_it_is_reaped_is_left_alone(
    world: World, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    sender = await alive(world, FakeGateway())
    await watch.look()
    take = reaping.reap

    async def late(*args: Any) -> Any:
        await beat(sender)
        return await take(*args)

    with monkeypatch.context() as patched:
        patched.setattr(reaping, "reap", late)
        await watch.look(after=LEASE + 1)

    assert await world.value("SELECT count(*) FROM senders") == 1


async def test_business_time_ends_no_lease(world: World, watch: Watch) -> None:
    await alive(world, FakeGateway())
    await watch.look()
    await world.pass_time(timedelta(days=3_650))

    assert not await watch.look(after=1)


async def test_two_reapers_take_what_is_left_once(world: World) -> None:
    await world.plan(2)
    gateway = FakeGateway(is_idempotent=False)
    gateway.is_hanging = True
    await fetch(await alive(world, gateway))
    first, second = Watch(world.pool), Watch(world.pool)
    await first.look()
    await second.look()

    await first.look(after=LEASE + 1)
    await second.look(after=LEASE + 1)

    assert await world.value("SELECT reaped FROM chunks") == 1
    assert [row for row in await log(world) if row[2] == "lost"] == [
        (1, 1, "lost", "unknown"),
        (2, 1, "lost", "unknown"),
    ]


# What


async def test_what_was_not_sent_is_sent_by_another_with_a_higher_number(
    world: World, watch: Watch
) -> None:
    await world.plan(4)
    gateway = FakeGateway(connections=2)
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)
    gateway.answer(1, ACCEPTED)
    await record_all(sender)
    await reap(watch)
    heir = FakeGateway()

    await work(await alive(world, heir))

    assert numbers(gateway) == [1, 2, 3]
    assert numbers(heir) == [2, 3, 4]
    assert [row[1] for row in await log(world)] == [1, 2, 2, 2]
    assert await prove(world.pool) == {State.DELIVERED: 4}


async def test_marked_starts_that_nobody_will_answer_are_lost_attempts(
    world: World, watch: Watch
) -> None:
    run = await world.plan(4)
    gateway = FakeGateway(is_idempotent=False, connections=2)
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)
    gateway.answer(1, ACCEPTED)
    await sender.record()

    await reap(watch)

    lost = [e for e in await told(world.pool) if isinstance(e, MessageAttempted)][-1]
    assert (lost.kind, lost.outcome, lost.state) == (AttemptKind.LOST, "unknown", State.RETRY)
    assert [row for row in await log(world) if row[2] == "lost"] == [(2, 1, "lost", "unknown")]
    heir = FakeGateway(is_idempotent=False)
    other = await alive(world, heir)
    await work(other)
    assert numbers(heir) == [3, 4], "what may have been sent waits"
    await world.pass_time(MINUTE)
    await give_back(other)
    await work(other)
    assert numbers(heir) == [3, 4, 2]
    await world.end()
    assert await run.status() == "finished"


async def test_attempts_are_lost_whatever_their_text_is_by_now(world: World, watch: Watch) -> None:
    await world.plan(2)
    gateway = FakeGateway(is_idempotent=False, connections=1)
    gateway.is_hanging = True
    await fetch(await alive(world, gateway))
    await world.rows("UPDATE runs SET body = '{{ nick }}' RETURNING run_id")

    await reap(watch)

    assert [row for row in await log(world) if row[2] == "lost"] == [(1, 1, "lost", "unknown")]
    await work(await alive(world, FakeGateway(is_idempotent=False)))
    assert await prove(world.pool) == {State.RETRY: 1, State.FAILED: 1}


async def test_a_message_lost_twice_at_a_plain_gateway_is_undetermined(
    world: World, watch: Watch
) -> None:
    run = await world.plan(1)
    for _ in range(2):
        gateway = FakeGateway(is_idempotent=False)
        gateway.is_hanging = True
        sender = await alive(world, gateway)
        await fetch(sender)
        assert len(gateway.messages) == 1
        await reap(watch)
        await prove(world.pool)
        await world.pass_time(MINUTE)

    await world.end()

    assert await prove(world.pool) == {State.UNDETERMINED: 1}
    assert await run.status() == "finished"
    assert [row[1:3] for row in await log(world)] == [
        (1, "start"),
        (1, "lost"),
        (2, "start"),
        (2, "lost"),
    ]


@KINDS
async def test_a_retry_of_a_dead_sender_is_tried_with_a_higher_number(
    world: World, watch: Watch, *, is_idempotent: bool
) -> None:
    await world.plan(1)
    gateway = FakeGateway({1: [NOT_PROCESSED, None]}, is_idempotent=is_idempotent)
    sender = await alive(world, gateway)
    await work(sender)
    await world.pass_time(MINUTE)
    await give_back(sender)
    await fetch(sender)
    assert len(gateway.messages) == 2

    await reap(watch)
    await world.pass_time(MINUTE)
    heir = FakeGateway(is_idempotent=is_idempotent)
    await work(await alive(world, heir))

    assert numbers(heir) == [1]
    assert (await log(world))[-1][:2] == (1, 3)
    assert await prove(world.pool) == {State.DELIVERED: 1}


async def test_a_retry_that_another_has_leased_is_not_lost_with_its_chunk(
    world: World, watch: Watch
) -> None:
    await world.plan(2)
    dying = FakeGateway({1: [NOT_PROCESSED], 2: [None]}, is_idempotent=False)
    first = await alive(world, dying)
    await fetch(first)
    await work(first)
    await world.pass_time(MINUTE)
    living = FakeGateway({1: [None]}, is_idempotent=False)
    second = await alive(world, living)
    await fetch(second)
    await watch.look()
    await beat(second)
    await watch.look(after=LEASE + 1)

    assert [row for row in await log(world) if row[2] == "lost"] == [(2, 1, "lost", "unknown")]
    living.answer(1, ACCEPTED)
    await work(second)
    assert (await log(world))[2][:2] == (1, 2)
    await prove(world.pool)


# Later


@pytest.mark.parametrize(
    ("verdict", "state", "is_again"),
    [
        (ACCEPTED, State.DELIVERED, False),
        (REFUSED, State.FAILED, False),
        (NOT_PROCESSED, State.RETRY, True),
        (UNKNOWN, State.RETRY, True),
    ],
)
async def test_a_late_answer_to_a_lost_attempt_is_of_the_same_attempt(
    world: World, watch: Watch, verdict: Verdict, state: State, *, is_again: bool
) -> None:
    await world.plan(1)
    gateway = FakeGateway({1: [None]}, is_idempotent=False)
    sender = await alive(world, gateway)
    await fetch(sender)
    await reap(watch)
    gateway.answer(1, verdict)

    await record_all(sender)

    (row,) = await world.rows("SELECT attempts, attempt, unknowns, due_at FROM exceptions")
    assert (row.attempts, row.attempt, row.unknowns) == (1, 1, int(verdict is UNKNOWN))
    assert (row.due_at is not None) == is_again
    assert [each[1:3] for each in await log(world)] == [(1, "start"), (1, "lost"), (1, "answer")]
    assert await prove(world.pool) == {state: 1}


async def test_an_attempt_that_was_answered_is_not_lost_any_more(
    world: World, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    await world.plan(1)
    gateway = FakeGateway({1: [None]}, is_idempotent=False)
    sender = await alive(world, gateway)
    await fetch(sender)
    await watch.look()
    look_at = reconcile

    async def answered_meanwhile(db: Any, lost: Any, traces: Any) -> None:
        answer = replace(lost[0], kind=AttemptKind.ANSWER, verdict=NOT_PROCESSED)
        await look_at(db, [answer], traces)
        await look_at(db, lost, traces)

    with monkeypatch.context() as patched:
        patched.setattr(reaping_handler, "reconcile", answered_meanwhile)
        await watch.look(after=LEASE + 1)

    assert [each[2] for each in await log(world)] == ["start", "answer"]
    assert await prove(world.pool) == {State.RETRY: 1}


@pytest.mark.parametrize("ending", ["stop", "window", "lost"])
async def test_a_late_success_turns_any_end_into_delivered(
    world: World, watch: Watch, ending: str
) -> None:
    run = await world.plan(2)
    gateway = FakeGateway(is_idempotent=ending != "lost")
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)
    await reap(watch)
    if ending == "stop":
        await run.stop()
    else:
        await world.pass_time(HOUR)
    await world.end()
    assert await run.status() == "finished"
    await prove(world.pool)

    gateway.answer_all(ACCEPTED)
    await record_all(sender)
    await world.end()

    assert await prove(world.pool) == {State.DELIVERED: 2}
    corrected = [each for each in await told(world.pool) if isinstance(each, RunCorrected)]
    assert [each.totals for each in corrected] == [{State.DELIVERED: 2}]


@pytest.mark.parametrize("verdict", [NOT_PROCESSED, REFUSED, UNKNOWN])
async def test_a_late_failure_leaves_an_end_as_it_is(
    world: World, watch: Watch, verdict: Verdict
) -> None:
    run = await world.plan(1)
    gateway = FakeGateway({1: [None]})
    sender = await alive(world, gateway)
    await fetch(sender)
    await reap(watch)
    await run.stop()
    await world.end()

    gateway.answer(1, verdict)
    await record_all(sender)

    assert await prove(world.pool) == {State.UNDETERMINED: 1}
    (row,) = await world.rows("SELECT attempts, reason FROM exceptions")
    assert row == (1, "mailing_stopped")


@pytest.mark.parametrize("later", [ACCEPTED, NOT_PROCESSED])
@KINDS
async def test_a_late_failure_takes_nothing_from_the_heir(
    world: World, watch: Watch, later: Verdict, *, is_idempotent: bool
) -> None:
    await world.plan(1)
    gateway = FakeGateway({1: [None]}, is_idempotent=is_idempotent)
    sender = await alive(world, gateway)
    await fetch(sender)
    await reap(watch)
    await world.pass_time(MINUTE)
    heir = FakeGateway({1: [None]}, is_idempotent=is_idempotent)
    other = await alive(world, heir)
    await fetch(other)
    assert numbers(heir) == [1]
    await give_back(sender)  # it learns that it was overtaken,
    await give_back(sender)  # and what time it is

    gateway.answer(1, NOT_PROCESSED)
    await record_all(sender)
    await world.pass_time(timedelta(seconds=25))  # a retry would be due by now
    await give_back(other)
    await work(other)
    third = FakeGateway(is_idempotent=is_idempotent)
    await work(await alive(world, third))
    assert third.messages == [], "the heir has it"
    heir.answer(1, later)
    await record_all(other)

    answers = [row for row in await log(world) if row[2] == "answer"]
    assert [row[1] for row in answers] == [1, 2], "no answer is dropped"
    assert await prove(world.pool) == {
        State.DELIVERED if later is ACCEPTED else State.RETRY: 1,
    }


async def test_when_the_heir_dies_too_a_late_failure_is_still_tried_again(
    world: World, watch: Watch
) -> None:
    await world.plan(1)
    gateway = FakeGateway({1: [None]})
    sender = await alive(world, gateway)
    await fetch(sender)
    await reap(watch)
    heir = FakeGateway({1: [None]})
    await fetch(await alive(world, heir))
    gateway.answer(1, NOT_PROCESSED)
    await record_all(sender)
    await reap(watch)
    await world.pass_time(MINUTE)
    third = FakeGateway()

    await work(await alive(world, third))

    assert numbers(third) == [1]
    heir.answer(1, ACCEPTED)
    answers = [row[1] for row in await log(world)]
    assert answers == [1, 3]
    assert await prove(world.pool) == {State.DELIVERED: 1}


async def test_an_heirs_number_is_never_used_twice(world: World, watch: Watch) -> None:
    await world.plan(1)
    first = FakeGateway({1: [None]})
    one = await alive(world, first)
    await fetch(one)
    await reap(watch)
    second = FakeGateway({1: [None]})
    two = await alive(world, second)
    await fetch(two)
    first.answer(1, NOT_PROCESSED)
    await record_all(one)
    await world.pass_time(MINUTE)
    third = FakeGateway({1: [None]})
    three = await alive(world, third)
    await fetch(three)
    assert numbers(third) == [1], "the heir has had its time"

    third.answer(1, NOT_PROCESSED)
    await record_all(three)
    second.answer(1, ACCEPTED)
    await record_all(two)

    assert [row[1:] for row in await log(world)] == [
        (1, "answer", "not_processed"),
        (2, "answer", "accepted"),
        (3, "answer", "not_processed"),
    ]
    assert await prove(world.pool) == {State.DELIVERED: 1}


async def test_an_heir_that_has_leased_the_retry_as_well_answers_for_its_own_attempt(
    world: World, watch: Watch
) -> None:
    await world.plan(1)
    first = FakeGateway({1: [None]})
    one = await alive(world, first)
    await fetch(one)
    await reap(watch)
    second = FakeGateway({1: [None, None]}, connections=1)
    two = await alive(world, second)
    await fetch(two)
    first.answer(1, NOT_PROCESSED)
    await record_all(one)
    await world.pass_time(MINUTE)
    await give_back(two)
    await fetch(two)
    assert await world.value("SELECT sender_id FROM exceptions") == two.lease.sender_id

    second.answer(1, NOT_PROCESSED)
    await record_all(two)

    assert await prove(world.pool) == {State.RETRY: 1}
    assert await world.value("SELECT attempts FROM exceptions") == 2


async def test_the_same_results_recorded_by_two_hands_change_nothing_the_second_time(
    world: World, watch: Watch
) -> None:
    run = await world.plan(3)
    gateway = FakeGateway()
    gateway.is_hanging = True
    sender = await alive(world, gateway)
    await fetch(sender)
    await reap(watch)
    for number, verdict in enumerate([ACCEPTED, NOT_PROCESSED, REFUSED], start=1):
        gateway.answer(number, verdict)
    results = list(sender.results._waiting)  # noqa: SLF001 - to say them again
    await record_all(sender)
    before = await told(world.pool)

    sender.results._waiting = results  # noqa: SLF001 - here they are said again
    sender._backlog.unrecorded += 3  # noqa: SLF001
    await sender.record()

    assert await told(world.pool) == before
    assert await run.status() == "sending"


async def test_without_a_reaping_nothing_is_taken_from_the_living(world: World) -> None:
    await world.plan(1)
    sender = await alive(world, FakeGateway(connections=0))
    await fetch(sender)
    me = await world.value("SELECT sender_id FROM senders")
    async with transaction(world.pool) as db:
        assert await reaping.reap(db, me, beat=0) is None

    assert await world.value("SELECT state FROM chunks") == "leased"


@pytest.mark.parametrize(
    ("is_idempotent", "state"),
    [(False, State.CANCELLED), (True, State.UNDETERMINED)],  # nobody knows if it was started
)
async def test_a_message_that_was_rejected_in_two_lives_is_on_record_once(
    world: World, watch: Watch, state: State, *, is_idempotent: bool
) -> None:
    await world.plan(3)
    await world.forget_client(2)
    sender = await alive(world, FakeGateway(is_idempotent=is_idempotent))
    await sender.claim()  # client 2 is rejected, and waits to be recorded
    await reap(watch)
    await beat(sender)
    await sender.renew()

    await sender.claim()  # the same chunk, and so client 2, once more
    await record_all(sender)

    await work(sender)
    assert await prove(world.pool) == {State.DELIVERED: 2, state: 1}


async def test_a_sender_that_cannot_be_reaped_stops_no_other_and_is_tried_again_later(
    world: World, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    bad, good = [await alive(world, FakeGateway(connections=0)) for _ in range(2)]
    original = reaping.reap

    async def fail(db: Any, sender_id: Any, beat: int) -> Any:
        if sender_id == bad.lease.sender_id:
            raise KeyError
        return await original(db, sender_id, beat)

    await watch.look()
    with monkeypatch.context() as patched:
        patched.setattr(reaping, "reap", fail)
        assert await watch.look(after=LEASE + 1)
        await world.rows("UPDATE set_aside SET retry_at = retry_at + interval '1h' RETURNING 1")
        assert not await watch.look()
    left = await world.value("SELECT array_agg(sender_id) FROM senders")
    assert left == [bad.lease.sender_id] != [good.lease.sender_id]
    await world.pass_time(timedelta(hours=2))

    assert await watch.look()

    assert await world.value("SELECT count(*) FROM senders") == 0
    assert await world.value("SELECT count(*) FROM set_aside") == 0

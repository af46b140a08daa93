"""The ready queue and the backlog: what starts, waits again or goes back, and how it counts."""

import asyncio
from collections import Counter
from uuid import UUID

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from services.dispatcher.domain import turns
from services.dispatcher.domain.contact import Contact
from services.dispatcher.domain.keys import ChunkKey
from services.dispatcher.domain.progress import Progress
from services.dispatcher.domain.turns import SHARE, TURN
from services.dispatcher.domain.window import Window
from services.dispatcher.handlers.backlog import UNRECORDED_LIMIT, Backlog, Lease, Run
from services.dispatcher.handlers.events import Publishing
from services.dispatcher.handlers.jobs import Job
from services.dispatcher.handlers.ready import ReadyQueue
from services.dispatcher.queue.rendering import NO_TEXT, RunTemplates
from shared.contracts.catalog import Priority

ANNA = Contact("79161234567", None, None, None, None, None)
NOW = 100.0
WHICH, COUNT = st.integers(0, 2), st.integers(0, 5)


def run(
    number: int,
    *,
    is_open: bool = True,
    starts_at: float = 0.0,
    priority: Priority = Priority.NORMAL,
) -> Run:
    return Run(
        run_id=UUID(int=number),
        templates=RunTemplates(NO_TEXT),
        publishing=Publishing(None, is_by_chunk=True),
        is_open=is_open,
        window=Window(starts_at, ends_at=1_000.0),
        priority=priority,
    )


def lease(of: Run, chunk: int = 0) -> Lease:
    return Lease(UUID(int=1), of, ChunkKey(of.run_id, chunk), epoch=1, is_clean=True)


def jobs(held: Lease, count: int, backlog: Backlog, *, tried: int = 0) -> list[Job]:
    """Return jobs of a lease, which the backlog has counted; the first ones were `tried`."""
    assert held.chunk is not None
    backlog.claimed(held, count)
    return [
        Job(
            held,
            f"{number}",
            UUID(int=number),
            held.chunk,
            Progress(attempt=int(number < tried)),
            ANNA,
        )
        for number in range(count)
    ]


def names(found: list[Job]) -> list[tuple[int, str]]:
    return [(job.lease.run.run_id.int, job.message_id) for job in found]


@pytest.fixture
def backlog() -> Backlog:
    return Backlog()


@pytest.fixture
def queue(backlog: Backlog) -> ReadyQueue:
    return ReadyQueue(backlog)


def test_messages_are_taken_in_order_up_to_a_limit(backlog: Backlog, queue: ReadyQueue) -> None:
    held = lease(run(1))
    queue.add(jobs(held, 3, backlog))

    assert names(queue.take(2, NOW)) == [(1, "0"), (1, "1")]

    assert (held.waiting, held.unrecorded, backlog.unrecorded) == (1, 2, 2)
    assert not held.is_over


def test_what_was_never_tried_can_be_taken_before_all_that_waits(
    backlog: Backlog, queue: ReadyQueue
) -> None:
    closed, one, urgent = (
        lease(run(1, is_open=False)),
        lease(run(2)),
        lease(run(3, priority=Priority.URGENT)),
    )
    queue.add(jobs(closed, 1, backlog))
    queue.add(jobs(one, 4, backlog, tried=2))
    queue.add(jobs(urgent, 1, backlog))
    queue.put_back(queue.take_new(1, NOW), {urgent})
    assert queue.new == 4

    found = names(queue.take_new(2, NOW))

    assert found == [(3, "0"), (2, "2")]
    assert (one.waiting, one.unrecorded, backlog.unrecorded) == (3, 1, 2)
    assert names(queue.take_new(9, NOW)) == [(2, "3")]
    assert names(queue.take(9, NOW)) == [(2, "0"), (2, "1")]
    assert len(queue) == 0


@pytest.mark.parametrize("how", ["paused", "ended", "not begun"])
def test_what_must_not_start_is_given_back_and_the_next_is_taken(
    backlog: Backlog, queue: ReadyQueue, how: str
) -> None:
    closed = lease(run(1, is_open=how != "paused", starts_at=NOW + 1 if how == "not begun" else 0))
    if how == "ended":
        closed.run.window = Window(0.0, NOW)
    opened = lease(run(2))
    queue.add(jobs(closed, 2, backlog))
    queue.add(jobs(opened, 1, backlog))

    assert names(queue.take(2, NOW)) == [(2, "0")]

    assert closed.returned == [UUID(int=0), UUID(int=1)]
    assert (closed.waiting, closed.unrecorded, backlog.unrecorded) == (0, 0, 1)


def test_what_was_taken_waits_again_in_front_and_in_order(
    backlog: Backlog, queue: ReadyQueue
) -> None:
    held = lease(run(1))
    queue.add(jobs(held, 3, backlog))

    queue.put_back(queue.take(2, NOW), {held})

    assert (held.waiting, held.unrecorded, backlog.unrecorded) == (3, 0, 0)
    assert names(queue.take(3, NOW)) == [(1, "0"), (1, "1"), (1, "2")]


def test_what_was_taken_does_not_wait_again_if_its_lease_was_lost(
    backlog: Backlog, queue: ReadyQueue
) -> None:
    lost, held = lease(run(1)), lease(run(2))
    queue.add(jobs(lost, 1, backlog))
    queue.add(jobs(held, 1, backlog))

    queue.put_back(queue.take(2, NOW), {held})

    assert backlog.unrecorded == 0
    assert names(queue.take(2, NOW)) == [(2, "0")]


def test_the_messages_of_some_runs_are_given_back_and_the_others_stay(
    backlog: Backlog, queue: ReadyQueue
) -> None:
    one, other = lease(run(1)), lease(run(2))
    queue.add(jobs(one, 2, backlog))
    queue.add(jobs(other, 2, backlog))

    queue.give_back({one.run})

    assert (one.returned, one.is_over) == ([UUID(int=0), UUID(int=1)], True)
    assert (other.returned, other.waiting) == ([], 2)
    assert names(queue.take(9, NOW)) == [(2, "0"), (2, "1")]


@pytest.mark.parametrize("how", ["take", "give back", "clear", "not full"])
async def test_more_is_claimed_when_there_is_room(
    backlog: Backlog, queue: ReadyQueue, monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    monkeypatch.setattr(turns, "READY_LIMIT", 3)
    held = lease(run(1))
    queue.add(jobs(held, 2 if how == "not full" else 3, backlog))
    waiting = asyncio.create_task(queue.wait_for_room(within_s=60))
    await asyncio.sleep(0)
    assert waiting.done() == (how == "not full")

    match how:
        case "take":
            queue.take(1, NOW)
        case "give back":
            queue.give_back({held.run})
        case "clear":
            queue.clear()
        case _:
            pass

    async with asyncio.timeout(60):
        await waiting
    assert not queue.is_full


def of_runs(found: list[Job]) -> list[int]:
    return [job.lease.run.run_id.int for job in found]


def test_runs_take_turns_whichever_came_first(backlog: Backlog, queue: ReadyQueue) -> None:
    for number, count in ((1, 3 * TURN), (2, TURN), (3, 2 * TURN)):
        queue.add(jobs(lease(run(number)), count, backlog))

    found = [job for _ in range(6 * TURN) for job in queue.take(1, NOW)]

    assert of_runs(found) == [number for number in (1, 2, 3, 1, 3, 1) for _ in range(TURN)]
    assert not len(queue)


def test_a_run_that_is_alone_has_turn_after_turn(backlog: Backlog, queue: ReadyQueue) -> None:
    queue.add(jobs(lease(run(1)), 5 * TURN, backlog))

    assert len(queue.take(4 * TURN, NOW)) == 4 * TURN

    queue.add(jobs(lease(run(2)), 1, backlog))
    assert of_runs(queue.take(TURN + 1, NOW)) == [1] * TURN + [2]


def test_what_was_put_back_goes_on_where_its_turn_was(backlog: Backlog, queue: ReadyQueue) -> None:
    held, other = lease(run(1, priority=Priority.BULK)), lease(run(2))
    queue.add(jobs(held, 2, backlog))
    taken = queue.take(1, NOW)
    queue.add(jobs(other, 1, backlog))

    queue.put_back(taken, {held})

    assert of_runs(queue.take(9, NOW)) == [1, 2, 1]


def test_what_goes_first_passes_what_waits_but_for_a_share(
    backlog: Backlog, queue: ReadyQueue
) -> None:
    queue.add(jobs(lease(run(1, priority=Priority.BULK)), 2, backlog))
    queue.add(jobs(lease(run(2, priority=Priority.URGENT)), 2 * SHARE, backlog))

    found = of_runs(queue.take(99, NOW))

    assert found == [*([2] * (SHARE - 1)), 1, *([2] * (SHARE - 1)), 1, 2, 2]


def test_the_room_is_of_all_that_waits(backlog: Backlog, queue: ReadyQueue) -> None:
    held = lease(run(1, priority=Priority.BULK))
    queue.add(jobs(held, turns.READY_LIMIT, backlog))
    queue.put_back(queue.take(1, NOW), {held})

    room = queue.room

    assert (room.priorities, room.runs) == ([Priority.URGENT, Priority.NORMAL], [UUID(int=1)])
    assert room.left == (turns.MOST_READY - 1) * turns.READY_LIMIT


async def test_a_full_queue_is_looked_past_now_and_then(
    backlog: Backlog, queue: ReadyQueue
) -> None:
    queue.add(jobs(lease(run(1)), turns.READY_LIMIT, backlog))

    async with asyncio.timeout(20):
        await queue.wait_for_room(within_s=0.001)

    assert queue.is_full


def test_what_is_not_on_record_leaves_less_room(backlog: Backlog) -> None:
    held = lease(run(1))
    backlog.claimed(held, 3)
    backlog.started([held, held])
    backlog.rejected(held)
    assert backlog.room == UNRECORDED_LIMIT - 3

    backlog.recorded({held: 2})

    assert backlog.room == UNRECORDED_LIMIT - 1
    assert (held.waiting, held.unrecorded) == (1, 1)


class Counting(RuleBasedStateMachine):
    """Whatever is done with messages, each is counted once."""

    def __init__(self) -> None:
        super().__init__()
        self.backlog = Backlog()
        self.queue = ReadyQueue(self.backlog)
        self.leases = [lease(run(1)), lease(run(1), chunk=1), lease(run(2))]
        self.claimed: Counter[Lease] = Counter()
        self.rejected: Counter[Lease] = Counter()
        self.on_record: Counter[Lease] = Counter()
        self.taken: list[Job] = []

    @rule(which=WHICH, count=COUNT, tried=COUNT)
    def claim(self, which: int, count: int, tried: int) -> None:
        self.queue.add(jobs(self.leases[which], count, self.backlog, tried=tried))
        self.claimed[self.leases[which]] += count

    @rule(count=COUNT)
    def take(self, count: int) -> None:
        self.taken += self.queue.take(count, NOW)

    @rule(count=COUNT)
    def take_new(self, count: int) -> None:
        self.taken += self.queue.take_new(count, NOW)

    @rule(count=COUNT)
    def put_back(self, count: int) -> None:
        self.queue.put_back(self.taken[:count], self.leases)
        del self.taken[:count]

    @rule(which=WHICH, count=COUNT)
    def record(self, which: int, count: int) -> None:
        held = self.leases[which]
        done = [job for job in self.taken if job.lease is held][:count]
        self.taken = [job for job in self.taken if not any(job is each for each in done)]
        self.backlog.recorded({held: len(done)})
        self.on_record[held] += len(done)

    @rule(which=WHICH)
    def reject(self, which: int) -> None:
        self.backlog.rejected(self.leases[which])
        self.rejected[self.leases[which]] += 1

    @rule(which=WHICH)
    def give_back(self, which: int) -> None:
        self.queue.give_back({self.leases[which].run})

    @invariant()
    def each_is_counted_once(self) -> None:
        assert self.backlog.unrecorded == sum(each.unrecorded for each in self.leases)
        for held in self.leases:
            under_way = sum(job.lease is held for job in self.taken)
            assert held.unrecorded == under_way + self.rejected[held]
            over = self.on_record[held] + len(held.returned)
            assert held.waiting + under_way + over == self.claimed[held]


test_each_message_is_counted_once = Counting.TestCase

"""The ready queue: leased messages that are to be started, by turns of their runs."""

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from contextlib import suppress
from itertools import chain

import msgspec

from services.dispatcher.domain import turns
from services.dispatcher.domain.keys import MessageKey
from services.dispatcher.domain.turns import ORDER, TURN, Room, Shares
from services.dispatcher.handlers.backlog import Backlog, Lease, Run
from services.dispatcher.handlers.jobs import Job
from shared import liveness

LOOK_INTERVAL_S = 0.2  # while there is no room: how often for what may pass those that wait


class Lane(msgspec.Struct, eq=False, gc=False):
    """The messages of one run that wait for their turns."""

    run: Run
    place: int  # of its priority in `ORDER`
    jobs: deque[Job]
    left: int = TURN  # of its turn


class ReadyQueue:
    """The messages of one sender that are to be started.

    Priorities have shares, and the runs of a priority turns (`domain.turns`). A run that is alone
    is taken as a whole: turns cost something only where several share the gateway.
    """

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog
        self._first: deque[Job] = deque()  # taken before, and put back: their turn goes on
        self._lanes: dict[Run, Lane] = {}
        self._turns: list[deque[Lane]] = [deque() for _ in ORDER]  # by place
        self._waiting = [0 for _ in ORDER]  # messages in lanes, by place
        self._shares = Shares()
        self._has_room = asyncio.Event()

    def __len__(self) -> int:
        return len(self._first) + sum(self._waiting)

    @property
    def keys(self) -> list[MessageKey]:
        """The messages that wait."""
        lanes = (lane.jobs for lane in self._lanes.values())
        return [
            MessageKey(job.chunk.run_id, job.client_id)
            for job in chain(self._first, chain.from_iterable(lanes))
        ]

    @property
    def is_full(self) -> bool:
        """Whether there is enough to start for the moment."""
        return len(self) >= turns.READY_LIMIT

    @property
    def room(self) -> Room:
        """How much more can be claimed."""
        waiting = dict(zip(ORDER, self._waiting, strict=True))
        runs = {run.run_id for run in self._lanes}
        for job in self._first:
            run = job.lease.run
            waiting[run.priority] += 1
            runs.add(run.run_id)
        return Room(turns.READY_LIMIT, waiting, runs)

    async def wait_for_room(self, within_s: float = LOOK_INTERVAL_S) -> None:
        """Wait until more can be claimed, or so long: some need not wait for room."""
        if self.is_full:
            self._has_room.clear()
            with liveness.waiting(), suppress(TimeoutError):
                async with asyncio.timeout(within_s):
                    await self._has_room.wait()

    def add(self, jobs: Sequence[Job]) -> None:
        """Let messages of one run wait for its turns."""
        if not jobs:
            return
        run = jobs[0].lease.run
        lane = self._lanes.get(run)
        if lane is None:
            lane = self._lanes[run] = Lane(run, ORDER.index(run.priority), deque())
            self._turns[lane.place].append(lane)
        lane.jobs.extend(jobs)
        self._waiting[lane.place] += len(jobs)

    def take(self, limit: int, at: float) -> list[Job]:
        """Take up to `limit` messages that may be started at this instant of business time.

        What must not be started is to be given back.
        """
        jobs = self._retake(limit, at) if self._first else []
        while self._lanes and (left := limit - len(jobs)) > 0:
            if len(self._lanes) == 1:
                (lane,) = self._lanes.values()
                most = left
            else:
                place, most = self._shares.next(self._waiting)
                lane = self._turns[place][0]
            if lane.run.allows_start(at):
                jobs += self._take_turn(lane, min(most, left))
            else:
                self._give_back(lane)
        self._backlog.started([job.lease for job in jobs])
        if not self.is_full:
            self._has_room.set()
        return jobs

    @property
    def new(self) -> int:
        """How many messages wait that were never tried."""
        lanes = (lane.jobs for lane in self._lanes.values())
        return sum(job.is_new for job in chain(self._first, chain.from_iterable(lanes)))

    def take_new(self, limit: int, at: float) -> list[Job]:
        """Take up to `limit` messages that were never tried, whatever waits before them."""
        jobs = _take_new(self._first, limit, at)
        for lane in list(chain.from_iterable(self._turns)):
            taken = _take_new(lane.jobs, limit - len(jobs), at)
            self._waiting[lane.place] -= len(taken)
            if not lane.jobs:
                self._remove(lane)
            jobs += taken
        self._backlog.started([job.lease for job in jobs])
        return jobs

    def _retake(self, limit: int, at: float) -> list[Job]:
        """Take what was put back."""
        jobs: list[Job] = []
        while self._first and len(jobs) < limit:
            job = self._first.popleft()
            if job.lease.run.allows_start(at):
                jobs.append(job)
            else:
                self._backlog.returned(job.lease, job.client_id)
        return jobs

    def _take_turn(self, lane: Lane, most: int) -> list[Job]:
        """Take up to so many of what is left of a turn; then it is the next lane's."""
        waiting, turn = lane.jobs, self._turns[lane.place]
        has_rivals = len(turn) > 1
        count = min(most, lane.left if has_rivals else most, len(waiting))
        jobs = [waiting.popleft() for _ in range(count)]
        self._waiting[lane.place] -= count
        if len(self._lanes) > 1:
            self._shares.took(lane.place, count, self._waiting)
        if not waiting:
            self._remove(lane)
        elif has_rivals:
            lane.left -= count
            if not lane.left:
                lane.left = TURN
                turn.rotate(-1)
        return jobs

    def _remove(self, lane: Lane) -> None:
        del self._lanes[lane.run]
        self._turns[lane.place].remove(lane)

    def put_back(self, jobs: Sequence[Job], held: Collection[Lease]) -> None:
        """Let messages that were taken go before all others, if their lease is still `held`."""
        self._backlog.not_started([job.lease for job in jobs])
        self._first.extendleft(job for job in reversed(jobs) if job.lease in held)

    def give_back(self, runs: Collection[Run]) -> None:
        """Take all messages of `runs` out of the queue; they are to be given back."""
        if not runs:
            return
        kept: deque[Job] = deque()
        for job in self._first:
            if job.lease.run in runs:
                self._backlog.returned(job.lease, job.client_id)
            else:
                kept.append(job)
        self._first = kept
        for run in runs:
            if lane := self._lanes.get(run):
                self._give_back(lane)
        self._has_room.set()

    def _give_back(self, lane: Lane) -> None:
        for job in lane.jobs:
            self._backlog.returned(job.lease, job.client_id)
        self._waiting[lane.place] -= len(lane.jobs)
        self._remove(lane)

    def clear(self) -> None:
        """Drop all messages: their leases are lost."""
        self._first.clear()
        for lane in list(self._lanes.values()):
            self._waiting[lane.place] -= len(lane.jobs)
            self._remove(lane)
        self._has_room.set()


def _take_new(waiting: deque[Job], limit: int, at: float) -> list[Job]:
    taken: list[Job] = []
    for _ in range(len(waiting)):
        job = waiting.popleft()
        is_taken = job.is_new and len(taken) < limit and job.lease.run.allows_start(at)
        (taken if is_taken else waiting).append(job)
    return taken

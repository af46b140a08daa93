"""The ready queue: leased messages that are to be started, in order."""

import asyncio
from collections import deque
from collections.abc import Collection, Sequence
from uuid import UUID

import msgspec

from services.dispatcher.domain.attempt import Attempt, RetryPolicy
from services.dispatcher.domain.contact import Contact
from services.dispatcher.domain.keys import ChunkKey
from services.dispatcher.domain.message import of_repeat
from services.dispatcher.domain.outcome import OutgoingMessage, Verdict
from services.dispatcher.domain.progress import Progress
from services.dispatcher.handlers.backlog import Backlog, Lease, Run
from shared import liveness
from shared.contracts.dispatcher import AttemptKind

NOT_RENDERED = OutgoingMessage(b"", None, None, None, "", b"")
READY_LIMIT = 3_000  # messages ready to be started; below it more are claimed


class Job(msgspec.Struct, gc=False):
    """A message that is to be started."""

    lease: Lease
    message_id: str
    client_id: UUID
    chunk: ChunkKey
    before: Progress  # the attempt that is to be made
    contact: Contact
    place: int = 0  # of the message in its chunk, from 1; 0: not known
    message: OutgoingMessage = NOT_RENDERED

    @property
    def number(self) -> int:
        """The number of the attempt that is to be made."""
        return self.before.attempt + 1

    def attempted(
        self,
        verdict: Verdict,
        started_at: float,
        ended_at: float,
        policy: RetryPolicy,
        version_id: int | None,
    ) -> Attempt:
        """Return its attempt with what came of it; instants are of business time."""
        lease, before = self.lease, self.before
        return Attempt(
            message_id=self.message_id,
            client_id=self.client_id,
            chunk=self.chunk,
            number=before.attempt + 1,
            kind=AttemptKind.ANSWER,
            verdict=of_repeat(verdict) if before.unknowns else verdict,
            started_at=started_at,
            ended_at=max(ended_at, started_at),
            last_start=lease.run.window.last_start,
            policy=policy,
            sender_id=lease.sender_id,
            contact=self.contact,
            place=self.place,
            version_id=version_id,
        )


class ReadyQueue:
    """The messages of one sender that are to be started."""

    def __init__(self, backlog: Backlog) -> None:
        self._backlog = backlog
        self._jobs: deque[Job] = deque()
        self._has_room = asyncio.Event()

    def __len__(self) -> int:
        return len(self._jobs)

    @property
    def is_full(self) -> bool:
        """Whether there is enough to start for the moment."""
        return self.room <= 0

    @property
    def room(self) -> int:
        """How many more can be claimed."""
        return READY_LIMIT - len(self._jobs)

    async def wait_for_room(self) -> None:
        """Wait until more can be claimed."""
        if self.is_full:
            self._has_room.clear()
            with liveness.waiting():
                await self._has_room.wait()

    def add(self, jobs: Sequence[Job]) -> None:
        """Let messages wait, behind all others."""
        self._jobs.extend(jobs)

    def take(self, limit: int, at: float) -> list[Job]:
        """Take up to `limit` messages that may be started at this instant of business time.

        What must not be started is to be given back.
        """
        jobs: list[Job] = []
        waiting, backlog = self._jobs, self._backlog
        last: Run | None = None
        is_allowed = False
        while waiting and len(jobs) < limit:
            job = waiting.popleft()
            run = job.lease.run
            if run is not last:  # the same for a whole chunk
                last, is_allowed = run, run.allows_start(at)
            if is_allowed:
                jobs.append(job)
            else:
                backlog.returned(job.lease, job.client_id)
        backlog.started([job.lease for job in jobs])
        if len(waiting) < READY_LIMIT:
            self._has_room.set()
        return jobs

    def put_back(self, jobs: Sequence[Job], held: Collection[Lease]) -> None:
        """Let messages that were taken wait again, if their lease is still `held`."""
        self._backlog.not_started([job.lease for job in jobs])
        self._jobs.extendleft(job for job in reversed(jobs) if job.lease in held)

    def give_back(self, runs: Collection[Run]) -> None:
        """Take all messages of `runs` out of the queue; they are to be given back."""
        if not runs:
            return
        kept: deque[Job] = deque()
        for job in self._jobs:
            if job.lease.run in runs:
                self._backlog.returned(job.lease, job.client_id)
            else:
                kept.append(job)
        self._jobs = kept
        self._has_room.set()

    def clear(self) -> None:
        """Drop all messages: their leases are lost."""
        self._jobs.clear()
        self._has_room.set()

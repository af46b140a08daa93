"""The backlog: leases, and how many of their messages wait, are under way or not on record yet."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

from services.dispatcher.domain.attempt import Retrying
from services.dispatcher.domain.keys import ChunkKey
from services.dispatcher.domain.progress import Progress
from services.dispatcher.domain.window import Window
from services.dispatcher.handlers.events import Publishing
from services.dispatcher.handlers.recording import Rejected
from services.dispatcher.queue.rendering import RunTemplates
from shared.contracts.catalog import Priority
from shared.unsubscribe import MakeLink

UNRECORDED_LIMIT = 10_000  # results that may wait for the database; beyond it nothing is started


@dataclass(slots=True, eq=False)
class Run:
    """A run as its messages need it; what is allowed of it changes while we send."""

    run_id: UUID
    templates: RunTemplates
    publishing: Publishing
    is_open: bool  # neither paused nor stopped
    window: Window
    retrying: Retrying | None = None  # None: its mailing says nothing of that
    priority: Priority = Priority.NORMAL
    link: MakeLink | None = None  # to unsubscribe; None: its messages have none
    is_reported: bool = False  # that a text of it could not be rendered
    trace: bytes = field(init=False)  # the traceparent as requests carry it

    def __post_init__(self) -> None:
        self.trace = (self.publishing.traceparent or "").encode()

    def allows_start(self, at: float) -> bool:
        """Return whether a message of it may be started at this instant of business time."""
        return self.is_open and self.window.allows_start(at)


@dataclass(slots=True, eq=False)
class Lease:
    """What was claimed at once: a chunk, or retries of one run (no chunk, no epoch).

    Only the backlog counts its messages.
    """

    sender_id: UUID
    run: Run
    chunk: ChunkKey | None
    epoch: int
    is_clean: bool  # no other sender ever had it, and all results went by the fast path
    size: int = 0  # of the chunk
    due_at: float = 0.0  # the chunk: what starts later is late
    waiting: int = 0  # messages not started
    unrecorded: int = 0  # started, or rejected, and not on record
    blocks: int = 0  # of results that were made, each with its number
    marks: int = 0  # rows of starts, the same
    returned: list[UUID] = field(default_factory=list)  # clients not tried, to be given back

    @property
    def place(self) -> ChunkKey:
        """Where it stands among those that one transaction locks: all lock in this order."""
        return self.chunk or ChunkKey(self.run.run_id, -1)

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to start or to record."""
        return not self.waiting and not self.unrecorded


class RejectedJob(NamedTuple):
    """A claimed message that cannot be sent."""

    lease: Lease
    before: Progress
    entry: Rejected


class Backlog:
    """Counts the messages of one sender on their way from a claim to the record."""

    def __init__(self) -> None:
        self.unrecorded = 0  # started, or rejected, and not on record

    @property
    def room(self) -> int:
        """How many more messages may be started before some are recorded."""
        return UNRECORDED_LIMIT - self.unrecorded

    def claimed(self, lease: Lease, count: int) -> None:
        """Count messages that wait for their start."""
        lease.waiting += count

    def rejected(self, lease: Lease) -> None:
        """Count a message that became final without an attempt."""
        lease.unrecorded += 1
        self.unrecorded += 1

    def started(self, leases: Iterable[Lease]) -> None:
        """Count a waiting message of each of `leases` as started."""
        count = 0
        for lease in leases:
            lease.waiting -= 1
            lease.unrecorded += 1
            count += 1
        self.unrecorded += count

    def not_started(self, leases: Iterable[Lease]) -> None:
        """Take back what `started` counted."""
        for lease in leases:
            lease.waiting += 1
            lease.unrecorded -= 1
            self.unrecorded -= 1

    def returned(self, lease: Lease, client_id: UUID) -> None:
        """Count a waiting message as one to be given back."""
        lease.waiting -= 1
        lease.returned.append(client_id)

    def recorded(self, counts: Mapping[Lease, int]) -> None:
        """Count messages as on record."""
        for lease, count in counts.items():
            lease.unrecorded -= count
            self.unrecorded -= count

"""The jobs: messages that are to be started, with the lease and the run that they belong to."""

from dataclasses import dataclass, field
from uuid import UUID

import msgspec

from services.dispatcher.domain.contact import Contact
from services.dispatcher.domain.message import Progress
from shared.template import Template


@dataclass(slots=True, eq=False)
class Run:
    """A run as its messages need it; what is allowed of it changes while we send."""

    run_id: UUID
    body: Template
    subject: Template | None
    traceparent: str | None
    is_valid: bool  # its texts can be rendered
    is_open: bool
    ends_at: float  # business time, seconds since the epoch
    trace: bytes = field(init=False)  # the traceparent as requests carry it

    def __post_init__(self) -> None:
        self.trace = (self.traceparent or "").encode()


@dataclass(slots=True, eq=False)
class Lease:
    """What was claimed at once: a chunk, or retries of one run (no chunk, no epoch)."""

    sender_id: UUID
    run: Run
    chunk: int | None
    epoch: int
    is_clean: bool  # nobody else ever had it
    waiting: int = 0  # messages not started
    unrecorded: int = 0  # started, or settled, and not on record
    returned: list[UUID] = field(default_factory=list)  # clients not tried, to be given back

    @property
    def is_over(self) -> bool:
        """Whether there is nothing left to start or to record."""
        return not self.waiting and not self.unrecorded


class Job(msgspec.Struct, gc=False):
    """A message that is to be started."""

    lease: Lease
    message_id: str
    client_id: UUID
    chunk: int
    progress: Progress  # before the attempt that is to be made
    contact: Contact

    @property
    def number(self) -> int:
        """The number of the attempt that is to be made."""
        return self.progress.attempt + 1

"""Jobs: what was claimed, as its sender starts it; and what cannot be sent at all."""

from collections.abc import Iterable, Mapping, Sequence
from itertools import repeat
from typing import NamedTuple, TypeAlias
from uuid import UUID

import msgspec

from services.dispatcher.domain.attempt import Attempt, RetryPolicy
from services.dispatcher.domain.contact import (
    CLIENT_REMOVED,
    TEMPLATE_INVALID,
    Channel,
    Contact,
    cannot_send,
    suppressed,
)
from services.dispatcher.domain.keys import ChunkKey, MessageKey
from services.dispatcher.domain.message import of_repeat
from services.dispatcher.domain.outcome import OutgoingMessage, Verdict
from services.dispatcher.domain.progress import Progress
from services.dispatcher.handlers.backlog import Lease, RejectedJob, Run
from services.dispatcher.handlers.recording import Rejected
from services.dispatcher.queue.claiming import ClaimedChunk
from services.dispatcher.queue.retries import ClaimedRetry
from shared import ids
from shared.contracts.dispatcher import AttemptKind

NOT_RENDERED = OutgoingMessage(b"", None, None, None, "", b"")

# Of a message: its chunk, progress, identifier and client; no contact: a removed client; its place
# in the chunk, 0 if that is not known.
_Claimed: TypeAlias = tuple[ChunkKey, Progress, str, UUID, Contact | None, int]


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
    gateway_message_id: str | None = None  # told by an earlier attempt that may have arrived

    @property
    def number(self) -> int:
        """The number of the attempt that is to be made."""
        return self.before.attempt + 1

    @property
    def is_new(self) -> bool:
        """Whether it was never tried."""
        return not self.before.attempt

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
            known_as=self.gateway_message_id,
        )


class Taken(NamedTuple):
    """What came of a claim of one run."""

    lease: Lease
    jobs: Sequence[Job]
    rejected: Sequence[RejectedJob]  # what cannot be sent


def of_chunk(sender_id: UUID, run: Run, chunk: ClaimedChunk, channel: Channel) -> Taken:
    """Return what came of a chunk."""
    is_clean = not chunk.is_reaped
    lease = Lease(sender_id, run, chunk.key, chunk.epoch, is_clean, chunk.size, chunk.due_at)
    message_ids = ids.message_ids(run.run_id, chunk.client_ids)
    columns = (message_ids, chunk.client_ids, chunk.contacts, chunk.places)
    same = repeat(chunk.key), repeat(chunk.before)
    return _taken(lease, zip(*same, *columns, strict=False), channel, chunk.suppressed)


def of_retries(
    sender_id: UUID, runs: Mapping[UUID, Run], retries: Sequence[ClaimedRetry], channel: Channel
) -> list[Taken]:
    """Return what came of retries, run by run."""
    of_runs: dict[UUID, list[_Claimed]] = {}
    unwanted: dict[UUID, dict[UUID, str]] = {}
    for each in retries:
        run_id, client_id = each.key
        chunk, message_id = ChunkKey(run_id, each.chunk), ids.message_id(run_id, client_id)
        claimed = (chunk, each.before, message_id, client_id, each.contact, 0)
        of_runs.setdefault(run_id, []).append(claimed)
        if each.suppressed is not None:
            unwanted.setdefault(run_id, {})[client_id] = each.suppressed
    taken = [
        _taken(
            Lease(sender_id, runs[run_id], None, 0, is_clean=True),
            of_run,
            channel,
            unwanted.get(run_id, {}),
        )
        for run_id, of_run in of_runs.items()
    ]
    known_as = {each.key: each.gateway_message_id for each in retries if each.gateway_message_id}
    for job in (each for of_run in taken for each in of_run.jobs if known_as):
        job.gateway_message_id = known_as.get(MessageKey(job.chunk.run_id, job.client_id))
    return taken


def _taken(
    lease: Lease,
    claimed: Iterable[_Claimed],
    channel: Channel,
    unwanted: Mapping[UUID, str],
) -> Taken:
    """Return the jobs of what was claimed; `unwanted`: why some are suppressed, by client."""
    run_id = lease.run.run_id
    flaw = None if lease.run.templates.is_valid else TEMPLATE_INVALID  # of all of them
    jobs: list[Job] = []
    rejected: list[RejectedJob] = []
    for chunk, before, message_id, client_id, contact, place in claimed:
        rejection = cannot_send(channel, contact) or flaw
        if unwanted and rejection is None and client_id in unwanted:
            rejection = suppressed(unwanted[client_id])
        if contact is not None and rejection is None:
            jobs.append(Job(lease, message_id, client_id, chunk, before, contact, place))
            continue
        key = MessageKey(run_id, client_id)
        entry = Rejected(key, chunk, rejection or CLIENT_REMOVED)
        rejected.append(RejectedJob(lease, before, entry))
    return Taken(lease, jobs, rejected)

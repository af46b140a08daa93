"""Packing: the plain results of a chunk's messages become blocks, at rest and on the wire.

Starts of a chunk's messages become one row as well.
"""

import sys
from array import array
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import cast
from uuid import UUID

from services.dispatcher.domain.attempt import Attempt
from services.dispatcher.domain.contact import names_client, public_gateway_id
from services.dispatcher.domain.keys import ChunkKey, MessageKey
from services.dispatcher.domain.outcome import Outcome, Verdict
from services.dispatcher.domain.progress import Progress
from services.dispatcher.handlers.backlog import Lease
from services.dispatcher.handlers.jobs import Job
from services.dispatcher.queue.blocks import BlockRow, Places
from services.dispatcher.queue.starts import StartOfOne, Starts, StartsInChunk
from shared.contracts.dispatcher import MessagesDelivered
from shared.event import Instant, instant_at

SPAN_S = 1_000  # from one start of a block to another, and of an attempt: columns have 32 bits
SECOND_US = 1_000_000
TEXT_LENGTH = 100_000  # characters of a block's ids, and of its answers: a record has a limit

BETWEEN, OWN_ID = "\x1f", "\x1e"  # no control character is in an id or an answer


def is_plain(lease: Lease, before: Progress, attempt: Attempt) -> bool:
    """Return whether an attempt is the first of its message, accepted, and nothing else.

    So no sender of its chunk has died, and the block holds nothing of the contact.
    """
    verdict, contact = attempt.verdict, attempt.contact
    own_id = verdict.gateway_message_id
    return (
        verdict.outcome is Outcome.ACCEPTED
        and before.attempt == 0
        and before.unknowns == 0
        and lease.chunk is not None
        and lease.run.publishing.is_by_chunk
        and attempt.ended_at - attempt.started_at < SPAN_S
        and contact is not None
        and not names_client(verdict.answer, contact)
        and public_gateway_id(own_id, contact) == own_id
        and BETWEEN not in (own_id or "")
    )


def microseconds(seconds: float) -> int:
    """Return an instant of business time in whole microseconds since the epoch."""
    return int(seconds * SECOND_US)


@dataclass(slots=True)
class _Columns:
    """A block that is being filled."""

    lease: Lease
    chunk: ChunkKey
    reason: str
    status_code: int | None
    answer: str  # the usual one, without the gateway's id
    bits: int = 0
    client_ids: list[UUID] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)  # microseconds since the epoch
    durations: list[int] = field(default_factory=list)
    gateway_ids: list[str | None] = field(default_factory=list)
    answers: list[str] = field(default_factory=list)
    ids_length: int = 0
    answers_length: int = 0

    def takes(self, lease: Lease, verdict: Verdict, start: int) -> bool:
        """Return whether a result fits in."""
        return (
            lease is self.lease
            and verdict.status_code == self.status_code
            and verdict.reason == self.reason
            and bool(verdict.answer) == bool(self.answer)
            and abs(start - self.starts[0]) < SPAN_S * SECOND_US
            and self.ids_length < TEXT_LENGTH
            and self.answers_length < TEXT_LENGTH
        )

    def add(self, place: int, attempt: Attempt, start: int) -> None:
        """Add a result; `place` is the message's in its chunk, from 1."""
        verdict = attempt.verdict
        own_id, answer = verdict.gateway_message_id, _without_id(verdict)
        differs = "" if answer == self.answer else verdict.answer
        self.bits |= 1 << (self.lease.size - place)
        self.client_ids.append(attempt.client_id)
        self.starts.append(start)
        self.durations.append(microseconds(attempt.ended_at) - start)
        self.gateway_ids.append(own_id)
        self.answers.append(differs)
        self.ids_length += len(own_id or "")
        self.answers_length += len(differs)

    def block(self) -> "Block":
        """Return the block, which no other has the name of."""
        lease, first = self.lease, min(self.starts)
        lease.blocks += 1
        starts = [start - first for start in self.starts]
        event = MessagesDelivered(
            run_id=self.chunk.run_id,
            chunk=self.chunk.chunk,
            epoch=lease.epoch,
            number=lease.blocks,
            reason=self.reason,
            status_code=self.status_code,
            started_at=instant_at(first),
            client_ids=self.client_ids,
            starts=starts,
            durations=self.durations,
            gateway_message_ids=self.gateway_ids if self.ids_length else None,
        )
        row = BlockRow(
            chunk=self.chunk,
            epoch=lease.epoch,
            number=lease.blocks,
            places=Places(self.bits, lease.size),
            started_at=event.started_at,
            starts=_packed(starts),
            durations=_packed(self.durations),
            reason=self.reason,
            status_code=self.status_code,
            gateway_ids=(
                BETWEEN.join([each or "" for each in self.gateway_ids])
                if self.ids_length
                else None
            ),
            answer=self.answer,
            answers=BETWEEN.join(self.answers) if self.answers_length else None,
        )
        return Block(lease, event, row)


@dataclass(frozen=True, slots=True)
class Block:
    """Plain results of one lease: what is published of them, and what is recorded."""

    lease: Lease
    event: MessagesDelivered
    row: BlockRow


class Packer:
    """Gathers the plain results of one transaction, which come sorted by message."""

    def __init__(self) -> None:
        self._blocks: list[_Columns] = []

    def add(self, lease: Lease, attempt: Attempt) -> None:
        """Add the result of a plain attempt."""
        verdict, start = attempt.verdict, microseconds(attempt.started_at)
        columns = self._blocks[-1] if self._blocks else None
        if columns is None or not columns.takes(lease, verdict, start):
            answer = _without_id(verdict)
            columns = _Columns(lease, attempt.chunk, verdict.reason, verdict.status_code, answer)
            self._blocks.append(columns)
        columns.add(attempt.place, attempt, start)

    def blocks(self) -> list[Block]:
        """Return the blocks."""
        return [each.block() for each in self._blocks]


@dataclass(slots=True)
class Starting:
    """Messages that were taken to be started, once that is on record."""

    jobs: Sequence[Job]
    sender_id: UUID
    starts: Starts
    is_marked: bool = False  # they are on record


def packed_starts(jobs: Iterable[Job], at: Instant, *, packs: bool) -> Starts:
    """Return what is recorded of attempts that begin: by the chunk, and of retries one by one.

    Of all one by one, unless it `packs`.
    """
    bits: dict[Lease, int] = {}
    numbers: dict[Lease, int] = {}
    others: list[StartOfOne] = []
    for job in jobs:
        lease = job.lease
        if lease.chunk is None or not packs:
            others.append(StartOfOne(MessageKey(lease.run.run_id, job.client_id), job.number))
        else:
            bits[lease] = bits.get(lease, 0) | 1 << (lease.size - job.place)
            numbers[lease] = job.number  # the same for all: nothing is on record of any
    in_chunks = []
    for lease, places in bits.items():
        lease.marks += 1
        in_chunks.append(
            StartsInChunk(
                chunk=cast("ChunkKey", lease.chunk),
                epoch=lease.epoch,
                number=lease.marks,
                attempt=numbers[lease],
                places=Places(places, lease.size),
            )
        )
    return Starts(in_chunks, others, at)


def _without_id(verdict: Verdict) -> str:
    own_id = verdict.gateway_message_id
    return verdict.answer.replace(own_id, OWN_ID) if own_id else verdict.answer


def _packed(numbers: Sequence[int]) -> bytes:
    """Return numbers of 32 bits as the ledger has them."""
    column = array("I", numbers)
    if sys.byteorder == "little":
        column.byteswap()
    return column.tobytes()

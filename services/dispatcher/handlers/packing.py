"""Packing: the plain results of a chunk's messages are published as blocks instead of events."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from uuid import UUID

from services.dispatcher.domain.attempt import Attempt
from services.dispatcher.domain.contact import public_gateway_id
from services.dispatcher.domain.keys import ChunkKey
from services.dispatcher.domain.message import Progress
from services.dispatcher.domain.outcome import Outcome, Verdict
from services.dispatcher.handlers.backlog import Lease
from shared.contracts.dispatcher import MessagesDelivered
from shared.event import Instant, instant_at

SPAN_S = 1_000  # from one start of a block to another, and of an attempt: columns have 31 bits
SECOND_US = 1_000_000
IDS_LENGTH = 100_000  # characters of a block's gateway ids: a record has a limit


def is_plain(lease: Lease, before: Progress, attempt: Attempt) -> bool:
    """Return whether an attempt is the first of its message, accepted, and nothing else.

    So its chunk was leased once, and the block holds nothing of the contact.
    """
    own_id, contact = attempt.verdict.gateway_message_id, attempt.contact
    return (
        attempt.verdict.outcome is Outcome.ACCEPTED
        and before.attempt == 0
        and before.unknowns == 0
        and lease.chunk is not None
        and lease.run.publishing.is_by_chunk
        and attempt.ended_at - attempt.started_at < SPAN_S
        and contact is not None
        and (own_id is None or public_gateway_id(own_id, contact) is not None)
    )


def microseconds(seconds: float) -> int:
    """Return an instant of business time in whole microseconds since the epoch."""
    return round(seconds * SECOND_US)


@dataclass(slots=True)
class _Columns:
    """A block that is being filled."""

    lease: Lease
    chunk: ChunkKey
    reason: str
    status_code: int | None
    client_ids: list[UUID] = field(default_factory=list)
    starts: list[int] = field(default_factory=list)  # microseconds since the epoch
    durations: list[int] = field(default_factory=list)
    gateway_ids: list[str | None] = field(default_factory=list)
    ids_length: int = 0

    def takes(self, lease: Lease, verdict: Verdict, start: int) -> bool:
        """Return whether a result fits in."""
        return (
            lease is self.lease
            and verdict.status_code == self.status_code
            and verdict.reason == self.reason
            and abs(start - self.starts[0]) < SPAN_S * SECOND_US
            and self.ids_length < IDS_LENGTH
        )

    def block(self) -> MessagesDelivered:
        """Return the block, which no other has the name of."""
        lease, first = self.lease, min(self.starts)
        lease.blocks += 1
        return MessagesDelivered(
            run_id=self.chunk.run_id,
            chunk=self.chunk.chunk,
            epoch=lease.epoch,
            number=lease.blocks,
            reason=self.reason,
            status_code=self.status_code,
            started_at=instant_at(first),
            client_ids=self.client_ids,
            starts=[start - first for start in self.starts],
            durations=self.durations,
            gateway_message_ids=self.gateway_ids if self.ids_length else None,
        )


class Packer:
    """Gathers the plain results of one transaction, which come sorted by message."""

    def __init__(self) -> None:
        self._blocks: list[_Columns] = []

    def add(self, lease: Lease, attempt: Attempt) -> tuple[Instant, Instant]:
        """Add the result of a plain attempt; return when it started and ended."""
        verdict = attempt.verdict
        start, end = microseconds(attempt.started_at), microseconds(attempt.ended_at)
        columns = self._blocks[-1] if self._blocks else None
        if columns is None or not columns.takes(lease, verdict, start):
            columns = _Columns(lease, attempt.chunk, verdict.reason, verdict.status_code)
            self._blocks.append(columns)
        columns.client_ids.append(attempt.client_id)
        columns.starts.append(start)
        columns.durations.append(end - start)
        columns.gateway_ids.append(verdict.gateway_message_id)
        columns.ids_length += len(verdict.gateway_message_id or "")
        return instant_at(start), instant_at(end)

    def blocks(self) -> Iterator[tuple[Lease, MessagesDelivered]]:
        """Yield the blocks."""
        for each in self._blocks:
            yield each.lease, each.block()

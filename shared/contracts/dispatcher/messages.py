"""What the dispatcher publishes of messages."""

from collections.abc import Iterator
from datetime import timedelta
from enum import StrEnum, auto
from typing import Annotated, ClassVar
from uuid import UUID

from msgspec import Meta

from shared import ids
from shared.event import Event, Instant
from shared.topic import Topic

MESSAGES = Topic("dispatcher.messages", is_bulk=True, is_terse=True)

# The versions of delivered messages: above all others, since a late success always wins.
DELIVERED_VERSION = 1_000_000_000

ACCEPTED = "accepted"  # the outcome of an attempt that delivered its message

Microseconds = Annotated[int, Meta(ge=0, lt=2**31)]  # half an hour


class State(StrEnum):
    """Where a message is. All but the first two are final; only a late success changes them."""

    PLANNED = auto()
    RETRY = auto()
    DELIVERED = auto()
    FAILED = auto()
    EXPIRED = auto()
    CANCELLED = auto()
    UNDETERMINED = auto()
    SUPPRESSED = auto()


class SuppressedReason(StrEnum):
    """Why a message is not sent though its client could be reached."""

    REQUESTED = auto()  # somebody entered it
    UNSUBSCRIBED = auto()  # the client itself did
    COMPLAINED = auto()
    BOUNCED = auto()  # its contact was refused for good
    CAPPED = auto()  # it has had as many messages as it may
    TIME_PASSED = auto()  # the time was over where the client is
    NO_ZONE = auto()  # nobody knows what time it is there
    QUIET_HOURS = auto()  # the window ends before they do


# Of several messages to a client the best one counts for the client: a final one above one that is
# open, and one that may have arrived above one that has not.
BEST_FIRST = (
    State.DELIVERED,
    State.UNDETERMINED,
    State.FAILED,
    State.EXPIRED,
    State.SUPPRESSED,
    State.CANCELLED,
    State.RETRY,
    State.PLANNED,
)


class AttemptKind(StrEnum):
    """The source of an attempt's outcome."""

    ANSWER = auto()  # the sender, which waited for it
    LOST = auto()  # the reaper, which found an attempt begun by a sender that is gone


class MessageEvent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The fields of each event of a message: the state that it leaves behind.

    `version` only grows along a message's life; a reader that has a higher one ignores this event.
    """

    topic: ClassVar = MESSAGES

    run_id: UUID
    client_id: UUID
    state: State
    attempts: int  # on record so far
    version: int
    at: Instant
    chunk: int | None = None  # none: an earlier version did not write it


class MessageAttempted(MessageEvent, frozen=True, kw_only=True, omit_defaults=True):
    """It was tried to hand the message over; `at` is when that ended."""

    attempt: int  # its number; numbers only grow, but some may be missing
    kind: AttemptKind
    outcome: str  # accepted, refused, not_processed or unknown
    reason: str  # the class of what happened
    status_code: int | None
    gateway_message_id: str | None  # none as well if it names the client
    started_at: Instant


class MessageDelivered(MessageEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The gateway accepted the message. Final, and above all others."""


class MessageFailed(MessageEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The message cannot be handed over: refused for good, or never fit to be sent."""

    reason: str


class MessageExpired(MessageEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The window ended first."""


class MessageCancelled(MessageEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The mailing was stopped or the client removed before it was sent."""

    reason: str


class MessageSuppressed(MessageEvent, frozen=True, kw_only=True, omit_defaults=True):
    """The message is not wanted, or not now: suppressed contact, cap, or passed time."""

    reason: str  # of SuppressedReason


class MessageUndetermined(MessageEvent, frozen=True, kw_only=True, omit_defaults=True):
    """It may or may not have been accepted, and nobody will find out by trying again."""


class MessageResolved(MessageEvent, frozen=True, kw_only=True, omit_defaults=True):
    """Somebody found out what became of an undetermined message, and said so by hand.

    The event of the state that it is in then follows. A late success wins over that as well.
    """

    reason: str  # how they know
    by: str | None = None  # as they name themselves; none: they did not


class MessagesDelivered(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Messages of one chunk were delivered at their first attempt: columns instead of events.

    It stands for a `MessageAttempted` and a `MessageDelivered` of each, which `unpack` yields.
    Run, chunk, epoch and number name it; the same block never comes with other messages.
    """

    topic: ClassVar = MESSAGES
    packs: ClassVar = (MessageAttempted, MessageDelivered)

    run_id: UUID
    chunk: int
    epoch: int  # of the lease under which they were sent
    number: int  # of the block among those of its epoch
    reason: str
    status_code: int | None
    started_at: Instant  # of the first attempt
    client_ids: list[UUID]
    starts: list[Microseconds]  # of each attempt, after `started_at`
    durations: list[Microseconds]  # from there to the answer
    gateway_message_ids: list[str | None] | None = None  # none: no attempt has one

    def __post_init__(self) -> None:
        """See that there is one of each column for each message.

        Raises:
            ValueError: There is not, or an instant is beyond the last one.
        """
        lengths = {len(self.client_ids), len(self.starts), len(self.durations)}
        if self.gateway_message_ids is not None:
            lengths.add(len(self.gateway_message_ids))
        if len(lengths) > 1 or not self.client_ids:
            raise ValueError("columns of different lengths, or empty")
        try:
            _ = self.started_at + timedelta(microseconds=2**32)
        except OverflowError:
            raise ValueError("started_at is beyond the last instant") from None

    @property
    def key(self) -> str:
        """The key of its record, which names the block's chunk."""
        return chunk_key(self.run_id, self.chunk)

    def instants(self) -> Iterator[tuple[Instant, Instant]]:
        """Yield when each attempt started and ended."""
        for start, duration in zip(self.starts, self.durations, strict=True):
            started_at = self.started_at + timedelta(microseconds=start)
            yield started_at, started_at + timedelta(microseconds=duration)

    def unpack(self) -> Iterator[tuple[str, int, Event]]:
        """Yield both events of each message, in order."""
        message_ids = ids.message_ids(self.run_id, self.client_ids)
        gateway_ids = self.gateway_message_ids or [None] * len(message_ids)
        columns = zip(message_ids, self.client_ids, self.instants(), gateway_ids, strict=True)
        version = DELIVERED_VERSION + 1
        for message_id, client_id, (started_at, ended_at), gateway_id in columns:
            attempted = MessageAttempted(
                run_id=self.run_id,
                client_id=client_id,
                state=State.DELIVERED,
                attempts=1,
                version=version,
                at=ended_at,
                chunk=self.chunk,
                attempt=1,
                kind=AttemptKind.ANSWER,
                outcome=ACCEPTED,
                reason=self.reason,
                status_code=self.status_code,
                gateway_message_id=gateway_id,
                started_at=started_at,
            )
            yield message_id, version, attempted
            delivered = MessageDelivered(
                run_id=self.run_id,
                client_id=client_id,
                state=State.DELIVERED,
                attempts=1,
                version=version,
                at=ended_at,
                chunk=self.chunk,
            )
            yield message_id, version, delivered


def chunk_key(run_id: UUID, chunk: int) -> str:
    """Return what the partition of a chunk's messages follows from."""
    return f"{run_id}.{chunk}"

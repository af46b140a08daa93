"""What the dispatcher publishes."""

from enum import StrEnum, auto
from typing import ClassVar
from uuid import UUID

from shared.event import Event, Instant
from shared.topic import Topic

MESSAGES = Topic("dispatcher.messages", is_bulk=True, is_terse=True)
# Totals follow what they count: who has read them finds all of it before the end of MESSAGES.
RUNS = Topic("dispatcher.runs", waits_for=(MESSAGES,))


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


class AttemptKind(StrEnum):
    """The source of an attempt's outcome."""

    ANSWER = auto()  # the sender, which waited for it
    LOST = auto()  # the reaper, which found an attempt begun by a sender that is gone


class MessagesPlanned(Event, frozen=True, kw_only=True):
    """A chunk of a run's messages exists: one for each client."""

    topic: ClassVar = RUNS

    run_id: UUID
    mailing_id: UUID
    chunk: int  # from 0, without gaps
    client_ids: list[UUID]
    due_at: Instant


class RunExpanded(Event, frozen=True, kw_only=True):
    """Every message of the run is planned."""

    topic: ClassVar = RUNS

    run_id: UUID
    mailing_id: UUID
    planned: int
    expanded_at: Instant


class RunFinished(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Every message of the run is in a final state.

    `totals` are counted from the ledger in the transaction that finished the run.
    """

    topic: ClassVar = RUNS

    run_id: UUID
    mailing_id: UUID
    is_last: bool  # the mailing has no later occurrence
    finished_at: Instant
    totals: dict[State, int] | None = None  # none: an earlier version did not count


class RunCorrected(Event, frozen=True, kw_only=True):
    """A message of a finished run has changed: these totals replace those of before."""

    topic: ClassVar = RUNS

    run_id: UUID
    mailing_id: UUID
    number: int  # from 1; the greater the newer
    totals: dict[State, int]
    corrected_at: Instant


class MessageEvent(Event, frozen=True, kw_only=True):
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


class MessageAttempted(MessageEvent, frozen=True, kw_only=True):
    """It was tried to hand the message over; `at` is when that ended."""

    attempt: int  # its number; numbers only grow, but some may be missing
    kind: AttemptKind
    outcome: str  # accepted, refused, not_processed or unknown
    reason: str  # the class of what happened
    status_code: int | None
    gateway_message_id: str | None  # none as well if it names the client
    started_at: Instant


class MessageDelivered(MessageEvent, frozen=True, kw_only=True):
    """The gateway accepted the message. Final, and above all others."""


class MessageFailed(MessageEvent, frozen=True, kw_only=True):
    """The message cannot be handed over: refused for good, or never fit to be sent."""

    reason: str


class MessageExpired(MessageEvent, frozen=True, kw_only=True):
    """The window ended first."""


class MessageCancelled(MessageEvent, frozen=True, kw_only=True):
    """The mailing was stopped or the client removed before it was sent."""

    reason: str


class MessageSuppressed(MessageEvent, frozen=True, kw_only=True):
    """The client does not want to be addressed."""

    reason: str


class MessageUndetermined(MessageEvent, frozen=True, kw_only=True):
    """It may or may not have been accepted, and nobody will find out by trying again."""

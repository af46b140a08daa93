"""What the dispatcher publishes of runs."""

from typing import ClassVar
from uuid import UUID

from msgspec import field

from shared.contracts.dispatcher.messages import MESSAGES, State
from shared.event import Event, Instant
from shared.topic import Topic

# Totals follow what they count: who has read them finds all of it before the end of MESSAGES.
RUNS = Topic("dispatcher.runs", waits_for=(MESSAGES,))


class MessagesPlanned(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A chunk of a run's messages exists: one for each client."""

    topic: ClassVar = RUNS

    run_id: UUID
    mailing_id: UUID
    chunk: int  # from 0, without gaps
    client_ids: list[UUID]
    due_at: Instant
    lane: int = 0  # of the run; the chunks of each are in the order of clients


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


class RunArchived(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The run's figures for good: no message of it changes any more.

    Its messages are deleted after it, and their events may be gone from the log. A run and its
    resends are archived at the same moment.
    """

    topic: ClassVar = RUNS

    run_id: UUID
    mailing_id: UUID
    totals: dict[State, int]
    attempts: int  # on record, of all its messages
    archived_at: Instant
    # Of the totals: messages to clients of whom another run of these has a better one, or an equal
    # one and a lower identifier; none: it neither is a resend nor has one, or nobody counted.
    superseded: dict[State, int] | None = None


class RunPaused(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Nothing of the run is sent until it is resumed here, whatever its mailing's switch says."""

    topic: ClassVar = RUNS

    run_id: UUID
    mailing_id: UUID
    number: int  # of what the run's own switch was moved by, from 1; the greater the newer
    paused_at: Instant
    by: str | None = None  # as they name themselves; none: they did not


class RunResumed(Event, frozen=True, kw_only=True, omit_defaults=True):
    """The run may be sent again, unless its mailing is paused."""

    topic: ClassVar = RUNS

    run_id: UUID
    mailing_id: UUID
    number: int
    resumed_at: Instant
    by: str | None = None


class RunStopped(Event, frozen=True, kw_only=True, omit_defaults=True):
    """Nothing of the run is sent any more: what is open will be cancelled."""

    topic: ClassVar = RUNS

    run_id: UUID
    mailing_id: UUID
    number: int
    stopped_at: Instant
    by: str | None = None


class RunResent(Event, frozen=True, kw_only=True, omit_defaults=True):
    """A run begins that sends again what did not arrive of another one, to the same clients.

    Gateway and content are those of the other one. Its events follow as those of any run.
    """

    topic: ClassVar = RUNS

    run_id: UUID
    mailing_id: UUID
    resent_from: UUID  # the other run
    statuses: list[State]  # of its messages that are sent again
    starts_at: Instant
    ends_at: Instant
    resent_at: Instant
    reasons: list[str] = field(default_factory=list)  # of these; empty: whatever it is
    by: str | None = None  # as they name themselves; none: they did not

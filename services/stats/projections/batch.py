"""A batch: what is to be applied of events of any kinds, and the changes of runs by them."""

from collections import Counter
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any, TypeAlias
from uuid import UUID

from shared.contracts.catalog import RunBegun
from shared.contracts.dispatcher import (
    MESSAGES,
    MessageEvent,
    MessagesDelivered,
    MessagesPlanned,
    RunArchived,
    RunCorrected,
    RunExpanded,
    RunFinished,
    RunResent,
    State,
)
from shared.contracts.scheduler import MailingScheduled, RunMissed
from shared.event import Instant

Key: TypeAlias = tuple[int, int]  # run and client, or run and chunk; sorts as the rows do
BlockKey: TypeAlias = tuple[int, int, int, int]  # run, chunk, epoch, number

EPOCH, SECOND = datetime(1970, 1, 1, tzinfo=UTC), timedelta(seconds=1)


def second_of(at: Instant) -> int:
    """Return the second of the epoch that an instant is in."""
    return (at - EPOCH) // SECOND


@dataclass(slots=True)
class RunChange:
    """A change of a run by a batch: counts to add, and fields to set.

    Of a run that is archived the counts are not added, but stand for good.
    """

    run_id: UUID
    mailing_id: UUID | None = None
    planned: int = 0
    counts: dict[State, int] = field(default_factory=lambda: dict.fromkeys(State, 0))
    attempts: int = 0
    expected: int | None = None
    scheduled_at: Instant | None = None
    missed_at: Instant | None = None
    missed_reason: str | None = None
    nominal: str | None = None
    finished_at: Instant | None = None
    archived_at: Instant | None = None
    resent_from: UUID | None = None  # it is a resend of that run
    superseded: Mapping[State, int] | None = None  # of an archived one: what does not count
    number: int | None = None  # of the totals
    totals: Mapping[State, int] | None = None
    series: Counter[tuple[int, State]] = field(default_factory=Counter)  # by second and state

    def count(self, state: State, messages: int, *, attempts: int, second: int) -> None:
        """Add messages that are in a state since a second, or take them away, with attempts."""
        self.counts[state] += messages
        self.attempts += attempts
        self.series[second, state] += messages

    def take_totals(self, number: int, totals: Mapping[State, int] | None) -> None:
        """Take totals of the ledger, unless there are newer ones, or those that are for good."""
        if totals is None or (self.number is not None and number <= self.number):
            return
        self.number = number
        if self.archived_at is None:
            self.totals = totals

    def archive(self, event: RunArchived) -> None:
        """Take the figures that are for good."""
        self.archived_at = event.archived_at
        self.planned, self.attempts = sum(event.totals.values()), event.attempts
        self.counts = {state: event.totals.get(state, 0) for state in State}
        self.number, self.totals = self.number or 0, event.totals
        self.superseded = event.superseded


@dataclass(slots=True)
class Batch:
    """The events to apply: of each message the newest event, of each block and chunk one."""

    messages: dict[Key, MessageEvent] = field(default_factory=dict)
    blocks: dict[BlockKey, MessagesDelivered] = field(default_factory=dict)
    chunks: dict[Key, MessagesPlanned] = field(default_factory=dict)
    runs: dict[int, RunChange] = field(default_factory=dict)

    def run(self, run_id: UUID) -> RunChange:
        """Return the change of a run, to be added to."""
        number = run_id.int
        if number not in self.runs:
            self.runs[number] = RunChange(run_id)
        return self.runs[number]

    def runs_of_messages(self) -> set[int]:
        """Return the runs to whose messages something happens."""
        return {run for run, *_ in (*self.messages, *self.blocks, *self.chunks)}

    def drop_messages(self, runs: Collection[int]) -> None:
        """Drop what happens to messages of these runs."""
        self.messages = {key: it for key, it in self.messages.items() if key[0] not in runs}
        self.blocks = {key: it for key, it in self.blocks.items() if key[0] not in runs}
        self.chunks = {key: it for key, it in self.chunks.items() if key[0] not in runs}


def batch_of(events: Iterable[Any]) -> Batch:
    """Return what is to be applied of `events`: repetitions and superseded ones are dropped."""
    batch = Batch()
    messages = batch.messages
    for event in events:
        if type(event) is MessagesDelivered:  # an instance check of a Struct costs a microsecond
            block = (event.run_id.int, event.chunk, event.epoch, event.number)
            batch.blocks[block] = event
        elif event.topic is MESSAGES:
            # Numbers compare ten times as fast as identifiers do.
            key = (event.run_id.int, event.client_id.int)
            known = messages.get(key)
            if known is None or known.version < event.version:
                messages[key] = event
        elif hasattr(event, "run_id") and not (
            isinstance(event, MailingScheduled) and event.is_proposal
        ):
            _note(batch, event)
    return batch


def _note(
    batch: Batch,
    event: MessagesPlanned
    | RunExpanded
    | RunFinished
    | RunCorrected
    | RunArchived
    | RunResent
    | RunBegun
    | MailingScheduled
    | RunMissed,
) -> None:
    run = batch.run(event.run_id)
    run.mailing_id = event.mailing_id
    match event:
        case MessagesPlanned():
            batch.chunks[event.run_id.int, event.chunk] = event
        case RunExpanded():
            run.expected = event.planned
        case RunFinished():
            run.finished_at = event.finished_at
            run.take_totals(0, event.totals)
        case RunCorrected():
            run.take_totals(event.number, event.totals)
        case RunArchived():
            run.archive(event)
        case RunResent():
            run.resent_from, run.scheduled_at = event.resent_from, event.resent_at
            batch.run(event.resent_from).mailing_id = event.mailing_id
        case RunBegun() | MailingScheduled() | RunMissed():
            _note_beginning(run, event)


def _note_beginning(run: RunChange, event: RunBegun | MailingScheduled | RunMissed) -> None:
    run.nominal = event.nominal
    match event:
        case RunBegun():
            run.scheduled_at = event.begun_at
        case MailingScheduled():
            run.scheduled_at = event.scheduled_at
        case RunMissed():
            run.missed_at, run.missed_reason = event.missed_at, event.reason
    if run.scheduled_at is not None:
        # The scheduler may have found it too late, and its end was moved meanwhile.
        run.missed_at = run.missed_reason = None

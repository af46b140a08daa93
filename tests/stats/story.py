"""A run as the log tells it: the events that tests are about, in a few words."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

from services.stats.projections import counts
from services.stats.queue import generations
from services.stats.subscriptions import CONSUMER
from shared import ids
from shared.contracts import dispatcher, scheduler
from shared.contracts.catalog import Filter
from shared.contracts.dispatcher import (
    AttemptKind,
    MessageAttempted,
    MessageCancelled,
    MessageDelivered,
    MessageEvent,
    MessageExpired,
    MessageFailed,
    MessagesDelivered,
    MessagesPlanned,
    MessageSuppressed,
    MessageUndetermined,
    RunArchived,
    RunCorrected,
    RunExpanded,
    RunFinished,
    State,
)
from shared.contracts.scheduler import MailingScheduled, MissedReason, RunMissed
from shared.database import Pool, transaction
from shared.event import Event
from shared.testing import received

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
ARCHIVED_AT = NOON + timedelta(days=90)
MAILING = UUID(int=0xA << 124)
ABOVE_ALL = 1_000_000  # the version of what is delivered

FINAL: dict[State, Any] = {
    State.DELIVERED: MessageDelivered,
    State.FAILED: MessageFailed,
    State.EXPIRED: MessageExpired,
    State.CANCELLED: MessageCancelled,
    State.UNDETERMINED: MessageUndetermined,
    State.SUPPRESSED: MessageSuppressed,
}
WITH_REASON = (State.FAILED, State.CANCELLED, State.SUPPRESSED)


def client(number: int) -> UUID:
    """Return the identifier of a client; they sort by number."""
    return UUID(int=(0xC << 124) | number)


@dataclass(frozen=True, slots=True)
class Run:
    """A run of a mailing."""

    mailing_id: UUID = MAILING

    @property
    def id(self) -> UUID:
        return ids.run_id(self.mailing_id, scheduler.ONCE)

    def scheduled(self) -> MailingScheduled:
        return MailingScheduled(
            run_id=self.id,
            mailing_id=self.mailing_id,
            nominal=scheduler.ONCE,
            revision=1,
            is_last=True,
            body="Hello",
            subject=None,
            filter=Filter(),
            starts_at=NOON,
            ends_at=NOON + timedelta(hours=1),
            gateway="http",
            scheduled_at=NOON,
        )

    def missed(self) -> RunMissed:
        return RunMissed(
            run_id=self.id,
            mailing_id=self.mailing_id,
            nominal=scheduler.ONCE,
            is_last=True,
            reason=MissedReason.WINDOW_OVER,
            missed_at=NOON,
        )

    def planned(self, chunk: int, clients: Iterable[int]) -> MessagesPlanned:
        return MessagesPlanned(
            run_id=self.id,
            mailing_id=self.mailing_id,
            chunk=chunk,
            client_ids=[client(each) for each in clients],
            due_at=NOON,
        )

    def expanded(self, planned: int) -> RunExpanded:
        return RunExpanded(
            run_id=self.id, mailing_id=self.mailing_id, planned=planned, expanded_at=NOON
        )

    def finished(self, totals: dict[State, int] | None = None) -> RunFinished:
        return RunFinished(
            run_id=self.id,
            mailing_id=self.mailing_id,
            is_last=True,
            finished_at=NOON,
            totals=totals,
        )

    def corrected(self, number: int, totals: dict[State, int]) -> RunCorrected:
        return RunCorrected(
            run_id=self.id,
            mailing_id=self.mailing_id,
            number=number,
            totals=totals,
            corrected_at=NOON,
        )

    def archived(self, totals: dict[State, int], attempts: int) -> RunArchived:
        return RunArchived(
            run_id=self.id,
            mailing_id=self.mailing_id,
            totals=totals,
            attempts=attempts,
            archived_at=ARCHIVED_AT,
        )

    def block(
        self, chunk: int, clients: Iterable[int], *, epoch: int = 1, number: int = 1
    ) -> MessagesDelivered:
        client_ids = [client(each) for each in clients]
        count = len(client_ids)
        return MessagesDelivered(
            run_id=self.id,
            chunk=chunk,
            epoch=epoch,
            number=number,
            reason="accepted",
            status_code=200,
            started_at=NOON,
            client_ids=client_ids,
            starts=list(range(count)),
            durations=[1_000 + each for each in range(count)],
            gateway_message_ids=[f"gw-{each}" for each in range(count)],
        )

    def attempted(
        self,
        number: int,
        state: State,
        *,
        attempt: int = 1,
        version: int | None = None,
        chunk: int | None = None,
    ) -> MessageAttempted:
        is_delivered = state is State.DELIVERED
        return MessageAttempted(
            run_id=self.id,
            client_id=client(number),
            state=state,
            attempts=attempt,
            version=version or (ABOVE_ALL if is_delivered else 2 * attempt),
            at=NOON + timedelta(seconds=attempt),
            chunk=chunk,
            attempt=attempt,
            kind=AttemptKind.ANSWER,
            outcome="accepted" if is_delivered else "not_processed",
            reason="ok" if is_delivered else "http_500",
            status_code=200 if is_delivered else 500,
            gateway_message_id=None,
            started_at=NOON,
        )

    def ended(
        self, number: int, state: State, *, attempts: int = 1, version: int = ABOVE_ALL
    ) -> MessageEvent:
        more = {"reason": "because"} if state in WITH_REASON else {}
        ended: MessageEvent = FINAL[state](
            run_id=self.id,
            client_id=client(number),
            state=state,
            attempts=attempts,
            version=version,
            at=NOON + timedelta(seconds=attempts),  # as its last attempt says
            **more,
        )
        return ended


def key(event: Any) -> str:
    """Return the key of the record that the event comes in."""
    if isinstance(event, MessagesDelivered):
        return event.key
    if isinstance(event, MessageEvent):
        return ids.message_id(event.run_id, event.client_id)
    of_run = event.topic is dispatcher.RUNS
    return str(event.run_id if of_run else event.mailing_id)


async def apply(pool: Pool, events: Sequence[Event], *, by: int = 1_000) -> None:
    """Apply events to the current generation, so many in a transaction."""
    for first in range(0, len(events), by):
        async with transaction(pool) as db:
            batch = [received(each, key(each)) for each in events[first : first + by]]
            current = await generations.current(db)
            await counts.project(db, current, batch, consumer=CONSUMER)

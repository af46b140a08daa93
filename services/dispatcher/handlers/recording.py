"""Recording: results of a sender's own messages become rows of the ledger and events.

In batches, in the path of every message: nothing here is done for one message that can be done
for all.
"""

from random import random
from typing import TYPE_CHECKING, cast

import msgspec

from services.dispatcher.domain.attempt import Attempt, instant
from services.dispatcher.domain.contact import Contact, Rejection
from services.dispatcher.domain.keys import ChunkKey, MessageKey
from services.dispatcher.domain.message import OPEN, Step, attempted, keeps_contact, rejected
from services.dispatcher.domain.progress import Progress
from services.dispatcher.handlers.events import EventBuffer, Publishing
from services.dispatcher.queue.exceptions import ExceptionRow
from services.dispatcher.queue.recording import AttemptRow, LedgerBatch
from shared import ids
from shared.contracts.dispatcher import State
from shared.event import Instant

if TYPE_CHECKING:
    from shared.contracts.dispatcher import MessageAttempted


class Rejected(msgspec.Struct, frozen=True, gc=False):
    """A message that became final without an attempt."""

    key: MessageKey
    chunk: ChunkKey
    rejection: Rejection


def enter_attempt(
    batch: LedgerBatch,
    events: EventBuffer,
    before: Progress,
    attempt: Attempt,
    publishing: Publishing,
) -> bool:
    """Enter an attempt of a message that nobody else has moved; return whether it is final now."""
    step = attempted(before, attempt, random())  # noqa: S311 - jitter, not a secret
    progress = step.progress
    event = cast("MessageAttempted", step.events[0])
    batch.attempts.append(attempt_row(attempt, event.started_at, event.at))
    events.add(publishing, attempt.chunk, attempt.message_id, step.events)
    if attempt.verdict.bounced is not None:
        events.add_bounce(attempt)
    is_leased = before.attempt > 0  # a retry: it has a row among the exceptions
    if is_leased or progress.state is not State.DELIVERED:
        used = attempt.contact, attempt.version_id
        row = exception_row(attempt.key, attempt.chunk, step, *used)
        (batch.leased if is_leased else batch.exceptions).append(row)
    return progress.state not in OPEN


def enter_rejected(
    batch: LedgerBatch,
    events: EventBuffer,
    before: Progress,
    entry: Rejected,
    publishing: Publishing,
    now: Instant,
) -> None:
    """Enter a message that became final without an attempt."""
    step = rejected(entry.key, entry.chunk.chunk, before, entry.rejection, now)
    row = exception_row(entry.key, entry.chunk, step)
    (batch.leased if before.attempt > 0 else batch.exceptions).append(row)
    events.add(publishing, entry.chunk, ids.message_id(*entry.key), step.events)


def exception_row(
    key: MessageKey,
    chunk: ChunkKey,
    step: Step,
    contact: Contact | None = None,
    version_id: int | None = None,
) -> ExceptionRow:
    """Return the row of a message that isn't simply answered.

    `contact` was used last, and the gateway's version `version_id`: both are kept if the message
    may have arrived.
    """
    due_at = None if step.retry_at is None else instant(step.retry_at)
    kept = (contact, version_id) if keeps_contact(step.progress) else (None, None)
    return ExceptionRow(key, chunk.chunk, step.progress, due_at, *kept)


def attempt_row(attempt: Attempt, started_at: Instant, ended_at: Instant) -> AttemptRow:
    """Return the row of an attempt."""
    verdict = attempt.verdict
    return (
        attempt.chunk.run_id,
        attempt.client_id,
        attempt.number,
        attempt.kind,
        started_at,
        ended_at,
        verdict.outcome,
        verdict.reason,
        verdict.status_code,
        verdict.gateway_message_id,
        verdict.answer,
    )

"""Reconciling: results of messages that others may have moved go by what stands there by now.

A success wins over everything, and an answer is always kept, however late.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from random import random
from typing import TypeVar
from uuid import UUID

import structlog

from services.dispatcher.domain.attempt import Attempt, instant
from services.dispatcher.domain.keys import ChunkKey, MessageKey
from services.dispatcher.domain.message import OPEN, Step, as_found, attempted_late, rejected
from services.dispatcher.handlers.events import EventBuffer, Publishing
from services.dispatcher.handlers.recording import Rejected, attempt_row, exception_row
from services.dispatcher.handlers.totals import correct_finished
from services.dispatcher.queue import exceptions, reconciling, recording
from services.dispatcher.queue.reconciling import FoundMessage
from services.dispatcher.queue.recording import Closed
from shared import ids, telemetry
from shared.contracts.dispatcher import AttemptKind
from shared.database import Connection
from shared.event import Instant

log = structlog.get_logger()

R = TypeVar("R", Attempt, Rejected)


class Changes:
    """What becomes of messages in this transaction, which holds them locked."""

    def __init__(
        self, found: dict[MessageKey, FoundMessage], publishing: Mapping[UUID, Publishing]
    ) -> None:
        self.found = found
        self._publishing = publishing
        self._events = EventBuffer()
        self._rows: dict[MessageKey, exceptions.ExceptionRow] = {}
        self._closed: Counter[ChunkKey] = Counter()
        self._late_successes: set[UUID] = set()  # runs of which a message was final

    def apply(
        self, key: MessageKey, chunk: ChunkKey, step: Step, attempt: Attempt | None = None
    ) -> None:
        """Move a message by one step. What was used first is kept: contact and version."""
        contact, version_id = (attempt.contact, attempt.version_id) if attempt else (None, None)
        before = self.found[key]
        state = before.found.progress.state
        used = before.contact or contact, before.version_id or version_id
        row = exception_row(key, chunk, step, *used)
        self._rows[key] = row
        publishing = self._publishing[key.run_id]
        self._events.add(publishing, chunk, ids.message_id(*key), step.events)
        if attempt is not None:
            self._events.add_bounce(attempt)
        if state in OPEN:
            self._closed[chunk] += step.progress.state not in OPEN
        elif step.progress.state is not state:
            self._late_successes.add(key.run_id)
        numbers = before.found.numbers | ({attempt.number} if attempt else frozenset())
        found = before.found._replace(progress=step.progress, numbers=numbers)
        self.found[key] = FoundMessage(found, row.contact, row.version_id, before.is_in_block)

    async def put(self, db: Connection, now: Instant) -> None:
        """Write all of it, and correct the totals of finished runs."""
        await exceptions.upsert_exceptions(db, [self._rows[key] for key in sorted(self._rows)])
        closed = {chunk: Closed(count) for chunk, count in self._closed.items()}
        await recording.close_chunks(db, None, closed)
        await self._events.put(db)
        await correct_finished(db, self._late_successes, now)


async def reconcile(
    db: Connection, attempts: Sequence[Attempt], publishing: Mapping[UUID, Publishing]
) -> None:
    """Record attempts whose messages may have moved; what is on record stays as it is."""
    locked = await reconciling.lock_messages(db, {each.key: each.chunk for each in attempts})
    changes = Changes(locked, publishing)
    attempts = [
        as_found(changes.found[each.key].found, each)
        for each in _without_archived(attempts, locked)
        if not _is_answered(each, locked)
    ]
    if not attempts:
        return
    rows = [
        attempt_row(each, instant(each.started_at), instant(each.ended_at)) for each in attempts
    ]
    new = await reconciling.insert_new_attempts(db, rows)
    for attempt in attempts:
        key = attempt.key
        if (*key, attempt.number, attempt.kind) not in new:
            continue
        found = changes.found[key].found
        step = attempted_late(found, attempt, random())  # noqa: S311 - jitter, not a secret
        changes.apply(key, attempt.chunk, step, attempt)
    await changes.put(db, instant(max(each.ended_at for each in attempts)))


def _without_archived(results: Sequence[R], locked: Mapping[MessageKey, FoundMessage]) -> list[R]:
    """Return the results but for those of archived runs: their figures are for good."""
    kept = [each for each in results if each.key in locked]
    if dropped := len(results) - len(kept):
        telemetry.count("dispatcher.results.dropped", dropped)
        log.warning("dispatcher.results_dropped", results=dropped, reason="run archived")
    return kept


def _is_answered(attempt: Attempt, locked: Mapping[MessageKey, FoundMessage]) -> bool:
    """Return whether an attempt's answer is in a block, or it seemed lost and was answered."""
    found = locked[attempt.key]
    if attempt.number not in found.found.numbers:
        return False
    return found.has_in_block(attempt.number) or attempt.kind is AttemptKind.LOST


async def reconcile_rejected(
    db: Connection,
    entries: Sequence[Rejected],
    publishing: Mapping[UUID, Publishing],
    now: Instant,
) -> None:
    """End messages that cannot be sent and may have moved: only what is still open."""
    if not entries:
        return
    locked = await reconciling.lock_messages(db, {each.key: each.chunk for each in entries})
    changes = Changes(locked, publishing)
    for each in _without_archived(entries, locked):
        before = changes.found[each.key].found.progress
        step = rejected(each.key, each.chunk.chunk, before, each.rejection, now)
        if step.events:  # else it is final: by others, or by us, for it may stand here twice
            changes.apply(each.key, each.chunk, step)
    await changes.put(db, now)

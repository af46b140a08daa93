"""Recording: results of attempts in, the ledger and the events that tell of it out.

In batches, in the path of every message: nothing here is done for one message that can be done
for all.
"""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime
from random import random
from typing import TypeAlias
from uuid import UUID

import msgspec
from msgspec.structs import replace

from services.dispatcher.domain.message import (
    OPEN,
    Progress,
    Ruling,
    Terms,
    after_attempt,
    final_event,
)
from services.dispatcher.domain.outcome import Verdict
from services.dispatcher.handlers.events import Told
from services.dispatcher.handlers.totals import correct_finished
from services.dispatcher.queue import recording as ledger
from services.dispatcher.queue.recording import Entries, Excepted, Found
from shared import ids, telemetry
from shared.contracts.dispatcher import AttemptKind, MessageAttempted, State
from shared.database import Connection
from shared.event import Instant

# How long whoever has a message leased by now is given to try it before it is tried once more.
HOLDER_S = 30.0


Times: TypeAlias = tuple[Instant, Instant]  # of an attempt: its start and its end


class Attempt(msgspec.Struct, frozen=True, gc=False):
    """An attempt that has ended, and all that it takes to record it."""

    message_id: str
    run_id: UUID
    client_id: UUID
    chunk: int
    number: int
    kind: AttemptKind
    progress: Progress  # before it
    verdict: Verdict
    terms: Terms  # with the business time of its end
    started_at: float  # business time, seconds since the epoch
    sender_id: UUID | None  # who made it; None if it is gone
    told_id: str | None = None  # the gateway's own identifier, if it names nobody


class Settled(msgspec.Struct, frozen=True, gc=False):
    """A message that became final without an attempt."""

    run_id: UUID
    client_id: UUID
    chunk: int
    progress: Progress  # after it
    is_retry: bool  # it has a row among the exceptions


def instant(seconds: float) -> Instant:
    """Return the instant of business time in seconds since the epoch."""
    return datetime.fromtimestamp(seconds, UTC)


def enter(entries: Entries, told: Told, attempt: Attempt, trace: str | None) -> bool:
    """Enter an attempt whose message was as it says before; return whether it is final now."""
    after, due = after_attempt(
        attempt.progress,
        attempt.number,
        attempt.verdict,
        attempt.terms,
        random(),  # noqa: S311 - jitter, not a secret
    )
    times = _times(attempt)
    entries.attempts.append(_row(attempt, times))
    progress = _tell(told, attempt, after, trace, times)
    is_retry = attempt.progress.attempt > 0
    if is_retry or progress.state is not State.DELIVERED:
        due_at = None if due is None else instant(due)
        row = Excepted(attempt.run_id, attempt.client_id, attempt.chunk, progress, due_at)
        (entries.resumed if is_retry else entries.exceptions).append(row)
    return progress.state not in OPEN


def _tell(
    told: Told, attempt: Attempt, after: Progress, trace: str | None, times: Times
) -> Progress:
    """Tell of an attempt, and of the final state it led to; return where the message is then."""
    message_id, verdict, (started_at, at) = attempt.message_id, attempt.verdict, times
    event = MessageAttempted(
        run_id=attempt.run_id,
        client_id=attempt.client_id,
        state=after.state,
        attempts=after.attempts,
        version=after.version,
        at=at,
        attempt=attempt.number,
        kind=attempt.kind,
        outcome=verdict.outcome,
        reason=verdict.reason,
        status_code=verdict.status_code,
        gateway_message_id=attempt.told_id,
        started_at=started_at,
    )
    told.add(trace, message_id, after.version, event)
    if after.state is attempt.progress.state:
        return after
    if after.state is not State.DELIVERED and after.state not in OPEN:
        after = replace(after, version=after.version + 1)
    final = final_event(attempt.run_id, attempt.client_id, after, at)
    if final is not None:
        told.add(trace, message_id, after.version, final)
    return after


def settle(
    entries: Entries, told: Told, settled: Settled, trace: str | None, now: Instant
) -> None:
    """Enter a message that became final without an attempt."""
    row = Excepted(settled.run_id, settled.client_id, settled.chunk, settled.progress, None)
    (entries.resumed if settled.is_retry else entries.exceptions).append(row)
    tell_settled(told, settled, trace, now)


def tell_settled(told: Told, settled: Settled, trace: str | None, now: Instant) -> None:
    """Tell that a message became final without an attempt."""
    event = final_event(settled.run_id, settled.client_id, settled.progress, now)
    if event is not None:
        message_id = ids.message_id(settled.run_id, settled.client_id)
        told.add(trace, message_id, settled.progress.version, event)


def _times(attempt: Attempt) -> Times:
    return instant(attempt.started_at), instant(attempt.terms.now)


def _row(attempt: Attempt, times: Times) -> tuple[object, ...]:
    verdict = attempt.verdict
    return (
        attempt.run_id,
        attempt.client_id,
        attempt.number,
        attempt.kind,
        *times,
        verdict.outcome,
        verdict.reason,
        verdict.status_code,
        verdict.gateway_message_id,
        verdict.answer,
    )


async def record_carefully(  # noqa: PLR0915 - one transaction, top to bottom
    db: Connection, attempts: Sequence[Attempt], traces: Mapping[UUID, str | None]
) -> None:
    """Record attempts whose messages may have moved meanwhile; what is on record stays as it is.

    A success wins over everything, and an answer is always kept, however late.
    """
    current = await ledger.lock(db, [(a.run_id, a.client_id, a.chunk) for a in attempts])
    attempts = [each for each in attempts if not _is_found_again(each, current)]
    if not attempts:
        return
    fresh = await ledger.keep(db, [_row(each, _times(each)) for each in attempts])
    told, closed = Told({}), Counter[tuple[UUID, int]]()
    changed: dict[tuple[UUID, UUID], Excepted] = {}
    final = {
        k for k, found in current.items() if found.progress.state not in (*OPEN, State.DELIVERED)
    }
    for attempt in attempts:
        key = (attempt.run_id, attempt.client_id)
        if (*key, attempt.number, attempt.kind) not in fresh:
            continue
        found = current[key]
        before, (ruled, due) = found.progress, _rule(attempt, found)
        moved = replace(attempt, progress=before)
        trace, times = traces.get(attempt.run_id), _times(attempt)
        after = _tell(told, moved, ruled, trace, times)
        due_at = None if due is None else instant(due)
        changed[key] = Excepted(*key, attempt.chunk, after, due_at)
        numbers = found.numbers | {attempt.number}
        current[key] = found._replace(progress=after, numbers=numbers)
        if before.state in OPEN and after.state not in OPEN:
            closed[attempt.run_id, attempt.chunk] += 1
    await ledger.overrule(db, [changed[key] for key in sorted(changed)])
    await ledger.close(db, None, {place: (count, 0) for place, count in closed.items()})
    now = instant(max(each.terms.now for each in attempts))
    await told.put(db)
    await correct_finished(db, _late_successes(changed, final), now)


def _late_successes(
    changed: Mapping[tuple[UUID, UUID], Excepted], final: Collection[tuple[UUID, UUID]]
) -> set[UUID]:
    """Return the runs of messages that were final and are delivered after all."""
    return {
        row.run_id
        for key, row in changed.items()
        if key in final and row.progress.state is State.DELIVERED
    }


def _is_found_again(attempt: Attempt, current: Mapping[tuple[UUID, UUID], Found]) -> bool:
    """Say whether an attempt that seemed lost has been answered meanwhile."""
    numbers = current[attempt.run_id, attempt.client_id].numbers
    return attempt.kind is AttemptKind.LOST and attempt.number in numbers


def _rule(attempt: Attempt, found: Found) -> Ruling:
    """Return what follows from an attempt, which others may have given up and made anew."""
    before = found.progress
    is_known = attempt.number in found.numbers  # lost first, answered late: one attempt
    if is_known:
        before = replace(before, unknowns=max(before.unknowns - 1, 0))
    terms, chance = attempt.terms, random()  # noqa: S311 - jitter, not a secret
    after, due = after_attempt(before, attempt.number, attempt.verdict, terms, chance)
    if is_known:
        after = replace(after, attempts=before.attempts)
    if due is not None and found.holder not in (None, attempt.sender_id):
        after = replace(after, attempt=max(after.attempt, found.next_number))
        due = max(due, attempt.terms.now + HOLDER_S)
    return after, due


async def settle_carefully(
    db: Connection,
    settled: Sequence[Settled],
    traces: Mapping[UUID, str | None],
    now: Instant,
) -> None:
    """Settle messages that may have moved meanwhile: only what is still open."""
    if not settled:
        return
    current = await ledger.lock(db, [(s.run_id, s.client_id, s.chunk) for s in settled])
    told, closed = Told({}), Counter[tuple[UUID, int]]()
    changed: dict[tuple[UUID, UUID], Excepted] = {}
    for each in settled:
        key = (each.run_id, each.client_id)
        found = current[key]
        before = found.progress
        if before.state not in OPEN:  # by others, or by us: it may stand here twice
            continue
        after = replace(
            before,
            state=each.progress.state,
            reason=each.progress.reason,
            version=before.version + 1,
        )
        current[key] = found._replace(progress=after)
        changed[key] = Excepted(*key, each.chunk, after, None)
        tell_settled(told, replace(each, progress=after), traces.get(each.run_id), now)
        closed[each.run_id, each.chunk] += 1
    await ledger.overrule(db, [changed[key] for key in sorted(changed)])
    await ledger.close(db, None, {place: (count, 0) for place, count in closed.items()})
    await told.put(db)


def counted(gateway: str, attempts: Sequence[Attempt]) -> None:
    """Count a batch's attempts by outcome."""
    for outcome, number in Counter(each.verdict.outcome for each in attempts).items():
        telemetry.count("dispatcher.attempts", number, gateway=gateway, outcome=outcome)

"""A message: every transition from one state to the next, and the events that publish it.

Certainty comes from all attempts, not from the last: once an attempt may have arrived, a message
ends as delivered or undetermined, unless that attempt is answered after all.
"""

from collections.abc import Collection
from typing import NamedTuple, TypeAlias
from uuid import UUID

import msgspec
from msgspec.structs import replace

from services.dispatcher.domain.attempt import Attempt, instant
from services.dispatcher.domain.contact import Rejection, public_gateway_id
from services.dispatcher.domain.final import final_event
from services.dispatcher.domain.keys import MessageKey
from services.dispatcher.domain.outcome import Outcome, Verdict
from services.dispatcher.domain.progress import Progress
from shared.contracts.dispatcher import (
    DELIVERED_VERSION,
    AttemptKind,
    MessageAttempted,
    MessageEvent,
    State,
)
from shared.errors import NotFound
from shared.event import Instant

EXHAUSTED = "attempts_exhausted"  # why a message failed that was not refused
STOPPED, RUN_STOPPED = "mailing_stopped", "run_stopped"  # why a message was cancelled

OPEN = frozenset({State.PLANNED, State.RETRY})  # all other states are final

# How long a sender that has a message leased is given to try it before it is tried once more.
HOLDER_S = 30.0


class Found(NamedTuple):
    """Where a message was found to be, by one that locked its rows."""

    progress: Progress
    numbers: frozenset[int]  # of its attempts on record
    holder: UUID | None  # the sender that has it leased
    next_number: int  # of the attempt that the holder makes


class Step(msgspec.Struct, frozen=True, gc=False):
    """What one fact does to a message."""

    progress: Progress
    retry_at: float | None  # business time, seconds since the epoch
    events: tuple[MessageEvent, ...]  # in order, each with its version


# Where a message is after an attempt, and when it is tried again.
_Next: TypeAlias = tuple[Progress, float | None]


def unrecorded(*, reaped: int = 0, unknowns: int = 0) -> Progress:
    """Return where a message is that has nothing on record.

    Its chunk was `reaped` so often, and each time a number was left out; `unknowns` of those
    attempts may have been made, as far as anyone knows.
    """
    return Progress(attempt=reaped, unknowns=unknowns)


def without_exception(
    chunk_state: str, first: Progress, numbers: Collection[int], stopped: str, *, is_accepted: bool
) -> Progress:
    """Return where a message without a row of its own is: its last answer says, else its chunk.

    `first` is where it was before any attempt on record; `stopped` why it was cancelled, if so.
    """
    attempts, last = len(numbers), max(numbers, default=first.attempt)
    if is_accepted:
        version = DELIVERED_VERSION + attempts
        return Progress(State.DELIVERED, attempts, last, version, first.unknowns)
    if chunk_state in (State.EXPIRED, State.CANCELLED):
        reason = stopped if chunk_state == State.CANCELLED else None
        return Progress(State(chunk_state), attempts, last, version=1, reason=reason)
    return first


def keeps_contact(progress: Progress) -> bool:
    """Return whether the next attempt must send the same bytes, to the same client's contact."""
    return progress.state is State.RETRY and progress.may_have_arrived


def attempted(before: Progress, attempt: Attempt, jitter: float) -> Step:
    """Return what an attempt does to a message that nobody else has moved since it began."""
    after, retry_at = _after(before, attempt, jitter)
    return _step(before, after, retry_at, attempt)


def attempted_late(found: Found, attempt: Attempt, jitter: float) -> Step:
    """Return what an attempt does to a message that others may have moved since it began."""
    before = _without(found, attempt)
    after, retry_at = _after(before, attempt, jitter)
    if attempt.number in found.numbers:  # lost first, answered late: one attempt
        after = replace(after, attempts=before.attempts)
    # A success that comes late gets the version of one more attempt than there is: so does the
    # next one, and readers ignore what is no newer.
    if after.version <= before.version:
        after = replace(after, version=before.version + 1)
    if before.state in OPEN and after.state is not State.DELIVERED and _is_held(found, attempt):
        after, retry_at = _left_to_holder(after, found.next_number, attempt, retry_at)
    return _step(found.progress, after, retry_at, attempt)


def as_found(found: Found, attempt: Attempt) -> Attempt:
    """Return an attempt as it counts beside others that may have been made of the message."""
    others = _without(found, attempt).may_have_arrived or _is_held(found, attempt)
    return replace(attempt, verdict=of_repeat(attempt.verdict)) if others else attempt


def of_repeat(verdict: Verdict) -> Verdict:
    """Return what a verdict means if an earlier attempt may have arrived.

    A conflict may be with that one: then the message was taken.
    """
    if verdict.is_conflict and verdict.outcome is Outcome.REFUSED:
        return replace(verdict, outcome=Outcome.UNKNOWN)
    return verdict


def rejected(
    key: MessageKey, chunk: int, before: Progress, rejection: Rejection, at: Instant
) -> Step:
    """Return what it does to a message that it cannot be sent, or not again."""
    return _ended(key, chunk, before, rejection.state, rejection.reason, at)


def ended(
    key: MessageKey, chunk: int, before: Progress, *, stopped: str | None, at: Instant
) -> Step:
    """Return what it does to a message that its window ends, or that it was `stopped`, and why."""
    if stopped is not None:
        return _ended(key, chunk, before, State.CANCELLED, stopped, at)
    return _ended(key, chunk, before, State.EXPIRED, before.reason, at)


def _after(before: Progress, attempt: Attempt, jitter: float) -> _Next:
    verdict = attempt.verdict
    outcome, attempts = verdict.outcome, before.attempts + 1
    if outcome is Outcome.ACCEPTED:  # nearly all of them: nothing else is worked out first
        after = Progress(
            State.DELIVERED,
            attempts,
            max(attempt.number, before.attempt),
            DELIVERED_VERSION + attempts,
            before.unknowns,
            verdict.reason,
            before.uncounted,
        )
        return after, None
    after = Progress(
        state=before.state,
        attempts=attempts,
        attempt=max(attempt.number, before.attempt),
        version=before.version + 1,
        unknowns=before.unknowns + (outcome is Outcome.UNKNOWN),
        reason=before.reason,
        uncounted=before.uncounted + (not verdict.is_counted),
    )
    if before.state not in OPEN:
        return after, None
    after = replace(after, reason=verdict.reason)
    if outcome is Outcome.REFUSED:
        is_certain = verdict.is_of_all
        state = State.FAILED if is_certain else _certain(after, State.FAILED)
        return replace(after, state=state), None
    counted, policy = attempts - after.uncounted, attempt.policy
    own_id = attempt.gateway_message_id
    if policy.is_exhausted(counted) and policy.allows(after.unknowns, own_id):
        return replace(after, state=_certain(after, State.FAILED), reason=EXHAUSTED), None
    backoff_s = policy.backoff_s(max(counted, 1), jitter)
    return _again(after, attempt, attempt.ended_at + max(backoff_s, verdict.retry_after_s or 0.0))


def _again(after: Progress, attempt: Attempt, retry_at: float) -> _Next:
    """Return the same message waiting for its next attempt; ended, if there can't be one."""
    if not attempt.policy.allows(after.unknowns, attempt.gateway_message_id):
        return replace(after, state=State.UNDETERMINED), None
    contact = attempt.contact
    retry_at = attempt.policy.loud(retry_at, contact.time_zone if contact else None)
    if retry_at >= attempt.last_start:
        return replace(after, state=_certain(after, State.EXPIRED)), None
    return replace(after, state=State.RETRY), retry_at


def _without(found: Found, attempt: Attempt) -> Progress:
    """Return where a message is without an attempt that was given up before it was answered.

    Then it was counted as unknown.
    """
    before, number = found.progress, attempt.number
    is_late = attempt.kind is AttemptKind.ANSWER and number <= before.attempt
    if is_late or number in found.numbers:
        return replace(before, unknowns=max(before.unknowns - 1, 0))
    return before


def _is_held(found: Found, attempt: Attempt) -> bool:
    return found.holder not in (None, attempt.sender_id)


def _left_to_holder(
    after: Progress, number: int, attempt: Attempt, retry_at: float | None
) -> _Next:
    """Return the same message left to its holder, which may have an attempt under way.

    So no failure of an earlier attempt is final. The holder's answer decides, and if there is
    none, the next attempt; its own number is not used again.
    """
    after = replace(after, attempt=max(after.attempt, number), unknowns=after.unknowns + 1)
    return _again(after, attempt, max(retry_at or 0.0, attempt.ended_at + HOLDER_S))


def _certain(progress: Progress, state: State) -> State:
    """Return `state` if all attempts are known not to have arrived; else undetermined."""
    return State.UNDETERMINED if progress.may_have_arrived else state


def _step(before: Progress, after: Progress, retry_at: float | None, attempt: Attempt) -> Step:
    """Return the step with the event of the attempt, and of the final state if it led to one."""
    verdict, at = attempt.verdict, instant(attempt.ended_at)
    run_id, client_id, contact = attempt.chunk.run_id, attempt.client_id, attempt.contact
    chunk, own_id = attempt.chunk.chunk, verdict.gateway_message_id
    event = MessageAttempted(
        run_id=run_id,
        client_id=client_id,
        state=after.state,
        attempts=after.attempts,
        version=after.version,
        at=at,
        chunk=chunk,
        attempt=attempt.number,
        kind=attempt.kind,
        outcome=verdict.outcome,
        reason=verdict.reason,
        status_code=verdict.status_code,
        gateway_message_id=public_gateway_id(own_id, contact) if own_id and contact else None,
        started_at=instant(attempt.started_at),
    )
    if after.state is before.state or after.state in OPEN:
        return Step(after, retry_at, (event,))
    if after.state is not State.DELIVERED:
        after = replace(after, version=after.version + 1)
    final = final_event(MessageKey(run_id, client_id), chunk, after, at)
    return Step(after, retry_at, (event, final))


def _ended(
    key: MessageKey, chunk: int, before: Progress, state: State, reason: str | None, at: Instant
) -> Step:
    if before.state not in OPEN:
        return Step(before, None, ())
    state = _certain(before, state)
    after = replace(before, state=state, version=before.version + 1, reason=reason)
    return Step(after, None, (final_event(key, chunk, after, at),))


class RunUnknown(NotFound):
    """No run has this identifier."""


class MessageUnknown(NotFound):
    """No message has this identifier."""

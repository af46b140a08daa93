"""A message on its way: what an answer of the gateway means, and what follows from it."""

from typing import Any, TypeAlias
from uuid import UUID

import msgspec
from msgspec.structs import replace

from services.dispatcher.domain.outcome import Outcome, Verdict
from shared.contracts.dispatcher import (
    MessageCancelled,
    MessageDelivered,
    MessageEvent,
    MessageExpired,
    MessageFailed,
    MessageUndetermined,
    State,
)
from shared.errors import NotFound
from shared.event import Instant

# The versions of delivered messages: above all others, since a late success always wins.
DELIVERED_VERSION = 1_000_000_000

STOPPED = "mailing_stopped"  # why a message was cancelled

OPEN = frozenset({State.PLANNED, State.RETRY})  # all other states are final


class Progress(msgspec.Struct, frozen=True, gc=False):
    """Where a message is on its way."""

    state: State = State.PLANNED
    attempts: int = 0  # on record
    attempt: int = 0  # the number of the last one, on record or not; numbers only grow
    version: int = 0  # grows with every event of the message
    unknowns: int = 0  # attempts whose outcome nobody knows
    is_unknown: bool = False  # the last outcome is one of them
    reason: str | None = None


class Terms(msgspec.Struct, frozen=True, gc=False):
    """Under which a failed attempt is followed by another one."""

    is_idempotent: bool  # the gateway recognizes what it has taken before
    now: float  # business time, seconds since the epoch
    last_start: float  # of the window, on the same clock
    backoff_base_s: float
    backoff_cap_s: float


# What follows from an attempt: where the message is then, and when to try again, on the clock of
# the terms.
Ruling: TypeAlias = tuple[Progress, float | None]


def after_attempt(
    progress: Progress, number: int, verdict: Verdict, terms: Terms, chance: float
) -> Ruling:
    """Return what follows from attempt `number` of a message; `chance` is in `[0, 1)`."""
    outcome = verdict.outcome
    is_unknown = outcome is Outcome.UNKNOWN
    attempts = progress.attempts + 1
    if outcome is Outcome.ACCEPTED:  # nearly all of them: nothing else is worked out first
        after = Progress(
            State.DELIVERED,
            attempts,
            max(number, progress.attempt),
            DELIVERED_VERSION + attempts,
            progress.unknowns,
            reason=verdict.reason,
        )
        return after, None
    after = Progress(
        progress.state,
        attempts,
        max(number, progress.attempt),
        progress.version + 1,
        progress.unknowns + is_unknown,
        is_unknown,
        verdict.reason,
    )
    if progress.state not in OPEN:
        return replace(after, reason=progress.reason), None
    if outcome is Outcome.REFUSED:
        return replace(after, state=State.FAILED), None
    if is_unknown and not terms.is_idempotent and after.unknowns > 1:
        return replace(after, state=State.UNDETERMINED), None
    due = terms.now + backoff_s(attempts, terms, chance)
    if due >= terms.last_start:
        return replace(after, state=state_at_end(after, is_stopped=False)), None
    return replace(after, state=State.RETRY), due


def backoff_s(attempts: int, terms: Terms, chance: float) -> float:
    """Return how long to wait after so many attempts, in seconds.

    Source: "full jitter", Marc Brooker, AWS Architecture Blog, 2015.
    """
    doublings = min(attempts - 1, 32)  # beyond, any cap is reached
    return float(chance * min(terms.backoff_cap_s, terms.backoff_base_s * 2.0**doublings))


def state_at_end(progress: Progress, *, is_stopped: bool) -> State:
    """Return what an open message becomes when its window ends, or its mailing is stopped."""
    if progress.is_unknown:
        return State.UNDETERMINED
    return State.CANCELLED if is_stopped else State.EXPIRED


def final_event(
    run_id: UUID, client_id: UUID, progress: Progress, at: Instant
) -> MessageEvent | None:
    """Return the event that tells a final state; None if the message is still open."""
    state, attempts, version = progress.state, progress.attempts, progress.version
    if state is State.DELIVERED:  # nearly all of them: without the dictionary below
        return MessageDelivered(
            run_id=run_id,
            client_id=client_id,
            state=state,
            attempts=attempts,
            version=version,
            at=at,
        )
    fields: dict[str, Any] = {
        "run_id": run_id,
        "client_id": client_id,
        "state": state,
        "attempts": attempts,
        "version": version,
        "at": at,
    }
    match state:
        case State.EXPIRED:
            return MessageExpired(**fields)
        case State.UNDETERMINED:
            return MessageUndetermined(**fields)
        case State.FAILED:
            return MessageFailed(**fields, reason=progress.reason or "")
        case State.CANCELLED:
            return MessageCancelled(**fields, reason=progress.reason or "")
        case _:
            return None


class RunUnknown(NotFound):
    """No run has this identifier."""


class MessageUnknown(NotFound):
    """No message has this identifier."""

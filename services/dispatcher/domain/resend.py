"""A resend: another run over those clients of an ended one whose messages did not arrive."""

from dataclasses import dataclass
from typing import Literal, TypeAlias
from uuid import UUID

from shared.contracts.dispatcher import State
from shared.errors import Conflict, FieldError, Invalid
from shared.event import Instant

# What is on its way, has arrived, or was not wanted is not sent again.
Resendable: TypeAlias = Literal[State.FAILED, State.EXPIRED, State.UNDETERMINED, State.CANCELLED]

NO_REASON = ""  # in `reasons`: messages without one, as those that expired before any attempt


class RunNotEnded(Conflict):
    """The run has not ended: only what has become final can be sent again."""


class MailingIsStopped(Conflict):
    """The mailing was stopped or deleted, which is for good: nothing of it is sent any more."""


class ResendUnderWay(Conflict):
    """Another resend of the run, or of its resends, has not ended: send again what it leaves."""


class ResendDiffers(Conflict):
    """This Idempotency-Key was used for another resend."""


class NothingToResend(Conflict):
    """Nobody in the run has such a message, and did not get it by a resend meanwhile."""


class ResendInvalid(Invalid):
    """A resend cannot be like this."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """Which messages of a run are sent again."""

    run_id: UUID
    statuses: tuple[Resendable, ...]
    reasons: tuple[str, ...] = ()  # empty: any


@dataclass(frozen=True, slots=True)
class Resent:
    """The run of which some is to be sent again, as far as that decides whether it may be."""

    state: str
    is_mailing_stopped: bool
    has_resend_under_way: bool


def check(run: Resent) -> None:
    """Return if messages of the run may be sent again now.

    Raises:
        RunNotEnded: They may change yet.
        MailingIsStopped: Nothing of it is to be sent.
        ResendUnderWay: Some may be sent again already.
    """
    if run.state != "finished":
        raise RunNotEnded
    if run.is_mailing_stopped:
        raise MailingIsStopped
    if run.has_resend_under_way:
        raise ResendUnderWay


def window(
    starts_at: Instant | None, ends_at: Instant | None, now: Instant
) -> tuple[Instant, Instant]:
    """Return the window of a resend, which begins now if it names no later start.

    Raises:
        ResendInvalid: It has no end, or that is over before it begins.
    """
    if ends_at is None:
        raise ResendInvalid(FieldError("/ends_at", "missing", "a resend has a window of its own"))
    begins_at = max(starts_at or now, now)
    if ends_at <= begins_at:
        raise ResendInvalid(FieldError("/ends_at", "window", "it is over before it begins"))
    return begins_at, ends_at

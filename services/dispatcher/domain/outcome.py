"""An outcome: what is handed over to a gateway, and what is known after it answered or did not.

`OUTCOMES` is the one table of what a finding means, whatever kind of gateway it was made at.
"""

from enum import StrEnum, auto

import msgspec

# Of a wait that a gateway asks for, in seconds.
SHORTEST_WAIT_S, LONGEST_WAIT_S = 1.0, 900.0


class Outcome(StrEnum):
    """What is known after an attempt. Source: the four cases of any handover to a stranger."""

    ACCEPTED = auto()  # the gateway took it
    REFUSED = auto()  # the gateway will never take it
    NOT_PROCESSED = auto()  # certainly not taken; the same may work later
    UNKNOWN = auto()  # nobody knows: it may have been taken


class Finding(StrEnum):
    """What an attempt came to, in terms that all kinds of gateways share."""

    TAKEN = auto()  # as agreed
    REFUSED = auto()  # this message, for good
    POSTPONED = auto()  # this message, for now
    CONFLICT = auto()  # its key is being worked on, or was used
    UNREACHABLE = auto()  # no connection: nothing of it went out
    MISPLACED = auto()  # the same, for the gateway's name or certificate is wrong
    DENIED = auto()  # it does not take our login, or is elsewhere: nothing of ours passes
    BUSY = auto()  # too much at the moment, so it was not taken
    UNABLE = auto()  # it failed before it took the message
    FAILED = auto()  # it failed, or somebody between us: it may have been taken
    SILENT = auto()  # something went out, and nothing whole came back
    GARBLED = auto()  # it answered, and not as agreed
    PENDING = auto()  # it answered as agreed: it says later whether it has taken the message


OUTCOMES = {
    Finding.TAKEN: Outcome.ACCEPTED,
    Finding.REFUSED: Outcome.REFUSED,
    Finding.POSTPONED: Outcome.NOT_PROCESSED,
    Finding.CONFLICT: Outcome.UNKNOWN,
    Finding.UNREACHABLE: Outcome.NOT_PROCESSED,
    Finding.MISPLACED: Outcome.NOT_PROCESSED,
    Finding.DENIED: Outcome.NOT_PROCESSED,
    Finding.BUSY: Outcome.NOT_PROCESSED,
    Finding.UNABLE: Outcome.NOT_PROCESSED,
    Finding.FAILED: Outcome.UNKNOWN,
    Finding.SILENT: Outcome.UNKNOWN,
    Finding.GARBLED: Outcome.UNKNOWN,
    Finding.PENDING: Outcome.UNKNOWN,
}
# What any message would have got: the gateway's fault or ours, and no message is burnt for it.
FAULTS = frozenset({Finding.MISPLACED, Finding.DENIED})
# What speaks of one message, and not of how the gateway is.
OF_A_MESSAGE = frozenset({Finding.REFUSED, Finding.POSTPONED, Finding.CONFLICT, Finding.PENDING})
# What a wait that the gateway asks for may come with.
WAITS = frozenset({Finding.POSTPONED, Finding.BUSY, Finding.UNABLE, Finding.FAILED})


class Verdict(msgspec.Struct, frozen=True, gc=False):
    """What an attempt led to, in the gateway's words and in ours."""

    outcome: Outcome
    reason: str  # a slug that names the class of what happened, without personal data
    status_code: int | None = None
    gateway_message_id: str | None = None
    answer: str = ""  # the first characters of the raw answer; may hold personal data
    is_conflict: bool = False  # so a gateway may answer a repeat of what it has taken
    fault: bool = False  # it speaks of the gateway or of us: any message would have got it
    retry_after_s: float | None = None  # before that the gateway wants nothing
    is_of_message: bool = False  # it says nothing of how the gateway is
    is_of_all: bool = False  # it speaks of all attempts, as a look-up does
    bounced: str | None = None  # the contact, phone or email, that it refuses for good

    @property
    def is_counted(self) -> bool:
        """Whether the message has used up an attempt: not if it got no chance."""
        if self.outcome is not Outcome.NOT_PROCESSED:
            return True
        return not self.fault and (self.retry_after_s is None or self.is_of_message)

    @property
    def pauses_gateway_s(self) -> float:
        """How long the gateway asks us to send nothing at all."""
        return 0.0 if self.is_of_message else self.retry_after_s or 0.0


# It is tried again after its usual pause, and has used up no attempt.
NOT_STARTED = Verdict(Outcome.NOT_PROCESSED, "not_started", retry_after_s=0.0)


def verdict_of(
    finding: Finding,
    reason: str,
    status_code: int | None = None,
    *,
    answer: str = "",
    is_conflict: bool = False,
    retry_after_s: float | None = None,
) -> Verdict:
    """Return what a finding means for the message, and for its gateway."""
    return Verdict(
        outcome=OUTCOMES[finding],
        reason=reason,
        status_code=status_code,
        answer=answer,
        is_conflict=is_conflict,
        retry_after_s=retry_after_s if finding in WAITS else None,
        fault=finding in FAULTS,
        is_of_message=finding in OF_A_MESSAGE,
    )


def wait_s(seconds: float) -> float:
    """Return how long we wait if a gateway asks for so many seconds."""
    return min(max(seconds, SHORTEST_WAIT_S), LONGEST_WAIT_S)


class OutgoingMessage(msgspec.Struct, frozen=True, gc=False):
    """A message, ready to be handed over."""

    message_id: bytes  # 43 characters of base64url
    phone: str | None
    email: str | None
    subject: str | None
    text: str
    traceparent: bytes
    full_name: str | None = None  # of the client
    html: str | None = None  # beside the text
    sender: str | None = None  # NAME <ADDRESS>, or an address; None: the gateway's own
    unknowns: int = 0  # attempts by which it may have arrived, as far as anyone knows
    unsubscribe_url: str | None = None  # None: there is no link, or it is in the text alone
    gateway_message_id: str | None = None  # the gateway's own, by the last of these

    @property
    def may_have_arrived(self) -> bool:
        """Whether an earlier attempt may have been accepted."""
        return self.unknowns > 0

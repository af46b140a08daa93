"""An outcome: what is handed over to a gateway, and what is known after it answered or did not."""

from enum import StrEnum, auto

import msgspec


class Outcome(StrEnum):
    """What is known after an attempt. Source: the four cases of any handover to a stranger."""

    ACCEPTED = auto()  # the gateway took it
    REFUSED = auto()  # the gateway will never take it
    NOT_PROCESSED = auto()  # certainly not taken; the same may work later
    UNKNOWN = auto()  # nobody knows: it may have been taken


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

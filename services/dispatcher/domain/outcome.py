"""An attempt: what is handed over, what came of it, and how long things may take."""

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


class Letter(msgspec.Struct, frozen=True, gc=False):
    """A message, ready to be handed over."""

    message_id: bytes  # 43 characters of base64url
    phone: str | None
    email: str | None
    subject: str | None
    text: str
    traceparent: bytes


class Limits(msgspec.Struct, frozen=True):
    """How long things may take and what follows failures, in seconds."""

    timeout_s: float  # of a request, connecting included
    lease_s: float
    backoff_base_s: float
    backoff_cap_s: float
    # How long a look at what is allowed is believed: a pause is obeyed within a second, even if
    # the next look hangs.
    believed_s: float = 0.7

"""How the sandbox mail server misbehaves: set at start, changed while it runs."""

import random
from collections.abc import Sequence
from enum import StrEnum, auto
from typing import Annotated, Any, Literal

import msgspec

from deploy.local.gateway.faults import Share, latency

LOGINS = "PLAIN LOGIN XOAUTH2"
_TAKEN_ANYWAY = 0.5  # a coin


class Decision(StrEnum):
    """What became of a mail."""

    ACCEPTED = auto()
    FAILED = auto()  # 451, not taken
    REFUSED = auto()  # 550, not taken
    THROTTLED = auto()  # 421 and the end of the connection, not taken
    GREYLISTED = auto()  # 450: this recipient is not known for long enough, not taken
    HUNG = auto()  # taken or not: the answer never comes
    DROPPED = auto()  # taken or not: the connection ends in the place of the answer
    CUT = auto()  # taken and answered, and then the connection ends


class Greeting(StrEnum):
    """How a connection begins."""

    GOOD = auto()
    GARBAGE = auto()
    NONE = auto()  # nothing is said at all


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What can be set. The shares of mails are together one at most, those of connections too."""

    latency_ms: str = "0"  # of each answer to a mail's content
    # Parts of all mails. The first three are answers to RCPT, or to the content.
    fail_share: Share = 0.0  # 451
    refuse_share: Share = 0.0  # 550
    close_share: Share = 0.0  # 421, and the connection ends
    answer_at: Literal["rcpt", "content"] = "rcpt"
    hang_share: Share = 0.0  # no answer after the final dot; taken or not
    drop_share: Share = 0.0  # the connection ends after the final dot, unanswered; taken or not
    cut_share: Share = 0.0  # the connection ends after the answer that the mail is taken
    # Parts of all connections.
    greeting_share: Share = 0.0  # garbage instead of a greeting
    silence_share: Share = 0.0  # nothing instead of a greeting
    tls_share: Share = 0.0  # the handshake of TLS fails
    # A recipient is refused with 450 until so long after the first try; 0: it is not.
    greylist_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 0.0
    has_starttls: bool = True  # whether STARTTLS is offered
    logins: str = LOGINS  # ways of AUTH that are offered once TLS is there
    needs_login: bool = False  # 530 to MAIL without AUTH

    def __post_init__(self) -> None:
        of_mails = (self.fail_share, self.refuse_share, self.close_share, self.hang_share)
        _check([*of_mails, self.drop_share, self.cut_share])
        _check([self.greeting_share, self.silence_share])
        if not set(self.logins.split()) <= set(LOGINS.split()):
            message = f"logins are some of {LOGINS}"
            raise ValueError(message)
        latency(self.latency_ms, random.Random(0))  # noqa: S311 - only checked


class Misbehavior:
    """Draws what happens to each mail and connection; the same seed draws the same."""

    def __init__(self, faults: Faults, seed: int) -> None:
        self._draw = random.Random(seed)  # noqa: S311 - faults to play with, not secrets
        self._set(faults)

    def change(self, patch: bytes) -> None:
        """Set some of the faults anew, from a JSON object.

        Raises:
            msgspec.DecodeError: It is no JSON, or one of its fields is unknown or wrong.
        """
        fields = msgspec.json.decode(patch, type=dict[str, Any])
        self._set(msgspec.convert(msgspec.structs.asdict(self.faults) | fields, Faults))

    def decide(self) -> Decision:
        """Draw what becomes of a mail."""
        drawn = self._draw.random()
        for end, decision in self._ends:
            if drawn < end:
                return decision
        return Decision.ACCEPTED

    def greeting(self) -> Greeting:
        """Draw how a connection begins."""
        faults, drawn = self.faults, self._draw.random()
        if drawn < faults.greeting_share:
            return Greeting.GARBAGE
        is_silent = drawn < faults.greeting_share + faults.silence_share
        return Greeting.NONE if is_silent else Greeting.GOOD

    def breaks_tls(self) -> bool:
        """Draw whether a handshake of TLS fails."""
        return self._draw.random() < self.faults.tls_share

    def is_taken_anyway(self) -> bool:
        """Draw whether a mail is taken although the answer never comes."""
        return self._draw.random() < _TAKEN_ANYWAY

    def latency_s(self) -> float:
        """Draw how long an answer takes."""
        return self._latency() if self._latency else 0.0

    def _set(self, faults: Faults) -> None:
        self.faults = faults
        self._latency = latency(faults.latency_ms, self._draw)
        self._ends: list[tuple[float, Decision]] = []
        end = 0.0
        for share, decision in (
            (faults.fail_share, Decision.FAILED),
            (faults.refuse_share, Decision.REFUSED),
            (faults.close_share, Decision.THROTTLED),
            (faults.hang_share, Decision.HUNG),
            (faults.drop_share, Decision.DROPPED),
            (faults.cut_share, Decision.CUT),
        ):
            end += share
            if share:
                self._ends.append((end, decision))


def _check(shares: Sequence[float]) -> None:
    if sum(shares) > 1:
        message = "the shares are more than 1 together"
        raise ValueError(message)

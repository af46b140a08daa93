"""How the sandbox mail server misbehaves: set at start, changed while it runs."""

import random
from typing import Any

import msgspec

from deploy.local.gateway.faults import Decision, Share, latency


class Faults(msgspec.Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What can be set. The shares but the last are parts of all mails, together one at most."""

    latency_ms: str = "0"  # of each answer to a mail's content
    fail_share: Share = 0.0  # 451 to RCPT
    refuse_share: Share = 0.0  # 550 to RCPT
    close_share: Share = 0.0  # 421 to RCPT
    drop_share: Share = 0.0  # the connection ends after the final dot; taken or not
    greeting_share: Share = 0.0  # of connections: garbage instead of a greeting

    def __post_init__(self) -> None:
        if self.fail_share + self.refuse_share + self.close_share + self.drop_share > 1:
            message = "the shares are more than 1 together"
            raise ValueError(message)
        latency(self.latency_ms, random.Random(0))  # noqa: S311 - only checked


class Misbehavior:
    """Draws what happens to each mail; the same seed draws the same."""

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
        drawn, end = self._draw.random(), 0.0
        for share, decision in (
            (self.faults.fail_share, Decision.FAILED),
            (self.faults.refuse_share, Decision.REFUSED),
            (self.faults.close_share, Decision.THROTTLED),
            (self.faults.drop_share, Decision.HUNG),
        ):
            end += share
            if drawn < end:
                return decision
        return Decision.ACCEPTED

    def greets(self) -> bool:
        """Draw whether a connection is greeted as it should be."""
        return self._draw.random() >= self.faults.greeting_share

    def is_taken_anyway(self) -> bool:
        """Draw whether a mail is taken although the answer never comes."""
        return self._draw.random() < 0.5  # noqa: PLR2004 - a coin

    def latency_s(self) -> float:
        """Draw how long an answer takes."""
        return self._latency() if self._latency else 0.0

    def _set(self, faults: Faults) -> None:
        self.faults = faults
        self._latency = latency(faults.latency_ms, self._draw)

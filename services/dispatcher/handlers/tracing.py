"""Tracing: requests to a gateway that get a span: one of so many, and failures up to a rate.

Decided when a batch of them is on record, by counting: nothing is done for one message before.
"""

from collections.abc import Sequence
from time import monotonic
from typing import TypeAlias

from services.dispatcher.domain.attempt import Attempt
from services.dispatcher.domain.outcome import Outcome
from services.dispatcher.handlers.backlog import Run
from services.dispatcher.handlers.failing import Result
from shared import telemetry

ONE_IN = 1_000  # requests, so that a million messages make a thousand spans
FAILURES_PER_S = 10.0  # a gateway that refuses everything shows in so many as well

_Sent: TypeAlias = tuple[Run, Attempt]

GATEWAY = "mailings.gateway"


class RequestSpans:
    """Makes the spans of some requests to one gateway, below those of their runs."""

    def __init__(self, gateway: str, one_in: int = ONE_IN) -> None:
        self.gateway = gateway
        self._one_in = one_in
        self._next = 0  # how many more requests come before the next that is chosen
        self._failures = FAILURES_PER_S  # that may be shown now
        self._counted_at = monotonic()

    def record(self, results: Sequence[Result], now: float) -> None:
        """Make spans of some of these; `now` is the instant of business time in seconds."""
        if not telemetry.is_exporting():
            return
        sent = [(each.lease.run, each.entry) for each in results if type(each.entry) is Attempt]
        chosen = sent[self._next :: self._one_in]
        self._next = (self._next - len(sent)) % self._one_in
        failed = [each for each in sent if each[1].verdict.outcome is not Outcome.ACCEPTED]
        if failed:
            chosen = [*chosen, *self._shown(failed, chosen)]
        for run, attempt in chosen:
            self._make(run, attempt, now)

    def _shown(self, failed: Sequence[_Sent], chosen: Sequence[_Sent]) -> Sequence[_Sent]:
        """Return as many of the failures as the rate allows."""
        now = monotonic()
        gained = (now - self._counted_at) * FAILURES_PER_S
        allowed = min(self._failures + gained, FAILURES_PER_S)
        known = {id(attempt) for _, attempt in chosen}
        shown = [each for each in failed if id(each[1]) not in known][: int(allowed)]
        self._failures, self._counted_at = allowed - len(shown), now
        return shown

    def _make(self, run: Run, attempt: Attempt, now: float) -> None:
        verdict = attempt.verdict
        attributes: dict[str, str | int] = {
            GATEWAY: self.gateway,
            "mailings.message_id": attempt.message_id,
            "mailings.attempt": attempt.number,
            "mailings.outcome": verdict.outcome.value,
        }
        if verdict.status_code is not None:
            attributes["http.response.status_code"] = verdict.status_code
        if verdict.outcome is not Outcome.ACCEPTED:
            attributes[telemetry.ERROR_TYPE] = verdict.reason
        telemetry.finished(
            f"send {self.gateway}",
            attributes,
            kind=telemetry.SpanKind.CLIENT,
            duration_s=attempt.ended_at - attempt.started_at,
            ended_ago_s=max(now - attempt.ended_at, 0),
            traceparent=run.publishing.traceparent,
        )

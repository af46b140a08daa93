"""What a finding means for the message and for its gateway: the whole table."""

import pytest

from services.dispatcher.domain.outcome import Finding, Outcome, Verdict, verdict_of, wait_s

A, R, N, U = Outcome.ACCEPTED, Outcome.REFUSED, Outcome.NOT_PROCESSED, Outcome.UNKNOWN

# By finding: the outcome, whether an attempt is counted, whether it is a fault that any message
# would meet, whether it speaks of one message, and whether it may come with a wait.
TABLE = {
    Finding.TAKEN: (A, True, False, False, False),
    Finding.REFUSED: (R, True, False, True, False),
    Finding.POSTPONED: (N, True, False, True, True),
    Finding.CONFLICT: (U, True, False, True, False),
    Finding.UNREACHABLE: (N, True, False, False, False),
    Finding.MISPLACED: (N, False, True, False, False),
    Finding.DENIED: (N, False, True, False, False),
    Finding.BUSY: (N, True, False, False, True),
    Finding.UNABLE: (N, True, False, False, True),
    Finding.FAILED: (U, True, False, False, True),
    Finding.SILENT: (U, True, False, False, False),
    Finding.GARBLED: (U, True, False, False, False),
    Finding.PENDING: (U, True, False, True, False),
}


@pytest.mark.parametrize("finding", Finding)
def test_what_each_finding_means(finding: Finding) -> None:
    plain, waits = verdict_of(finding, "x", 1), verdict_of(finding, "x", 1, retry_after_s=5)

    has_wait = waits.retry_after_s is not None
    facts = plain.outcome, plain.is_counted, plain.fault, plain.is_of_message, has_wait
    assert facts == TABLE[finding]


@pytest.mark.parametrize(
    ("finding", "is_counted", "pauses_s"),
    [
        (Finding.BUSY, False, 5.0),
        (Finding.UNABLE, False, 5.0),
        (Finding.FAILED, True, 5.0),  # it may have arrived
        (Finding.POSTPONED, True, 0.0),  # only this message waits
    ],
)
def test_a_wait_pauses_the_gateway_and_the_message_loses_no_attempt_that_it_did_not_have(
    finding: Finding, *, is_counted: bool, pauses_s: float
) -> None:
    verdict = verdict_of(finding, "status_429", 429, retry_after_s=5.0)

    assert (verdict.is_counted, verdict.pauses_gateway_s) == (is_counted, pauses_s)


def test_a_verdict_without_a_wait_pauses_nothing() -> None:
    assert Verdict(Outcome.ACCEPTED, "accepted").pauses_gateway_s == 0


@pytest.mark.parametrize(("asked", "waits"), [(-5, 1), (0, 1), (7.5, 7.5), (900, 900), (9e9, 900)])
def test_a_wait_is_a_second_to_a_quarter_of_an_hour(asked: float, waits: float) -> None:
    assert wait_s(asked) == waits

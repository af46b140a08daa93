"""What a gateway answered of late is counted by outcome and duration, and forgotten."""

import random
from typing import Any
from uuid import UUID

import pytest

from services.dispatcher.domain.attempt import Attempt, RetryPolicy
from services.dispatcher.domain.keys import ChunkKey
from services.dispatcher.domain.outcome import NOT_STARTED, Outcome, Verdict
from services.dispatcher.domain.recent import (
    BOUNDS_S,
    GROWTH,
    LastFailure,
    RecentAnswers,
    percentile,
)
from shared.contracts.dispatcher import AttemptKind
from tests.dispatcher.world import ACCEPTED, NOT_PROCESSED, REFUSED, UNKNOWN

NOW = 1_000.0


def attempt(verdict: Verdict = ACCEPTED, took_s: float = 0.1, ended_at: float = NOW) -> Attempt:
    values: dict[str, Any] = {
        "message_id": "m",
        "client_id": UUID(int=1),
        "chunk": ChunkKey(UUID(int=2), 0),
        "number": 1,
        "kind": AttemptKind.ANSWER,
        "verdict": verdict,
        "started_at": ended_at - took_s,
        "ended_at": ended_at,
        "last_start": NOW,
        "policy": RetryPolicy(is_idempotent=True, backoff_base_s=1, backoff_cap_s=1),
        "sender_id": None,
        "contact": None,
    }
    return Attempt(**values)


def test_answers_are_counted_by_what_came_of_them() -> None:
    recent = RecentAnswers()
    recent.add([attempt(), attempt(), attempt(REFUSED)], NOW)
    recent.add([attempt(NOT_PROCESSED), attempt(UNKNOWN)], NOW + 1)

    assert recent.seen(NOW + 2).outcomes == {
        Outcome.ACCEPTED: 2,
        Outcome.REFUSED: 1,
        Outcome.NOT_PROCESSED: 1,
        Outcome.UNKNOWN: 1,
    }


def test_what_was_answered_more_than_five_minutes_ago_is_forgotten() -> None:
    recent = RecentAnswers()
    for at in range(0, 1_000, 10):
        recent.add([attempt(ended_at=NOW + at)], NOW + at)

    assert 28 <= recent.seen(NOW + 1_000).outcomes.total() <= 31
    assert recent.seen(NOW + 2_000).outcomes.total() == 0
    assert recent.seen(NOW + 2_000).durations == (0,) * (len(BOUNDS_S) + 1)


def test_what_was_not_started_says_nothing_of_the_gateway() -> None:
    recent = RecentAnswers()
    recent.add([attempt(NOT_STARTED)], NOW)

    assert recent.seen(NOW).outcomes.total() == 0
    assert recent.last_failure is None


def test_the_last_failure_is_kept_and_a_refusal_is_none() -> None:
    recent = RecentAnswers()
    recent.add([attempt(UNKNOWN, ended_at=NOW + 2), attempt(NOT_PROCESSED, ended_at=NOW)], NOW)
    recent.add([attempt(REFUSED, ended_at=NOW + 3), attempt(ended_at=NOW + 3)], NOW + 3)

    assert recent.last_failure == LastFailure(NOW + 2, "timeout", None)


@pytest.mark.parametrize("share", [0.5, 0.95])
def test_a_percentile_is_a_fifth_too_large_at_most(share: float) -> None:
    chance = random.Random(7)  # noqa: S311 - no secret comes of it
    took_s = [chance.lognormvariate(-2, 1) for _ in range(5_000)]
    recent = RecentAnswers()
    recent.add([attempt(took_s=each) for each in took_s], NOW)
    exact = sorted(took_s)[round(share * len(took_s)) - 1]

    found = percentile(recent.seen(NOW).durations, share)

    assert found is not None
    assert exact * 0.999 <= found <= exact * GROWTH * 1.001


def test_of_nothing_there_is_no_percentile_and_of_eternity_the_last_bound() -> None:
    recent = RecentAnswers()
    assert percentile(recent.seen(NOW).durations, 0.5) is None

    recent.add([attempt(took_s=1e6)], NOW)
    assert percentile(recent.seen(NOW).durations, 0.5) == BOUNDS_S[-1]

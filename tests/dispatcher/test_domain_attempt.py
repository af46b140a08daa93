"""When the next attempt may follow, and when one may be started at all."""

from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dispatcher.domain.attempt import RetryPolicy
from services.dispatcher.domain.window import LAST_START_S, Window, must_outlast
from shared.event import Instant

POLICY = RetryPolicy(is_idempotent=True, backoff_base_s=2, backoff_cap_s=600)


@given(st.integers(1, 10_000), st.floats(0, 1, exclude_max=True))
def test_waiting_is_random_up_to_a_bound_that_doubles_to_a_cap(
    attempts: int, jitter: float
) -> None:
    wait = POLICY.backoff_s(attempts, jitter)

    assert 0 <= wait <= min(600, 2 * 2 ** min(attempts - 1, 100))
    assert POLICY.backoff_s(attempts, 0.0) == 0
    assert wait == jitter * POLICY.backoff_s(attempts, 1.0)


@pytest.mark.parametrize(("attempts", "most"), [(1, 2), (2, 4), (3, 8), (9, 512), (10, 600)])
def test_the_bound_of_waiting(attempts: int, most: float) -> None:
    assert POLICY.backoff_s(attempts, 1.0) == most


@pytest.mark.parametrize(
    ("at", "is_allowed"),
    [(99.9, False), (100.0, True), (199.4, True), (199.5, False), (200.0, False)],
)
def test_a_message_starts_in_its_window_but_not_in_the_last_moments(
    at: float, *, is_allowed: bool
) -> None:
    window = Window(starts_at=100.0, ends_at=200.0)

    assert window.last_start == 200.0 - LAST_START_S
    assert window.allows_start(at) == is_allowed


def test_a_window_must_outlast_the_last_moments(now: Instant) -> None:
    assert must_outlast(now) - now == timedelta(seconds=LAST_START_S)

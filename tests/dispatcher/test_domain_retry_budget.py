"""A budget of retries: few while a gateway fails, all as soon as it works."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dispatcher.domain.retry_budget import FULL, RetryBudget


def spent() -> RetryBudget:
    """Return a budget of which nothing is left, at 0 s."""
    budget = RetryBudget()
    budget.took(budget.allowed(0.0, 0), 0)
    return budget


def test_a_gateway_that_works_is_not_bounded() -> None:
    assert RetryBudget().allowed(0.0, 0) == FULL


@pytest.mark.parametrize(
    ("fresh", "processed", "seconds", "allowed"),
    [(100, 0, 0, 15), (0, 10, 0, 20), (0, 0, 3, 15), (0, 0, 0, 0), (10, 10, 10, 71)],
)
def test_what_lets_retries_go(fresh: int, processed: int, seconds: float, allowed: int) -> None:
    budget = spent()
    budget.took(0, fresh)

    assert budget.allowed(seconds, processed) == allowed


@given(st.lists(st.tuples(st.integers(0, 5_000), st.floats(0, 60)), max_size=100))
def test_while_everything_fails_retries_are_a_share_of_what_is_new_and_five_a_second(
    story: list[tuple[int, float]],
) -> None:
    budget, now, fresh, retries = RetryBudget(), 0.0, 0, 0
    for new, wait in story:
        now += wait
        number = budget.allowed(now, 0)
        budget.took(number, new)
        fresh += new
        retries += number

    assert retries <= FULL + 0.15 * fresh + 5 * now + 1


def test_when_all_have_failed_and_nothing_is_new_the_full_rate_is_back_within_seconds() -> None:
    """Source: promises.md, P14: recovery within 30 s."""
    budget, left, processed, full_rate = spent(), 100_000, 0, 1_000
    reached = []
    for second in range(1, 200):
        sent = 0
        for turn in range(20):  # claims, each of which is answered before the next
            number = min(budget.allowed(second + turn / 20, processed), full_rate // 20, left)
            budget.took(number, 0)
            processed, left, sent = processed + number, left - number, sent + number
        reached.append(sent)
        if not left:
            break

    assert left == 0
    assert reached.index(full_rate) + 1 <= 30
    assert len(reached) <= 30 + 100

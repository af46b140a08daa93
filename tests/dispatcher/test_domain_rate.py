"""A rate: never more than it allows, and nearly all of it, however many replicas draw."""

from heapq import heappop, heappush
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.dispatcher.domain.rate import (
    AHEAD_S,
    BLOCK_S,
    LAPSE_S,
    Block,
    Rate,
    Tokens,
    drawn,
)

WINDOW_S = 10.0


def simulated(
    rate: Rate, replicas: int, seed: int, *, seconds: float, rest_s: float
) -> list[float]:
    """Return when messages were started by replicas that always have some, but for a rest."""
    chance = Random(seed)  # noqa: S311 - reproducible
    began, drawn_until, starts = 1_000.0, 0.0, list[float]()
    tokens = [Tokens() for _ in range(replicas)]
    draw_at = [0.0] * replicas
    turns = [(began + chance.random() / 100, each) for each in range(replicas)]
    while turns:
        now, each = heappop(turns)
        if now > began + seconds:
            continue
        if seconds / 2 < now - began < seconds / 2 + rest_s:
            heappush(turns, (began + seconds / 2 + rest_s + chance.random() / 100, each))
            continue
        number = min(tokens[each].available(now), chance.choice([1, 5, 100_000]))
        tokens[each].take(number, now)
        starts += [now] * number
        if tokens[each].is_low and now >= draw_at[each]:
            found = drawn(rate, drawn_until, now)
            drawn_until, draw_at[each] = found.drawn_until, found.again_at
            if found.block is not None:
                tokens[each].add(found.block)
        heappush(turns, (now + chance.uniform(0.001, 0.02), each))
    return sorted(starts)


def most_in_a_window(starts: list[float]) -> int:
    most = first = 0
    for last, at in enumerate(starts):
        while starts[first] <= at - WINDOW_S:
            first += 1
        most = max(most, last - first + 1)
    return most


@pytest.mark.parametrize("replicas", [1, 3, 6])
@pytest.mark.parametrize(
    ("per_s", "burst"), [(3, 1), (20, 1), (150, 30), (1_000, 1), (5_000, 500)]
)
def test_any_ten_seconds_see_no_more_than_the_rate_and_nearly_all_of_it_is_used(
    replicas: int, per_s: float, burst: int
) -> None:
    rate, seconds = Rate(per_s, burst), 40.0

    starts = simulated(rate, replicas, seed=replicas, seconds=seconds, rest_s=0)

    assert most_in_a_window(starts) <= (per_s * WINDOW_S + burst) * 1.02
    assert len(starts) >= 0.95 * per_s * seconds


@pytest.mark.parametrize("replicas", [1, 3, 6])
def test_after_a_rest_only_a_burst_catches_up(replicas: int) -> None:
    rate = Rate(200, 50)

    starts = simulated(rate, replicas, seed=7, seconds=40.0, rest_s=8.0)

    assert most_in_a_window(starts) <= (200 * WINDOW_S + 50) * 1.02
    back = [each for each in starts if each >= 1_028.0]
    assert len([each for each in back if each < back[0] + 0.2]) <= 50 + 200 * 0.4
    assert len(starts) >= 0.95 * 200 * 32


@given(
    st.floats(0.01, 1_000_000),
    st.integers(1, 1_000),
    st.lists(st.floats(0, 3), min_size=2, max_size=60),
)
def test_slots_are_given_once_and_no_more_than_a_burst_late(
    per_s: float, burst: int, waits: list[float]
) -> None:
    rate, now, until, given_out = Rate(per_s, burst), 1_000.0, 0.0, 0
    for wait in waits:
        now += wait
        found = drawn(rate, until, now)
        if found.block is None:
            assert found.again_at > now
            continue
        assert found.drawn_until > until
        assert now <= found.block.since <= now + AHEAD_S + 1e-6
        assert found.block.until - found.block.since == pytest.approx(LAPSE_S)
        assert found.block.number == max(int(per_s * BLOCK_S), 1)
        until, given_out = found.drawn_until, given_out + found.block.number
        most = (now + AHEAD_S - 1_000.0) * per_s + burst + rate.block
        assert given_out <= most * (1 + 1e-6) + 1


def test_what_is_not_used_in_its_time_lapses() -> None:
    tokens = Tokens()
    tokens.add(Block(5, 10.0, 10.1))

    assert [tokens.available(at) for at in (9.9, 10.0, 10.09, 10.1)] == [0, 5, 5, 0]


def test_tokens_are_used_up_in_order() -> None:
    tokens = Tokens()
    tokens.add(Block(3, 10.0, 10.1))
    tokens.add(Block(3, 10.05, 10.15))

    tokens.take(2, 10.0)
    assert (tokens.available(10.0), tokens.is_low) == (1, False)
    tokens.take(3, 10.06)

    assert (tokens.available(10.06), tokens.is_low) == (1, True)

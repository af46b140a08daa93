"""A breaker: when it opens, how long, and how it lets messages through again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from services.dispatcher.domain.breaker import (
    ENOUGH,
    LAST_ROUND,
    UNREACHABLE_IN_A_ROW,
    WINDOW_S,
    Breaker,
    BreakerState,
    Cause,
    OpenFor,
    Probes,
    Samples,
    Trip,
    granted,
    is_failure,
    probed,
    tripped,
)
from services.dispatcher.domain.outcome import Finding, Outcome, Verdict, verdict_of

TRIP = Trip(Cause.FAILURES, "status_500")
FAILED = verdict_of(Finding.UNABLE, "status_500", 500)
SILENT = verdict_of(Finding.SILENT, "timeout")
UNREACHABLE = verdict_of(Finding.UNREACHABLE, "connect_failed")
DENIED = verdict_of(Finding.DENIED, "unauthorized", 401)
PROBE_S = 15.0
TIMES = OpenFor(5.0, 120.0)


def opened(now: float = 0.0) -> Breaker:
    return tripped(Breaker(), TRIP, now, TIMES, 0.0)


# When it opens


@pytest.mark.parametrize("verdict", [FAILED, SILENT])
def test_it_opens_when_half_of_enough_answers_are_failures(verdict: Verdict) -> None:
    samples = Samples()
    for _ in range(ENOUGH):
        samples.works()

    trips = [samples.failed(verdict, 1.0, is_new=True) for _ in range(ENOUGH)]

    assert trips == [None] * (ENOUGH - 1) + [Trip(Cause.FAILURES, verdict.reason)]


def test_a_few_failures_open_nothing() -> None:
    samples = Samples()

    assert [samples.failed(FAILED, 1.0, is_new=True) for _ in range(ENOUGH - 1)] == [None] * (
        ENOUGH - 1
    )


def test_what_is_long_ago_does_not_count() -> None:
    samples = Samples()
    for _ in range(1_000):
        samples.works()
    samples.turn(0.0)
    for _ in range(ENOUGH - 1):
        assert samples.failed(FAILED, WINDOW_S + 1, is_new=True) is None

    assert samples.failed(FAILED, WINDOW_S + 1, is_new=True) == TRIP
    late = Samples()
    for _ in range(ENOUGH - 1):
        late.failed(FAILED, 0.0, is_new=True)
    assert late.failed(FAILED, WINDOW_S + 1, is_new=True) is None


def test_what_fails_again_opens_nothing_while_enough_others_pass() -> None:
    samples = Samples()
    for _ in range(ENOUGH):
        samples.works()

    assert {samples.failed(FAILED, 1.0, is_new=False) for _ in range(1_000)} == {None}


def test_what_fails_again_opens_it_where_there_is_nothing_else() -> None:
    samples = Samples()
    for _ in range(ENOUGH - 1):
        samples.works()

    trips = [samples.failed(FAILED, 1.0, is_new=False) for _ in range(ENOUGH)]

    assert [*filter(None, trips)] == [Trip(Cause.FAILURES, "status_500", is_new=False)] * 2


@pytest.mark.parametrize("verdict", [DENIED, UNREACHABLE])
def test_what_opens_it_says_whether_it_was_tried_before(verdict: Verdict) -> None:
    samples = Samples()

    trips = [samples.failed(verdict, 1.0, is_new=False) for _ in range(UNREACHABLE_IN_A_ROW)]

    assert trips[-1] is not None
    assert not trips[-1].is_new


def test_one_that_opens_for_repeats_is_not_open_for_long() -> None:
    breaker = opened()
    for _ in range(9):
        breaker = replace(breaker, state=BreakerState.CLOSED)
        breaker = tripped(breaker, replace(TRIP, is_new=False), 0.0, TIMES, 0.0)

    assert breaker.next_probe_at == 15


def test_some_connections_in_a_row_that_fail_open_it() -> None:
    samples = Samples()
    for _ in range(100):
        samples.works()

    trips = [samples.failed(UNREACHABLE, 1.0, is_new=True) for _ in range(UNREACHABLE_IN_A_ROW)]

    assert trips == [None] * (UNREACHABLE_IN_A_ROW - 1) + [
        Trip(Cause.UNREACHABLE, "connect_failed")
    ]


def test_an_answer_between_them_begins_the_row_anew() -> None:
    samples = Samples()
    for _ in range(3):
        for _ in range(100):
            samples.works()
        for _ in range(UNREACHABLE_IN_A_ROW - 1):
            assert samples.failed(UNREACHABLE, 1.0, is_new=True) is None


@pytest.mark.parametrize("finding", [Finding.DENIED, Finding.MISPLACED])
def test_one_fault_opens_it_at_once(finding: Finding) -> None:
    samples = Samples()
    for _ in range(1_000):
        samples.works()

    assert samples.failed(verdict_of(finding, "x"), 1.0, is_new=True) == Trip(Cause.FAULT, "x")


@pytest.mark.parametrize("finding", Finding)
def test_what_speaks_of_one_message_is_no_failure_of_the_gateway(finding: Finding) -> None:
    works = {Finding.TAKEN, Finding.REFUSED, Finding.POSTPONED, Finding.CONFLICT, Finding.PENDING}

    assert is_failure(verdict_of(finding, "x")) == (finding not in works)


# How long


@pytest.mark.parametrize(
    ("is_new", "expected"),
    [(True, [5, 10, 20, 40, 80, 120, 120]), (False, [5, 10, 15, 15, 15, 15, 15])],
)
def test_it_is_open_for_longer_each_time_up_to_a_bound_which_repeats_have_sooner(
    *, is_new: bool, expected: list[float]
) -> None:
    breaker, times = opened(), []
    for _ in range(7):
        times.append(breaker.next_probe_at - breaker.changed_at)
        now = breaker.next_probe_at
        breaker, number = granted(breaker, 5, now, PROBE_S)
        assert number == 1
        probes = Probes(breaker.round, failed=1, reason="timeout", is_new=is_new)
        breaker = probed(breaker, probes, now, TIMES, 0.0)

    assert times == expected
    assert breaker.reason == "timeout"


def test_however_often_it_opened_for_repeats_it_is_not_open_for_long_for_others() -> None:
    breaker = Breaker()
    for trip in (*[replace(TRIP, is_new=False)] * 9, TRIP):
        breaker = tripped(replace(breaker, state=BreakerState.CLOSED), trip, 0.0, TIMES, 0.0)

    assert breaker.next_probe_at == 20


@given(st.floats(0, 1, exclude_max=True))
def test_its_time_is_spread(jitter: float) -> None:
    breaker = tripped(Breaker(), TRIP, 100.0, TIMES, jitter)

    assert breaker.next_probe_at == pytest.approx(105 + 1.25 * jitter)


def test_one_that_was_closed_for_a_while_begins_with_the_shortest_time() -> None:
    closed = Breaker(openings=4, changed_at=100.0)

    soon, later = (
        tripped(closed, TRIP, 130.0, TIMES, 0.0),
        tripped(closed, TRIP, 170.0, TIMES, 0.0),
    )

    assert (soon.next_probe_at, later.next_probe_at) == (130 + 80, 170 + 5)


def test_one_that_is_open_is_not_opened_again() -> None:
    breaker = opened()

    assert tripped(breaker, Trip(Cause.FAULT, "late"), 3.0, TIMES, 0.0) is breaker


# How it closes


def test_nothing_goes_while_it_is_open_and_nothing_is_claimed() -> None:
    breaker = opened()

    assert granted(breaker, 100, 4.9, PROBE_S) == (breaker, 0)
    assert not breaker.allows(4.9)
    assert breaker.allows(5.0)
    assert Breaker().allows(0.0)


def test_it_lets_more_through_round_by_round_until_it_is_closed() -> None:
    breaker, sizes, now = opened(), [], 5.0
    while breaker.state is not BreakerState.CLOSED:
        breaker, number = granted(breaker, 1_000, now, PROBE_S)
        assert granted(breaker, 1_000, now, PROBE_S)[1] == 0  # to other replicas neither
        sizes.append(number)
        breaker = probed(breaker, Probes(breaker.round, processed=number), now, TIMES, 0.0)

    assert sizes == [1, 2, 4, 8, 16, 32, 64]
    assert sizes[-1] == LAST_ROUND
    assert granted(breaker, 1_000, now, PROBE_S) == (breaker, 1_000)


def half_open(size: int) -> Breaker:
    """Return a breaker in the round of that size, all of it granted."""
    breaker = opened()
    while True:
        breaker, number = granted(breaker, 1_000, 5.0, PROBE_S)
        if breaker.size == size:
            return breaker
        breaker = probed(breaker, Probes(breaker.round, processed=number), 5.0, TIMES, 0.0)


@pytest.mark.parametrize(
    ("processed", "failed", "state", "size"),
    [
        (5, 2, BreakerState.HALF_OPEN, 8),  # one is still to come
        (5, 3, BreakerState.HALF_OPEN, 16),
        (0, 4, BreakerState.OPEN, 0),  # whatever the others bring
    ],
)
def test_a_round_is_decided_by_half_of_it(
    processed: int, failed: int, state: BreakerState, size: int
) -> None:
    before = half_open(8)

    after = probed(before, Probes(before.round, processed, failed, 0, "x"), 6.0, TIMES, 0.0)

    assert (after.state, after.size) == (state, size)


def test_what_is_reported_of_an_earlier_round_changes_nothing() -> None:
    breaker = half_open(2)

    assert probed(breaker, Probes(breaker.round - 1, failed=5), 6.0, TIMES, 0.0) is breaker
    assert probed(Breaker(round=3), Probes(3, failed=5), 6.0, TIMES, 0.0) == Breaker(round=3)


def test_what_was_not_sent_may_be_granted_again() -> None:
    breaker = half_open(4)

    breaker = probed(breaker, Probes(breaker.round, processed=1, returned=3), 6.0, TIMES, 0.0)

    assert granted(breaker, 1_000, 6.0, PROBE_S)[1] == 3


def test_probes_of_a_process_that_died_are_granted_again_after_their_time() -> None:
    breaker = half_open(4)

    early = granted(breaker, 1_000, 5.0 + PROBE_S - 0.1, PROBE_S)
    late, number = granted(breaker, 1_000, 5.0 + PROBE_S, PROBE_S)

    assert early == (breaker, 0)
    assert (number, late.size, late.round) == (4, 4, breaker.round + 1)


@given(st.lists(st.tuples(st.integers(0, 9), st.integers(0, 5), st.integers(0, 5)), max_size=60))
def test_never_are_more_probes_under_way_than_the_round_has(
    story: list[tuple[int, int, int]],
) -> None:
    breaker, now, out = opened(), 0.0, 0
    for wait, most_good, most_bad in story:
        now += wait
        before = breaker.round
        breaker, number = granted(breaker, 3, now, PROBE_S)
        out = number if breaker.round != before else out + number
        assert breaker.state is BreakerState.CLOSED or out <= max(breaker.size, 1)
        good = min(most_good, out)
        bad = min(most_bad, out - good)
        out -= good + bad
        before = breaker.round
        breaker = probed(breaker, Probes(breaker.round, good, bad), now, TIMES, 0.0)
        out = 0 if breaker.round != before else out
        if breaker.state is BreakerState.CLOSED:
            return


def test_not_accepted_is_not_the_same_as_failed() -> None:
    assert not is_failure(Verdict(Outcome.REFUSED, "no_phone", is_of_message=True))

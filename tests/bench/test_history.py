"""The history that reads are measured with: how much there is, and what goes wrong."""

from collections import Counter

import pytest

from bench.history import SMALL, Size, is_large, planned_of
from bench.mishaps import FATES, PER, mishap_of


@pytest.mark.parametrize(
    ("size", "large"),
    [(Size(1_000, 100, 20_000), 10), (Size(1_000_000, 10_000, 5_000_000), 4), (Size(7, 2, 1), 1)],
)
def test_a_few_mailings_go_to_all_and_make_up_the_messages(size: Size, large: int) -> None:
    numbers = range(size.mailings)

    assert sum(is_large(size, each) for each in numbers) == size.large == large
    assert sum(planned_of(size, each) for each in numbers) == pytest.approx(
        large * size.clients + (size.mailings - large) * min(SMALL, size.clients), rel=0.01
    )


def test_large_mailings_are_in_both_halves() -> None:
    size = Size(1_000, 100, 20_000)

    halves = Counter(number < 50 for number in range(100) if is_large(size, number))

    assert halves == {True: 5, False: 5}


@pytest.mark.parametrize(("messages", "has_halves"), [(2_999, False), (3_000, True)])
def test_a_history_of_too_few_messages_is_known_before(messages: int, *, has_halves: bool) -> None:
    assert Size(1_000, 10, messages).has_halves is has_halves


def test_one_message_in_a_hundred_has_a_fate_of_its_own() -> None:
    first = [mishap_of(b"%d" % number, is_repeated=False) for number in range(PER * 10)]

    assert sum(each is not None for each in first) == pytest.approx(
        10 * sum(count for count, _, _ in FATES), rel=0.1
    )
    assert {*filter(None, first)} == {each for _, each, _ in FATES}


def test_the_same_key_has_the_same_fate() -> None:
    keys = [b"%d" % number for number in range(PER)]

    for key in keys:
        before, later = (mishap_of(key, is_repeated=each) for each in (False, True))
        assert mishap_of(key, is_repeated=False) is before
        assert before is not None or later is None

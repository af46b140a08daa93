"""Turns: which priority goes next, and how much is leased ahead of each."""

from collections import Counter
from uuid import UUID

import pytest

from services.dispatcher.domain.turns import MOST_READY, ORDER, SHARE, SMALL, Room, Shares
from shared.contracts.catalog import Priority

URGENT, NORMAL, BULK = ORDER
RUN = UUID(int=1)
LIMIT = 100


def room(urgent: int = 0, normal: int = 0, bulk: int = 0) -> Room:
    return Room(LIMIT, {URGENT: urgent, NORMAL: normal, BULK: bulk})


def counts(urgent: int = 0, normal: int = 0, bulk: int = 0) -> list[int]:
    return [urgent, normal, bulk]


def started(waiting: list[int], count: int) -> list[Priority]:
    """Return what goes, one message after the other."""
    found: list[Priority] = []
    shares, left = Shares(), list(waiting)
    while len(found) < count:
        place, most = shares.next(left)
        assert 1 <= most <= max(left[place], SHARE - 1)
        left[place] -= 1
        shares.took(place, 1, left)
        found.append(ORDER[place])
    return found


def test_of_what_waits_the_first_priority_goes_first() -> None:
    expected = [URGENT, URGENT, NORMAL, NORMAL, BULK, BULK]

    assert started(counts(urgent=2, normal=2, bulk=2), 6) == expected


@pytest.mark.parametrize("others", [(NORMAL,), (BULK,), (NORMAL, BULK)])
def test_each_priority_that_waits_has_its_share(others: tuple[Priority, ...]) -> None:
    waiting = [1_000 if each in (URGENT, *others) else 0 for each in ORDER]

    found = started(waiting, 10 * SHARE)

    number = Counter(found)
    assert found[: SHARE - 1] == [URGENT] * (SHARE - 1)
    assert all(9 <= number[other] <= 10 for other in others)
    assert number[URGENT] == len(found) - sum(number[other] for other in others)


def test_what_comes_later_has_no_share_of_what_went_before_it() -> None:
    shares = Shares()
    shares.took(0, 1_000, counts(urgent=1_000))

    assert shares.next(counts(urgent=1_000, normal=1)) == (0, SHARE - 1)


def test_a_priority_that_is_alone_goes_at_once() -> None:
    assert Shares().next(counts(bulk=500)) == (2, 500)


def test_a_message_sees_only_what_goes_before_it() -> None:
    assert room().priorities == [URGENT, NORMAL, BULK]
    assert room(normal=LIMIT, bulk=1).priorities == [URGENT]
    assert room(bulk=LIMIT).priorities == [URGENT, NORMAL]
    assert room(urgent=LIMIT, normal=1, bulk=1).priorities == []


def test_of_a_priority_of_which_nothing_waits_a_chunk_may_always_be_leased() -> None:
    assert room(urgent=LIMIT).priorities == [NORMAL, BULK]
    assert room(urgent=LIMIT, normal=1).priorities == [BULK]


def test_what_is_leased_counts_at_once() -> None:
    claim = room(normal=LIMIT - 1)

    claim.take(NORMAL, RUN, 10)

    assert (claim.priorities, claim.runs, claim.is_enough) == ([URGENT, BULK], [RUN], True)


def test_a_claim_that_began_without_room_looks_for_all_that_may_pass() -> None:
    claim = room(normal=LIMIT)

    claim.take(URGENT, RUN, 10)

    assert not claim.is_enough
    assert not room(normal=LIMIT - 1).is_enough


def test_what_is_leased_ahead_is_bounded_whatever_it_is() -> None:
    full = room(normal=MOST_READY * LIMIT)

    assert (full.left, full.small, full.is_enough) == (0, 0, True)
    assert (room(normal=LIMIT).left, room(normal=LIMIT).small) == ((MOST_READY - 1) * LIMIT, SMALL)

"""What a death at a crash point may leave is told from what it must not."""

from collections.abc import Sequence
from uuid import UUID

import pytest

from tests.chaos.crash_checker import differences, part_of
from tests.chaos.crash_points import Case, During, Leaves
from tests.chaos.evidence import (
    Attempt,
    Evidence,
    Figures,
    Gateway,
    Mailing,
    Message,
    Request,
    Run,
)
from tests.chaos.rig import CONNECTIONS

RUN, MAILING = UUID(int=1), UUID(int=2)
CLIENTS = [UUID(int=100 + n) for n in range(20)]
MESSAGES = [Message(RUN, each, "delivered") for each in CLIENTS]
MAILINGS = {MAILING: Mailing(len(CLIENTS), 90_000)}


def evidence(lost: int = 0, repeated: int = 0) -> Evidence:
    """Give what is on record if so many attempts were lost, and some of these had gone out."""
    attempts = [Attempt(RUN, each, 1, "answer", "accepted", 1_000) for each in CLIENTS[lost:]]
    for each in CLIENTS[:lost]:
        attempts.append(Attempt(RUN, each, 1, "lost", "unknown", 1_000))
        attempts.append(Attempt(RUN, each, 2, "answer", "accepted", 2_000))
    requests = [Request(1_000, each.key, is_accepted=True) for each in MESSAGES]
    requests += requests[:repeated]
    figures = {RUN: Figures({"delivered": len(CLIENTS)}, len(CLIENTS) + lost)}
    return Evidence(
        expected=MAILINGS,
        missed={},
        gateways={"plain": Gateway("plain", is_idempotent=False, requests=requests)},
        runs=[Run(RUN, MAILING, "plain", 0, 90_000)],
        messages=MESSAGES,
        attempts=attempts,
        statistics=figures,
        rebuilt=figures,
        connections=CONNECTIONS,
        seed=1,
    )


def found(leaves: Leaves, seen: Evidence, during: During = During.MAILING) -> Sequence[str]:
    return differences(Case("here", "dispatcher", leaves, during), seen)


@pytest.mark.parametrize("leaves", [Leaves.NOTHING, Leaves.REQUESTS])
def test_a_death_may_leave_nothing_where_nothing_was_begun(leaves: Leaves) -> None:
    assert found(leaves, evidence()) == []


def test_an_attempt_that_was_lost_or_repeated_is_noticed_where_none_can_be() -> None:
    assert found(Leaves.NOTHING, evidence(lost=1))
    assert found(Leaves.NOTHING, evidence(lost=1, repeated=1))


def test_marks_are_lost_and_never_sent() -> None:
    assert found(Leaves.MARKS, evidence(lost=CONNECTIONS)) == []
    assert found(Leaves.MARKS, evidence())
    assert found(Leaves.MARKS, evidence(lost=2, repeated=1))
    assert found(Leaves.MARKS, evidence(lost=CONNECTIONS + 1))


def test_no_more_comes_twice_than_was_under_way() -> None:
    assert found(Leaves.REQUESTS, evidence(lost=CONNECTIONS, repeated=CONNECTIONS)) == []
    assert found(Leaves.REQUESTS, evidence(lost=CONNECTIONS + 1, repeated=0))
    assert found(Leaves.REQUESTS, evidence(lost=9, repeated=9), During.DEATH) == []


def test_what_is_on_record_of_other_mailings_is_left_out() -> None:
    assert part_of(evidence(), {}).messages == []
    assert part_of(evidence(), {}).gateways["plain"].requests == []
    assert part_of(evidence(), MAILINGS) == evidence()

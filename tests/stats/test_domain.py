"""When figures differ from the ledger's totals, and when a late success explains it."""

import pytest

from services.stats.domain.figures import differences, may_be_ahead
from shared.contracts.dispatcher import State

D, F, E, P, R, S = (
    State.DELIVERED,
    State.FAILED,
    State.EXPIRED,
    State.PLANNED,
    State.RETRY,
    State.SUPPRESSED,
)


@pytest.mark.parametrize(
    ("totals", "counted", "more", "is_ahead"),
    [
        ({D: 5}, {D: 5, F: 0}, {}, False),
        ({D: 5}, {D: 4, P: 1}, {D: -1, P: 1}, False),  # an event is missing
        ({D: 5}, {D: 4}, {D: -1}, False),  # a message is missing
        ({D: 5}, {D: 4, R: 1}, {D: -1, R: 1}, False),
        ({D: 5, F: 2}, {D: 6, F: 1}, {D: 1, F: -1}, True),  # a late success
        ({D: 5, F: 2, E: 2}, {D: 8, F: 0, E: 1}, {D: 3, F: -2, E: -1}, True),
        ({D: 5, F: 2}, {D: 4, F: 3}, {D: -1, F: 1}, False),  # the ledger's late success is missing
        ({D: 5, F: 2}, {D: 6, F: 2}, {D: 1}, False),  # one too many
        ({D: 5, F: 2}, {D: 6, F: 0}, {D: 1, F: -2}, False),
        ({D: 5, S: 2}, {D: 6, S: 1}, {D: 1, S: -1}, False),  # nothing was sent to them
        ({D: 5, F: 2, E: 1}, {D: 6, F: 0, E: 2}, {D: 1, F: -2, E: 1}, False),
    ],
)
def test_a_difference_is_told_from_a_correction_that_is_on_its_way(
    totals: dict[State, int], counted: dict[State, int], more: dict[State, int], *, is_ahead: bool
) -> None:
    found = differences(totals, counted)

    assert found == more
    assert may_be_ahead(found) == is_ahead

"""What counts as a difference between what was answered and what is answered now."""

from typing import Any

import pytest

from tests.upgrade.reads import differences

BEFORE = {"items": [{"run_id": "1", "planned": 3}, {"run_id": "2", "planned": 4}]}


@pytest.mark.parametrize(
    "now",
    [
        BEFORE,
        {"items": BEFORE["items"][::-1]},
        {"items": [{**each, "more": True, "new_id": 9} for each in BEFORE["items"]], "more": 1},
    ],
    ids=["the same", "in another order", "with more said"],
)
def test_what_was_said_is_said(now: Any) -> None:
    assert list(differences(BEFORE, now)) == []


@pytest.mark.parametrize(
    ("now", "told"),
    [
        ({}, ["/items is missing"]),
        ({"items": BEFORE["items"][:1]}, ["/items has 1 items, not 2"]),
        (
            {"items": [BEFORE["items"][0], {"run_id": "2", "planned": 5}]},
            ["/items/1/planned was 4, is 5"],
        ),
        (
            {"items": [BEFORE["items"][0], {"run_id": "3", "planned": 4}]},
            ["/items/1/run_id was '2', is '3'"],
        ),
    ],
    ids=["a field is missing", "an item is missing", "a figure differs", "another item"],
)
def test_what_was_said_and_is_not_is_named(now: Any, told: list[str]) -> None:
    assert list(differences(BEFORE, now)) == told

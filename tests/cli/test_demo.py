"""The demo: when its books agree, and what it refuses before it starts anything."""

from dataclasses import replace
from pathlib import Path

import pytest

from cli import Exit
from cli.demo.books import Books, Count
from deploy.local.home import Home
from tests.cli.conftest import Mailings

GATEWAY = {"requests": 12, "accepted": 8, "accepted_distinct": 8, "repeated": 1, "by_decision": {}}


def count(attempts: int = 12, messages: int = 9, **by_status: int) -> Count:
    return Count({"delivered": 8, "failed": 1, **by_status}, attempts, messages)


@pytest.fixture
def books() -> Books:
    return Books(
        imported=9, statistics=count(), reconciles=True, ledger=count(), gateway=dict(GATEWAY)
    )


def test_books_that_say_the_same_agree(books: Books) -> None:
    assert books.agree


def test_books_do_not_agree_when_a_message_is_in_no_final_state(books: Books) -> None:
    still = count(failed=0, retry=1)

    assert not replace(books, statistics=still, ledger=still).agree


@pytest.mark.parametrize(
    "other",
    [
        {"statistics": count(delivered=7, expired=1)},
        {"statistics": count(attempts=13)},
        {"statistics": count(messages=8)},
        {"ledger": count(failed=0, expired=1)},
        {"reconciles": False},
        {"imported": 10},
        {"gateway": GATEWAY | {"accepted": 9, "accepted_distinct": 9}},
        {"gateway": GATEWAY | {"accepted": 9}},
    ],
)
def test_books_of_which_one_says_something_else_do_not_agree(
    books: Books, other: dict[str, object]
) -> None:
    assert not replace(books, **other).agree  # type: ignore[arg-type]


@pytest.mark.parametrize("clients", ["0", "10000001", "nowhere.csv", "-3"])
def test_clients_that_cannot_be_are_refused_before_anything_starts(
    mailings: Mailings, clients: str, tmp_path: Path
) -> None:
    assert mailings("demo", "--clients", clients).code == Exit.USAGE
    assert not (tmp_path / "home").exists()


def test_a_second_demo_beside_a_running_one_leaves_it_alone(
    mailings: Mailings, tmp_path: Path
) -> None:
    place = Home(tmp_path / "home" / "demo")
    with place.lock():
        kept = place.data / "ledger"
        kept.write_text("precious")

        result = mailings("demo", "--clients", "10")

        assert result.code == Exit.CONFLICT
        assert kept.read_text() == "precious"

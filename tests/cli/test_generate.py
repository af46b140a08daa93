"""Generated clients."""

import csv
import io
from itertools import islice

import pytest

from cli.generate import BLOCK, COLUMNS, MOST, clients, csv_pieces
from services.catalog.domain.profile import checked
from services.catalog.files.columns import split_tags


def test_the_same_seed_gives_the_same_clients_and_another_seed_others() -> None:
    assert list(clients(100, seed=5)) == list(clients(100, seed=5))
    assert list(clients(100, seed=5)) != list(clients(100, seed=6))


def test_no_phone_comes_twice() -> None:
    phones = [phone for phone, *_ in clients(50_000)]

    assert len(set(phones)) == len(phones)


def test_each_generated_client_is_one_that_the_catalog_takes() -> None:
    for row in clients(2_000):
        given = {name: value or None for name, value in zip(COLUMNS, row, strict=True)}
        profile = checked({**given, "tags": split_tags(given["tags"] or "")})
        assert profile.phone is not None
        assert profile.operator_code == profile.phone[1:4]


def test_the_pieces_are_one_csv_file_with_a_header() -> None:
    count = 2 * BLOCK + 1

    rows = list(csv.reader(io.StringIO(b"".join(csv_pieces(count)).decode())))

    assert tuple(rows[0]) == COLUMNS
    assert [tuple(row) for row in rows[1:]] == list(clients(count))


def test_clients_are_made_as_they_are_read() -> None:
    first = list(islice(csv_pieces(MOST), 3))

    assert len(first) == 3


def test_more_clients_than_there_are_phones_are_refused() -> None:
    with pytest.raises(ValueError, match="between 0"):
        next(clients(MOST + 1))

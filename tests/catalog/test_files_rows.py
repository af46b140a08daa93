"""Rows of an import: whatever the network cuts, and whatever the file says."""

import tracemalloc
from collections.abc import AsyncIterator, Iterable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.catalog.domain.imports import Chunk, ImportRefused
from services.catalog.files.columns import split_tags
from services.catalog.files.lines import ROW_LIMIT_BYTES
from services.catalog.files.rows import CHUNK_BYTES, ROWS, read_rows

CSV, NDJSON = "text/csv", "application/x-ndjson"


async def read(pieces: Iterable[bytes], content_type: str = CSV) -> list[Chunk]:
    async def body() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return [chunk async for chunk in read_rows(body(), content_type)]


async def rows_of(
    body: str | bytes, content_type: str = CSV, size: int = 1 << 20
) -> dict[int, Any]:
    """Return fields, or the code and pointer of the first mistake, by number."""
    data = body if isinstance(body, bytes) else body.encode()
    chunks = await read([data[at : at + size] for at in range(0, len(data), size)], content_type)
    found: dict[int, Any] = {}
    for chunk in chunks:
        found |= {each.row: each.fields for each in chunk.rows}
        found |= {
            each.row: (each.field_errors[0].code, each.field_errors[0].pointer)
            for each in chunk.rejections
        }
    return found


async def test_a_row_has_the_fields_that_the_header_names() -> None:
    body = "full_name,phone,tags\nAnna,79161234567,vip; spring|x\n"

    assert await rows_of(body) == {
        1: {"full_name": "Anna", "phone": "79161234567", "tags": ("vip", "spring", "x")}
    }


async def test_an_empty_cell_is_nothing() -> None:
    body = "phone,full_name,tags\n79161234567,,\n"

    assert await rows_of(body) == {1: {"phone": "79161234567", "full_name": None, "tags": ()}}


@pytest.mark.parametrize("size", [1, 2, 3, 4, 5, 7, 1000])
async def test_pieces_of_the_network_may_end_anywhere(size: int) -> None:
    body = (
        "\ufeffphone,full_name,comment\r\n"
        '79161234567,"\u042f\u043d\u0430 ""Ya""","first\r\n\r\nthird, line"\r\n'
        "79161234568,Boris,\r\n"
        '79161234569,,"last"'
    )

    assert await rows_of(body, size=size) == {
        1: {
            "phone": "79161234567",
            "full_name": '\u042f\u043d\u0430 "Ya"',
            "comment": "first\r\n\r\nthird, line",
        },
        2: {"phone": "79161234568", "full_name": "Boris", "comment": None},
        3: {"phone": "79161234569", "full_name": None, "comment": "last"},
    }


@given(
    st.lists(st.text(st.characters(exclude_categories=["C"], include_characters='\n",'))),
    st.integers(1, 50),
)
async def test_what_is_quoted_comes_out_as_it_was(cells: list[str], size: int) -> None:
    lines = [f'79161234567,"{cell.replace(chr(34), 2 * chr(34))}"\n' for cell in cells]

    found = await rows_of("phone,comment\n" + "".join(lines), size=size)

    assert [row["comment"] for row in found.values()] == [cell.strip() or None for cell in cells]


async def test_blank_lines_are_no_rows() -> None:
    assert list(await rows_of("\nphone\n\n7\n  \n\r\n8\n")) == [1, 2]


@pytest.mark.parametrize(
    ("header", "code"),
    [
        ("full_name,tags", "missing_column"),
        ("full_name;tags", "missing_column"),
        ("Anna;vip", "no_header"),
        ("phone,age", "unknown_column"),
        ("phone,", "unknown_column"),
        ("phone,phone", "double_column"),
        ('"phone', "no_header"),
        (b"phone,\xff", "unknown_column"),
        ("phone" * 20_000, "row_too_long"),
        ("", "empty"),
        ("\n\n", "empty"),
        (b"\xef\xbb\xbf", "empty"),
    ],
)
async def test_a_file_without_a_proper_header_is_refused(header: str | bytes, code: str) -> None:
    with pytest.raises(ImportRefused) as refusal:
        await rows_of(header)

    assert [place.code for place in refusal.value.field_errors] == [code]


@pytest.mark.parametrize("header", ["Anna;vip", '"phone', "p" * 70_000])
async def test_a_file_without_a_proper_header_is_told_which_columns_there_are(
    header: str,
) -> None:
    with pytest.raises(ImportRefused) as refusal:
        await rows_of(header)

    [place] = refusal.value.field_errors
    assert "the columns are phone, operator_code" in place.detail


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        ("79161234567", "cells"),
        ("79161234567,Anna,", "cells"),
        ('7916,"Anna" Petrova', "quotes"),
        ('7916,"Anna', "quotes"),
        ("7916,\u042f\u042f".encode() + b"\xd0\xce", "not_utf8"),
        ("7916," + "n" * ROW_LIMIT_BYTES, "row_too_long"),
        ('7916,"' + "n\n" * ROW_LIMIT_BYTES, "quotes"),
    ],
)
@pytest.mark.parametrize("size", [1000, 1 << 20])
async def test_a_bad_row_never_harms_those_around_it(
    bad: str | bytes, code: str, size: int
) -> None:
    middle = bad if isinstance(bad, bytes) else bad.encode()

    found = await rows_of(b"phone,full_name\n1,A\n" + middle + b"\n3,C\n", size=size)

    assert found[1] == {"phone": "1", "full_name": "A"}
    assert found[2] == (code, "")
    assert found[max(found)] == {"phone": "3", "full_name": "C"}


async def test_a_line_of_ten_megabytes_takes_no_memory_to_speak_of() -> None:
    def pieces() -> Iterable[bytes]:
        yield b"phone,comment\n1,a\n2,"
        for _ in range(160):
            yield b"x" * 65_536
        yield b"\n3,c\n"

    tracemalloc.start()
    chunks = await read(pieces())
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < 2_000_000
    assert [each.row for chunk in chunks for each in chunk.rows] == [1, 3]
    assert [each.field_errors[0].code for chunk in chunks for each in chunk.rejections] == [
        "row_too_long"
    ]


async def test_ten_megabytes_in_one_quoted_cell_take_no_memory_to_speak_of() -> None:
    def pieces() -> Iterable[bytes]:
        yield b'phone,comment\n1,a\n2,"'
        for _ in range(160):
            yield b"x" * 65_000 + b"\n"
        yield b'"\n3,c\n'

    async def body() -> AsyncIterator[bytes]:
        for piece in pieces():
            yield piece

    phones: list[str] = []
    tracemalloc.start()
    async for chunk in read_rows(body(), CSV):
        phones += [each.fields["phone"] for each in chunk.rows]
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak_bytes < 3 * CHUNK_BYTES
    assert phones == ["1", "3"]


async def test_long_rows_come_in_smaller_chunks() -> None:
    row = b"7," + b"x" * 60_000 + b"\n"

    chunks = await read([b"phone,comment\n", *[row] * 200])

    sizes = [sum(len(each.fields["comment"]) for each in chunk.rows) for chunk in chunks]
    assert sum(sizes) == 200 * 60_000
    assert max(sizes) <= CHUNK_BYTES + len(row)


async def test_rows_come_in_chunks_and_the_last_one_tells_the_whole() -> None:
    body = b"phone\n" + b"7\n" * (2 * ROWS + 1)

    chunks = await read([body])

    assert [len(chunk.rows) for chunk in chunks] == [ROWS, ROWS, 1]
    assert chunks[-1].bytes_read == len(body)


async def test_a_file_of_nothing_but_bad_rows_comes_in_chunks_too() -> None:
    chunks = await read([b"phone\n" + b"7,7\n" * (ROWS + 1)])

    assert [len(chunk.rejections) for chunk in chunks] == [ROWS, 1]


@pytest.mark.parametrize(
    ("cell", "tags"),
    [("", ()), (" a ", ("a",)), ("a;b|c,d", ("a", "b", "c", "d")), (";;a,,", ("a",))],
)
def test_tags_stand_in_one_cell(cell: str, tags: tuple[str, ...]) -> None:
    assert split_tags(cell) == tags


# NDJSON


async def test_a_line_of_json_is_a_row() -> None:
    body = '\ufeff{"phone": "1", "tags": ["a:b"], "comment": null}\r\n\n{"phone": "2"}'

    assert await rows_of(body, NDJSON, size=3) == {
        1: {"phone": "1", "tags": ("a:b",), "comment": None},
        2: {"phone": "2"},
    }


@pytest.mark.parametrize(
    ("bad", "mistake"),
    [
        ("{", ("json", "")),
        ("[]", ("json", "")),
        ("7", ("json", "")),
        ('{"phone": 7}', ("wrong_type", "/phone")),
        ('{"tags": "vip"}', ("wrong_type", "/tags")),
        ('{"tags": [1]}', ("wrong_type", "/tags")),
        ('{"tags": null}', ("wrong_type", "/tags")),
        ('{"phone": "1", "age": 7}', ("unknown_field", "")),
        ('{"phone": "1", "phone": "2"}', ("duplicate_field", "/phone")),
        ('{"phone": "\\ud800"}', ("json", "")),
        (b'{"phone": "\xff"}', ("json", "")),
        ('{"comment": "' + "x" * ROW_LIMIT_BYTES + '"}', ("row_too_long", "")),
    ],
)
async def test_a_bad_line_of_json_never_harms_those_around_it(
    bad: str | bytes, mistake: tuple[str, str]
) -> None:
    middle = bad if isinstance(bad, bytes) else bad.encode()

    found = await rows_of(b'{"phone": "1"}\n' + middle + b'\n{"phone": "3"}', NDJSON)

    assert found == {1: {"phone": "1"}, 2: mistake, 3: {"phone": "3"}}


async def test_a_file_of_json_may_be_empty() -> None:
    [chunk] = await read([], NDJSON)

    assert (chunk.rows, chunk.rejections) == ([], [])

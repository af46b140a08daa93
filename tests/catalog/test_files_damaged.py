"""Damaged files: every good line is in, and every line is accounted for."""

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from time import process_time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from services.catalog.domain.import_options import ImportOptions
from services.catalog.domain.imports import Chunk, FileRow, Rejection
from services.catalog.files import read_rows
from services.catalog.files.columns import armed
from services.catalog.files.lines import ROW_LIMIT_BYTES

CSV, NDJSON = "text/csv", "application/x-ndjson"
HEADER = b"phone,full_name\n"

UTF8 = ImportOptions(charset="utf-8")  # damage must not be taken for another charset


async def read(data: bytes, content_type: str = CSV, size: int = 1 << 20) -> list[Chunk]:
    async def body() -> AsyncIterator[bytes]:
        for at in range(0, len(data), size):
            yield data[at : at + size]

    return [chunk async for chunk in read_rows(body(), content_type, options=UTF8)]


async def report(data: str | bytes) -> tuple[list[tuple[str, str]], list[tuple[int, int, str]]]:
    """Return phones and names of rows, and lines and codes of rejections."""
    chunks = await read(data if isinstance(data, bytes) else data.encode())
    rows = [
        (row.fields["phone"], row.fields["full_name"]) for chunk in chunks for row in chunk.rows
    ]
    rejections = [
        (each.line, each.last_line, each.field_errors[0].code)
        for chunk in chunks
        for each in chunk.rejections
    ]
    return rows, rejections


def phone(number: int) -> str:
    return f"7916{number:07}"


def good(*numbers: int) -> str:
    return "".join(f"{phone(number)},N{number}\n" for number in numbers)


def goods(*numbers: int) -> list[tuple[str, str]]:
    return [(phone(number), f"N{number}") for number in numbers]


@pytest.mark.parametrize(
    ("damaged", "codes"),
    [
        (f'{phone(99)},"Anna\n' + good(*range(40)) + f'{phone(98)},Boris"\n', ["quotes"]),
        (f'"{phone(99)},Anna\n' + good(*range(40)) + f'{phone(98)},"Boris"\n', ["quotes"]),
        (f'{phone(99)},"Anna\n' + good(*range(40)), ["quotes"]),
        (f'{phone(99)},"Anna ""A\n' + good(*range(40)), ["quotes"]),
        (f'{phone(99)},"Anna" P\n' + good(*range(40)), ["quotes"]),
        (f'{phone(99)},"An\0na\n' + good(*range(40)), ["quotes"]),
        (f'{phone(99)},x,"Anna\n\n{phone(98)}\n' + good(*range(40)), ["quotes", "cells"]),
    ],
)
async def test_a_quote_that_is_left_open_hides_no_row(damaged: str, codes: list[str]) -> None:
    rows, rejections = await report(f"phone,full_name\n{damaged}{good(90, 91)}")

    assert [row for row in rows if row[0] < phone(98)] == goods(*range(40), 90, 91)
    assert [code for _, _, code in rejections] == codes
    assert rejections[0][:2] == (2, 2)


async def test_a_quoted_cell_over_several_lines_that_hides_no_row_is_one_cell() -> None:
    cell = f"Anna\n\n{phone(1)}\n{phone(1)},x,y\n7916,N1\nN1,{phone(1)}\na b"

    rows, rejections = await report(f'phone,full_name\n{phone(9)},"{cell}"\n{good(2)}')

    assert rows == [(phone(9), cell), *goods(2)]
    assert rejections == []


async def test_a_quote_that_is_left_open_hides_no_row_that_has_several_lines_itself() -> None:
    damaged = f'{phone(9)},"Anna\n{phone(1)},"\nBoris"\n'

    rows, rejections = await report(f"phone,full_name\n{damaged}{good(2)}")

    assert rows == [(phone(1), "Boris"), *goods(2)]
    assert rejections == [(2, 2, "quotes")]


async def test_the_lines_of_a_row_that_is_rejected_may_be_rows_with_their_phone_at_the_end() -> (
    None
):
    rows, rejections = await report(
        f'full_name,phone\n"Anna,{phone(9)}\n"\nBoris",{phone(1)}\nN2,{phone(2)}\n'
    )

    assert rows == [(phone(1), "Boris"), *goods(2)]
    assert rejections == [(2, 2, "cells")]


@pytest.mark.parametrize(
    ("header", "row"),
    [
        ("full_name,phone", '"{name}",{phone}'),
        ("full_name,comment,phone", '"{name}","{name}",{phone}'),
        ("full_name,comment,phone", '{phone},"{name}",{phone}'),
        ("full_name,phone,comment", '"{name}",{phone},"{name}"'),
    ],
)
async def test_a_quoted_cell_over_several_lines_may_stand_before_the_phone(
    header: str, row: str
) -> None:
    text = row.format(name="Anna\nB., C.\n\nD.", phone=phone(1))

    [chunk] = await read(f"{header}\n{text}\n{text}\n".encode())

    expected = next(csv.reader(io.StringIO(text, newline="")))
    assert [list(each.fields.values()) for each in chunk.rows] == [expected] * 2
    assert chunk.rejections == []


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("bom", ["", "\ufeff"])
@pytest.mark.parametrize("size", [1, 2, 3, 1000])
async def test_lines_may_end_in_any_way(end: str, bom: str, size: int) -> None:
    text = f'{bom}phone,full_name\n{phone(1)},N1\n\n{phone(2)},"N2\n2"\n8,8,8\n{phone(3)},N3'

    chunks = await read(text.replace("\n", end).encode(), size=size)

    [chunk] = chunks
    assert [(row.line, row.last_line, *row.fields.values()) for row in chunk.rows] == [
        (2, 2, phone(1), "N1"),
        (4, 5, phone(2), f"N2{end}2"),
        (7, 7, phone(3), "N3"),
    ]
    assert [(each.line, each.last_line) for each in chunk.rejections] == [(6, 6)]
    assert chunk.lines_read == 7


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("extra", [-1, 0, 1, 2, ROW_LIMIT_BYTES, 3 * ROW_LIMIT_BYTES])
@pytest.mark.parametrize("size", [1000, ROW_LIMIT_BYTES, 1 << 20])
async def test_a_line_is_as_long_as_a_row_may_be_or_rejected_alone(
    end: str, extra: int, size: int
) -> None:
    start = f"{phone(1)},"
    long = start + "n" * (ROW_LIMIT_BYTES - len(start) + extra)

    [chunk] = await read(f"phone,full_name{end}{long}{end}{phone(2)},N2".encode(), size=size)

    expected = [phone(1), phone(2)] if extra <= 0 else [phone(2)]
    assert [row.fields["phone"] for row in chunk.rows] == expected
    assert [each.line for each in chunk.rejections] == ([] if extra <= 0 else [2])
    assert chunk.lines_read == 3


@pytest.mark.parametrize("lines", [ROW_LIMIT_BYTES // 8 - 10, ROW_LIMIT_BYTES // 8 + 10])
async def test_a_quoted_cell_is_as_long_as_a_row_may_be_or_each_of_its_lines_is_rejected(
    lines: int,
) -> None:
    rows, rejections = await report(
        f'phone,full_name\n{phone(1)},"' + "1234567\n" * lines + f'"\n{good(2)}'
    )

    if lines < ROW_LIMIT_BYTES // 8:
        assert ([row[0] for row in rows], rejections) == ([phone(1), phone(2)], [])
    else:
        assert rows == goods(2)
        assert [each[:2] for each in rejections] == [(n, n) for n in range(2, lines + 3)]


@pytest.mark.parametrize(
    "line", ['x,"\n', '""\n', 'x,""\n', '"",""\n', 'a","b\n', '","\n', '"\n', "x\n", '"a""\n']
)
@pytest.mark.parametrize("size", [7, 1 << 16])
async def test_no_sequence_of_quotes_costs_more_than_its_length(line: str, size: int) -> None:
    async def seconds(lines: int) -> float:
        data = b'phone,full_name\n7,"\n' + line.encode() * lines
        began = process_time()
        await read(data, size=size)
        return process_time() - began

    async def is_linear() -> bool:
        return await seconds(20_000) < 30 * max(await seconds(2_000), 0.01)

    # A busy machine makes it dearer now and then; what looks back makes it a hundred times dearer.
    assert await is_linear() or await is_linear() or await is_linear()


# Laws


@dataclass(frozen=True)
class Line:
    """A row as it stands in the file, with its end."""

    data: bytes
    is_good: bool


TEXTS = st.text(st.characters(codec="utf-8", exclude_categories=["Cs", "Cc"]), max_size=8)
CELLS = st.one_of(
    TEXTS.map(lambda text: text.replace('"', "").replace(",", "")),
    TEXTS.map(quoted := lambda text: '"' + text.replace('"', '""') + '"'),
    st.lists(TEXTS, min_size=2, max_size=3).map("\n".join).map(quoted),
    st.just('""'),
    st.just('"\n"'),
)
ENDS = st.sampled_from([b"\n", b"\r\n", b"\r"])


@st.composite
def files(draw: st.DrawFn, phone_at: int = 0) -> list[Line]:
    """Return lines, of which some were damaged."""
    found = []
    for number in range(draw(st.integers(1, 12))):
        cells = [draw(CELLS)]
        cells.insert(phone_at, phone(number))
        data = ",".join(cells).encode()
        damage = draw(st.sampled_from(["none"] * 4 + ["quote", "nul", "cut", "cell", "byte"]))
        at = draw(st.integers(0, len(data)))
        match damage:
            case "quote":
                data = data[:at] + b'"' * draw(st.integers(1, 3)) + data[at:]
            case "nul":
                data = data[:at] + b"\0" + data[at + 1 :]
            case "byte":
                data = data[:at] + bytes([draw(st.integers(0, 255))]) + data[at:]
            case "cut":
                data = data[:at]
            case "cell":
                data = data[:at] + b"," * draw(st.integers(1, 2)) + data[at:]
            case _:
                pass
        found.append(Line(data + draw(ENDS), damage == "none"))
    return found


@settings(max_examples=400)
@example([Line(b"79160000000,'\r\n", is_good=True)], 80)
@given(files(), st.integers(1, 80))
async def test_every_good_row_is_in_as_if_it_stood_alone_and_every_line_is_counted(
    lines: list[Line], size: int
) -> None:
    data = HEADER + b"".join(line.data for line in lines)

    chunks = await read(data, size=size)

    rows = [row for chunk in chunks for row in chunk.rows]
    known = {row.fields["phone"]: row.fields["full_name"] for row in rows}
    for line in lines:
        if line.is_good:
            text = line.data.decode().rstrip("\r\n") + "\n"
            [[number, name]] = csv.reader(io.StringIO(text, newline=""), strict=True)
            [name] = armed([name])
            assert known[number] == (name.strip() or None)
    physical = data.splitlines()
    spans: list[FileRow | Rejection] = [*rows]
    spans += [each for chunk in chunks for each in chunk.rejections]
    counted = [n for each in spans for n in range(each.line, each.last_line + 1)]
    blank = [
        n for n, line in enumerate(physical, 1) if not line.strip(b" \t\r\n,") and n not in counted
    ]
    assert sorted([1, *counted, *blank]) == list(range(1, len(physical) + 1))
    assert chunks[-1].lines_read == len(physical)
    assert sorted(each.row for each in spans) == list(range(1, len(spans) + 1))


async def test_blank_lines_behind_a_quote_that_is_open_are_passed_over() -> None:
    broken = f'""",{phone(9)}\n'
    data = f'full_name,phone\n{broken}\n\n,{phone(1)}\n,{phone(2)}\n"\n",{phone(3)}\n'

    for size in (1, 7, 1_000):
        chunks = await read(data.encode(), size=size)

        found = [row.fields["phone"] for each in chunks for row in each.rows]
        assert found == [phone(1), phone(2), phone(3)]


@settings(max_examples=300)
@given(files(phone_at=1), st.integers(1, 80))
async def test_with_the_phone_at_the_end_every_good_row_is_in_or_named(
    lines: list[Line], size: int
) -> None:
    data = b"full_name,phone\n" + b"".join(line.data for line in lines)

    chunks = await read(data, size=size)

    known = {row.fields["phone"]: row.fields["full_name"] for c in chunks for row in c.rows}
    named = {n for c in chunks for r in c.rejections for n in range(r.line, r.last_line + 1)}
    for line in lines:
        ends_at = len((data[: data.index(line.data) + len(line.data)]).splitlines())
        if line.is_good:
            text = line.data.decode().rstrip("\r\n") + "\n"
            [[name, number]] = csv.reader(io.StringIO(text, newline=""), strict=True)
            assert number in known or ends_at in named
            if len(line.data.splitlines()) == 1:
                [name] = armed([name])
                assert known[number] == (name.strip() or None)


@settings(max_examples=200)
@given(
    st.lists(st.tuples(st.sampled_from(["none", "cut", "nul", "quote"]), st.integers(0, 40))),
    ENDS,
    st.integers(1, 80),
)
@example([("cut", 0), ("none", 0)], b"\r", 1)
async def test_a_damaged_line_of_json_reaches_no_other(
    damages: list[tuple[str, int]], end: bytes, size: int
) -> None:
    data, intact = b"", []
    for number, (damage, at) in enumerate(damages):
        line = json.dumps({"phone": phone(number), "comment": f'"{number}'}).encode()
        put = {"none": line[at : at + 1], "cut": b"{", "nul": b"\0", "quote": b'"'}[damage]
        data += line[:at] + put + (line[at + 1 :] if damage != "cut" else b"") + end
        intact += [phone(number)] if damage == "none" else []

    chunks = await read(data, NDJSON, size)

    found = [row.fields.get("phone") for chunk in chunks for row in chunk.rows]
    assert set(intact) <= set(found)
    counted = sum(len(chunk.rows) + len(chunk.rejections) for chunk in chunks)
    assert counted == len(damages) == chunks[-1].lines_read

"""Rows of an import: bytes in, fields by name out. CSV (RFC 4180) and NDJSON, as they stream in.

A bad row never harms a good one, and no row takes more memory than `ROW_LIMIT_BYTES`.
"""

import csv
import json
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from functools import partial
from itertools import dropwhile
from typing import Any, TypeAlias

import msgspec

from services.catalog.domain.client import FIELDS
from services.catalog.domain.imports import Chunk, ImportRefused, Rejection
from shared.errors import FieldError

ROW_LIMIT_BYTES = 65_536  # a client with everything takes a tenth of it
ROWS = 2_000  # in a chunk, and so in a transaction
CHUNK_BYTES = 4_000_000  # of the same: rows may be long, and some chunks are under way at once
BOM = b"\xef\xbb\xbf"  # Source: what spreadsheets put before UTF-8

Row: TypeAlias = dict[str, Any]
# Reads the physical lines from a place on; gives a row, or where it is wrong, and how many of
# the lines it took.
Read: TypeAlias = Callable[[Sequence[bytes], int], tuple[Row | Sequence[FieldError], int]]

TOO_LONG = [FieldError("", "row_too_long", f"longer than {ROW_LIMIT_BYTES} bytes")]
UNFINISHED = [FieldError("", "quotes", "a quoted cell does not end")]
NOT_UTF8 = [FieldError("", "not_utf8", "not encoded as UTF-8")]
HEADER_NOT_UTF8 = FieldError("", "not_utf8", "the file must be encoded as UTF-8")


async def read_rows(body: AsyncIterator[bytes], content_type: str) -> AsyncIterator[Chunk]:
    """Cut `body` into chunks of rows.

    Raises:
        ImportRefused: It is no list of clients at all.
    """
    cutter = _Cutter(None if content_type == "text/csv" else _read_json)
    collected = _Collected()
    async for lines, size, is_last in _lines(body):
        collected.bytes_read = size
        for row in cutter.cut(lines, is_last=is_last):
            collected.add(row)
            if collected.is_full:
                yield collected.take()
    if cutter.read is None:
        raise ImportRefused(FieldError("", "empty", "the file has no header"))
    yield collected.take()


async def _lines(body: AsyncIterator[bytes]) -> AsyncIterator[tuple[list[bytes], int, bool]]:
    """Give whole lines as they come, with the bytes read; one that is too long is cut short."""
    rest, size, is_first = b"", 0, True
    async for piece in body:
        size += len(piece)
        *lines, rest = (rest + piece).split(b"\n")
        if is_first and (lines or len(rest) > len(BOM)):
            is_first = False
            lines, rest = _without_bom(lines, rest)
        if len(rest) > 2 * ROW_LIMIT_BYTES:  # what is cut away is too long already
            rest = rest[: ROW_LIMIT_BYTES + 1]
        yield lines, size, False
    yield [rest.removeprefix(BOM) if is_first else rest], size, True


def _without_bom(lines: list[bytes], rest: bytes) -> tuple[list[bytes], bytes]:
    if lines:
        return [lines[0].removeprefix(BOM), *lines[1:]], rest
    return lines, rest.removeprefix(BOM)


class _Cutter:
    """Physical lines in, rows out; a row whose quoted cell goes on is kept until it ends."""

    def __init__(self, read: Read | None) -> None:
        self.read = read  # None until the header is known
        self._kept: list[bytes] = []

    def cut(self, lines: list[bytes], *, is_last: bool) -> Iterator[Row | Sequence[FieldError]]:
        """Give the rows that end in `lines`.

        Raises:
            ImportRefused: The first line is no header.
        """
        if self.read is None:
            lines = list(dropwhile(lambda line: not line.strip(), lines))
            if lines:
                self.read, lines = _csv_reader(lines[0]), lines[1:]
        lines, at = self._kept + lines, 0
        self._kept = []
        while at < len(lines) and self.read is not None:
            line = lines[at]
            if len(line) > ROW_LIMIT_BYTES:
                yield TOO_LONG
                at += 1
            elif not line.strip():
                at += 1
            else:
                row, taken = self.read(lines, at)
                if row is UNFINISHED and not is_last:
                    self._kept = lines[at:]
                    return
                yield row
                at += taken


class _Collected:
    """The rows of the next chunk."""

    def __init__(self) -> None:
        self.bytes_read = self._began = 0
        self._count = 0
        self._rows: list[tuple[int, Row]] = []
        self._rejections: list[Rejection] = []

    @property
    def is_full(self) -> bool:
        return (
            len(self._rows) + len(self._rejections) >= ROWS
            or self.bytes_read - self._began >= CHUNK_BYTES
        )

    def add(self, row: Row | Sequence[FieldError]) -> None:
        self._count += 1
        if isinstance(row, dict):
            self._rows.append((self._count, row))
        else:
            self._rejections.append(Rejection(self._count, row))

    def take(self) -> Chunk:
        chunk = Chunk(self._rows, self._rejections, self.bytes_read)
        self._rows, self._rejections = [], []
        self._began = self.bytes_read
        return chunk


# CSV


def _csv_reader(header: bytes) -> Read:
    """Return what reads the rows below `header`.

    Raises:
        ImportRefused: It names no phone, or a column twice, or one that we do not know.
    """
    known = f"the columns are {', '.join(FIELDS)}, separated by ','"
    if len(header) > ROW_LIMIT_BYTES:
        told = f"the first line is longer than {ROW_LIMIT_BYTES} bytes; {known}"
        raise ImportRefused(FieldError("", "row_too_long", told))
    try:
        [names] = csv.reader([header.decode()], strict=True)
    except UnicodeDecodeError:
        raise ImportRefused(HEADER_NOT_UTF8) from None
    except (csv.Error, ValueError):
        told = f"the first line is no CSV header; {known}"
        raise ImportRefused(FieldError("", "no_header", told)) from None
    if b"\0" in header:  # as in UTF-16
        raise ImportRefused(HEADER_NOT_UTF8)
    names = [name.strip() for name in names]
    if "phone" not in names:
        raise ImportRefused(FieldError("/phone", "missing_column", f"no column 'phone'; {known}"))
    unknown = [name for name in names if name not in FIELDS]
    if unknown:
        told = f"unknown column {unknown[0][:50]!r}; {known}"
        raise ImportRefused(FieldError("", "unknown_column", told))
    if len(set(names)) < len(names):
        raise ImportRefused(FieldError("", "double_column", "a column stands twice in the header"))

    return partial(_read_csv, names)


def _read_csv(
    names: list[str], lines: Sequence[bytes], at: int
) -> tuple[Row | Sequence[FieldError], int]:
    """Read the row that begins with the line `at`; a quoted cell may span several."""
    line = lines[at]
    try:  # without quotes, as most rows are, it takes a third of the time
        cells, taken = _cells(lines, at) if b'"' in line else (line.decode().split(","), 1)
    except UnicodeDecodeError:
        return NOT_UTF8, 1
    except csv.Error:
        return [FieldError("", "quotes", "quotes in the middle of a cell, or without an end")], 1
    if cells is None:
        return UNFINISHED, 1
    if len(cells) != len(names):
        told = f"{len(cells)} cells where the header has {len(names)}"
        return [FieldError("", "cells", told)], 1  # the next line may be a good row
    row: Row = dict(zip(names, [cell.strip() or None for cell in cells], strict=True))
    if "tags" in row:
        row["tags"] = split_tags(row["tags"] or "")
    return row, taken


def _cells(lines: Sequence[bytes], at: int) -> tuple[list[str] | None, int]:
    """Return the cells of the row from line `at`, none if it goes on; and how many lines it takes.

    Raises:
        csv.Error: A quoted cell does not end within the limit of a row.
    """
    used, size, is_open = 0, 0, False

    def physical() -> Iterator[str]:
        nonlocal used, size, is_open
        while at + used < len(lines):
            line = lines[at + used]
            used, size = used + 1, size + len(line)
            if size > ROW_LIMIT_BYTES:
                return
            yield line.decode() + "\n"
        is_open = True

    try:
        return next(csv.reader(physical(), strict=True)), used
    except csv.Error:
        if is_open:
            return None, used
        raise


def split_tags(cell: str) -> tuple[str, ...]:
    """Return the tags in a cell, which `,`, `;` or `|` separate."""
    if not cell:
        return ()
    parts = cell.replace(";", ",").replace("|", ",").split(",")
    return tuple([tag for part in parts if (tag := part.strip())])


# NDJSON


class _JsonRow(msgspec.Struct, forbid_unknown_fields=True):
    phone: str | msgspec.UnsetType | None = msgspec.UNSET
    operator_code: str | msgspec.UnsetType | None = msgspec.UNSET
    tags: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    time_zone: str | msgspec.UnsetType | None = msgspec.UNSET
    email: str | msgspec.UnsetType | None = msgspec.UNSET
    full_name: str | msgspec.UnsetType | None = msgspec.UNSET
    comment: str | msgspec.UnsetType | None = msgspec.UNSET


_json_row = msgspec.json.Decoder(_JsonRow)


def _read_json(lines: Sequence[bytes], at: int) -> tuple[Row | Sequence[FieldError], int]:
    line = lines[at]
    try:
        row = _json_row.decode(line)
    except msgspec.ValidationError as error:
        told, _, path = str(error).partition(" - at `$")
        column = path.removeprefix(".").rstrip("`").partition("[")[0]
        return [FieldError(f"/{column}" if column else "", "json", told)], 1
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [FieldError("", "json", "no JSON object")], 1
    given = {name: value for name in FIELDS if (value := getattr(row, name)) is not msgspec.UNSET}
    if line.count(b":") > len(given) and (twice := _twice(line)):
        return [FieldError(f"/{name}", "duplicate_field", "stands twice") for name in twice], 1
    return given, 1


def _twice(line: bytes) -> list[str]:
    """Return the fields that a row names twice; colons alone may as well be part of a text."""
    pairs: list[tuple[str, Any]] = json.loads(line, object_pairs_hook=list)
    names = [name for name, _ in pairs]
    return sorted({name for name in names if names.count(name) > 1})

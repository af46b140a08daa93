"""Rows of CSV (RFC 4180): a quoted cell may go on over several lines, but never over good rows."""

import csv
import re
from collections.abc import Sequence

from services.catalog.domain.client import FIELDS, is_phone
from services.catalog.domain.imports import Fields, ImportRefused, Parsed
from services.catalog.files.lines import ROW_LIMIT_BYTES, TOO_LONG, is_too_long
from shared.errors import FieldError
from shared.masking import given_name

KNOWN_COLUMNS = f"the columns are {', '.join(FIELDS)}, separated by ','"
HEADER_NOT_UTF8 = FieldError("", "not_utf8", "the file must be encoded as UTF-8")
NOT_UTF8 = [FieldError("", "not_utf8", "not encoded as UTF-8")]
QUOTES = [FieldError("", "quotes", "quotes in the middle of a cell, or without an end")]
UNFINISHED = [FieldError("", "quotes", "a quoted cell does not end")]
HIDES_ROWS = [FieldError("", "quotes", "a quoted cell would hide the rows that follow")]

# A line's cells, as the csv module reads them. Possessive, so that each is linear.
INSIDE = rb'[^"]*+(?:""[^"]*+)*+'  # of a quoted cell
CELL = rb'(?:"' + INSIDE + rb'"|[^",][^,]*+|(?=,|\Z))'
OPENS = re.compile(rb"(?:" + CELL + rb',)*+"' + INSIDE)
STAYS_OPEN = re.compile(INSIDE + rb'(?:",(?:' + CELL + rb',)*+"' + INSIDE + rb")?+")
CLOSES = re.compile(INSIDE + rb'"(?:,' + CELL + rb")*+")


class CsvReader:
    """Reads rows of CSV; of a row that goes on it keeps how far it was read."""

    def __init__(self) -> None:
        self._names: list[str] = []
        self._phone_at = 0
        # How many lines behind this one stay inside of a quoted cell if this one opens it: what
        # follows is the same whichever line opened it, and so no line is looked at twice.
        self._inside = self._inside_bytes = 0

    def read(self, lines: Sequence[bytes], at: int, *, is_last: bool) -> tuple[Parsed, int]:
        """Return the row that begins at `at`, or its mistakes, and how many lines it takes.

        The header is no row; none are taken if the row goes on behind `lines`.

        Raises:
            ImportRefused: The first line is no header.
        """
        line = lines[at]
        if b'"' in line or self._inside or len(line) > ROW_LIMIT_BYTES or not self._names:
            return self._read_other(lines, at, is_last=is_last)
        return self._parse_unquoted(line), 1

    def _read_other(self, lines: Sequence[bytes], at: int, *, is_last: bool) -> tuple[Parsed, int]:
        """Read what is not simply a row without quotes, which nearly all of them are."""
        line, taken = lines[at], 1
        row: Parsed = None
        if not self._names:
            self._names = read_header(line)
            self._phone_at = self._names.index("phone")
        elif is_too_long(line):
            row = TOO_LONG
        elif b'"' in line:
            row, taken = self._read_quoted(lines, at, is_last=is_last)
        else:
            row = self._parse_unquoted(line)
        self._forget(lines, at, taken)
        return row, taken

    def skip(self, lines: Sequence[bytes], at: int) -> tuple[Parsed, int]:
        """Take a blank line: return no row, and one line."""
        self._forget(lines, at, 1)
        return None, 1

    def check_end(self) -> None:
        """Refuse a file that has ended without a header.

        Raises:
            ImportRefused: It has.
        """
        if not self._names:
            raise ImportRefused(FieldError("", "empty", "the file has no header"))

    def _read_quoted(
        self, lines: Sequence[bytes], at: int, *, is_last: bool
    ) -> tuple[Parsed, int]:
        """Return as `read`. Of several lines only the first is rejected: others may be rows."""
        if not OPENS.fullmatch(lines[at].rstrip(b"\r\n")):
            return self._parse(lines[at : at + 1]), 1
        mistakes, taken = self._find_end(lines, at)
        if not (mistakes or taken):
            if not is_last:
                return None, 0
            mistakes = UNFINISHED
        row = mistakes or self._parse(lines[at : at + taken])
        return row, taken if isinstance(row, dict) else 1

    def _find_end(self, lines: Sequence[bytes], at: int) -> tuple[Sequence[FieldError], int]:
        """Find the end of an open row; return why it has none, or how many lines it takes.

        Neither: it goes on behind `lines`.
        """
        while len(lines[at]) + self._inside_bytes <= ROW_LIMIT_BYTES:
            if at + 1 + self._inside == len(lines):
                return (), 0
            line = lines[at + 1 + self._inside]
            if self._begins_row(line):
                return HIDES_ROWS, 0
            text = line.rstrip(b"\r\n")
            if not STAYS_OPEN.fullmatch(text):
                return ((), self._inside + 2) if CLOSES.fullmatch(text) else (QUOTES, 0)
            self._inside += 1
            self._inside_bytes += len(line)
        return UNFINISHED, 0

    def _forget(self, lines: Sequence[bytes], at: int, taken: int) -> None:
        """Forget what is known of the lines behind `at` that are not ahead of the next row."""
        gone = lines[at + 1 : at + 1 + min(taken, self._inside)]
        self._inside -= len(gone)
        self._inside_bytes -= sum(map(len, gone))

    def _begins_row(self, line: bytes) -> bool:
        """Return whether a line by itself is a valid row, or begins one with its phone.

        With a quote in the middle of a cell it may as well end a quoted one: then it is a row only
        if its phone stands before the quote, and would be hidden.
        """
        text = line.rstrip(b"\r\n")
        before, quote, _ = text.partition(b'"')
        if quote and before[-1:] not in b"," and before.count(b",") <= self._phone_at:
            return False
        is_open = b'"' in text and OPENS.fullmatch(text) is not None
        try:
            cells = _cells([text + b'"' if is_open else text])
        except ValueError:
            return False
        fits = len(self._names) >= len(cells) if is_open else len(self._names) == len(cells)
        known = cells[:-1] if is_open else cells
        return fits and self._phone_at < len(known) and is_phone(known[self._phone_at].strip())

    def _parse_unquoted(self, line: bytes) -> Parsed:
        try:
            return self._fields(line.decode().split(","))
        except UnicodeDecodeError:
            return NOT_UTF8

    def _parse(self, lines: Sequence[bytes]) -> Fields | Sequence[FieldError]:
        try:
            return self._fields(_cells(lines))
        except UnicodeDecodeError:
            return NOT_UTF8
        except ValueError:
            return QUOTES

    def _fields(self, cells: Sequence[str]) -> Fields | Sequence[FieldError]:
        names = self._names
        if len(cells) != len(names):
            detail = f"{len(cells)} cells where the header has {len(names)}"
            return [FieldError("", "cells", detail)]
        row: Fields = dict(zip(names, [cell.strip() or None for cell in cells], strict=True))
        if "tags" in row:
            row["tags"] = split_tags(row["tags"] or "")
        return row


def read_header(line: bytes) -> list[str]:
    """Return the names of the columns.

    Raises:
        ImportRefused: It names no phone, or a column twice, or one that we do not know.
    """
    if is_too_long(line):
        detail = f"the first line is longer than {ROW_LIMIT_BYTES} bytes; {KNOWN_COLUMNS}"
        raise ImportRefused(FieldError("", "row_too_long", detail))
    try:
        names = [name.strip() for name in _cells([line])]
    except UnicodeDecodeError:
        raise ImportRefused(HEADER_NOT_UTF8) from None
    except ValueError:
        detail = f"the first line is no CSV header; {KNOWN_COLUMNS}"
        raise ImportRefused(FieldError("", "no_header", detail)) from None
    if b"\0" in line:  # as in UTF-16
        raise ImportRefused(HEADER_NOT_UTF8)
    if "phone" not in names:
        detail = f"no column 'phone'; {KNOWN_COLUMNS}"
        raise ImportRefused(FieldError("/phone", "missing_column", detail))
    unknown = [name for name in names if name not in FIELDS]
    if unknown:
        which = f"column {names.index(unknown[0]) + 1}, {given_name(unknown[0])}"
        detail = f"unknown {which}; {KNOWN_COLUMNS}"
        raise ImportRefused(FieldError("", "unknown_column", detail))
    if len(set(names)) < len(names):
        raise ImportRefused(FieldError("", "double_column", "a column stands twice in the header"))
    return names


def _cells(lines: Sequence[bytes]) -> list[str]:
    """Return the cells of one row.

    Raises:
        ValueError: It is no CSV; `UnicodeDecodeError`: no UTF-8.
    """
    try:
        [cells] = csv.reader([line.decode() for line in lines], strict=True)
    except csv.Error as error:
        raise ValueError from error
    return cells


def split_tags(cell: str) -> tuple[str, ...]:
    """Return the tags in a cell, which `,`, `;` or `|` separate."""
    if not cell:
        return ()
    parts = cell.replace(";", ",").replace("|", ",").split(",")
    return tuple([tag for part in parts if (tag := part.strip())])

"""Rows of CSV (RFC 4180): a quoted cell may go on over several lines, but never over good rows."""

from collections.abc import Sequence

from msgspec.structs import replace

from services.catalog.domain.import_options import FileFound, ImportOptions
from services.catalog.domain.imports import Fields, ImportRefused, Parsed
from services.catalog.files.columns import KNOWN_COLUMNS, Columns, Names, armed
from services.catalog.files.grammar import DELIMITERS, GRAMMARS, SEPARATOR, Grammar
from services.catalog.files.lines import ROW_LIMIT_BYTES, TOO_LONG, is_too_long
from shared.errors import FieldError
from shared.phone import is_phone, normalized

NOT_UTF8 = [FieldError("", "not_utf8", "bytes that its charset does not have")]
QUOTES = [FieldError("", "quotes", "quotes in the middle of a cell, or without an end")]
UNFINISHED = [FieldError("", "quotes", "a quoted cell does not end")]
HIDES_ROWS = [FieldError("", "quotes", "a quoted cell would hide the rows that follow")]

HEADER_NOT_UTF8 = FieldError(
    "", "not_utf8", "the first line has bytes that its charset does not have"
)
HEADER_LINES = 20  # at most, where a quoted name has line breaks


class CsvReader:
    """Reads rows of CSV; of a row that goes on it keeps how far it was read."""

    def __init__(self, options: ImportOptions, found: FileFound) -> None:
        self._options, self._found = options, found
        self._grammar = GRAMMARS[options.delimiter or ","]
        self._columns: Columns | None = None
        self._delimiter = self._grammar.delimiter
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
        if b'"' in line or self._inside or len(line) > ROW_LIMIT_BYTES or not self._columns:
            return self._read_other(lines, at, is_last=is_last)
        return self._parse_unquoted(line), 1

    def _read_other(self, lines: Sequence[bytes], at: int, *, is_last: bool) -> tuple[Parsed, int]:
        """Read what is not simply a row without quotes, which nearly all of them are."""
        line, taken = lines[at], 1
        row: Parsed = None
        if not self._columns:
            taken = self._read_header(lines, at, is_last=is_last)
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
        if not self._columns:
            raise ImportRefused(FieldError("", "empty", "the file has no header"))

    def _read_quoted(
        self, lines: Sequence[bytes], at: int, *, is_last: bool
    ) -> tuple[Parsed, int]:
        """Return as `read`. Of several lines only the first is rejected: others may be rows."""
        if not self._grammar.opens.fullmatch(lines[at].rstrip(b"\r\n")):
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
            if not self._grammar.stays_open.fullmatch(text):
                return (
                    ((), self._inside + 2) if self._grammar.closes.fullmatch(text) else (QUOTES, 0)
                )
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
        columns, comma = self._known, self._delimiter.encode()
        phone_at = columns.phone_at
        if phone_at is None:
            return False
        text = line.rstrip(b"\r\n")
        before, quote, _ = text.partition(b'"')
        if quote and before[-1:] not in comma and before.count(comma) <= phone_at:
            return False
        is_open = b'"' in text and self._grammar.opens.fullmatch(text) is not None
        try:
            cells = self._grammar.cells([text + b'"' if is_open else text])
        except ValueError:
            return False
        width = len(columns.header)
        fits = width >= len(cells) if is_open else width == len(cells)
        known = cells[:-1] if is_open else cells
        return fits and phone_at < len(known) and is_phone(normalized(known[phone_at].strip()))

    def _parse_unquoted(self, line: bytes) -> Parsed:
        try:
            text = line.decode()
        except UnicodeDecodeError:
            return NOT_UTF8
        cells = text.split(self._delimiter)
        if len(cells) > 1 and not cells[0].strip() and self._grammar.blank.fullmatch(line):
            return None
        if "'" in text:  # without the line's end, which is no text that one would disarm
            cells = armed(text.rstrip("\r\n").split(self._delimiter))
        return self._known.row(cells)

    def _parse(self, lines: Sequence[bytes]) -> Fields | Sequence[FieldError]:
        try:
            return self._known.row(self._grammar.cells(lines))
        except UnicodeDecodeError:
            return NOT_UTF8
        except ValueError:
            return QUOTES

    @property
    def _known(self) -> Columns:
        assert self._columns is not None  # noqa: S101 - a header comes first
        return self._columns

    def _read_header(self, lines: Sequence[bytes], at: int, *, is_last: bool) -> int:
        """Read the names of the columns; return how many lines they take.

        None if they go on behind `lines`.

        Raises:
            ImportRefused: They are none.
        """
        line = lines[at]
        if is_too_long(line):
            detail = f"the first line is longer than {ROW_LIMIT_BYTES} bytes; {KNOWN_COLUMNS}"
            raise ImportRefused(FieldError("", "row_too_long", detail, (ROW_LIMIT_BYTES,)))
        if (declared := SEPARATOR.fullmatch(line)) and not self._options.delimiter:
            self._options = replace(self._options, delimiter=declared[1].decode())
            return 1
        taken = _header_lines(lines[at : at + HEADER_LINES])
        if not taken and not is_last and at + HEADER_LINES > len(lines):
            return 0
        self._grammar, cells = _header_cells(lines[at : at + (taken or 1)], self._options)
        self._delimiter = self._grammar.delimiter
        self._columns = Columns(cells, self._options)
        self._found.delimiter = self._delimiter
        read = zip(self._columns.header, self._columns.fields, strict=True)
        self._found.columns = [(name, field or None) for name, field in read]
        return taken or 1


def _header_lines(lines: Sequence[bytes]) -> int:
    """Return how many lines a header takes, by its quotes; none if they are not closed."""
    quotes = 0
    for number, line in enumerate(lines, 1):
        quotes += line.count(b'"')
        if quotes % 2 == 0:
            return number
    return 0


def _header_cells(lines: Sequence[bytes], options: ImportOptions) -> tuple[Grammar, list[str]]:
    """Return the names of the columns, separated as was declared, or so that most are known.

    Raises:
        ImportRefused: It is no line of CSV.
    """
    names = Names(options)
    tries = [options.delimiter] if options.delimiter else DELIMITERS
    found: list[tuple[int, int, Grammar, list[str]]] = []
    for rank, delimiter in enumerate(tries):
        try:
            cells = GRAMMARS[delimiter].cells(lines)
        except UnicodeDecodeError:
            raise ImportRefused(HEADER_NOT_UTF8) from None
        except ValueError:
            continue
        known = sum(names.field(name) is not None for name in cells)
        found.append((known, -rank, GRAMMARS[delimiter], cells))
    if not found:
        detail = f"the first line is no CSV header; {KNOWN_COLUMNS}"
        raise ImportRefused(FieldError("", "no_header", detail))
    _, _, grammar, cells = max(found, key=lambda each: each[:2])
    return grammar, cells

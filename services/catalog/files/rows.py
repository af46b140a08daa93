"""Rows of an import: bytes in, fields by name out, as they stream in.

A bad row never harms a good one, and no row takes more memory than `ROW_LIMIT_BYTES`.
"""

from collections.abc import AsyncGenerator, AsyncIterator, Sequence
from hashlib import sha256
from typing import Protocol

import msgspec
from msgspec.structs import replace

from services.catalog.domain.import_options import DEFAULT_OPTIONS, FileFound, ImportOptions
from services.catalog.domain.imports import (
    DEFAULT_LIMITS,
    Chunk,
    FileRow,
    ImportLimits,
    ImportTooLarge,
    Parsed,
    Rejection,
)
from services.catalog.files.csv_rows import CsvReader
from services.catalog.files.json_rows import JsonReader
from services.catalog.files.kinds import ANYTHING, TYPES, Kind
from services.catalog.files.lines import ROW_LIMIT_BYTES, read_lines
from services.catalog.files.opening import Meter, OpenedText, check_size, opened
from shared.errors import FieldError

# An import that is sent again is compared chunk by chunk: with other bounds it is another file.
ROWS = 2_000  # in a chunk, and so in a transaction
# The digest of a format that older releases have read begins as it did there.
HASHED_AS = {
    Kind.CSV: "text/csv",
    Kind.NDJSON: "application/x-ndjson",
    Kind.XLSX: "xlsx",
}
CHUNK_BYTES = 4_000_000  # of the same: rows may be long, and some chunks are under way at once


class Reader(Protocol):
    """What knows the format of a file."""

    def read(self, lines: Sequence[bytes], at: int, *, is_last: bool) -> tuple[Parsed, int]:
        """Return the row that begins at `at`, or its mistakes, and how many lines it takes.

        None: it is no row. No lines: it goes on behind those that are there.
        """

    def skip(self, lines: Sequence[bytes], at: int) -> tuple[Parsed, int]:
        """Take the blank line at `at`: return no row, and one line."""

    def check_end(self) -> None:
        """Refuse a file that ends where it must not."""


async def read_rows(
    body: AsyncIterator[bytes],
    content_type: str = ANYTHING,
    limits: ImportLimits = DEFAULT_LIMITS,
    options: ImportOptions = DEFAULT_OPTIONS,
) -> AsyncGenerator[Chunk, None]:
    """Cut `body` into chunks of rows. Each line is in a row or a rejection, or blank.

    Raises:
        ImportTooLarge: It has more bytes or rows than `limits` allow.
        ImportRefused: It is no list of clients at all.
    """
    meter = Meter(body, limits.bytes)
    async with opened(meter.pieces(), TYPES[content_type], options.charset) as text:
        chunks, lines = _ChunkBuilder(text, meter, limits, options), list[bytes]()
        reader = _reader(text.kind, options, chunks.found)
        async for new, size, is_last in read_lines(text.pieces):
            lines += new
            check_size(size, limits.bytes)
            at, begin, end = 0, 0, len(lines)
            while at < end:
                if lines[at].isspace():
                    row, taken = reader.skip(lines, at)
                else:
                    row, taken = reader.read(lines, at, is_last=is_last)
                if not taken:
                    break
                chunks.add(row, taken, lines[at] if taken == 1 else _joined(lines, at, taken))
                at += taken
                if chunks.is_full:
                    chunks.hash(lines[begin:at])
                    begin = at
                    yield chunks.take()
            chunks.hash(lines[begin:at])
            del lines[:at]
        reader.check_end()
        yield chunks.take()


def _joined(lines: Sequence[bytes], at: int, taken: int) -> bytes:
    return b"".join(lines[at : at + taken])


def _reader(kind: Kind, options: ImportOptions, found: FileFound) -> Reader:
    """Return what reads a file; a workbook comes as CSV of ours."""
    if kind is Kind.NDJSON:
        return JsonReader(options)
    return CsvReader(replace(options, delimiter=",") if kind is Kind.XLSX else options, found)


class _ChunkBuilder:
    """Collects the rows of the next chunk, and numbers rows and lines from 1."""

    def __init__(
        self, text: OpenedText, meter: Meter, limits: ImportLimits, options: ImportOptions
    ) -> None:
        self.found = FileFound(format=text.kind)
        self._text, self._meter, self._limits = text, meter, limits
        self._chunk = self._row = self._line = self._bytes = 0
        declared = replace(options, charset=None)  # what is hashed has none any more
        encoded = b"" if declared == DEFAULT_OPTIONS else msgspec.json.encode(declared)
        self._hash = sha256(HASHED_AS[text.kind].encode() + encoded)
        self._rows: list[FileRow] = []
        self._rejections: list[Rejection] = []

    @property
    def is_full(self) -> bool:
        return len(self._rows) + len(self._rejections) >= ROWS or self._bytes >= CHUNK_BYTES

    def add(self, row: Parsed, lines: int, raw: bytes) -> None:
        """Add what was read of some lines, which are `raw`; blank lines and a header too."""
        first, self._line = self._line + 1, self._line + lines
        self._bytes += len(raw)
        if row is None:
            return
        self._row += 1
        if isinstance(row, dict):
            self._rows.append(FileRow(self._row, first, self._line, row, raw))
        else:
            self._rejections.append(Rejection(self._row, first, self._line, row, raw))

    def hash(self, lines: Sequence[bytes]) -> None:
        """Add lines to the digest; what is cut of those that are too long is not compared."""
        self._hash.update(b"".join([line[: ROW_LIMIT_BYTES + 1] for line in lines]))

    def take(self) -> Chunk:
        """Return the chunk, and begin the next.

        Raises:
            ImportTooLarge: With it, there are more rows than may be.
        """
        if self._row > self._limits.rows:
            detail = f"more than {self._limits.rows} rows"
            raise ImportTooLarge(FieldError("", "too_large", detail, (self._limits.rows,)))
        self.found.charset = self._text.charset
        chunk = Chunk(
            number=self._chunk,
            digest=self._hash.digest(),
            rows=self._rows,
            rejections=self._rejections,
            bytes_read=self._meter.size,
            lines_read=self._line,
            found=self.found,
        )
        self._chunk += 1
        self._rows, self._rejections, self._bytes = [], [], 0
        return chunk

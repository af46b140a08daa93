"""Rows of an import: bytes in, fields by name out, as they stream in.

A bad row never harms a good one, and no row takes more memory than `ROW_LIMIT_BYTES`.
"""

from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from typing import Protocol

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
from services.catalog.files.lines import ROW_LIMIT_BYTES, read_lines
from shared.errors import FieldError

# An import that is sent again is compared chunk by chunk: with other bounds it is another file.
ROWS = 2_000  # in a chunk, and so in a transaction
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
    body: AsyncIterator[bytes], content_type: str, limits: ImportLimits = DEFAULT_LIMITS
) -> AsyncIterator[Chunk]:
    """Cut `body` into chunks of rows. Each line is in a row or a rejection, or blank.

    Raises:
        ImportTooLarge: It has more bytes or rows than `limits` allow.
        ImportRefused: It is no list of clients at all.
    """
    reader: Reader = CsvReader() if content_type == "text/csv" else JsonReader()
    chunk, lines = _ChunkBuilder(content_type), list[bytes]()
    async for new, size, is_last in read_lines(body):
        lines += new
        check_size(size, limits)
        at, begin, end = 0, 0, len(lines)
        while at < end:
            line = lines[at]
            if line.isspace():
                row, taken = reader.skip(lines, at)
            else:
                row, taken = reader.read(lines, at, is_last=is_last)
                if not taken:
                    break
            chunk.add(
                row, taken, len(line) if taken == 1 else sum(map(len, lines[at : at + taken]))
            )
            at += taken
            if chunk.is_full:
                chunk.hash(lines[begin:at])
                begin = at
                yield chunk.take(size, limits)
        chunk.hash(lines[begin:at])
        del lines[:at]
    reader.check_end()
    yield chunk.take(size, limits)


def check_size(size: int, limits: ImportLimits) -> None:
    """Refuse a file of too many bytes.

    Raises:
        ImportTooLarge: It has more than `limits` allow.
    """
    if size > limits.bytes:
        raise ImportTooLarge(FieldError("", "too_large", f"more than {limits.bytes} bytes"))


class _ChunkBuilder:
    """Collects the rows of the next chunk, and numbers rows and lines from 1."""

    def __init__(self, content_type: str) -> None:
        self._chunk = self._row = self._line = self._bytes = 0
        self._hash = sha256(content_type.encode())
        self._rows: list[FileRow] = []
        self._rejections: list[Rejection] = []

    @property
    def is_full(self) -> bool:
        return len(self._rows) + len(self._rejections) >= ROWS or self._bytes >= CHUNK_BYTES

    def add(self, row: Parsed, lines: int, size: int) -> None:
        """Add what was read of some lines of `size` bytes; blank lines and a header too."""
        first, self._line = self._line + 1, self._line + lines
        self._bytes += size
        if row is None:
            return
        self._row += 1
        if isinstance(row, dict):
            self._rows.append(FileRow(self._row, first, self._line, row))
        else:
            self._rejections.append(Rejection(self._row, first, self._line, row))

    def hash(self, lines: Sequence[bytes]) -> None:
        """Add lines to the digest; what is cut of those that are too long is not compared."""
        self._hash.update(b"".join([line[: ROW_LIMIT_BYTES + 1] for line in lines]))

    def take(self, bytes_read: int, limits: ImportLimits) -> Chunk:
        """Return the chunk, and begin the next.

        Raises:
            ImportTooLarge: With it, there are more rows than `limits` allow.
        """
        if self._row > limits.rows:
            raise ImportTooLarge(FieldError("", "too_large", f"more than {limits.rows} rows"))
        chunk = Chunk(
            number=self._chunk,
            digest=self._hash.digest(),
            rows=self._rows,
            rejections=self._rejections,
            bytes_read=bytes_read,
            lines_read=self._line,
        )
        self._chunk += 1
        self._rows, self._rejections, self._bytes = [], [], 0
        return chunk

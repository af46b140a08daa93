"""Opening a file: whatever it is packed in and written in, its text in UTF-8."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from services.catalog.domain.imports import ImportRefused, ImportTooLarge
from services.catalog.files.charsets import Charset
from services.catalog.files.kinds import HEAD_BYTES, Kind, kind_of, peek
from services.catalog.files.packed import is_book, of_gzip, of_zip, only_file, stored, zip_in
from services.catalog.files.xlsx_rows import in_csv
from shared.errors import FieldError

PACKED_TWICE = 2  # such as CSV in a ZIP in gzip
TOO_DEEP = FieldError(
    "", "packed", f"it is packed more than {PACKED_TWICE} times", (PACKED_TWICE,)
)


class Meter:
    """Counts the bytes of a file as they come, as the caller has them."""

    def __init__(self, body: AsyncIterator[bytes], limit: int) -> None:
        self._body, self._limit = body, limit
        self.size = 0

    async def pieces(self) -> AsyncIterator[bytes]:
        """Yield the file.

        Raises:
            ImportTooLarge: It is larger than it may be.
        """
        async for piece in self._body:
            self.size += len(piece)
            check_size(self.size, self._limit)
            yield piece


def check_size(size: int, limit: int) -> None:
    """Refuse a file of too many bytes.

    Raises:
        ImportTooLarge: It has more than `limit`.
    """
    if size > limit:
        raise ImportTooLarge(FieldError("", "too_large", f"more than {limit} bytes", (limit,)))


@dataclass(frozen=True, slots=True)
class OpenedText:
    """The text of a file, in UTF-8; a workbook's is CSV."""

    kind: Kind
    pieces: AsyncIterator[bytes]
    _charset: Charset | None = None

    @property
    def charset(self) -> str | None:
        """The charset, as far as it is read; None: it has none."""
        if self._charset is None:
            return None
        return self._charset.name or "us-ascii"


@asynccontextmanager
async def opened(
    pieces: AsyncIterator[bytes],
    declared: Kind | None,
    charset: str | None,
    depth: int = PACKED_TWICE,
) -> AsyncIterator[OpenedText]:
    """Give the text of a file.

    Raises:
        ImportRefused: It is no list of clients, or packed more often than it may be.
        ImportTooLarge: It is a ZIP that is too large to be kept.
    """
    head, whole = await peek(pieces, HEAD_BYTES)
    kind = kind_of(head, declared)
    is_packed = kind in (Kind.GZIP, Kind.ZIP)
    if is_packed and not depth:
        raise ImportRefused(TOO_DEEP)
    inner = None if declared in (Kind.GZIP, Kind.ZIP, Kind.XLSX) else declared
    if kind is Kind.GZIP:
        async with opened(of_gzip(whole), inner, charset, depth - 1) as text:
            yield text
    elif kind is Kind.ZIP:
        async with _in_zip(whole, inner, charset, depth - 1) as text:
            yield text
    else:
        # JSON is UTF-8. Source: RFC 8259 section 8.1.
        reading = Charset(charset or ("utf-8" if kind is Kind.NDJSON else None))
        yield OpenedText(kind, reading.in_utf8(whole), reading)


@asynccontextmanager
async def _in_zip(
    whole: AsyncIterator[bytes], inner: Kind | None, charset: str | None, depth: int
) -> AsyncIterator[OpenedText]:
    with await stored(whole) as file, zip_in(file) as archive:
        if is_book(archive):
            yield OpenedText(Kind.XLSX, in_csv(archive))
            return
        pieces = of_zip(archive, only_file(archive))
        async with opened(pieces, inner, charset, depth) as text:
            yield text

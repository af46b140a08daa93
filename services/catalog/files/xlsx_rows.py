"""Rows of XLSX: the first sheet of a workbook that is not hidden, as lines of CSV.

Read row by row; only the texts that cells share are held, and they are bounded.
"""

import asyncio
import csv
import warnings
from collections.abc import AsyncIterator, Iterator
from datetime import date, datetime, time
from io import StringIO
from itertools import islice
from typing import Any
from xml.etree.ElementTree import ParseError
from zipfile import BadZipFile, ZipFile

import openpyxl
from openpyxl.utils.exceptions import InvalidFileException

from services.catalog.domain.imports import ImportRefused
from services.catalog.files.columns import COLUMNS_LIMIT
from shared.errors import FieldError

LAST_ROW = 1_048_576  # Source: the limits of Excel
ROWS = 500  # at a time: the process does something else between them
SHARED_TEXTS = "xl/sharedStrings.xml"
SHARED_LIMIT_BYTES = 128_000_000  # of the file that has them, unpacked
NOT_XLSX = FieldError("", "xlsx", "the file is no valid XLSX")
NO_SHEET = FieldError("", "empty", "the workbook has no sheet with rows")
TOO_MANY_TEXTS = FieldError("", "too_large", "the workbook has too many different texts; save CSV")
# What openpyxl lets through of files that only look like workbooks.
BROKEN = (
    BadZipFile,
    InvalidFileException,
    ParseError,
    KeyError,
    ValueError,
    TypeError,
    AttributeError,
    IndexError,
    OSError,
    EOFError,
)


async def in_csv(archive: ZipFile) -> AsyncIterator[bytes]:
    """Yield the rows as CSV in UTF-8, some at a time; a blank row is a blank line.

    Raises:
        ImportRefused: It is no workbook.
    """
    rows = _rows(archive)
    while lines := await asyncio.to_thread(_some, rows):
        yield lines


def _some(rows: Iterator[list[str]]) -> bytes:
    written = StringIO()
    writer = csv.writer(written, lineterminator="\n")
    try:
        with warnings.catch_warnings():  # of what it leaves out, such as pictures
            warnings.simplefilter("ignore")
            for row in islice(rows, ROWS):
                if row:
                    writer.writerow(row)
                else:
                    written.write("\n")
    except BROKEN:
        raise ImportRefused(NOT_XLSX) from None
    return written.getvalue().encode("utf-8", "replace")


def _rows(archive: ZipFile) -> Iterator[list[str]]:
    """Yield the rows, each as long as the first one that is not blank.

    Raises:
        ImportRefused: There are none, or it takes too much memory to read them.
    """
    if SHARED_TEXTS in archive.namelist() and (
        archive.getinfo(SHARED_TEXTS).file_size > SHARED_LIMIT_BYTES
    ):
        raise ImportRefused(TOO_MANY_TEXTS)
    archive.fp.seek(0)  # type: ignore[union-attr] # it is open
    book = openpyxl.load_workbook(archive.fp, read_only=True, data_only=True, keep_links=False)
    sheets = [each for each in book.worksheets if each.sheet_state == "visible"]
    if not sheets:
        raise ImportRefused(NO_SHEET)
    sheets[0].reset_dimensions()  # they may be wrong, and only what is there counts
    width = 0
    rows = sheets[0].iter_rows(values_only=True, max_col=COLUMNS_LIMIT)
    for number, row in enumerate(rows):
        if number == LAST_ROW:
            raise ImportRefused(NOT_XLSX)
        cells = _without_end([_text(cell) for cell in row])
        width = width or len(cells)
        yield cells and cells + [""] * (width - len(cells))


def _without_end(cells: list[str]) -> list[str]:
    """Return cells without the blank ones at their end."""
    while cells and not cells[-1].strip():
        cells.pop()
    return cells


def _text(value: Any) -> str:  # noqa: ANN401 - as the workbook has it
    """Return what a cell shows; a whole number has no point, whatever it is stored as."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "TRUE" if value else "FALSE"
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    return str(value)

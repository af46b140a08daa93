"""What is exported: CSV that no spreadsheet calculates, or a JSON object a line."""

import csv
import re
from collections.abc import Iterable, Sequence
from enum import StrEnum
from io import StringIO


class ExportFormat(StrEnum):
    """What an export is written as."""

    NDJSON = "ndjson"
    CSV = "csv"


MEDIA_TYPES = {ExportFormat.NDJSON: "application/x-ndjson", ExportFormat.CSV: "text/csv"}
MARK = "\ufeff"  # before CSV: spreadsheets read it as UTF-8 then, and so does an import

# What a spreadsheet takes for a formula, or reads as one that is harmless already: so an import
# can take the apostrophe off again. Source: OWASP, CSV Injection.
FORMULA = re.compile(r"'*[=+\-@\t\r\n]")


def harmless(text: str | None) -> str | None:
    """Return text with an apostrophe before it if a spreadsheet would calculate it."""
    return f"'{text}" if text and FORMULA.match(text) else text


def in_csv(lines: Iterable[Sequence[object]], delimiter: str = ",") -> str:
    """Return lines as CSV. Source: RFC 4180."""
    written = StringIO()
    csv.writer(written, delimiter=delimiter).writerows(lines)
    return written.getvalue()

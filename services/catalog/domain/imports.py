"""An import: the rows that were read of a file, what came of them, and how it may fail."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, ClassVar, TypeAlias

import msgspec

from services.catalog.domain.import_options import FileFound
from shared.errors import Conflict, FieldError, Invalid, NotFound, Overloaded, TooLarge

Fields: TypeAlias = dict[str, Any]  # of a row, by the name of its column
Parsed: TypeAlias = Fields | Sequence[FieldError] | None  # None: what was read is no row


class RejectionCode(StrEnum):
    """What may be wrong with a row of a file, or with a value in it."""

    # The row as a whole
    NOT_UTF8 = "not_utf8"
    QUOTES = "quotes"
    ROW_TOO_LONG = "row_too_long"
    CELLS = "cells"
    JSON = "json"
    UNKNOWN_FIELD = "unknown_field"
    EXISTS = "exists"
    UNKNOWN = "unknown"
    # A value
    MISSING = "missing"
    DUPLICATE_FIELD = "duplicate_field"
    WRONG_TYPE = "wrong_type"
    AMBIGUOUS = "ambiguous"
    TAKEN = "taken"
    CLIENT_ID = "client_id"
    PHONE = "phone"
    OPERATOR_CODE = "operator_code"
    TAGS = "tags"
    TIME_ZONE = "time_zone"
    EMAIL = "email"
    PREFERRED_TIMES = "preferred_times"
    TOO_LONG = "too_long"
    LINE_BREAK = "line_break"
    CONTROL_CHARACTER = "control_character"
    BLANK = "blank"


class FileRow(msgspec.Struct, frozen=True, gc=False):  # one for each row
    """A row of a file, and where it stands: rows are numbered from 1, and so are lines."""

    row: int
    line: int
    last_line: int
    fields: Fields
    raw: bytes = b""  # its lines, to be given back if it is rejected


class Rejection(msgspec.Struct, frozen=True, gc=False):
    """A row that is not imported, where it stands and where it is wrong."""

    row: int
    line: int
    last_line: int
    field_errors: Sequence[FieldError]
    raw: bytes = b""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chunk:
    """Some rows of an import, as they were read; the same file has the same chunks."""

    number: int  # from 0
    digest: bytes  # SHA-256 of the file as far as the end of this chunk
    rows: Sequence[FileRow]
    rejections: Sequence[Rejection]
    bytes_read: int  # since the import began
    lines_read: int  # the same; with blank lines and the header
    found: FileFound | None = None  # what the file turned out to be, as far as it is read


@dataclass(frozen=True, slots=True)
class Counts:
    """What came of a chunk's rows."""

    rows: int
    created: int
    changed: int
    unchanged: int
    rejected: int
    bytes_read: int  # since the import began
    lines_read: int  # the same


@dataclass(frozen=True, slots=True, kw_only=True)
class ImportLimits:
    """How much one import may bring: more bytes or rows end it."""

    bytes: int = 2 << 30  # unpacked
    rows: int = 10_000_000
    rejections: int = 10_000  # that are kept row by row; more are only counted


DEFAULT_LIMITS = ImportLimits()

# In a process: each writes some chunks at once, and two keep a core and most of the pool busy.
IMPORTS_AT_ONCE = 2


# Refusals


class ImportUnknown(NotFound):
    """No import has this identifier."""


class TooManyImports(Overloaded):
    """As many imports are running as may be at once; this one was not begun."""

    retry_after_s: ClassVar[int] = 5


class ImportRunning(Conflict):
    """It is running; once it has ended it can be deleted."""


class ImportEnded(Conflict):
    """It has ended; there is nothing to cancel."""


class ImportCancelled(Conflict):
    """It is cancelled: whole chunks that came before are imported; it is never gone on with."""


class ImportWasDeleted(Conflict):
    """This Idempotency-Key or import_id came before, with an import that was deleted."""


class ImportTooLarge(TooLarge):
    """The file is larger than an import may be; whole chunks that came before are imported."""


class ImportOvertaken(Conflict):
    """It was begun again meanwhile, and that one goes on; or it was given up as lost."""


class ImportDiffers(Invalid):
    """This Idempotency-Key or import_id came before, with another file or other options."""


class ImportBrokenOff(Invalid):
    """The connection was lost before the end of the file; what came before it is imported."""


class ImportRefused(Invalid):
    """This is no list of clients; nothing of it was imported."""

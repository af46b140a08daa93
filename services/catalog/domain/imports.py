"""An import: the rows that were read of a file, what came of them, and how it may fail."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from shared.errors import Conflict, FieldError, Invalid


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that is not imported, numbered from 1, and where it is wrong."""

    row: int
    places: Sequence[FieldError]


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some rows of an import, as they were read: fields by name, numbered from 1."""

    rows: Sequence[tuple[int, dict[str, Any]]]
    rejections: Sequence[Rejection]
    bytes_read: int  # since the import began


@dataclass(frozen=True, slots=True)
class Counts:
    """What came of a chunk's rows."""

    rows: int
    created: int
    changed: int
    unchanged: int
    rejected: int
    bytes_read: int  # since the import began


# Refusals


class ImportOvertaken(Conflict):
    """It was begun again meanwhile, and that one goes on; or it was given up as lost."""


class ImportBrokenOff(Invalid):
    """The connection was lost before the end of the file; what came before it is imported."""


class ImportRefused(Invalid):
    """This is no list of clients; nothing of it was imported."""

"""Files of contacts: whom not to write to, one a line, or what an export has written of it."""

import csv
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import NamedTuple
from uuid import UUID

import msgspec

from services.catalog.domain.imports import ImportLimits, ImportTooLarge
from services.catalog.domain.profile import EMAIL, EMAIL_LIMIT
from services.catalog.domain.suppression import Unwanted
from services.catalog.files.columns import armed
from services.catalog.files.exported_suppressions import NEEDED, ExportedLines
from services.catalog.files.lines import TOO_LONG, is_too_long, read_lines
from shared.contracts.catalog import SuppressedKind
from shared.contracts.dispatcher import SuppressedReason
from shared.errors import FieldError, Invalid
from shared.phone import is_phone

CHUNK = 500  # contacts that are suppressed at once
SEPARATORS = ",;\t"
HEADERS = frozenset({"phone", "email", "client_id", "contact"})
AROUND = str.maketrans("", "", "+-() \t")  # what people write into phones
NO_CONTACT = FieldError("", "contact", "neither a phone, nor an e-mail, nor a client's identifier")
NO_OBJECT = FieldError("", "json", "no JSON object")
NAMED_TWICE = "each line of an export says it itself; leave it out"

_object = msgspec.json.Decoder(dict[str, object])


class Refused(Invalid):
    """This is no file of contacts."""


class CommonFields(NamedTuple):
    """What the caller says of all contacts of a file."""

    topic: str | None = None
    reason: SuppressedReason | None = None
    source: str | None = None


@dataclass(slots=True)
class Contacts:
    """What some lines want to be suppressed, and the numbers of those that are none."""

    unwanted: list[Unwanted] = field(default_factory=list)
    refused: list[tuple[int, FieldError]] = field(default_factory=list)

    def add(self, number: int, found: Unwanted | FieldError | None) -> None:
        """Add what stands in a line; None: nothing."""
        match found:
            case Unwanted():
                self.unwanted.append(found)
            case FieldError():
                self.refused.append((number, found))
            case None:
                pass


async def read_contacts(
    body: AsyncIterator[bytes], limits: ImportLimits, common: CommonFields, exported: ExportedLines
) -> AsyncIterator[Contacts]:
    """Yield what the lines of a file want to be suppressed, some at a time.

    Of an export, CSV or NDJSON, that is all of a line; of any other file its first cell.

    Raises:
        ImportTooLarge: It has more than is taken.
        Refused: It is not UTF-8, or an export of which something is said beside.
    """
    chunk, reader = Contacts(), None
    async for number, line in _numbered(body, limits):
        if is_too_long(line):
            chunk.add(number, TOO_LONG[0])
            continue
        text = _decoded(line, number)
        if reader is None:
            reader, is_header = _reader(text, common, exported)
            if is_header:
                continue
        chunk.add(number, reader.unwanted(text))
        if len(chunk.unwanted) == CHUNK:
            yield chunk
            chunk = Contacts()
    yield chunk


async def _numbered(
    body: AsyncIterator[bytes], limits: ImportLimits
) -> AsyncIterator[tuple[int, bytes]]:
    """Yield the lines of a file and their numbers.

    Raises:
        ImportTooLarge: It has more than is taken.
    """
    number = 0
    async for lines, size, _ in read_lines(body):
        if size > limits.bytes:
            detail = f"at most {limits.bytes} bytes"
            raise ImportTooLarge(FieldError("", "too_large", detail, (limits.bytes,)))
        for line in lines:
            number += 1
            if number > limits.rows:
                detail = f"at most {limits.rows} lines"
                raise ImportTooLarge(FieldError("", "too_large", detail, (limits.rows,)))
            yield number, line


def _decoded(line: bytes, number: int) -> str:
    try:
        return line.decode().strip("\r\n")
    except UnicodeDecodeError:
        raise Refused(FieldError("", "encoding", f"line {number} is not UTF-8")) from None


class _Bare:
    """Reads lines whose first cell is a contact; others are left."""

    def __init__(self, common: CommonFields) -> None:
        self._common = common

    def unwanted(self, line: str) -> Unwanted | FieldError | None:
        cell = _cells(line)[0].strip()
        if not cell:
            return None
        if (contact := _contact(cell)) is None:
            return NO_CONTACT
        kind, value = contact
        topic, reason, source = self._common
        reason = reason or SuppressedReason.REQUESTED
        return Unwanted(kind=kind, value=value, topic=topic, reason=reason, source=source)


class _Table:
    """Reads lines of an export as CSV."""

    def __init__(self, header: list[str], exported: ExportedLines) -> None:
        self._header, self._exported = header, exported

    def unwanted(self, line: str) -> Unwanted | FieldError | None:
        cells = _cells(line)
        if not any(cells):
            return None
        if len(cells) != len(self._header):
            detail = f"{len(cells)} cells where the header has {len(self._header)}"
            return FieldError("", "cells", detail, (len(self._header),))
        named = zip(self._header, armed([each.strip() for each in cells]), strict=True)
        return self._exported.unwanted(dict(named))


class _Objects:
    """Reads lines of an export as NDJSON."""

    def __init__(self, exported: ExportedLines) -> None:
        self._exported = exported

    def unwanted(self, line: str) -> Unwanted | FieldError | None:
        if not line.strip():
            return None
        try:
            return self._exported.unwanted(_object.decode(line))
        except msgspec.MsgspecError:
            return NO_OBJECT


_Reader = _Bare | _Table | _Objects


def _reader(first: str, common: CommonFields, exported: ExportedLines) -> tuple[_Reader, bool]:
    """Return how the file is read, by its first line, and whether that is a header.

    Raises:
        Refused: It is an export, of which something is said beside.
    """
    header = [each.strip().lower() for each in _cells(first)]
    is_object, is_table = first.lstrip().startswith("{"), NEEDED.issubset(header)
    if not (is_object or is_table):
        return _Bare(common), header[0] in HEADERS
    given = [name for name, value in common._asdict().items() if value is not None]
    if given:
        raise Refused(*[FieldError(f"/{name}", "named_twice", NAMED_TWICE) for name in given])
    return (_Objects(exported), False) if is_object else (_Table(header, exported), True)


def _cells(line: str) -> list[str]:
    """Return the cells of a line, between whichever separator comes first."""
    found = [(line.find(each), each) for each in SEPARATORS if each in line]
    delimiter = min(found)[1] if found else SEPARATORS[0]
    return next(csv.reader([line], delimiter=delimiter), None) or [""]


def _contact(cell: str) -> tuple[SuppressedKind, str] | None:
    """Return what a cell names; None: neither a client nor a contact."""
    if len(cell) <= EMAIL_LIMIT and EMAIL.fullmatch(cell):
        return SuppressedKind.EMAIL, cell
    digits = cell.translate(AROUND)
    phone = f"7{digits[1:]}" if len(digits) == 11 and digits[0] == "8" else digits  # noqa: PLR2004 - as dialled in Russia
    if is_phone(phone):
        return SuppressedKind.PHONE, phone
    try:
        return SuppressedKind.CLIENT, str(UUID(cell))
    except ValueError:
        return None

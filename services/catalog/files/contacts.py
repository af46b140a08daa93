"""Files of contacts: whom not to write to, one a line."""

import csv
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from uuid import UUID

from services.catalog.domain.client import EMAIL, EMAIL_LIMIT, is_phone
from services.catalog.domain.imports import ImportLimits, ImportTooLarge
from services.catalog.files.lines import is_too_long, read_lines
from shared.contracts.catalog import SuppressedKind
from shared.errors import FieldError, Invalid

CHUNK = 500  # contacts that are suppressed at once
SEPARATORS = ",;\t"
HEADERS = frozenset({"phone", "email", "client_id", "contact"})
AROUND = str.maketrans("", "", "+-() \t")  # what people write into phones


class Refused(Invalid):
    """This is no file of contacts."""


@dataclass(slots=True)
class Contacts:
    """Contacts of some lines, and the numbers of those that have none."""

    contacts: list[tuple[SuppressedKind, str]] = field(default_factory=list)
    refused: list[int] = field(default_factory=list)


async def read_contacts(
    body: AsyncIterator[bytes], limits: ImportLimits
) -> AsyncIterator[Contacts]:
    """Yield the contacts of a file, some at a time: the first cell of each line; others are left.

    Raises:
        ImportTooLarge: It has more than is taken.
        Refused: It is not UTF-8.
    """
    chunk, number = Contacts(), 0
    async for lines, size, _ in read_lines(body):
        if size > limits.bytes:
            raise ImportTooLarge(FieldError("", "too_large", f"at most {limits.bytes} bytes"))
        for line in lines:
            number += 1
            if number > limits.rows:
                raise ImportTooLarge(FieldError("", "too_large", f"at most {limits.rows} lines"))
            _add(chunk, number, line)
            if len(chunk.contacts) == CHUNK:
                yield chunk
                chunk = Contacts()
    yield chunk


def _add(chunk: Contacts, number: int, line: bytes) -> None:
    if is_too_long(line):
        chunk.refused.append(number)
        return
    try:
        cell = _first_cell(line.decode())
    except UnicodeDecodeError:
        raise Refused(FieldError("", "encoding", f"line {number} is not UTF-8")) from None
    if not cell or (number == 1 and cell.lower() in HEADERS):
        return
    contact = _contact(cell)
    if contact is None:
        chunk.refused.append(number)
    else:
        chunk.contacts.append(contact)


def _first_cell(line: str) -> str:
    """Return the first cell of a line, behind whichever separator comes first."""
    found = [(line.find(each), each) for each in SEPARATORS if each in line]
    delimiter = min(found)[1] if found else SEPARATORS[0]
    cells = next(csv.reader([line.strip("\r\n")], delimiter=delimiter), [])
    return cells[0].strip() if cells else ""


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

"""The columns of a file: their names, as people and other programs have them, and our fields."""

import re
from collections.abc import Sequence
from functools import lru_cache

from services.catalog.domain.import_options import ImportOptions, Key, UnknownColumns
from services.catalog.domain.imports import Fields, ImportRefused
from services.catalog.domain.profile import FIELDS
from services.catalog.files.words import CLIENT_ID, FIELD_OF, NAME_PARTS, OURS, plain
from shared.errors import FieldError
from shared.masking import given_name
from shared.phone import normalized

KNOWN_COLUMNS = f"the columns are {', '.join(FIELDS)}, in Russian as well"
COLUMNS_LIMIT = 200
SHORT = 200  # characters of a cell that is remembered
AS_OURS = "79161234567"  # what is like it need not be looked at closely for each row
IGNORED = ""  # instead of a field: the name is known, and passed over
NO_KNOWN = FieldError("", "no_header", f"the first line has no known column; {KNOWN_COLUMNS}")
DOUBLE = FieldError("", "double_column", "a column stands twice in the header")
TOO_MANY = FieldError("", "too_many_columns", f"at most {COLUMNS_LIMIT} columns", (COLUMNS_LIMIT,))


class Names:
    """Knows which field a name stands for, as the caller says or as people call it."""

    def __init__(self, options: ImportOptions) -> None:
        self._declared = {plain(name): field or IGNORED for name, field in options.columns.items()}

    def field(self, name: str) -> str | None:
        """Return the field; None if the name is not known."""
        known = plain(name)
        if known in self._declared:
            return self._declared[known]
        field = FIELD_OF.get(known)
        return IGNORED if field in OURS else field

    def missing_in(self, header: Sequence[str]) -> int:
        """Return how many names of the caller are not in a header."""
        return len(self._declared.keys() - map(plain, header))


class Columns:
    """Makes the fields of a row out of its cells."""

    def __init__(self, header: Sequence[str], options: ImportOptions) -> None:
        """Read a header.

        Raises:
            ImportRefused: It does not name by what clients are known, a column twice, or one that
                we do not know.
        """
        self.header = [name.strip() for name in header]
        self.fields = _fields(self.header, options)
        _check(self.fields, options)
        self.phone_at = self.fields.index("phone") if "phone" in self.fields else None
        self._parts = [at for at, each in enumerate(self.fields) if each == NAME_PARTS]
        self._are_all_read = not (self._parts or IGNORED in self.fields)
        self._has_tags = "tags" in self.fields

    def row(self, cells: Sequence[str]) -> Fields | Sequence[FieldError]:
        """Return the fields of a row, or what is wrong with the number of its cells."""
        if len(cells) != len(self.fields):
            detail = f"{len(cells)} cells where the header has {len(self.fields)}"
            return [FieldError("", "cells", detail, (len(self.fields),))]
        values = [cell or None for cell in map(str.strip, cells)]
        row: Fields = dict(zip(self.fields, values, strict=True))
        if not self._are_all_read:
            row.pop(IGNORED, None)
            if self._parts:
                del row[NAME_PARTS]
                parts = [part for at in self._parts if (part := values[at])]
                row["full_name"] = " ".join(parts) or None
        phone = row.get("phone")
        if phone and (phone[0] != "7" or len(phone) != len(AS_OURS) or not phone.isdecimal()):
            row["phone"] = normalized(phone)
        if self._has_tags:
            row["tags"] = split_tags(row["tags"] or "")
        return row


# As an export writes what a spreadsheet would calculate. Source: OWASP, CSV Injection.
DISARMED = re.compile(r"'+[=+\-@\t\r\n]")


def armed(cells: Sequence[str]) -> list[str]:
    """Return cells without the apostrophe that keeps a spreadsheet from calculating them."""
    return [cell[1:] if DISARMED.match(cell) else cell for cell in cells]


# A tag in quotes, as an export writes one that has a separator or blanks at its ends in it.
QUOTED_TAGS = re.compile(r'\s*(?:"((?:[^"]|"")*+)"|([^",;|]*+))\s*(?:[,;|]|\Z)')


def split_tags(cell: str) -> tuple[str, ...]:
    """Return the tags in a cell, which `,`, `;` or `|` separate."""
    if not cell:
        return ()
    return _split_short(cell) if len(cell) <= SHORT else _split(cell)


def _split(cell: str) -> tuple[str, ...]:
    if '"' in cell and (quoted := _quoted_tags(cell)):
        return quoted
    parts = cell.replace(";", ",").replace("|", ",").split(",")
    return tuple([tag for part in parts if (tag := part.strip())])


_split_short = lru_cache(maxsize=500)(_split)  # most rows have the tags of an earlier one


def _quoted_tags(cell: str) -> tuple[str, ...] | None:
    """Return the tags of a cell that has quotes; None if they are none of an export."""
    tags, at = list[str](), 0
    while at < len(cell):
        found = QUOTED_TAGS.match(cell, at)
        if found is None or found.end() == at:
            return None
        at = found.end()
        quoted, bare = found.groups()
        tags.append(quoted.replace('""', '"') if quoted is not None else bare.strip())
    return tuple([tag for tag in tags if tag])


def joined_tags(tags: Sequence[str]) -> str:
    """Return tags in one cell, as `split_tags` reads them."""
    return "|".join(map(_in_cell, tags))


def _in_cell(tag: str) -> str:
    if tag == tag.strip() and not any(each in tag for each in ',;|"'):
        return tag
    doubled = tag.replace('"', '""')
    return f'"{doubled}"'


def _fields(header: Sequence[str], options: ImportOptions) -> list[str]:
    """Return the field of each column.

    Raises:
        ImportRefused: It is no header, or has columns that are not to be ignored.
    """
    names = Names(options)
    if missing := names.missing_in(header):
        detail = f"{missing} of the {len(options.columns)} columns that are named are not there"
        raise ImportRefused(FieldError("/columns", "missing_column", detail))
    fields = [names.field(name) for name in header]
    unknown = [at for at, field in enumerate(fields) if field is None]
    if len(unknown) == len(fields):
        raise ImportRefused(NO_KNOWN)
    if unknown and options.unknown_columns is UnknownColumns.REFUSE:
        which = f"column {unknown[0] + 1}, {given_name(header[unknown[0]])}"
        detail = f"unknown {which}; {KNOWN_COLUMNS}"
        raise ImportRefused(FieldError("", "unknown_column", detail))
    passed = (None, NAME_PARTS) if "full_name" in fields else (None,)
    return [IGNORED if field in passed else str(field) for field in fields]


def _check(fields: Sequence[str], options: ImportOptions) -> None:
    """Refuse what would be ambiguous, or name nobody.

    Raises:
        ImportRefused: It would.
    """
    if len(fields) > COLUMNS_LIMIT:
        raise ImportRefused(TOO_MANY)
    once = [name for name in fields if name not in (IGNORED, NAME_PARTS)]
    if len(set(once)) < len(once):
        raise ImportRefused(DOUBLE)
    keys = options.keys or ((Key.CLIENT_ID,) if CLIENT_ID in fields else (Key.PHONE,))
    if not any(key in fields for key in keys):
        detail = f"no column '{keys[0]}'; {KNOWN_COLUMNS}"
        raise ImportRefused(FieldError(f"/{keys[0]}", "missing_column", detail))

"""Rows of NDJSON: each line is one object."""

import json
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from services.catalog.domain.client import FIELDS
from services.catalog.domain.imports import Fields, Parsed
from services.catalog.files.lines import TOO_LONG, is_too_long
from shared.errors import FieldError
from shared.masking import given_name


class _JsonRow(msgspec.Struct, forbid_unknown_fields=True):
    phone: str | msgspec.UnsetType | None = msgspec.UNSET
    operator_code: str | msgspec.UnsetType | None = msgspec.UNSET
    tags: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    time_zone: str | msgspec.UnsetType | None = msgspec.UNSET
    email: str | msgspec.UnsetType | None = msgspec.UNSET
    full_name: str | msgspec.UnsetType | None = msgspec.UNSET
    comment: str | msgspec.UnsetType | None = msgspec.UNSET


# Source: msgspec's messages.
UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)

_json_row = msgspec.json.Decoder(_JsonRow)


class JsonReader:
    """Reads rows of NDJSON. A damaged line is rejected; it cannot reach into another one."""

    def read(self, lines: Sequence[bytes], at: int, *, is_last: bool) -> tuple[Parsed, int]:
        """Return the row at `at`, or its mistakes, and how many lines it takes: always one."""
        del is_last
        line = lines[at]
        return TOO_LONG if is_too_long(line) else read_object(line), 1

    def skip(self, lines: Sequence[bytes], at: int) -> tuple[Parsed, int]:
        """Take a blank line: return no row, and one line."""
        del lines, at
        return None, 1

    def check_end(self) -> None:
        """Accept any end: a file of NDJSON may be empty."""


def read_object(line: bytes) -> Fields | Sequence[FieldError]:
    """Return the fields of an object, or what is wrong with it."""
    try:
        row = _json_row.decode(line)
    except msgspec.ValidationError as error:
        return [_invalid(str(error))]
    except (msgspec.DecodeError, UnicodeDecodeError):
        return [FieldError("", "json", "no JSON object")]
    given = {name: value for name in FIELDS if (value := getattr(row, name)) is not msgspec.UNSET}
    if line.count(b":") > len(given) and (repeated := _repeated(line)):
        return [FieldError(f"/{name}", "duplicate_field", "stands twice") for name in repeated]
    return given


def _invalid(message: str) -> FieldError:
    """Return what msgspec says, with JSON's words and without what a field may be called."""
    if unknown := UNKNOWN_FIELD.match(message):
        return FieldError("", "json", f"unknown field {given_name(unknown[1])}")
    detail, _, path = message.partition(" - at `$")
    column = path.removeprefix(".").rstrip("`").partition("[")[0]
    return FieldError(f"/{column}" if column in FIELDS else "", "json", detail)


def _repeated(line: bytes) -> list[str]:
    """Return the fields that a row names twice; colons alone may as well be part of a text."""
    pairs: list[tuple[str, Any]] = json.loads(line, object_pairs_hook=list)
    names = [name for name, _ in pairs]
    return sorted({name for name in names if names.count(name) > 1})

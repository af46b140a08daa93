"""Rows of NDJSON: each line is one object."""

import json
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from services.catalog.domain.import_options import DEFAULT_OPTIONS, ImportOptions, UnknownColumns
from services.catalog.domain.imports import Fields, Parsed
from services.catalog.domain.profile import FIELDS
from services.catalog.files.columns import Names
from services.catalog.files.lines import TOO_LONG, is_too_long
from services.catalog.files.words import CLIENT_ID, NAME_PARTS
from shared.contracts.schedule import Weekday
from shared.errors import FieldError
from shared.masking import given_name
from shared.phone import normalized
from shared.preferred import PreferredTime, canonical_preferred, format_preferred


class _Time(msgspec.Struct, forbid_unknown_fields=True):
    days: tuple[Weekday, ...]
    at: str
    id: str = ""


class _JsonRow(msgspec.Struct, forbid_unknown_fields=True):
    phone: str | msgspec.UnsetType | None = msgspec.UNSET
    operator_code: str | msgspec.UnsetType | None = msgspec.UNSET
    tags: tuple[str, ...] | msgspec.UnsetType = msgspec.UNSET
    time_zone: str | msgspec.UnsetType | None = msgspec.UNSET
    email: str | msgspec.UnsetType | None = msgspec.UNSET
    full_name: str | msgspec.UnsetType | None = msgspec.UNSET
    comment: str | msgspec.UnsetType | None = msgspec.UNSET
    preferred_times: str | tuple[_Time, ...] | msgspec.UnsetType | None = msgspec.UNSET
    external_id: str | msgspec.UnsetType | None = msgspec.UNSET
    client_id: str | msgspec.UnsetType | None = msgspec.UNSET
    version: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET  # of an export, as what follows
    created_at: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET
    changed_at: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


# Source: msgspec's messages.
UNKNOWN_FIELD = re.compile(r"Object contains unknown field `(.*)`", re.DOTALL)

_json_row = msgspec.json.Decoder(_JsonRow)
_object = msgspec.json.Decoder(dict[str, Any])
NAMES = (*FIELDS, CLIENT_ID)


class _Doubled(ValueError):
    """Two names in an object stand for one field."""


class JsonReader:
    """Reads rows of NDJSON. A damaged line is rejected; it cannot reach into another one."""

    def __init__(self, options: ImportOptions = DEFAULT_OPTIONS) -> None:
        self._options, self._names = options, Names(options)
        self._is_plain = not options.columns

    def read(self, lines: Sequence[bytes], at: int, *, is_last: bool) -> tuple[Parsed, int]:
        """Return the row at `at`, or its mistakes, and how many lines it takes: always one."""
        del is_last
        line = lines[at]
        return TOO_LONG if is_too_long(line) else self._read_object(line), 1

    def skip(self, lines: Sequence[bytes], at: int) -> tuple[Parsed, int]:
        """Take a blank line: return no row, and one line."""
        del lines, at
        return None, 1

    def check_end(self) -> None:
        """Accept any end: a file of NDJSON may be empty."""

    def _read_object(self, line: bytes) -> Fields | Sequence[FieldError]:
        """Return the fields of an object, or what is wrong with it."""
        try:
            row = self._decoded(line)
        except msgspec.ValidationError as error:
            return [_invalid(str(error))]
        except (msgspec.DecodeError, UnicodeDecodeError):
            return [FieldError("", "json", "no JSON object")]
        except _Doubled as error:
            return [FieldError(f"/{error}", "duplicate_field", "stands twice")]
        given = {
            name: value for name in NAMES if (value := getattr(row, name)) is not msgspec.UNSET
        }
        if line.count(b":") > len(given) and (repeated := _repeated(line)):
            return [FieldError(f"/{name}", "duplicate_field", "stands twice") for name in repeated]
        if isinstance(times := given.get("preferred_times"), tuple):
            given["preferred_times"] = _text_of(times)
        if phone := given.get("phone"):
            given["phone"] = normalized(phone.strip())
        return given

    def _decoded(self, line: bytes) -> _JsonRow:
        if self._is_plain:
            try:
                return _json_row.decode(line)
            except msgspec.ValidationError as error:
                if not UNKNOWN_FIELD.match(str(error)):
                    raise
        return self._named_otherwise(line)

    def _named_otherwise(self, line: bytes) -> _JsonRow:
        """Return a row whose fields have the names that people give them.

        Raises:
            _Doubled: Two of them are the same.
        """
        fields: dict[str, Any] = {}
        parts: list[str] = []
        for name, value in _object.decode(line).items():
            field = self._names.field(name)
            if field is None and self._options.unknown_columns == UnknownColumns.REFUSE:
                field = name  # and is refused as it stands
            if field == NAME_PARTS:
                parts += [value] if isinstance(value, str) and value.strip() else []
                continue
            if field in fields:
                raise _Doubled(field)
            if field:
                fields[field] = value
        if parts:
            fields.setdefault("full_name", " ".join(parts))
        return msgspec.convert(fields, _JsonRow)


def _text_of(times: Sequence[_Time]) -> str | None:
    """Return times, which are shown apart, as they are kept."""
    apart = [PreferredTime(each.days, each.at) for each in times if each.days]
    return format_preferred(canonical_preferred(apart))


def _invalid(message: str) -> FieldError:
    """Return what msgspec says, with JSON's words and without what a field may be called."""
    if unknown := UNKNOWN_FIELD.match(message):
        return FieldError("", "unknown_field", f"unknown field {given_name(unknown[1])}")
    detail, _, path = message.partition(" - at `$")
    column = path.removeprefix(".").rstrip("`").partition("[")[0]
    if not column:
        return FieldError("", "json", detail)
    return FieldError(f"/{column}" if column in NAMES else "", "wrong_type", detail)


def _repeated(line: bytes) -> list[str]:
    """Return the fields that a row names twice; colons alone may as well be part of a text."""
    pairs: list[tuple[str, Any]] = json.loads(line, object_pairs_hook=list)
    names = [name for name, _ in pairs]
    return sorted({name for name in names if names.count(name) > 1})

"""A row that was rejected, as its file had it: what stands in its cells."""

import json
from collections.abc import Sequence

from services.catalog.files.grammar import GRAMMARS
from services.catalog.files.words import CLIENT_ID, FIELD_OF, NAME_PARTS, plain

# Columns by which people know whose row it is.
WHOSE = ("full_name", NAME_PARTS, "phone", "email", "external_id", CLIENT_ID)
_ORDER = {field: place for place, field in enumerate(WHOSE)}
SHOWN = 200  # characters of a cell


def raw_cells(raw: str, delimiter: str | None) -> list[str]:
    """Return the cells of a row as they were; of what has none, all of it in one."""
    if delimiter is None:
        return [raw.rstrip("\r\n")]
    try:
        return GRAMMARS[delimiter].cells(raw.encode().splitlines(keepends=True))
    except ValueError:
        return [raw.rstrip("\r\n")]


def telling_cells(
    raw: str | None,
    delimiter: str | None,
    columns: Sequence[tuple[str, str | None]],
    wrong: str | None,
) -> list[tuple[str, str]]:
    """Return by field what says whose row it is, and what stands in the column that is `wrong`.

    `columns`: of the file, names and fields. What is empty, or cannot be told apart, is left out.
    """
    if raw is None:
        return []
    shown = [
        (field, value[:SHOWN])
        for field, value in _by_field(raw, delimiter, columns)
        if value and field is not None and field in (*WHOSE, wrong)
    ]
    return sorted(shown, key=lambda each: _ORDER.get(each[0], len(WHOSE)))  # the name first


def _by_field(
    raw: str, delimiter: str | None, columns: Sequence[tuple[str, str | None]]
) -> list[tuple[str | None, str]]:
    if delimiter is None:
        return _of_object(raw, dict(columns))
    cells = raw_cells(raw, delimiter)
    if len(cells) != len(columns):
        return []
    return [(field, cell.strip()) for (_, field), cell in zip(columns, cells, strict=True)]


def _of_object(raw: str, fields: dict[str, str | None]) -> list[tuple[str | None, str]]:
    """Return what a line of NDJSON has."""
    try:
        found = json.loads(raw)
    except (ValueError, RecursionError):
        return []
    if not isinstance(found, dict):
        return []
    return [
        (
            fields.get(name) or FIELD_OF.get(plain(name)),
            value if isinstance(value, str) else json.dumps(value),
        )
        for name, value in found.items()
        if value is not None
    ]

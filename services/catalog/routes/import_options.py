"""What a request says of a file of clients, by its parameters."""

from typing import TYPE_CHECKING, Annotated, TypeAlias, cast

import msgspec
from fastapi import Depends, Query, Request

from services.catalog.domain.import_options import (
    Empty,
    ImportOptions,
    Key,
    Mode,
    Tags,
    UnknownColumns,
)
from services.catalog.domain.profile import FIELDS
from services.catalog.files import check_charset
from services.catalog.queue.imports import Declared
from shared.errors import FieldError, Invalid

if TYPE_CHECKING:
    from shared.http.requests import StrictRequest

NAMED_DELIMITERS = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|"}
COLUMNS = "Headers and their fields as a JSON object; null: the column is ignored."
CHARSET = "Such as windows-1251, where it is not to be found out. Content-Type may say it as well."
KEY = "By what a row knows its client: the first of these that it has."
DELIMITER = "Where it is not to be found out."
NAME_LIMIT = 255

_columns = msgspec.json.Decoder(dict[str, str | None])


def _declared(  # noqa: PLR0913 (each is a parameter of the request)
    request: Request,
    *,
    file_name: Annotated[str | None, Query(max_length=NAME_LIMIT)] = None,
    charset: Annotated[str | None, Query(description=CHARSET, max_length=100)] = None,
    delimiter: Annotated[
        str | None, Query(description=DELIMITER, pattern="^(comma|semicolon|tab|pipe|[,;|])$")
    ] = None,
    columns: Annotated[str | None, Query(description=COLUMNS, max_length=65_536)] = None,
    unknown_columns: UnknownColumns = UnknownColumns.REFUSE,
    mode: Mode = Mode.UPSERT,
    key: Annotated[list[Key] | None, Query(description=KEY, max_length=len(Key))] = None,
    tags: Tags = Tags.REPLACE,
    empty: Empty = Empty.CLEAR,
    dry_run: bool = False,
) -> Declared:
    charset = charset or cast("StrictRequest", request).charset
    if charset is not None:
        check_charset(charset)
    options = ImportOptions(
        charset=charset,
        delimiter=NAMED_DELIMITERS.get(delimiter, delimiter) if delimiter else None,
        columns=_mapping(columns) if columns else {},
        unknown_columns=unknown_columns,
        mode=mode,
        keys=tuple(key or ()),
        tags=tags,
        empty=empty,
        dry_run=dry_run,
    )
    return Declared(options, file_name)


DeclaredFile: TypeAlias = Annotated[Declared, Depends(_declared)]


def _mapping(text: str) -> dict[str, str | None]:
    """Return which headers stand for which fields.

    Raises:
        Invalid: It is no such object, or names a field that clients do not have.
    """
    try:
        columns = _columns.decode(text)
    except (msgspec.DecodeError, UnicodeError):
        detail = 'a JSON object such as {"Tel.": "phone", "Age": null}'
        raise Invalid(FieldError("/columns", "columns", detail)) from None
    fields = (*FIELDS, "client_id")
    if any(field not in (*fields, None) for field in columns.values()):
        raise Invalid(FieldError("/columns", "columns", f"fields are {', '.join(fields)}"))
    return columns

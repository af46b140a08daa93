"""What can be said of a file of clients, as options of the command line."""

import json
from enum import StrEnum
from typing import Annotated, Any, TypeAlias

import typer

from cli.api import Parameters

Charset: TypeAlias = Annotated[
    str | None, typer.Option(help="Such as windows-1251, if it is not found out.")
]
Delimiter: TypeAlias = Annotated[
    str | None, typer.Option(help="comma, semicolon, tab or pipe, if it is not found out.")
]
Columns: TypeAlias = Annotated[
    list[str] | None,
    typer.Option("--column", help="'HEADER=FIELD' for a column of another name; 'HEADER=': none."),
]
DryRun: TypeAlias = Annotated[
    bool, typer.Option("--dry-run", help="Read and judge each row, and change nothing.")
]


class Mode(StrEnum):
    """What rows may do."""

    UPSERT = "upsert"
    INSERT = "insert"
    UPDATE = "update"


class Key(StrEnum):
    """By what a row knows its client."""

    PHONE = "phone"
    EMAIL = "email"
    EXTERNAL_ID = "external_id"
    CLIENT_ID = "client_id"


class Unknown(StrEnum):
    """What becomes of columns that are no field of a client."""

    REFUSE = "refuse"
    IGNORE = "ignore"


class TagsOfRow(StrEnum):
    """What the tags of a row do to those that a client has."""

    REPLACE = "replace"
    ADD = "add"


class Empty(StrEnum):
    """What an empty cell does to what a client has."""

    CLEAR = "clear"
    KEEP = "keep"


ModeOption: TypeAlias = Annotated[
    Mode, typer.Option(help="Only new clients: insert; only those that are there: update.")
]
Keys: TypeAlias = Annotated[
    list[Key] | None,
    typer.Option("--key", help="By what a row knows its client: the first that it has."),
]
UnknownOption: TypeAlias = Annotated[
    Unknown, typer.Option("--unknown", help="What becomes of columns that are no field.")
]
TagsOption: TypeAlias = Annotated[
    TagsOfRow, typer.Option("--tags", help="What a row's tags do to those of its client.")
]
EmptyOption: TypeAlias = Annotated[
    Empty, typer.Option(help="What an empty cell does to what its client has.")
]


def parameters_of(  # noqa: PLR0913 (what can be said of a file)
    *,
    file_name: str | None,
    charset: str | None,
    delimiter: str | None,
    columns: list[str] | None,
    unknown: Unknown,
    mode: Mode,
    keys: list[Key] | None,
    tags: TagsOfRow,
    empty: Empty,
    dry_run: bool,
) -> Parameters:
    """Return what was said, as the catalog takes it; what is as always is left out."""
    given: dict[str, Any] = {
        "file_name": file_name,
        "charset": charset,
        "delimiter": delimiter,
        "columns": json.dumps(dict(map(_column, columns)), ensure_ascii=False)
        if columns
        else None,
        "unknown_columns": unknown if unknown is not Unknown.REFUSE else None,
        "mode": mode if mode is not Mode.UPSERT else None,
        "key": keys or None,
        "tags": tags if tags is not TagsOfRow.REPLACE else None,
        "empty": empty if empty is not Empty.CLEAR else None,
        "dry_run": "true" if dry_run else None,
    }
    return given


def _column(text: str) -> tuple[str, str | None]:
    """Return a header and its field; None: the column is to be ignored.

    Raises:
        typer.BadParameter: It is written otherwise.
    """
    header, equals, field = text.rpartition("=")
    if not (equals and header.strip()):
        raise typer.BadParameter("a column is HEADER=FIELD, such as 'Tel. no.=phone'")
    return header.strip(), field.strip() or None

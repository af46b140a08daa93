"""How an import reads a file, and what its rows may do."""

from collections.abc import Mapping
from enum import StrEnum, auto

import msgspec


class Mode(StrEnum):
    """What rows may do."""

    UPSERT = auto()  # register clients, and change those that are there
    INSERT = auto()  # register clients only
    UPDATE = auto()  # change clients only


class Key(StrEnum):
    """By what a row knows its client."""

    PHONE = auto()
    EMAIL = auto()
    EXTERNAL_ID = auto()
    CLIENT_ID = auto()  # as an export has it; where nobody has it, the next key decides


class UnknownColumns(StrEnum):
    """What becomes of columns that are no field of a client."""

    REFUSE = auto()
    IGNORE = auto()


class Tags(StrEnum):
    """What the tags of a row do to those that a client has."""

    REPLACE = auto()
    ADD = auto()


class Empty(StrEnum):
    """What an empty cell does to what a client has."""

    CLEAR = auto()
    KEEP = auto()


class ImportOptions(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What the caller says of a file; what is not declared is found out, or as it always was."""

    charset: str | None = None
    delimiter: str | None = None
    columns: Mapping[str, str | None] = {}  # headers and their fields; without one it is ignored
    unknown_columns: UnknownColumns = UnknownColumns.REFUSE
    mode: Mode = Mode.UPSERT
    keys: tuple[Key, ...] = ()  # none: the phone, or as an export has them
    tags: Tags = Tags.REPLACE
    empty: Empty = Empty.CLEAR
    dry_run: bool = False


DEFAULT_OPTIONS = ImportOptions()
# Of a row that an export has written: whoever it was, or who is like it elsewhere.
EXPORTED_KEYS = (Key.CLIENT_ID, Key.PHONE, Key.EXTERNAL_ID, Key.EMAIL)
PHONE_ONLY = (Key.PHONE,)


class FileFound(msgspec.Struct, kw_only=True):
    """What a file turned out to be, as far as it is read."""

    format: str
    charset: str | None = None
    delimiter: str | None = None
    columns: list[tuple[str, str | None]] = []  # in their order; those without a field are ignored

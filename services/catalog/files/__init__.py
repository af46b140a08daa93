"""Files of clients: bytes in, rows out. No database, no HTTP."""

from services.catalog.files.charsets import check_charset
from services.catalog.files.columns import joined_tags
from services.catalog.files.grammar import DELIMITERS, GRAMMARS
from services.catalog.files.kinds import ANYTHING, TYPES
from services.catalog.files.opening import check_size
from services.catalog.files.rows import read_rows

__all__ = (
    "ANYTHING",
    "DELIMITERS",
    "GRAMMARS",
    "TYPES",
    "check_charset",
    "check_size",
    "joined_tags",
    "read_rows",
)

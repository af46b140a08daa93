"""Files of clients: bytes in, rows out. No database, no HTTP."""

from services.catalog.files.rows import read_rows

__all__ = ("read_rows",)

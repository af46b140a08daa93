"""Files of clients: bytes in, rows out. No database, no HTTP."""

from services.catalog.files.rows import check_size, read_rows

__all__ = ("check_size", "read_rows")

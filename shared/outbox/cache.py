"""The cache: rows that this process has just put, so that its relay needn't read them back."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TypeAlias
from weakref import WeakKeyDictionary

from shared.database import Pool
from shared.event import Instant
from shared.outbox.batch import Batch

# Encoded; as objects it takes several times as much. What is beyond is read back.
CACHE_LIMIT_BYTES = 10_000_000

Row: TypeAlias = tuple[int, Instant]  # position and time: after a failover a position may return


class BatchCache:
    """Rows of the outbox that this process has put, decoded, up to a limit."""

    def __init__(self) -> None:
        self._rows: dict[Row, tuple[list[Batch], int]] = {}  # with their size in bytes
        self._size = 0

    def add(self, row: Row, batches: list[Batch], size: int) -> None:
        """Keep a row, which may yet be rolled back, if there is room."""
        if self._size + size <= CACHE_LIMIT_BYTES:
            self._rows[row] = batches, size
            self._size += size

    def get(self, row: Row) -> list[Batch] | None:
        """Return what a row holds; None if it is not in the cache."""
        cached = self._rows.get(row)
        return cached[0] if cached else None

    def drop(self, position: int) -> None:
        """Drop all rows up to `position`: they are published, or were rolled back."""
        self._rows = {row: cached for row, cached in self._rows.items() if row[0] > position}
        self._size = sum(size for _, size in self._rows.values())


_caches: WeakKeyDictionary[Pool, BatchCache] = WeakKeyDictionary()


@contextmanager
def caching(pool: Pool) -> Iterator[BatchCache]:
    """Cache what is put through `pool` for as long as the block lasts: its relay is at work."""
    _caches[pool] = BatchCache()
    try:
        yield _caches[pool]
    finally:
        del _caches[pool]


def cache_of(pool: Pool) -> BatchCache | None:
    """Return the cache of `pool`; None if its relay is not at work here."""
    return _caches.get(pool)

"""Keys: what names a message, and the chunk that it was written down in."""

from typing import NamedTuple
from uuid import UUID


class ChunkKey(NamedTuple):
    """Names a chunk. Keys sort in the order in which rows are locked."""

    run_id: UUID
    chunk: int


class MessageKey(NamedTuple):
    """Names a message. Keys sort in the order in which rows are locked."""

    run_id: UUID
    client_id: UUID

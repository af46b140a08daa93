"""The blocks: plain results of a chunk at rest, one row for many messages.

Which messages of a chunk are in blocks stands in its row as a bitmap (`chunks.recorded`), so
nothing has to look into blocks to know what is on record.
"""

from collections.abc import Sequence
from typing import NamedTuple

from asyncpg import BitString

from services.dispatcher.domain.keys import ChunkKey
from shared import database
from shared.database import Connection, fragment
from shared.event import Instant

# Whether message `n` of chunk `c` is in a block.
IS_IN_BLOCK = "coalesce(get_bit(c.recorded, CAST({n} AS integer) - 1), 0) = 1"
# The attempt of message `m (run_id, chunk, n)` that is in a block, if it is in one.
ATTEMPT_IN_BLOCK = """
    SELECT own.* FROM blocks b CROSS JOIN LATERAL attempt_in_block(b, CAST(m.n AS integer)) AS own
    WHERE b.run_id = m.run_id AND b.chunk = m.chunk
        AND get_bit(b.places, CAST(m.n AS integer) - 1) = 1
"""

COLUMNS = (
    "run_id",
    "chunk",
    "epoch",
    "number",
    "places",
    "started_at",
    "starts",
    "durations",
    "reason",
    "status_code",
    "gateway_ids",
    "answer",
    "answers",
)


def is_in_block(n: str) -> str:
    """Return SQL for whether the message of chunk `c` at place `n`, from 1, is in a block."""
    return fragment(IS_IN_BLOCK, n=n)


class Places(NamedTuple):
    """Messages of a chunk, by their places."""

    bits: int  # the first place is the highest of `size` bits
    size: int  # of the chunk

    @property
    def text(self) -> str:
        """The same as PostgreSQL writes bits."""
        return format(self.bits, f"0{self.size}b")


class BlockRow(NamedTuple):
    """A row of blocks; columns hold one value for each message, in the order of places."""

    chunk: ChunkKey
    epoch: int
    number: int
    places: Places
    started_at: Instant
    starts: bytes  # microseconds after `started_at`, 32 bits each, big-endian
    durations: bytes  # the same from the start to the answer
    reason: str
    status_code: int | None
    gateway_ids: str | None  # with U+001F between them; none: no attempt has one
    answer: str  # the usual one, with U+001E in place of the gateway's id
    answers: str | None  # those that differ, else empty; none: none does


async def insert_blocks(db: Connection, rows: Sequence[BlockRow]) -> None:
    """Add blocks whose messages are marked in their chunks.

    Raises:
        UniqueViolationError: One of them is there.
    """
    values = [
        (
            *row.chunk,
            row.epoch,
            row.number,
            BitString(row.places.text),
            *row[4:],
        )
        for row in rows
    ]
    await database.copy(db, "blocks", COLUMNS, values)

"""The blocks: plain results of a chunk at rest, one row for many messages.

Which messages of a chunk are in blocks stands in its row as a bitmap (`chunks.recorded`), so
nothing has to look into blocks to know what is on record.
"""

from collections.abc import Sequence
from typing import Any, NamedTuple

from asyncpg import BitString

from services.dispatcher.domain.keys import ChunkKey
from shared.database import fragment
from shared.event import Instant

# Whether message `n` of chunk `c` is in a block.
IS_IN_BLOCK = "coalesce(get_bit(c.recorded, CAST({n} AS integer) - 1), 0) = 1"
# The attempt of message `m (run_id, chunk, n)` that is in a block, if it is in one.
ATTEMPT_IN_BLOCK = """
    SELECT own.* FROM blocks b CROSS JOIN LATERAL attempt_in_block(b, CAST(m.n AS integer)) AS own
    WHERE b.run_id = m.run_id AND b.chunk = m.chunk
        AND get_bit(b.places, CAST(m.n AS integer) - 1) = 1
"""

BLOCK_COLUMNS = (
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


# The rows of `block_values`, as table `block` with the columns of BLOCK_COLUMNS.
BLOCKS = """
    unnest(
        CAST(:block_run_ids AS uuid[]), CAST(:block_chunks AS int[]), CAST(:block_epochs AS int[]),
        CAST(:block_numbers AS int[]), CAST(:block_places AS varbit[]),
        CAST(:block_started AS timestamptz[]), CAST(:block_starts AS bytea[]),
        CAST(:block_durations AS bytea[]), CAST(:block_reasons AS text[]),
        CAST(:block_status_codes AS int[]), CAST(:block_gateway_ids AS text[]),
        CAST(:block_answer AS text[]), CAST(:block_answers AS text[])
    ) AS block
"""


def block_values(rows: Sequence[BlockRow]) -> dict[str, Any]:
    """Return the values of BLOCKS: the columns of blocks whose messages are marked as recorded."""
    return {
        "block_run_ids": [each.chunk.run_id for each in rows],
        "block_chunks": [each.chunk.chunk for each in rows],
        "block_epochs": [each.epoch for each in rows],
        "block_numbers": [each.number for each in rows],
        "block_places": [BitString(each.places.text) for each in rows],
        "block_started": [each.started_at for each in rows],
        "block_starts": [each.starts for each in rows],
        "block_durations": [each.durations for each in rows],
        "block_reasons": [each.reason for each in rows],
        "block_status_codes": [each.status_code for each in rows],
        "block_gateway_ids": [each.gateway_ids for each in rows],
        "block_answer": [each.answer for each in rows],
        "block_answers": [each.answers for each in rows],
    }

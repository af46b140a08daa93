"""The requests about dead letters: to show them, to try them again, to give them up."""

from dataclasses import dataclass
from uuid import UUID

from shared.database import Pool, sql, transaction


@dataclass(frozen=True, slots=True)
class StoredLetter:
    """A record that could not be applied."""

    consumer: str
    topic: str
    partition: int
    offset: int
    key: UUID | None
    reason: str
    is_held: bool
    is_requested: bool


@dataclass(frozen=True, slots=True)
class Choice:
    """Which dead letters are meant; what is None does not restrict."""

    consumer: str | None = None
    key: UUID | None = None


CHOSEN = """
    (CAST(:consumer AS text) IS NULL OR consumer = :consumer)
        AND (CAST(:key AS uuid) IS NULL OR key = :key)
"""
LETTERS = sql(
    """
    SELECT consumer, topic, partition, "offset", key, reason, is_held, is_requested
    FROM dead_letters WHERE {chosen} ORDER BY consumer, topic, partition, "offset"
""",
    chosen=CHOSEN,
)


async def letters(pool: Pool, choice: Choice) -> list[StoredLetter]:
    """Return the dead letters that are chosen, in the order of the log.

    Raises:
        Unavailable: The database cannot be reached.
    """
    async with transaction(pool) as db:
        return [StoredLetter(*row) for row in await db.execute(LETTERS, _values(choice))]


REQUEST = sql(
    """
    UPDATE dead_letters SET is_requested = true WHERE NOT is_held AND {chosen}
""",
    chosen=CHOSEN,
)


async def request_replay(pool: Pool, choice: Choice) -> int:
    """Mark dead letters, which the running service then applies again; return how many.

    Raises:
        Unavailable: The database cannot be reached.
    """
    async with transaction(pool) as db:
        return (await db.execute(REQUEST, _values(choice))).rowcount


DISCARD = sql("DELETE FROM dead_letters WHERE NOT is_held AND {chosen}", chosen=CHOSEN)


async def discard(pool: Pool, choice: Choice) -> int:
    """Give up dead letters; what was held back behind them is applied then. Return how many.

    Raises:
        Unavailable: The database cannot be reached.
    """
    async with transaction(pool) as db:
        return (await db.execute(DISCARD, _values(choice))).rowcount


def _values(choice: Choice) -> dict[str, object]:
    return {"consumer": choice.consumer, "key": choice.key}

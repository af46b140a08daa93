"""The requests about dead letters: to show them, to try them again, to give them up."""

from dataclasses import dataclass
from typing import NamedTuple
from uuid import UUID

from shared.database import Connection, Pool, sql, transaction
from shared.event import Instant


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
    recorded_at: Instant


class Place(NamedTuple):
    """Where a letter stands among all."""

    consumer: str
    topic: str
    partition: int
    offset: int


START = Place("", "", 0, -1)


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
    SELECT consumer, topic, partition, "offset", key, reason, is_held, is_requested, recorded_at
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


PAGE = sql(
    """
    SELECT consumer, topic, partition, "offset", key, reason, is_held, is_requested, recorded_at
    FROM dead_letters WHERE {chosen} AND (consumer, topic, partition, "offset") > (
        CAST(:last_consumer AS text), CAST(:topic AS text), CAST(:partition AS int),
        CAST(:offset AS bigint)
    )
    ORDER BY consumer, topic, partition, "offset" LIMIT :limit
""",
    chosen=CHOSEN,
)


async def page(db: Connection, choice: Choice, after: Place, limit: int) -> list[StoredLetter]:
    """Return up to `limit` of the dead letters that are chosen, behind a place."""
    consumer, topic, partition, offset = after
    place = {"topic": topic, "partition": partition, "offset": offset}
    values = {"last_consumer": consumer, **place, "limit": limit}
    return [StoredLetter(*row) for row in await db.execute(PAGE, _values(choice) | values)]


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

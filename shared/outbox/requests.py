"""The requests about unpublished events: to show them, to try them again, to give them up."""

from dataclasses import dataclass

from shared.database import INSTANT, Connection, Pool, sql, transaction
from shared.event import Instant


@dataclass(frozen=True, slots=True)
class UnpublishedEvent:
    """An event that was set aside, and why; never what it says."""

    recorded_at: Instant
    topic: str | None
    key: bytes | None
    reason: str
    is_requested: bool


@dataclass(frozen=True, slots=True)
class Waiting:
    """What an outbox holds, and what was set aside of it."""

    transactions: int  # up to COUNTED
    oldest_at: Instant | None
    age_s: float | None
    refused: int
    held: int  # behind those


COUNTED = 100_000  # rows of an outbox: that many are found in some milliseconds
WAITING = sql(
    """
    SELECT (SELECT count(*) FROM (SELECT FROM outbox LIMIT :limit) AS counted) AS transactions,
        oldest_at, CAST(extract(epoch FROM {now} - oldest_at) AS float) AS age_s,
        (SELECT count(*) FROM unpublished WHERE NOT is_held) AS refused,
        (SELECT count(*) FROM unpublished WHERE is_held) AS held
    FROM (SELECT (SELECT recorded_at FROM outbox ORDER BY position LIMIT 1) AS oldest_at) AS first
    """,
    now=INSTANT,
)


async def waiting(db: Connection) -> Waiting:
    """Return how much waits to be published, and for how long."""
    return Waiting(*(await db.execute(WAITING, {"limit": COUNTED})).one())


CHOSEN = "(CAST(:key AS bytea) IS NULL OR key = :key)"
EVENTS = sql(
    """
    SELECT recorded_at, topic, key, reason, is_requested FROM unpublished
    WHERE {chosen} ORDER BY position
    """,
    chosen=CHOSEN,
)


async def events(pool: Pool, key: bytes | None = None) -> list[UnpublishedEvent]:
    """Return what was set aside, in the order of publishing; only of `key`, if there is one.

    Raises:
        Unavailable: The database cannot be reached.
    """
    async with transaction(pool) as db:
        return [UnpublishedEvent(*row) for row in await db.execute(EVENTS, {"key": key})]


PAGE = sql(
    """
    SELECT position, recorded_at, topic, key, reason, is_held, is_requested FROM unpublished
    WHERE {chosen} AND position > :after ORDER BY position LIMIT :limit
    """,
    chosen=CHOSEN,
)


@dataclass(frozen=True, slots=True)
class PlacedEvent:
    """The same, with its place in the order of publishing."""

    position: int
    recorded_at: Instant
    topic: str | None
    key: bytes | None
    reason: str
    is_held: bool
    is_requested: bool


async def page(db: Connection, key: bytes | None, after: int, limit: int) -> list[PlacedEvent]:
    """Return up to `limit` events that were set aside, behind a position."""
    rows = await db.execute(PAGE, {"key": key, "after": after, "limit": limit})
    return [PlacedEvent(*row) for row in rows]


REQUEST = sql(
    "UPDATE unpublished SET is_requested = true WHERE NOT is_held AND {chosen}", chosen=CHOSEN
)


async def request_replay(pool: Pool, key: bytes | None = None) -> int:
    """Ask the relay, which runs, to publish what was refused; return how many events.

    Raises:
        Unavailable: The database cannot be reached.
    """
    async with transaction(pool) as db:
        return (await db.execute(REQUEST, {"key": key})).rowcount


DISCARD = sql("DELETE FROM unpublished WHERE NOT is_held AND {chosen}", chosen=CHOSEN)


async def discard(pool: Pool, key: bytes | None = None) -> int:
    """Give up what was refused; what waits behind it is published then. Return how many.

    Raises:
        Unavailable: The database cannot be reached.
    """
    async with transaction(pool) as db:
        return (await db.execute(DISCARD, {"key": key})).rowcount

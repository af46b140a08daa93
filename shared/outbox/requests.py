"""The requests about unpublished events: to show them, to try them again, to give them up."""

from dataclasses import dataclass

from shared.database import Pool, sql, transaction
from shared.event import Instant


@dataclass(frozen=True, slots=True)
class UnpublishedEvent:
    """An event that was set aside, and why; never what it says."""

    recorded_at: Instant
    topic: str | None
    key: bytes | None
    reason: str
    is_requested: bool


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

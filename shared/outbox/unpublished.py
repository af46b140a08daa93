"""The unpublished: events that Kafka refuses, set aside so that the outbox goes on with others.

Later events of the same key wait behind them, whatever the topic: readers see the events of a key
in order, and the last record of a compacted topic's key is the latest.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import structlog
from sqlalchemy import text

from shared import telemetry
from shared.database import Connection, Pool, autocommit, sql, transaction
from shared.errors import Unavailable
from shared.outbox.batch import Batch, encode
from shared.outbox.lease import RelayLease

log = structlog.get_logger()

Key: TypeAlias = tuple[str, bytes]  # a topic, and what the order of its records follows

HELD = "an earlier event of its key is not published"
# More are no fault of records, but of something that all of them need.
MOST = 100
AT_ONCE = 500  # that are tried again


class RelayLeaseLost(Unavailable):
    """Another relay has taken the lease; what was to be written is its task now."""


@dataclass(frozen=True, slots=True)
class SetAside:
    """An event to set aside, and why; without a batch it is a row that cannot be decoded."""

    batches: bytes
    reason: str
    batch: Batch | None = None

    @classmethod
    def of(cls, batch: Batch, reason: str) -> "SetAside":
        """Set the one record of `batch` aside."""
        return cls(encode([batch])[0], reason, batch)


def keys_of(batches: Sequence[Batch]) -> set[Key]:
    """Return the keys of all records: those that share a partition key wait together."""
    return {
        (batch.topic, batch.partition_key or record.key)
        for batch in batches
        for record in batch.records
    }


INSERT = text("""
    INSERT INTO unpublished (recorded_at, topic, key, batches, reason, is_held)
    SELECT recorded_at, :topic, :key, :batches, :reason, :is_held
    FROM outbox WHERE position = :position
""")
DELETE_ROW = text("DELETE FROM outbox WHERE position = :position")


async def settle(pool: Pool, lease: RelayLease, position: int, events: Sequence[SetAside]) -> None:
    """Delete a row of which all is published but for `events`, which are set aside.

    Raises:
        RelayLeaseLost: Another relay has the lease; nothing has changed.
    """
    async with transaction(pool) as db:
        await _lock_lease(db, lease)
        for each in events:
            values: dict[str, object] = {"topic": None, "key": None}
            if each.batch is not None:
                [(topic, key)] = keys_of([each.batch])
                values = {"topic": topic, "key": key}
            await db.execute(
                INSERT,
                {
                    **values,
                    "position": position,
                    "batches": each.batches,
                    "reason": each.reason,
                    "is_held": each.reason == HELD,
                },
            )
        await db.execute(DELETE_ROW, {"position": position})
    for each in events:
        topic = each.batch.topic if each.batch is not None else ""
        telemetry.count("outbox.set_aside", 1, topic=topic)
        log.warning("outbox.set_aside", row=position, topic=topic, reason=each.reason)


LOCK_LEASE = text("""
    SELECT epoch FROM relays WHERE owner = :owner AND epoch = :epoch FOR SHARE
""")


async def _lock_lease(db: Connection, lease: RelayLease) -> None:
    """See that the lease is ours until the transaction ends."""
    owned = {"owner": lease.owner, "epoch": lease.epoch}
    if await db.scalar(LOCK_LEASE, owned) is None:
        lease.mark_lost()
        raise RelayLeaseLost


COUNT = text("SELECT count(*) FROM unpublished WHERE NOT is_held")


async def room(pool: Pool) -> int:
    """Return how many more events may be refused and set aside."""
    async with autocommit(pool) as db:
        return MOST - int(await db.scalar(COUNT) or 0)


KEYS = text("SELECT DISTINCT topic, key FROM unpublished")


async def keys(pool: Pool) -> set[Key | None]:
    """Return the keys whose events wait; None among them: a row that cannot be decoded."""
    async with autocommit(pool) as db:
        return {
            None if row.topic is None else (row.topic, row.key) for row in await db.execute(KEYS)
        }


ERASE = text("DELETE FROM unpublished WHERE topic = :topic AND key = :key")


async def erase_unpublished(db: Connection, topic: str, key: str) -> None:
    """Delete what was set aside of a key: what comes behind it need not wait for it any more."""
    await db.execute(ERASE, {"topic": topic, "key": key.encode()})


BLOCKED = text("""
    SELECT DISTINCT topic, key FROM unpublished
    WHERE topic IS NOT NULL AND NOT is_held AND NOT is_requested
""")


async def blocked(pool: Pool) -> set[Key | None]:
    """Return the keys whose first refused event nobody wants to be tried again."""
    async with autocommit(pool) as db:
        return {(row.topic, row.key) for row in await db.execute(BLOCKED)}


# Asked for, or held back by none any more that was not asked for.
IS_WANTED = """
    (is_requested OR is_held) AND NOT EXISTS (
        SELECT FROM unpublished AS first
        WHERE first.topic = unpublished.topic AND first.key = unpublished.key
            AND NOT first.is_held AND NOT first.is_requested
    )
"""
WANTED = sql(
    """
    SELECT position, batches FROM unpublished WHERE {is_wanted} ORDER BY position LIMIT :limit
    """,
    is_wanted=IS_WANTED,
)


async def wanted(pool: Pool) -> list[tuple[int, bytes]]:
    """Return what is to be tried again, in the order of publishing, each with its position."""
    async with autocommit(pool) as db:
        rows = await db.execute(WANTED, {"limit": AT_ONCE})
        return [(row.position, row.batches) for row in rows]


REMOVE = text("DELETE FROM unpublished WHERE position = ANY(CAST(:positions AS bigint[]))")
KEEP = text("""
    UPDATE unpublished SET reason = :reason, is_held = :is_held AND topic IS NOT NULL,
        is_requested = false
    WHERE position = :position
""")


async def settle_again(
    pool: Pool, lease: RelayLease, published: Collection[int], kept: dict[int, str]
) -> None:
    """Delete what is published by now; keep what was refused again, with the reason.

    Raises:
        RelayLeaseLost: Another relay has the lease; nothing has changed.
    """
    async with transaction(pool) as db:
        await _lock_lease(db, lease)
        await db.execute(REMOVE, {"positions": sorted(published)})
        for position, reason in kept.items():
            values = {"position": position, "reason": reason, "is_held": reason == HELD}
            await db.execute(KEEP, values)
    log.info("outbox.replayed", published=len(published), refused=len(kept))

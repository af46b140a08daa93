"""Pruning: what was set aside and nobody needs any more is deleted after some time.

Dead letters that nothing waits behind, and notes of rows at which a loop failed and that it has
not tried again since. What waits for a decision stays: a mailing's dead letter, whose later
records are held back, and events that Kafka refused.
"""

from datetime import timedelta
from functools import partial

from sqlalchemy import text

from shared import database
from shared.database import Pool, transaction
from shared.loop import forever

EVERY = timedelta(minutes=10)
SLICE = 1_000  # rows that are deleted at once

DELETE_LETTERS = text("""
    DELETE FROM dead_letters WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM dead_letters
        WHERE key IS NULL AND NOT is_requested AND recorded_at < :before LIMIT :slice
    ))
""")
# A loop tries again within the hour, and moves `retry_at` on: what it passed by is settled.
DELETE_SET_ASIDE = text("""
    DELETE FROM set_aside WHERE ctid = ANY (ARRAY(
        SELECT ctid FROM set_aside WHERE retry_at < :before LIMIT :slice
    ))
""")


async def prune(pool: Pool, retention: timedelta) -> bool:
    """Delete a slice of what is older than `retention`; return whether there may be more.

    Raises:
        Unavailable: The database went away; it is tried again.
    """
    async with transaction(pool) as db:
        values = {"before": await database.now(db) - retention, "slice": SLICE}
        results = [await db.execute(each, values) for each in (DELETE_LETTERS, DELETE_SET_ASIDE)]
    return any(result.rowcount == SLICE for result in results)


async def prune_letters(pool: Pool, retention: timedelta) -> None:
    """Delete what was set aside `retention` ago and settled, until cancelled."""
    await forever("prune_letters", partial(prune, pool, retention), every=EVERY)

"""Following: clients are put among the words by which they are found, soon after they change."""

import asyncio
import time

from services.catalog.queue import searching as queue
from shared import liveness
from shared.database import Pool, transaction

PAUSES = 9.0  # times what a turn takes, while an import goes on: it needs the database more
LONGEST_S = 20.0  # of a pause


async def follow_changes(pool: Pool) -> bool:
    """Put some clients that have changed among the words; return whether there may be more."""
    begun = time.monotonic()
    async with transaction(pool) as db:
        followed = await queue.follow_changes(db)
    if followed.is_importing:
        pause = min(PAUSES * (time.monotonic() - begun), LONGEST_S)
        with liveness.waiting(pause):
            await asyncio.sleep(pause)
    return followed.clients > 0

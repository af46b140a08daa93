"""Following: clients are put among the words by which they are found, soon after they change."""

import asyncio
import time

from services.catalog.queue import searching as queue
from shared import liveness
from shared.crash import crash_point
from shared.database import Pool, transaction

# Times what a turn takes: so of a core the words never take more than a quarter, for what is sent
# meanwhile needs it and the database more; and while an import goes on no more than a thirtieth.
PAUSES, OF_IMPORTS = 3.0, 29.0
LONGEST_S = 20.0  # of a pause


async def follow_changes(pool: Pool) -> bool:
    """Put some clients that have changed among the words; return whether there may be more."""
    begun = time.monotonic()
    async with transaction(pool) as db:
        followed = await queue.follow_changes(db)
        crash_point("catalog.words.written", when=followed.clients)
    crash_point("catalog.words.committed", when=followed.clients)
    if followed.clients:
        times = OF_IMPORTS if followed.is_importing else PAUSES
        pause = min(times * (time.monotonic() - begun), LONGEST_S)
        with liveness.waiting(pause):
            await asyncio.sleep(pause)
    return followed.clients > 0

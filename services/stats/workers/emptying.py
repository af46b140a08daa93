"""The emptying: the rows of archived runs are deleted, slowly enough that nothing else feels it.

A slice is a transaction: what dies in the middle goes on at the rows that are left.
"""

import asyncio
import time
from dataclasses import dataclass, field
from datetime import timedelta

from services.stats.queue import emptying
from services.stats.queue.emptying import OwnRun
from shared import liveness
from shared.crash import crash_point
from shared.database import Pool, transaction
from shared.loop import forever
from shared.slices import Place

EVERY = timedelta(seconds=5)
REST = 4  # times as long as a slice took: at most a fifth of the time


@dataclass
class Emptier:
    """Deletes rows of archived runs, of one run after the other."""

    pool: Pool
    rest: float = REST
    _run: OwnRun | None = field(init=False, default=None)
    _place: Place | None = field(init=False, default=None)

    async def step(self) -> bool:
        """Delete a slice, and pause; return whether there may be more.

        Raises:
            Unavailable: The database went away; it is tried again.
        """
        begun = time.monotonic()
        async with transaction(self.pool) as db:
            run = await emptying.next_run(db)
            if run is None:
                return False
            known = self._place if run == self._run else None
            place = await emptying.delete_slice(db, run, known or Place())
            crash_point("stats.empty.written")
        crash_point("stats.empty.committed")
        self._run, self._place = run, place  # only behind the commit
        pause_s = self.rest * (time.monotonic() - begun)
        with liveness.waiting(pause_s):
            await asyncio.sleep(pause_s)
        return True


async def empty_archived_runs(emptier: Emptier) -> None:
    """Delete rows of archived runs, until cancelled."""
    await forever("empty_archived_runs", emptier.step, every=EVERY)

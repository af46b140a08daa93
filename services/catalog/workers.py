"""The clock's door: loops that run without a request."""

from datetime import timedelta
from functools import partial

from services.catalog.handlers.pruning import prune_imports
from services.catalog.handlers.reaping import Reaper
from shared.database import Pool
from shared.loop import forever

PRUNE_EVERY = timedelta(minutes=1)


async def end_lost_imports(reaper: Reaper, *, every: timedelta) -> None:
    """End imports whose process died as failed, until cancelled."""
    await forever("end_lost_imports", reaper.check, every=every)


async def prune_ended_imports(pool: Pool, retention: timedelta, *, every: timedelta) -> None:
    """Delete imports that ended longer than `retention` ago, until cancelled."""
    await forever("prune_ended_imports", partial(prune_imports, pool, retention), every=every)

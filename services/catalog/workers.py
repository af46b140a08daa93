"""The clock's door: loops that run without a request."""

from datetime import timedelta
from functools import partial

from services.catalog.handlers import erasing
from services.catalog.handlers.pruning import prune_imports
from services.catalog.handlers.reaping import Reaper
from services.catalog.handlers.searching import follow_changes
from shared.database import Pool
from shared.event_store.postgres import PostgresEventStore
from shared.loop import forever

PRUNE_EVERY = timedelta(minutes=1)
FOLLOW_EVERY = timedelta(seconds=1)
ERASE_EVERY = timedelta(seconds=5)


async def end_lost_imports(reaper: Reaper, *, every: timedelta) -> None:
    """End imports whose process died as failed, until cancelled."""
    await forever("end_lost_imports", reaper.check, every=every)


async def prune_ended_imports(pool: Pool, retention: timedelta, *, every: timedelta) -> None:
    """Delete imports that ended longer than `retention` ago, until cancelled."""
    await forever("prune_ended_imports", partial(prune_imports, pool, retention), every=every)


async def follow_client_changes(pool: Pool, *, every: timedelta) -> None:
    """Put clients that have changed among the words by which they are found, until cancelled."""
    await forever("follow_client_changes", partial(follow_changes, pool), every=every)


async def finish_erasures(store: PostgresEventStore, *, every: timedelta) -> None:
    """Let the log be compacted behind clients that were erased, until cancelled."""
    await forever("finish_erasures", partial(erasing.republish_due, store), every=every)

"""Pruning: what an import has brought but its clients goes, on request or after some time."""

from datetime import timedelta
from uuid import UUID

from services.catalog.queue import imports as queue
from shared import database
from shared.database import Pool, transaction

AT_ONCE = 20  # imports in a transaction; each has some ten thousand rows at most


async def delete_import(pool: Pool, import_id: UUID) -> None:
    """Delete an import that has ended; doing it twice is doing it once.

    Raises:
        ImportUnknown: No import has this identifier.
        ImportRunning: It has not ended.
    """
    async with transaction(pool) as db:
        await queue.delete_import(db, import_id)


async def prune_imports(pool: Pool, retention: timedelta) -> bool:
    """Delete some imports that ended `retention` ago; return whether there may be more."""
    async with transaction(pool) as db:
        before = await database.now(db) - retention
        deleted = await queue.delete_ended_imports(db, before=before, limit=AT_ONCE)
    return deleted == AT_ONCE

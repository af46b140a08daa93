"""Ending imports: one is cancelled; what they have brought but their clients goes in time."""

from datetime import timedelta
from uuid import UUID

from services.catalog.queue import imports as queue
from shared import database
from shared.crash import crash_point
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
        crash_point("catalog.import.deleting")
    crash_point("catalog.import.deleted")


async def cancel_import(pool: Pool, import_id: UUID) -> None:
    """Cancel an import that has not completed; doing it twice is doing it once.

    Raises:
        ImportUnknown: No import has this identifier.
        ImportEnded: It is completed.
    """
    async with transaction(pool) as db:
        await queue.cancel_import(db, import_id, await database.now(db))


async def prune_imports(pool: Pool, retention: timedelta) -> bool:
    """Delete some imports that ended `retention` ago; return whether there may be more."""
    async with transaction(pool) as db:
        before = await database.now(db) - retention
        deleted = await queue.delete_ended_imports(db, before=before, limit=AT_ONCE)
    return deleted == AT_ONCE

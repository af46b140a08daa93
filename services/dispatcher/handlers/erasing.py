"""Erasing: nothing that is known of a person stays in the ledger, and nothing comes after that.

The copy of a client goes with its removal, in the projection. Here goes what was recorded of its
messages, step by step and again, until no answer to what was under way can come any more: so a
process that dies leaves nothing undone. States, counts, times and reasons stay.
"""

import asyncio
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from services.dispatcher.domain.contact import CLIENT_REMOVED
from services.dispatcher.gateways.log_file import erase_lines
from services.dispatcher.handlers.events import Publishing
from services.dispatcher.handlers.reconciling import reconcile_rejected
from services.dispatcher.handlers.recording import Rejected
from services.dispatcher.queue import erasing as queue
from shared import database
from shared.crash import crash_point
from shared.database import Connection, Pool, autocommit, transaction

# How late an answer may be recorded: far behind its deadline, by a process that stood still.
SETTLING = timedelta(hours=1)
AGAIN = timedelta(minutes=1)
# As long as Kafka keeps tombstones: whoever was away for longer hears nothing anyway.
FILES_SEARCHED = timedelta(days=30)


async def erase_due(pool: Pool, settling: timedelta = SETTLING) -> bool:
    """Erase what the ledger has of one client, if it is time; return whether there was one."""
    async with transaction(pool) as db:
        due = await queue.take_due(db, settling)
        if due is None:
            return False
        await _end_waiting(db, due.client_id)
        await queue.erase_attempts(db, due.client_id)
        await queue.erase_from_blocks(db, due.client_id)
        if due.is_late and not await queue.is_under_way(db, due.client_id):
            await queue.settle(db, due.client_id)
        else:
            await queue.put_off(db, due.client_id, AGAIN)
        crash_point("dispatcher.erase.written")
    crash_point("dispatcher.erase.committed")
    return True


async def _end_waiting(db: Connection, client_id: UUID) -> None:
    """End messages that wait to be tried again: their contact is gone."""
    waiting = await queue.waiting_messages(db, client_id)
    entries = [Rejected(each.key, each.chunk, CLIENT_REMOVED) for each in waiting]
    publishing = {
        each.key.run_id: Publishing(each.traceparent, each.is_by_chunk) for each in waiting
    }
    await reconcile_rejected(db, entries, publishing, await database.now(db))


class LogEraser:
    """Erases lines of this process's log gateways: each dispatcher has a disk of its own."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self._done: dict[UUID, bool] = {}  # clients, and whether they were settled by then

    async def erase_new(self) -> bool:
        """Erase lines of clients that are erased since, and of those that are settled since.

        A process that starts does all of them.
        """
        async with autocommit(self._pool) as db:
            recent = await queue.recent(db, FILES_SEARCHED)
            wanted = {key for key, settled in recent.items() if self._done.get(key) is not settled}
            files = await queue.log_files(db) if wanted else {}
        for path, keep in files.items():
            await asyncio.to_thread(erase_lines, Path(path), keep, wanted)
        self._done = recent
        return False

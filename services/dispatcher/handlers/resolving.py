"""Resolving: an undetermined message is delivered or failed because somebody says so."""

from services.dispatcher.domain.keys import ChunkKey, MessageKey
from services.dispatcher.domain.message import MessageUnknown
from services.dispatcher.domain.resolution import Resolution, resolved
from services.dispatcher.domain.retention import MessagesDeleted
from services.dispatcher.handlers.events import Publishing
from services.dispatcher.handlers.reconciling import Changes
from services.dispatcher.queue import reconciling, resolving
from shared import database, ids
from shared.crash import crash_point
from shared.database import Pool, transaction
from shared.errors import Unavailable


async def resolve(pool: Pool, message_id: str, resolution: Resolution) -> None:
    """Enter what became of a message; the totals of its run follow, also of a finished one.

    Raises:
        MessageUnknown: No message has this identifier.
        MessagesDeleted: Its run is archived.
        NotUndetermined: It is known what became of it.
    """
    both = ids.run_and_client(message_id)
    if both is None:
        raise MessageUnknown
    key = MessageKey(*both)
    async with transaction(pool) as db:
        member = await resolving.member(db, key)
        if member is not None and member.archived_at is not None:
            raise MessagesDeleted(member.archived_at)
        if member is None or member.chunk is None:
            raise MessageUnknown
        chunk = ChunkKey(key.run_id, member.chunk)
        locked = await reconciling.lock_messages(db, {key: chunk})
        if key not in locked:
            raise Unavailable  # it was archived just now: who asks again is told so
        now = await database.now(db)
        step = resolved(key, chunk.chunk, locked[key].found.progress, resolution, now)
        if step.events:
            publishing = Publishing(member.traceparent, member.is_by_chunk)
            changes = Changes(locked, {key.run_id: publishing})
            changes.apply(key, chunk, step)
            await changes.put(db, now)
        crash_point("dispatcher.resolve.written", when=step.events)
    crash_point("dispatcher.resolve.committed", when=step.events)

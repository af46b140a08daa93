"""Republishing: all clients are published once more, as they are, with the hashes of now."""

from collections.abc import AsyncIterator
from uuid import UUID

from services.catalog.domain.client import client
from services.catalog.queue import suppressions as queue
from shared.database import transaction
from shared.event_store.postgres import PostgresEventStore
from shared.event_store.republish import republish_streams

CHUNK = 1_000  # clients in a transaction


async def republish_clients(store: PostgresEventStore) -> AsyncIterator[int]:
    """Publish all clients once more, chunk by chunk; yield how many these were so far.

    Whoever changes one meanwhile publishes that later. If it is cut off, it is called again.
    """
    after, count = UUID(int=0), 0
    while True:
        async with transaction(store.pool) as db:
            clients = await queue.hold_clients(db, after, limit=CHUNK)
            streams = [f"client-{each}" for each in clients]
            if streams:
                await republish_streams(db, store, client.events, streams)
        if not clients:
            return
        after, count = clients[-1], count + len(clients)
        yield count

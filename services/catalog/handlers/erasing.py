"""Erasing: what is known of a person goes; what counts, and what the person refused, stays.

The client's stream becomes one event without personal data, of the version that follows. Others
hear of it as of a removal, which says that it erases.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.catalog.domain.client import EraseClient, client
from services.catalog.domain.contact_keys import ContactKeys
from services.catalog.domain.erasing import traces_of
from services.catalog.handlers.commands import stream
from services.catalog.queue import erasing as queue
from shared import database
from shared.contracts.catalog import CLIENTS
from shared.crash import crash_point
from shared.database import Connection, transaction
from shared.decider import Known
from shared.errors import StaleVersion
from shared.event import Instant
from shared.event_store import Append
from shared.event_store.erasing import erase_history
from shared.event_store.postgres import PostgresEventStore, load
from shared.event_store.republish import republish_streams
from shared.event_store.snapshots import load_states
from shared.outbox.unpublished import erase_unpublished

AT_ONCE = 100  # tombstones that go out again in one transaction
# The cleaner compacts a segment that is closed. It is closed by a record that comes when its first
# one is older than the lag: so the tombstone comes once more, a little later.
MARGIN = timedelta(seconds=1)


@dataclass(frozen=True, slots=True)
class Erasure:
    """What came of it."""

    erased_at: Instant
    subjects: Sequence[str]  # under which the person is still suppressed
    gone_by: Instant  # what is left in Kafka


async def erase(
    store: PostgresEventStore,
    keys: ContactKeys,
    command: EraseClient,
    *,
    lag: timedelta,
    expected: Collection[int] | None = None,
) -> Erasure:
    """Erase a client, registered or removed. Doing it again publishes it again.

    Raises:
        ClientUnknown: There never was such a client.
        StaleVersion: It is not at a version that is `expected`.
    """
    while True:
        try:
            done = await _try(store, keys, command, lag=lag, expected=expected)
        except StaleVersion:
            if expected is not None:
                raise
            continue  # another writer was faster
        crash_point("catalog.erase.committed")
        return done


async def _try(
    store: PostgresEventStore,
    keys: ContactKeys,
    command: EraseClient,
    *,
    lag: timedelta,
    expected: Collection[int] | None,
) -> Erasure:
    name = stream(command)
    async with transaction(store.pool) as db:
        states = await load_states(db, [name], client)
        known = states.get(name, Known(client.initial, 0))
        if expected is not None and known.version not in expected:
            raise StaleVersion
        if decided := client.decide(command, known.state):
            history = await load(db, name, client.events)
            await store.append_in(db, [Append(name, decided, known.version)], now=command.now)
            await erase_history(db, name)
            await erase_unpublished(db, CLIENTS.name, str(command.client_id))
            traces = traces_of(history)
            await queue.erase_from_imports(db, traces)
            subjects = [str(command.client_id), *traces.hashes(keys)]
            await queue.erase_bounces(db, subjects)
            await queue.note_erasure(
                db, command.client_id, subjects, now=command.now, lag=lag + MARGIN
            )
            crash_point("catalog.erase.written")
        else:
            await republish_streams(db, store, client.events, [name])
        erased_at, kept = await queue.erasure(db, command.client_id) or (command.now, ())
    return Erasure(erased_at, kept, erased_at + lag + MARGIN)


async def republish_due(store: PostgresEventStore) -> bool:
    """Publish tombstones of erased clients once more; return whether there may be more of them."""
    async with transaction(store.pool) as db:
        due = await queue.take_due(db, await database.now(db), AT_ONCE)
        await _republish(db, store, due)
        crash_point("catalog.tombstone.written", when=due)
    crash_point("catalog.tombstone.committed", when=due)
    return len(due) == AT_ONCE


async def _republish(db: Connection, store: PostgresEventStore, due: Sequence[UUID]) -> None:
    """Publish what nothing is ever appended to."""
    if due:
        await republish_streams(db, store, client.events, [f"client-{each}" for each in due])

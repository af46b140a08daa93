"""Bouncing: a contact that has refused messages for good, so often, is suppressed."""

from collections.abc import Sequence
from dataclasses import dataclass

from services.catalog.domain.contact_keys import ContactKeys
from services.catalog.domain.suppression import Unwanted
from services.catalog.handlers.suppressing import suppress
from services.catalog.queue import bounces
from shared.contracts.catalog import SuppressedKind
from shared.contracts.dispatcher import ContactBounced, SuppressedReason
from shared.crash import crash_point
from shared.database import Connection
from shared.event import Instant
from shared.event_store.postgres import PostgresEventStore

SOURCE = "gateway"
KINDS = {str(kind): kind for kind in (SuppressedKind.PHONE, SuppressedKind.EMAIL)}


@dataclass(frozen=True, slots=True)
class Bouncing:
    """When contacts are suppressed that bounce."""

    store: PostgresEventStore
    keys: ContactKeys  # without one nothing is: it would have to be the whole client
    limit: int | None  # bounces; None: never

    async def count(self, db: Connection, bounced: Sequence[ContactBounced], now: Instant) -> None:
        """Count bounces in the caller's transaction; suppress those that have had enough.

        That has a transaction of its own: if the caller's is lost, both are done again.
        """
        if not self.keys or self.limit is None:
            return
        found = [
            (self.keys.hashes(KINDS[event.kind], contact)[0], event, contact)
            for event, contact in await bounces.contacts(db, bounced)
        ]
        if not found:
            return
        rows = [(subject, event.run_id, event.tried_at) for subject, event, _ in found]
        counted = await bounces.count(db, rows)
        crash_point("catalog.bounce.counted")
        unwanted = {
            subject: Unwanted(
                kind=KINDS[event.kind],
                value=contact,
                reason=SuppressedReason.BOUNCED,
                source=SOURCE,
            )
            for subject, event, contact in found
            if counted[subject] >= self.limit
        }
        if unwanted:
            await suppress(self.store, self.keys, list(unwanted.values()), now)
            crash_point("catalog.bounce.suppressed")

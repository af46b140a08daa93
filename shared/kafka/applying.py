"""Applying: what was fetched goes to its handlers, in one transaction with the positions."""

import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any, TypeAlias

from shared import database, telemetry
from shared.database import Connection, Pool, Unstorable, savepoint, transaction
from shared.event import Event, Received
from shared.kafka.dead_letters import DeadLetter, report_dead_letters, store_dead_letters
from shared.kafka.handlers import Handler, Handlers
from shared.kafka.positions import PartitionProgress, lock_reached, store_positions
from shared.kafka.records import Fetched, FromKafka, Unreadable, read

# Calls the handlers of records; returns those that could not be applied.
Handle: TypeAlias = Callable[[Connection, Sequence[FromKafka]], Awaitable[list[DeadLetter]]]


@dataclass
class Applier:
    """Applies records to the database of a consumer, exactly once in effect."""

    pool: Pool
    consumer: str
    handlers: Handlers
    _kinds: dict[bytes, type[Event]] = field(init=False)

    def __post_init__(self) -> None:
        self._kinds = {kind.type_name().encode(): kind for kind in self.handlers}

    async def apply(self, fetched: Fetched, progress: Sequence[PartitionProgress]) -> None:
        """Call the handlers for what is new, and store the positions.

        Raises:
            Unavailable: The database went away; it may have committed all the same.
            PositionsBehind: It lacks something before these records; nothing was applied.
        """
        begun = time.monotonic()
        try:
            applied = await self._commit(fetched, progress, self._handle)
        except Unstorable:  # one of them; nothing is written yet
            applied = await self._commit(fetched, progress, self._handle_apart)
        if applied:
            telemetry.consumed(self.consumer, applied, time.monotonic() - begun)

    async def _commit(
        self, fetched: Fetched, progress: Sequence[PartitionProgress], handle: Handle
    ) -> int:
        """Handle what is new, in one transaction with our positions; return how much it was."""
        async with transaction(self.pool) as db:
            now = await database.now(db)
            positions = await lock_reached(db, self.consumer, progress)
            fresh: list[FromKafka] = []
            for partition in sorted(fetched):
                position = positions[partition]
                fresh += [each for each in fetched[partition] if each.offset >= position]
            letters = await handle(db, fresh) if fresh else []
            await store_dead_letters(db, self.consumer, letters, now)
            await store_positions(db, self.consumer, progress, now)
        report_dead_letters(self.consumer, letters)
        return len(fresh)

    async def _handle(self, db: Connection, records: Sequence[FromKafka]) -> list[DeadLetter]:
        received, letters = [], []
        for record in records:
            try:
                event = read(record, self._kinds)
            except Unreadable as error:
                letters.append(DeadLetter(record, str(error)))
            else:
                if event is not None:
                    received.append(event)
        for handler, neighbors in groupby(received, key=self._handler_of):
            await handler(db, list(neighbors))
        return letters

    async def _handle_apart(
        self, db: Connection, records: Sequence[FromKafka]
    ) -> list[DeadLetter]:
        """Do the same by halves of halves, in order, down to each record that cannot be stored."""
        try:
            async with savepoint(db):
                return await self._handle(db, records)
        except Unstorable as error:
            if len(records) == 1:
                return [DeadLetter(records[0], f"cannot be stored: {error}")]
        half = len(records) // 2
        first = await self._handle_apart(db, records[:half])
        return first + await self._handle_apart(db, records[half:])

    def _handler_of(self, received: Received[Any]) -> Handler[Any]:
        return self.handlers[type(received.event)]

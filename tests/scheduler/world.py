"""A scheduler's world in a few words: mailings, time that passes, and what is told of runs."""

from dataclasses import dataclass
from datetime import timedelta
from typing import Any
from uuid import UUID

from sqlalchemy import text

from services.scheduler import handlers
from services.scheduler.domain.schedule import RunPostponed
from services.scheduler.subscriptions import subscriptions
from shared import database, outbox
from shared.contracts.catalog import (
    DeclinedReason,
    Filter,
    MailingChanged,
    MailingCreated,
    MailingDeleted,
    MailingRunRequested,
    MailingStopped,
    RunBegun,
    RunDeclined,
    content_of,
)
from shared.contracts.scheduler import MailingScheduled, RunMissed
from shared.database import Pool, transaction
from shared.event import Instant, Received
from shared.event_store.postgres import PostgresEventStore

HOUR = timedelta(hours=1)
TRACE = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
KINDS = {kind.type_name(): kind for kind in (MailingScheduled, RunMissed)}


@dataclass(slots=True)
class Told:
    """An event in the outbox."""

    event: Any
    topic: str
    key: str
    headers: dict[str, bytes]


@dataclass(frozen=True, slots=True)
class Scheduler:
    """A scheduler's database, and what happens around it."""

    pool: Pool
    store: PostgresEventStore

    async def now(self) -> Instant:
        async with transaction(self.pool) as db:
            return await database.now(db)

    async def pass_time(self, by: timedelta) -> None:
        async with transaction(self.pool) as db:
            await db.execute(text("UPDATE clock SET shift = shift + :by"), {"by": by})

    async def hear(self, *events: Any, version: int = 1) -> None:
        """Hear of a mailing; the first event has this version, the next ones follow."""
        received = [
            Received(
                event,
                str(event.mailing_id),
                {"ce_sequence": str(each).encode(), "traceparent": TRACE.encode()},
            )
            for each, event in enumerate(events, start=version)
        ]
        kinds = subscriptions(self.store)
        async with transaction(self.pool) as db:
            for each in received:
                await kinds[type(each.event)](db, [each])

    async def fire(self) -> bool:
        return await handlers.fire_due(self.store)

    async def told(self) -> list[Told]:
        async with transaction(self.pool) as db:
            rows = await db.scalars(text("SELECT batches FROM outbox ORDER BY position"))
            return [
                Told(
                    KINDS[headers["ce_type"].decode()].read(record.value or b""),
                    batch.topic,
                    record.key.decode(),
                    headers,
                )
                for row in rows
                for batch in outbox.read(row)
                for record in batch.records
                if (headers := dict(batch.headers) | dict(record.headers))
            ]

    async def events(self) -> list[Any]:
        return [each.event for each in await self.told()]

    async def runs(self) -> list[Any]:
        async with transaction(self.pool) as db:
            return list(await db.execute(text("SELECT * FROM runs")))

    async def story(self, mailing: "Mailing") -> list[type[Any]]:
        """Return the kinds of what happened to a mailing's schedule, in order."""
        named = {kind.type_name(): kind for kind in (MailingScheduled, RunMissed, RunPostponed)}
        stream = f"schedule-{mailing.id}"
        async with transaction(self.pool) as db:
            query = text("SELECT type FROM events WHERE stream = :stream ORDER BY version")
            return [named[name] for name in await db.scalars(query, {"stream": stream})]

    async def schedules(self) -> dict[UUID, Any]:
        async with transaction(self.pool) as db:
            rows = await db.execute(text("SELECT * FROM schedules"))
            return {row.mailing_id: row for row in rows}


@dataclass(frozen=True, slots=True)
class Mailing:
    """A mailing of the catalog, and what people do to it."""

    starts_at: Instant
    ends_at: Instant
    number: int = 1

    @property
    def id(self) -> UUID:
        return UUID(int=(0xA << 124) | self.number)

    def _state(self, **fields: Any) -> dict[str, Any]:
        return {
            "mailing_id": self.id,
            "name": "spring",
            "body": "Hello {{ full_name }}",
            "subject": None,
            "filter": Filter(operator_codes=("916",), tags=("vip",)),
            "starts_at": self.starts_at,
            "ends_at": self.ends_at,
            "gateway": "http",
        } | fields

    def created(self, **fields: Any) -> MailingCreated:
        return MailingCreated(**self._state(**fields), created_at=self.starts_at)

    def changed(self, **fields: Any) -> MailingChanged:
        return MailingChanged(**self._state(**fields), changed_at=self.starts_at)

    def requested(self, at: Instant) -> MailingRunRequested:
        return MailingRunRequested(mailing_id=self.id, requested_at=at)

    def declined(
        self, proposal: MailingScheduled | RunMissed, reason: str, **window: Instant
    ) -> RunDeclined:
        if isinstance(proposal, RunMissed):
            proposed_at = proposal.missed_at
        else:
            proposed_at = proposal.scheduled_at
        return RunDeclined(
            run_id=proposal.run_id,
            mailing_id=self.id,
            nominal=proposal.nominal,
            reason=DeclinedReason(reason),
            starts_at=window.get("starts_at", self.starts_at),
            ends_at=window.get("ends_at", self.ends_at),
            proposed_at=proposed_at,
            declined_at=proposed_at,
        )

    def begun(self, proposal: MailingScheduled, **content: Any) -> RunBegun:
        values = content_of(proposal).as_dict() | content
        return RunBegun(
            run_id=proposal.run_id,
            mailing_id=self.id,
            nominal=proposal.nominal,
            revision=proposal.revision,
            is_last=proposal.is_last,
            proposed_at=proposal.scheduled_at,
            begun_at=proposal.scheduled_at + timedelta(seconds=3),
            **values,
        )

    def stopped(self) -> MailingStopped:
        return MailingStopped(mailing_id=self.id, stopped_at=self.starts_at)

    def deleted(self) -> MailingDeleted:
        return MailingDeleted(mailing_id=self.id, deleted_at=self.starts_at)

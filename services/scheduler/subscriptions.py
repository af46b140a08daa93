"""The Kafka door: the catalog's events in, schedules out. No rules here."""

from collections.abc import Sequence

from services.scheduler import handlers, projections
from shared.contracts.catalog import (
    MailingChanged,
    MailingCreated,
    MailingDeleted,
    MailingRunRequested,
    MailingStopped,
    RunBegun,
    RunDeclined,
)
from shared.database import Connection
from shared.event import Received
from shared.event_store.postgres import PostgresEventStore
from shared.kafka import Handlers


def subscriptions(store: PostgresEventStore) -> Handlers:
    """Return what the scheduler does about each event it listens to."""

    async def when_run_declined_arm_or_miss_it(
        db: Connection, received: Sequence[Received[RunDeclined]]
    ) -> None:
        await handlers.decline_runs(store, db, received)

    mailings = (
        MailingCreated,
        MailingChanged,
        MailingRunRequested,
        MailingStopped,
        MailingDeleted,
    )
    return {
        **dict.fromkeys(mailings, projections.mailings),
        RunBegun: projections.run_begun,
        RunDeclined: when_run_declined_arm_or_miss_it,
    }

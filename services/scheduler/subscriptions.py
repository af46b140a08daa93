"""The Kafka door: the catalog's events in, schedules out. No rules here."""

from services.scheduler import projections
from shared.contracts.catalog import (
    MailingChanged,
    MailingCreated,
    MailingDeleted,
    MailingRunRequested,
    MailingStopped,
)
from shared.kafka import Handlers


def subscriptions() -> Handlers:
    """Return what the scheduler does about each event it listens to."""
    return dict.fromkeys(
        (
            MailingCreated,
            MailingChanged,
            MailingRunRequested,
            MailingStopped,
            MailingDeleted,
        ),
        projections.mailings,
    )

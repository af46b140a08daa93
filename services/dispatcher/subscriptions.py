"""The Kafka door: events of others in, copies and runs out. No rules here."""

from services.dispatcher import projections
from services.dispatcher.queue import suppressions
from shared.contracts.catalog import (
    CLIENTS,
    MAILINGS,
    SUPPRESSIONS,
    ClientChanged,
    ClientRegistered,
    ClientRemoved,
    MailingChanged,
    MailingCreated,
    MailingDeleted,
    MailingPaused,
    MailingResumed,
    MailingStopped,
    RunBegun,
    SuppressionChanged,
    SuppressionLifted,
)
from shared.contracts.scheduler import MailingScheduled
from shared.kafka import Handlers

CONSUMER = "dispatcher"  # of what the replicas share among them
CONTROLS = "dispatcher.controls"  # of what each replica reads for itself, so as not to wait
# What a run waits for: who was there when it began, whoever of them wanted nothing then, and what
# stands behind its beginning.
READERS = {CLIENTS.name: CONSUMER, SUPPRESSIONS.name: CONSUMER, MAILINGS.name: CONTROLS}


def subscriptions() -> Handlers:
    """Return what the dispatcher does about clients and runs."""
    return {
        ClientRegistered: projections.clients,
        ClientChanged: projections.clients,
        ClientRemoved: projections.clients,
        SuppressionChanged: suppressions.store,
        SuppressionLifted: suppressions.store,
        MailingScheduled: projections.mailing_scheduled,
    }


def controls() -> Handlers:
    """Return what the dispatcher does about mailings: what must act within a second.

    Runs begin here too: what stands behind a beginning in the mailing's stream is read after it.
    """
    changes = (
        MailingCreated,
        MailingChanged,
        MailingPaused,
        MailingResumed,
        MailingStopped,
        MailingDeleted,
    )
    return {
        **dict.fromkeys(changes, projections.controls),
        RunBegun: projections.run_begun,
    }

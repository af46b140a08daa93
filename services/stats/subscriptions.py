"""The Kafka door: events in, rows out. No rules here.

At least once: the same event may come again, and then nothing changes.
"""

from collections.abc import Sequence
from typing import Any
from uuid import UUID

from services.stats.projections import counts, mailings, progress
from services.stats.queue import generations
from shared.contracts.catalog import (
    MailingChanged,
    MailingCreated,
    MailingDeleted,
    MailingPaused,
    MailingResumed,
    MailingStopped,
    RunBegun,
)
from shared.contracts.dispatcher import (
    MESSAGES,
    MessageAttempted,
    MessageCancelled,
    MessageDelivered,
    MessageExpired,
    MessageFailed,
    MessagesDelivered,
    MessagesPlanned,
    MessageSuppressed,
    MessageUndetermined,
    RunArchived,
    RunCorrected,
    RunExpanded,
    RunFinished,
    RunResent,
)
from shared.contracts.platform import OutboxPublished
from shared.contracts.scheduler import MailingScheduled, RunMissed
from shared.database import Connection
from shared.event import Received
from shared.kafka import Handlers

CONSUMER = "stats"
# The figures of those whose messages may be gone from there are in their RunArchived.
MAY_BE_CUT = (MESSAGES,)

RUN_KINDS = (
    RunBegun,
    MailingScheduled,
    RunMissed,
    MessagesPlanned,
    RunExpanded,
    RunFinished,
    RunCorrected,
    RunArchived,
    RunResent,
    MessagesDelivered,
    MessageAttempted,
    MessageDelivered,
    MessageFailed,
    MessageExpired,
    MessageCancelled,
    MessageSuppressed,
    MessageUndetermined,
)
KINDS = (
    *RUN_KINDS,
    MailingCreated,
    MailingChanged,
    MailingPaused,
    MailingResumed,
    MailingStopped,
    MailingDeleted,
)


def subscriptions(generation: int | None = None) -> Handlers:
    """Return what is done about each event: it is applied to a generation, or the current one.

    All kinds share one function, so a batch is never split, and writes each run once.
    """
    consumer = CONSUMER if generation is None else rebuilder(generation)

    async def when_anything_happens_count_it(
        db: Connection, received: Sequence[Received[Any]]
    ) -> None:
        chosen = await generations.current(db) if generation is None else generation
        await counts.project(db, chosen, received, consumer=consumer)
        await mailings.project(db, chosen, received)

    if generation is not None:
        return dict.fromkeys(KINDS, when_anything_happens_count_it)
    topics = {kind.topic.name for kind in KINDS if kind.topic}

    async def when_outboxes_are_published_keep_how_far(
        db: Connection, received: Sequence[Received[Any]]
    ) -> None:
        await progress.apply(db, received, topics)

    return {
        **dict.fromkeys(KINDS, when_anything_happens_count_it),
        OutboxPublished: when_outboxes_are_published_keep_how_far,
    }


def subscriptions_of(run_id: UUID) -> Handlers:
    """Return what is done about each event when one run is read again: only its own are applied.

    Meanwhile the live consumer waits: two that apply events of one message would collide.
    """

    async def when_anything_happens_to_the_run_count_it(
        db: Connection, received: Sequence[Received[Any]]
    ) -> None:
        own = [each for each in received if each.event.run_id == run_id]
        if own:
            await generations.hold_consumer(db, CONSUMER)
            chosen = await generations.current(db)
            await counts.project(db, chosen, own, consumer=mender(run_id))

    return dict.fromkeys(RUN_KINDS, when_anything_happens_to_the_run_count_it)


def rebuilder(generation: int | str) -> str:
    """Return the consumer that fills a generation; `%` gives the pattern of all."""
    return f"{CONSUMER}.rebuild.{generation}"


def mender(run_id: UUID | str) -> str:
    """Return the consumer that reads a run again; `%` gives the pattern of all."""
    return f"{CONSUMER}.mend.{run_id}"

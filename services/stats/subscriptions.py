"""The Kafka door: events in, rows out. No rules here.

At least once: the same event may come again, and then nothing changes.
"""

from collections.abc import Sequence
from typing import Any

from services.stats import queue
from services.stats.projections import counts, progress
from services.stats.queries.freshness import freshness
from shared import telemetry
from shared.contracts.catalog import RunBegun
from shared.contracts.dispatcher import (
    MessageAttempted,
    MessageCancelled,
    MessageDelivered,
    MessageExpired,
    MessageFailed,
    MessagesPlanned,
    MessageSuppressed,
    MessageUndetermined,
    RunExpanded,
    RunFinished,
)
from shared.contracts.platform import OutboxPublished
from shared.contracts.scheduler import MailingScheduled, RunMissed
from shared.database import Connection
from shared.event import Received
from shared.kafka import Handlers


def subscriptions(generation: int | None = None) -> Handlers:
    """Return what is done about each event: it is applied to a generation, or the current one.

    All kinds share one function, so a batch is never split, and writes each run once.
    """

    async def when_anything_happens_count_it(
        db: Connection, received: Sequence[Received[Any]]
    ) -> None:
        chosen = await queue.current(db) if generation is None else generation
        await counts.project(db, chosen, received)

    kinds = (
        RunBegun,
        MailingScheduled,
        RunMissed,
        MessagesPlanned,
        RunExpanded,
        RunFinished,
        MessageAttempted,
        MessageDelivered,
        MessageFailed,
        MessageExpired,
        MessageCancelled,
        MessageSuppressed,
        MessageUndetermined,
    )
    if generation is not None:
        return dict.fromkeys(kinds, when_anything_happens_count_it)
    topics = {kind.topic.name for kind in kinds if kind.topic}

    async def when_outboxes_are_published_keep_how_far(
        db: Connection, received: Sequence[Received[Any]]
    ) -> None:
        await progress.apply(db, received, topics)
        if as_of := (await freshness(db))["as_of"]:
            telemetry.measure("stats.as_of", as_of.timestamp())

    return {
        **dict.fromkeys(kinds, when_anything_happens_count_it),
        OutboxPublished: when_outboxes_are_published_keep_how_far,
    }

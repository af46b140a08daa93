"""The Kafka door: events in, rows out. No rules here.

At least once: the same event may come again, and then nothing changes.
"""

from collections.abc import Sequence
from typing import Any

from services.stats import projections, queue
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
        await projections.project(db, chosen, received)

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
    return dict.fromkeys(kinds, when_anything_happens_count_it)

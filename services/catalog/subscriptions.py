"""The Kafka door: events in, commands out. No rules here.

At least once: the same event may come again, and then `decide` answers with nothing.
"""

from collections.abc import Sequence
from typing import Any

from services.catalog import handlers
from services.catalog.domain.mailing_commands import (
    BeginRun,
    FinishRun,
    MailingCommand,
    MissRun,
    RecordRun,
)
from services.catalog.handlers.bouncing import Bouncing
from services.catalog.queue import gateways, run_switches
from shared.clock import Clock
from shared.contracts.dispatcher import (
    ContactBounced,
    RunFinished,
    RunPaused,
    RunResumed,
    RunStopped,
)
from shared.contracts.gateways import (
    GatewayDescribed,
    GatewayPaused,
    GatewayRemoved,
    GatewayResumed,
)
from shared.contracts.scheduler import MailingScheduled, RunMissed
from shared.crash import crash_point
from shared.database import Connection
from shared.event import Instant, Received
from shared.event_store import EventStore
from shared.kafka import Handlers


def subscriptions(store: EventStore, clock: Clock, bouncing: Bouncing | None = None) -> Handlers:
    """Return what the catalog does about each event it listens to.

    `bouncing`: when contacts are suppressed that bounce; None: never.
    """

    async def when_runs_advance_mailings(
        db: Connection, received: Sequence[Received[Any]]
    ) -> None:
        finished = [each.event for each in received if isinstance(each.event, RunFinished)]
        await run_switches.follow(db, finished)
        now = await clock()
        commands = [(_command(each.event, now), each.cause) for each in received]
        crash_point("catalog.begin.decided")
        await handlers.handle_many(store, commands, now=now)
        crash_point("catalog.begin.committed")

    async def when_switches_move_show_where_they_are(
        db: Connection, received: Sequence[Received[Any]]
    ) -> None:
        await run_switches.follow(db, [each.event for each in received])

    async def when_contacts_bounce_count_them(
        db: Connection, received: Sequence[Received[ContactBounced]]
    ) -> None:
        if bouncing is not None:
            await bouncing.count(db, [each.event for each in received], await clock())

    moves = (RunPaused, RunResumed, RunStopped)
    return {
        **dict.fromkeys(moves, when_switches_move_show_where_they_are),
        ContactBounced: when_contacts_bounce_count_them,
        GatewayDescribed: gateways.store,
        GatewayPaused: gateways.store,
        GatewayResumed: gateways.store,
        GatewayRemoved: gateways.store,
        MailingScheduled: when_runs_advance_mailings,
        RunMissed: when_runs_advance_mailings,
        RunFinished: when_runs_advance_mailings,
    }


def _command(event: MailingScheduled | RunMissed | RunFinished, now: Instant) -> MailingCommand:
    match event:
        case MailingScheduled(is_proposal=True):
            return BeginRun(
                mailing_id=event.mailing_id,
                run_id=event.run_id,
                nominal=event.nominal,
                is_last=event.is_last,
                starts_at=event.starts_at,
                proposed_at=event.scheduled_at,
                now=now,
            )
        case MailingScheduled():
            return RecordRun(mailing_id=event.mailing_id, now=now)
        case RunMissed():
            return MissRun(
                mailing_id=event.mailing_id,
                run_id=event.run_id,
                nominal=event.nominal,
                ends_at=event.ends_at,
                reason=event.reason,
                proposed_at=event.missed_at,
                now=now,
                starts_at=event.starts_at,
            )
        case RunFinished():
            return FinishRun(
                mailing_id=event.mailing_id, is_last=event.is_last, now=now, run_id=event.run_id
            )

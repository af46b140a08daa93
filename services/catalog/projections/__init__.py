"""Projections: events in, rows of the catalog's own tables out.

Idempotent, and what is older than the row is ignored: applying twice, or late, changes nothing.
"""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import groupby
from typing import Any, TypeAlias

from services.catalog.domain.audience import AudienceChanged, AudienceDeleted, AudienceSaved
from services.catalog.domain.mailing_state import (
    MailingBegan,
    MailingFinished,
    MailingMissed,
    OccurrencePassed,
    RunEnded,
    RunOpened,
    RunQueued,
)
from services.catalog.projections import audiences, clients, mailings, suppressions
from shared.contracts.catalog import (
    ClientChanged,
    ClientRegistered,
    ClientRemoved,
    MailingChanged,
    MailingCreated,
    MailingDeleted,
    MailingPaused,
    MailingResumed,
    MailingRunRequested,
    MailingStopped,
    RunBegun,
    RunDeclined,
    SuppressionChanged,
    SuppressionLifted,
)
from shared.database import Connection
from shared.event import Event, Recorded

Projection: TypeAlias = Callable[[Connection, Sequence[Recorded[Any]]], Awaitable[None]]


async def project(db: Connection, recorded: Sequence[Recorded[Any]]) -> None:
    """Apply `recorded` in its order; neighbors of one kind, such as an import, in one go.

    New clients come first, as they do in their streams: so an import has one turn for them and
    one for those that change, however its rows are mixed.

    Raises:
        PhoneTaken: Another client has the phone.
    """
    ordered = sorted(recorded, key=lambda each: type(each.event) is not ClientRegistered)
    for kind, neighbors in groupby(ordered, key=lambda each: type(each.event)):
        await PROJECTIONS[kind](db, list(neighbors))


PROJECTIONS: Mapping[type[Event], Projection] = {
    ClientRegistered: clients.client_registered,
    ClientChanged: clients.client_changed,
    ClientRemoved: clients.client_removed,
    AudienceSaved: audiences.audience_saved,
    AudienceChanged: audiences.audience_changed,
    AudienceDeleted: audiences.audience_deleted,
    SuppressionChanged: suppressions.suppression_changed,
    SuppressionLifted: suppressions.suppression_lifted,
    MailingCreated: mailings.mailing_created,
    MailingChanged: mailings.mailing_changed,
    MailingRunRequested: mailings.mailing_run_requested,
    MailingPaused: mailings.mailing_paused,
    MailingResumed: mailings.mailing_resumed,
    MailingStopped: mailings.mailing_stopped,
    MailingDeleted: mailings.mailing_deleted,
    RunBegun: mailings.run_begun,
    RunOpened: mailings.run_begun,
    MailingBegan: mailings.run_begun,
    RunDeclined: mailings.run_advanced,
    MailingMissed: mailings.mailing_missed,
    MailingFinished: mailings.mailing_finished,
    RunQueued: mailings.run_advanced,
    RunEnded: mailings.run_advanced,
    OccurrencePassed: mailings.run_advanced,
}

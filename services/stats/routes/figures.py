"""The figures over HTTP, for those who run it."""

from base64 import urlsafe_b64encode
from typing import Annotated, TypeAlias
from uuid import UUID

from fastapi import Query

from services.stats.queries import figures, messages, proof
from services.stats.queries.figures import (
    MailingStats,
    MailingUnknown,
    MailingView,
    RunUnknown,
    RunView,
    TotalsView,
)
from services.stats.queries.freshness import Freshness
from services.stats.queries.messages import MessagesDeleted, MessageView, Place, Wanted
from services.stats.queries.proof import ReconcileView
from shared.contracts.dispatcher import State
from shared.http import (
    BadCursor,
    Cursor,
    Database,
    Limit,
    Page,
    answers,
    instant_and_id,
    newest_key,
    page,
    position,
    strict_router,
)

router = strict_router("/v1", "stats")

MOST_IDS = 100  # in a request

MailingIds: TypeAlias = Annotated[
    list[UUID] | None, Query(description="Identifiers of mailings.", max_length=MOST_IDS)
]


class MailingPage(Page[MailingStats], Freshness):
    """Some of the mailings, and how old their figures are."""


class MessagePage(Page[MessageView], Freshness):
    """Some of the messages. Only the last page has no `next_cursor`; any may be short."""


@router.get("/totals", operation_id="get_totals")
async def totals(db: Database) -> TotalsView:
    """Show the figures of everything."""
    return await figures.totals(db)


@router.get("/mailings", operation_id="list_mailings", responses=answers(BadCursor))
async def mailings(
    db: Database, cursor: Cursor, limit: Limit = 50, ids: MailingIds = None
) -> MailingPage:
    """Show a page of mailings that have begun, with their figures, the newest first."""
    before = position(cursor, instant_and_id, None)
    fresh, found = await figures.mailings(db, before=before, limit=limit + 1, mailing_ids=ids)
    shown = page(found, limit, lambda each: newest_key(*each.newest))
    return MailingPage(items=shown.items, next_cursor=shown.next_cursor, **fresh)


@router.get(
    "/mailings/{mailing_id}", operation_id="get_mailing", responses=answers(MailingUnknown)
)
async def mailing(mailing_id: UUID, db: Database) -> MailingView:
    """Show the figures of a mailing that has begun, and of its runs."""
    return await figures.mailing(db, mailing_id)


@router.get("/runs/{run_id}", operation_id="get_run", responses=answers(RunUnknown))
async def run(run_id: UUID, db: Database) -> RunView:
    """Show the figures of a run."""
    return await figures.run(db, run_id)


@router.get(
    "/messages", operation_id="list_messages", responses=answers(BadCursor, MessagesDeleted)
)
async def list_messages(
    db: Database,
    cursor: Cursor,
    run_id: UUID | None = None,
    mailing_id: UUID | None = None,
    status: State | None = None,
    limit: Limit = 50,
) -> MessagePage:
    """Show a page of the messages behind a figure, by run.

    A page takes bounded time, so it may be shorter than `limit`, even empty, and others follow.
    Messages of archived runs are deleted: asked for those of one, the answer is 410 and says since
    when; all other lists leave them out.
    """
    place = position(cursor, Place.read, messages.START)
    wanted = Wanted(run_id, mailing_id, status)
    found = await messages.page(db, wanted, place, limit)
    next_cursor = None if found.rest is None else _cursor(found.rest)
    return MessagePage(items=found.items, next_cursor=next_cursor, **found.fresh)


@router.get("/reconcile", operation_id="reconcile", responses=answers(MailingUnknown, RunUnknown))
async def reconcile(
    db: Database, run_id: UUID | None = None, mailing_id: UUID | None = None
) -> ReconcileView:
    """Prove the figures: count every message, and compare."""
    return await proof.reconcile(db, run_id=run_id, mailing_id=mailing_id)


def _cursor(place: Place) -> str:
    return urlsafe_b64encode(str(place).encode()).decode()

"""Histories of mailings over HTTP."""

from typing import Annotated
from uuid import UUID

from fastapi import Query

from services.catalog.domain.mailing import MailingUnknown
from services.catalog.queries import history
from services.catalog.queries.history import MailingEventView
from shared.http import BadCursor, Cursor, Database, Page, answers, page, position, strict_router

router = strict_router("/v1/mailings", "mailings")

MOST = 100  # of a page: each may have all of a mailing
LATEST = 2**31 - 1  # no stream has as many events


@router.get(
    "/{mailing_id}/events",
    operation_id="list_mailing_events",
    responses=answers(BadCursor, MailingUnknown),
)
async def mailing_events(
    mailing_id: UUID,
    db: Database,
    cursor: Cursor,
    limit: Annotated[int, Query(ge=1, le=MOST, description="Items of a page.")] = 50,
) -> Page[MailingEventView]:
    """Show a page of what happened to a mailing, the newest first, also of a deleted one.

    Each event has what it changed of the mailing, field by field, and which run it is about.
    """
    before = position(cursor, _version, LATEST)
    found = await history.history(db, mailing_id, before=before, limit=limit + 1)
    return page(found, limit, lambda each: str(each.version))


def _version(cursor: str) -> int:
    """Read where a page begins.

    Raises:
        ValueError: It is no such cursor.
    """
    version = int(cursor)
    if not 0 < version <= LATEST:
        raise ValueError
    return version

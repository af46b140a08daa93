"""Subjects over HTTP: what the dispatcher has of a person."""

from uuid import UUID

from services.dispatcher.domain.test_send import ClientUnknown
from services.dispatcher.queries import subjects as queries
from services.dispatcher.queries.subjects import DispatcherSubjectDataView
from shared.http import (
    BadCursor,
    Cursor,
    Database,
    Limit,
    answers,
    instant_and_id,
    position,
    strict_router,
)

router = strict_router("/v1/clients", "clients")


@router.get(
    "/{client_id}/subject-data",
    operation_id="get_dispatcher_subject_data",
    responses=answers(BadCursor, ClientUnknown),
)
async def subject_data(
    client_id: UUID, db: Database, cursor: Cursor, limit: Limit = 50
) -> DispatcherSubjectDataView:
    """Show all that the dispatcher has of a person: its copy, contacts and a page of messages.

    The catalog has the rest, at the same path.
    """
    before = position(cursor, instant_and_id, None)
    return await queries.subject_data(db, client_id, before=before, limit=limit)

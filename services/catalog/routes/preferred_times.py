"""The times at which a client likes to be written to, over HTTP: one after the other."""

from typing import Annotated
from uuid import UUID

from fastapi import Path, Response, status

from services.catalog import handlers
from services.catalog.domain.client import ClientUnknown
from services.catalog.domain.preferring import (
    AddPreferredTime,
    DeletePreferredTime,
    PreferredTimeUnknown,
)
from services.catalog.domain.profile import ClientInvalid
from services.catalog.queries import clients as queries
from services.catalog.queries.clients import PreferredTimeView
from services.catalog.routes.clients import PreferredTimeBody
from shared.database import autocommit
from shared.http import Change, Database, View, answers, etag, strict_router
from shared.preferred import PreferredTime

router = strict_router("/v1/clients/{client_id}/preferred-times", "clients")


class PreferredTimesView(View):
    """All times that a client prefers."""

    items: list[PreferredTimeView]


@router.get(
    "",
    operation_id="list_preferred_times",
    responses=answers(ClientUnknown, headers=("ETag",)),
)
async def preferred_times(client_id: UUID, response: Response, db: Database) -> PreferredTimesView:
    """Show the times that a client prefers; the entity tag is the client's."""
    view = await queries.client(db, client_id)
    response.headers["ETag"] = etag(view.version)
    return PreferredTimesView(items=view.preferred_times)


@router.post(
    "",
    operation_id="add_preferred_time",
    responses=answers(ClientInvalid, ClientUnknown, headers=("ETag",)),
)
async def add_preferred_time(
    client_id: UUID, body: PreferredTimeBody, response: Response, context: Change
) -> PreferredTimesView:
    """Add a time that a client prefers. Days of one local time are kept together."""
    time = PreferredTime(body.days, body.at)
    command = AddPreferredTime(client_id=client_id, time=time, now=context.now)
    await handlers.handle(context.store, command, expected=context.expected)
    async with autocommit(context.pool) as db:
        return await preferred_times(client_id, response, db)


@router.delete(
    "/{time_id}",
    operation_id="delete_preferred_time",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=answers(ClientUnknown, PreferredTimeUnknown),
)
async def delete_preferred_time(
    client_id: UUID,
    time_id: Annotated[str, Path(max_length=100, examples=["mon-fri_09:00"])],
    context: Change,
) -> None:
    """Delete a time that a client prefers, as it is shown."""
    command = DeletePreferredTime(
        client_id=client_id, text=time_id.replace("_", " "), now=context.now
    )
    await handlers.handle(context.store, command, expected=context.expected)

"""Exports over HTTP: a line a thing, streamed."""

from collections.abc import AsyncIterator
from typing import Annotated, Any, TypeAlias

from fastapi import Query
from fastapi.responses import StreamingResponse

from services.catalog.queries import export
from services.catalog.routes.asked_clients import LATEST, AskedClients
from shared.exported import MEDIA_TYPES, ExportFormat
from shared.http import (
    BadCursor,
    Cursor,
    DatabasePool,
    answers,
    instant_and_id,
    position,
    strict_router,
)

router = strict_router("/v1/clients/export", "clients")

Wanted: TypeAlias = Annotated[ExportFormat, Query(alias="format")]


def described(text: str) -> dict[int | str, dict[str, Any]]:
    """Return what the API's document says of an export."""
    content = {each: {"schema": {"type": "string"}} for each in MEDIA_TYPES.values()}
    return {200: {"description": text, "content": content}}


def exported(lines: AsyncIterator[str], wanted: ExportFormat, name: str) -> StreamingResponse:
    """Return an answer that is a file."""
    return StreamingResponse(
        lines,
        media_type=MEDIA_TYPES[wanted],
        headers={"Content-Disposition": f'attachment; filename="{name}.{wanted}"'},
    )


@router.get(
    "",
    operation_id="export_clients",
    response_class=StreamingResponse,
    responses=answers(BadCursor)
    | described("All clients; it ends properly only with all of them."),
)
async def export_clients(
    pool: DatabasePool,
    asked: AskedClients,
    cursor: Cursor,
    wanted: Wanted = ExportFormat.NDJSON,
) -> StreamingResponse:
    """Show each client that has all of what is asked for, the newest first, as an import takes it.

    NDJSON has a line for each, as `/v1/clients/{client_id}` shows it. In CSV a text that a
    spreadsheet would take for a formula has an apostrophe before it, which an import takes off.
    What broke off goes on behind the last whole line, by its cursor: base64url of
    "created_at,client_id".
    """
    before = position(cursor, instant_and_id, LATEST)
    lines = export.client_lines(pool, asked, before, wanted, is_first=cursor is None)
    return exported(lines, wanted, "clients")

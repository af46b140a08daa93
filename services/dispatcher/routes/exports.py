"""Exports over HTTP."""

from typing import Annotated, Any, TypeAlias
from uuid import UUID

from fastapi import Query
from fastapi.responses import StreamingResponse

from services.dispatcher.domain.message import MessageUnknown, RunUnknown
from services.dispatcher.domain.retention import MessagesDeleted
from services.dispatcher.queries import export
from shared.contracts.dispatcher import State
from shared.exported import MEDIA_TYPES, ExportFormat
from shared.http import Database, DatabasePool, answers, strict_router

router = strict_router("/v1/runs", "runs")

Wanted: TypeAlias = Annotated[ExportFormat, Query(alias="format")]

AFTER = "A client: the export goes on behind its message, where an earlier one broke off."
DESCRIBED: dict[int | str, dict[str, Any]] = {
    200: {
        "description": "All messages; it ends properly only if it has all of them.",
        "content": {each: {"schema": {"type": "string"}} for each in MEDIA_TYPES.values()},
    }
}


@router.get(
    "/{run_id}/export",
    operation_id="export_run",
    response_class=StreamingResponse,
    responses=answers(RunUnknown, MessageUnknown, MessagesDeleted) | DESCRIBED,
)
async def export_run(
    *,
    run_id: UUID,
    db: Database,
    pool: DatabasePool,
    wanted: Wanted = ExportFormat.NDJSON,
    status: State | None = None,
    after: Annotated[UUID | None, Query(description=AFTER)] = None,
) -> StreamingResponse:
    """Show each message of a run with all attempts, chunk by chunk, as long as it is kept.

    NDJSON has a line for each message, as `/v1/messages/{message_id}` shows it. CSV has a line for
    each attempt, or one for a message without any; a text that a spreadsheet would take for a
    formula has an apostrophe before it. If the run is archived meanwhile, the answer breaks off.
    """
    first = await export.first_page(db, run_id, after)
    asked = export.Wanted(wanted, status, is_continued=after is not None)
    return StreamingResponse(
        export.texts(pool, run_id, first, asked),
        media_type=MEDIA_TYPES[wanted],
        headers={"Content-Disposition": f'attachment; filename="run-{run_id}.{wanted}"'},
    )

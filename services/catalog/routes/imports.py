"""Imports over HTTP: clients by the file, streamed."""

from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import cast
from uuid import UUID

from fastapi import Request, Response, status
from fastapi.responses import StreamingResponse
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from services.catalog.domain.imports import (
    DEFAULT_LIMITS,
    IMPORTS_AT_ONCE,
    ImportBrokenOff,
    ImportCancelled,
    ImportDiffers,
    ImportEnded,
    ImportLimits,
    ImportOvertaken,
    ImportRefused,
    ImportRunning,
    ImportTooLarge,
    ImportUnknown,
    ImportWasDeleted,
    TooManyImports,
)
from services.catalog.files import ANYTHING, TYPES, check_size, read_rows
from services.catalog.handlers import importing, pruning
from services.catalog.queries import export
from services.catalog.queries import imports as queries
from services.catalog.queries.imports import ImportView, RejectionView
from services.catalog.routes.exports import Wanted, described, exported
from services.catalog.routes.import_options import DeclaredFile
from shared import ids
from shared.database import autocommit
from shared.exported import ExportFormat
from shared.http import (
    Admission,
    BadCursor,
    Cursor,
    Database,
    DatabasePool,
    IdempotencyKey,
    Limit,
    Page,
    Store,
    answers,
    instant_and_id,
    newest_key,
    page,
    position,
    strict_router,
)

router = strict_router("/v1/imports", "imports")

# For a turn. Nothing is read meanwhile: less than clients wait to get rid of a piece (httpx: 5 s).
WAIT_S = 3.0


@router.post(
    "",
    operation_id="import_clients",
    status_code=status.HTTP_201_CREATED,
    responses=answers(
        ImportBrokenOff,
        ImportCancelled,
        ImportDiffers,
        ImportOvertaken,
        ImportRefused,
        ImportTooLarge,
        ImportWasDeleted,
        TooManyImports,
        status=201,
        headers=("Location",),
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {name: {"schema": {"type": "string"}} for name in TYPES},
        }
    },
)
async def import_clients(
    request: Request,
    response: Response,
    store: Store,
    key: IdempotencyKey,
    declared: DeclaredFile,
    import_id: UUID | None = None,
) -> ImportView:
    """Import clients from a file, CSV, NDJSON or XLSX: a row registers its client, or changes it.

    Answers when all rows are in. Who names the import by `import_id` can watch it meanwhile.
    Some are taken at once; the others are answered 503 and may be sent again, as it is.
    """
    given = request.headers.get("content-type", ANYTHING).partition(";")[0].strip().lower()
    if given not in TYPES:
        raise HTTPException(415, f"Content-Type must be one of {', '.join(TYPES)}")
    limits = limits_of(request)
    check_size(int(request.headers.get("content-length", "0")), limits.bytes)
    import_id = import_id or (ids.keyed_id("imports", key) if key else ids.new_id())
    chunks = read_rows(pieces(request), given, limits, declared.options)
    async with _admission(request), aclosing(chunks):
        await importing.import_clients(store, import_id, chunks, limits, declared)
    response.headers["Location"] = f"{router.prefix}/{import_id}"
    async with autocommit(store.pool) as db:
        return await queries.import_(db, import_id)


@router.get("", operation_id="list_imports", responses=answers(BadCursor))
async def imports(db: Database, cursor: Cursor, limit: Limit = 50) -> Page[ImportView]:
    """Show a page of imports, the newest first."""
    before = position(cursor, instant_and_id, None)
    found = await queries.imports(db, before=before, limit=limit + 1)
    return page(found, limit, lambda each: newest_key(each.started_at, each.import_id))


@router.get("/{import_id}", operation_id="get_import", responses=answers(ImportUnknown))
async def import_(import_id: UUID, db: Database) -> ImportView:
    """Show an import: how far it is, or what came of it."""
    return await queries.import_(db, import_id)


@router.get(
    "/{import_id}/rejections",
    operation_id="list_rejections",
    responses=answers(BadCursor, ImportUnknown),
)
async def rejections(
    import_id: UUID, db: Database, cursor: Cursor, limit: Limit = 50
) -> Page[RejectionView]:
    """Show a page of the rows that were not imported, each with its place and reason.

    Of very many only the first ones are kept; the import counts all of them by reason.
    """
    after = position(cursor, _row_and_place, (0, 0))
    found = await queries.rejections(db, import_id, after=after, limit=limit + 1)
    return page(found, limit, lambda each: f"{each.row},{each.place}")


@router.get(
    "/{import_id}/rejections/export",
    operation_id="export_rejections",
    response_class=StreamingResponse,
    responses=answers(ImportUnknown) | described("The rows; of very many only the first ones."),
)
async def export_rejections(
    import_id: UUID, db: Database, pool: DatabasePool, wanted: Wanted = ExportFormat.CSV
) -> StreamingResponse:
    """Show the rows that were not imported as the file had them, behind the reason and the line.

    So they can be mended and imported again: an import passes those columns over. `reason_code`
    is for programs, with the limits that were not kept: `email: too_long 254`. A text that a
    spreadsheet would take for a formula has an apostrophe before it, which an import takes off.
    """
    first = await queries.rejected_rows(db, import_id)
    lines = export.rejection_lines(pool, import_id, first, wanted)
    return exported(lines, wanted, f"rejected-{import_id}")


@router.post(
    "/{import_id}/cancel",
    operation_id="cancel_import",
    responses=answers(ImportEnded, ImportUnknown),
)
async def cancel_import(import_id: UUID, pool: DatabasePool) -> ImportView:
    """Cancel an import: no more of its rows are imported; those that are in stay in."""
    await pruning.cancel_import(pool, import_id)
    async with autocommit(pool) as db:
        return await queries.import_(db, import_id)


@router.delete(
    "/{import_id}",
    operation_id="delete_import",
    status_code=status.HTTP_204_NO_CONTENT,
    responses=answers(ImportRunning, ImportUnknown),
)
async def delete_import(import_id: UUID, pool: DatabasePool) -> None:
    """Delete an import that has ended, with its rejections; its clients stay."""
    await pruning.delete_import(pool, import_id)


def admission(at_once: int) -> Admission:
    """Return what admits that many imports at once, and refuses the others by what it is."""
    return Admission(at_once, WAIT_S, TooManyImports)


def _admission(request: Request) -> Admission:
    """Return what the settings say; an application that is made without them has the defaults."""
    state = request.app.state
    if not hasattr(state, "import_admission"):
        state.import_admission = admission(IMPORTS_AT_ONCE)
    return cast("Admission", state.import_admission)


def limits_of(request: Request) -> ImportLimits:
    """Return what the settings say; an application that is made without them has the defaults."""
    return getattr(request.app.state, "import_limits", DEFAULT_LIMITS)


async def pieces(request: Request) -> AsyncIterator[bytes]:
    """Yield the body of a request as it arrives.

    Raises:
        ImportBrokenOff: It ends too early.
    """
    try:
        async for piece in request.stream():
            yield piece
    except ClientDisconnect:
        raise ImportBrokenOff from None


def _row_and_place(cursor: str) -> tuple[int, int]:
    row, place = (int(number) for number in cursor.split(","))
    if not (0 <= row < 1 << 63 and 0 <= place < 1 << 31):
        raise ValueError  # no cursor of ours
    return row, place

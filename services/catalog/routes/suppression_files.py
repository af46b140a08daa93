"""Suppressions over HTTP as files: what an export writes, an import takes."""

from typing import Annotated

from fastapi import Depends, Query, Request
from fastapi.responses import StreamingResponse
from pydantic import Field

from services.catalog.domain.imports import ImportBrokenOff, ImportTooLarge
from services.catalog.domain.suppression import (
    SOURCE_LIMIT,
    SOURCE_PATTERN,
    NoContactKeys,
    SuppressionInvalid,
    TooManyTopics,
)
from services.catalog.files.contacts import CommonFields, Refused, read_contacts
from services.catalog.files.exported_suppressions import ExportedLines
from services.catalog.handlers import suppressing
from services.catalog.queries import export
from services.catalog.routes.asked_suppressions import SuppressedSubjects
from services.catalog.routes.dependencies import Keys
from services.catalog.routes.exports import Wanted, described, exported
from services.catalog.routes.imports import limits_of, pieces
from services.catalog.routes.suppressions import (
    Reason,
    TopicName,
    mistakes_in,
    place_of,
)
from shared.contracts.dispatcher import SuppressedReason
from shared.errors import FieldError
from shared.exported import MEDIA_TYPES, ExportFormat
from shared.http import (
    BadCursor,
    BusinessClock,
    Cursor,
    DatabasePool,
    Store,
    View,
    answers,
    position,
    strict_router,
)

router = strict_router("/v1/suppressions", "suppressions")

SHOWN = 1_000  # lines of a file that were refused, with their reasons


def _asked(
    keys: Keys,
    subjects: SuppressedSubjects,
    topic: TopicName = None,
    reason: Reason = None,
) -> export.Suppressed:
    """Return which suppressions are asked for."""
    return export.Suppressed(subjects, topic, reason, keys.ids)


@router.get(
    "/export",
    operation_id="export_suppressions",
    response_class=StreamingResponse,
    responses=answers(BadCursor, SuppressionInvalid)
    | described("All suppressions; it ends properly only with all of them."),
)
async def export_suppressions(
    pool: DatabasePool,
    asked: Annotated[export.Suppressed, Depends(_asked)],
    cursor: Cursor,
    wanted: Wanted = ExportFormat.NDJSON,
) -> StreamingResponse:
    """Show each suppression that the list has with these filters, the newest first.

    What broke off goes on behind the last whole line, by its cursor: base64url of
    "since,subject,topic", where no topic is an empty one. An import takes it as it is.
    """
    before = position(cursor, place_of, None)
    lines = export.suppression_lines(pool, asked, before, wanted)
    return exported(lines, wanted, "suppressions")


class RefusedLine(View):
    """A line of a file that suppresses nothing, and why."""

    line: int
    column: str | None = Field(None, description="Of an export.", examples=["key_id"])
    code: str = Field(examples=["unknown_key"])
    detail: str = Field("", examples=["CATALOG_CONTACT_KEYS has no key of this hash"])


class ImportedSuppressions(View):
    """What came of a file."""

    lines: int = Field(description="That were not empty, the header not counted.")
    suppressed: int = Field(description="Of these: that were not suppressed before.")
    unchanged: int
    refused: int
    refused_lines: list[RefusedLine] = Field(description=f"The first {SHOWN:,} of them.")


def _of_file(
    topic: TopicName = None,
    reason: Annotated[SuppressedReason | None, Query(description="Without it: requested.")] = None,
    source: Annotated[
        str | None, Query(min_length=1, max_length=SOURCE_LIMIT, pattern=SOURCE_PATTERN)
    ] = None,
) -> CommonFields:
    """Return what is said of all contacts of a file."""
    common = CommonFields(topic, reason, source)
    if mistakes := list(mistakes_in(common)):
        raise SuppressionInvalid(*mistakes)
    return common


@router.post(
    "/import",
    operation_id="import_suppressions",
    responses=answers(
        NoContactKeys,
        Refused,
        SuppressionInvalid,
        TooManyTopics,
        ImportBrokenOff,
        ImportTooLarge,
    ),
    openapi_extra={
        "requestBody": {
            "required": True,
            "content": {name: {"schema": {"type": "string"}} for name in MEDIA_TYPES.values()},
        }
    },
)
async def import_suppressions(
    request: Request,
    store: Store,
    clock: BusinessClock,
    keys: Keys,
    common: Annotated[CommonFields, Depends(_of_file)],
) -> ImportedSuppressions:
    """Suppress each phone, e-mail or client's identifier of a file: the first cell of each line.

    What an export has written, CSV or NDJSON, is taken as it is: a contact by its hash, if the
    catalog has the key of it, with topic, reason, source and time.
    What was read before the file broke off is suppressed; sending it again does the rest.
    """
    lines = suppressed = 0
    refused: list[tuple[int, FieldError]] = []
    exported_lines = ExportedLines(keys.ids, await clock())
    body = pieces(request)
    async for chunk in read_contacts(body, limits_of(request), common, exported_lines):
        if chunk.unwanted:
            done = await suppressing.suppress(store, keys, chunk.unwanted, await clock())
            suppressed += done.new
        lines += len(chunk.unwanted) + len(chunk.refused)
        refused += chunk.refused
    return ImportedSuppressions(
        lines=lines,
        suppressed=suppressed,
        unchanged=lines - suppressed - len(refused),
        refused=len(refused),
        refused_lines=[_refused(*each) for each in refused[:SHOWN]],
    )


def _refused(line: int, mistake: FieldError) -> RefusedLine:
    column = mistake.pointer.removeprefix("/") or None
    return RefusedLine(line=line, column=column, code=mistake.code, detail=mistake.detail)

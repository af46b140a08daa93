"""The export: clients as an import takes them, rows that one has rejected, and suppressions.

A page in memory at a time. What has a cursor is gone on with behind the last line that arrived.
"""

from collections.abc import AsyncIterator, Collection, Sequence
from dataclasses import dataclass
from uuid import UUID

from services.catalog.domain.suppression import ALL_TOPICS
from services.catalog.files import joined_tags
from services.catalog.files.exported_suppressions import COLUMNS as SUPPRESSION_COLUMNS
from services.catalog.files.rejected import raw_cells
from services.catalog.queries.clients import ClientView, clients
from services.catalog.queries.imports import RejectedRow, RejectedRows, rejected_rows
from services.catalog.queries.search import Asked, Place
from services.catalog.queries.suppressions import SuppressionView, suppressions
from shared.contracts.catalog import SuppressedKind
from shared.database import Pool, autocommit
from shared.event import Instant
from shared.exported import MARK, ExportFormat, harmless, in_csv
from shared.preferred import PreferredTime, format_preferred

PAGE = 1_000  # clients
COLUMNS = (
    "client_id",
    "phone",
    "operator_code",
    "tags",
    "time_zone",
    "email",
    "full_name",
    "comment",
    "preferred_times",
    "external_id",
    "version",
    "created_at",
    "changed_at",
)
ABOUT_REJECTED = ("reason", "reason_code", "line")  # before a row as the file had it


async def client_lines(
    pool: Pool, asked: Asked, before: Place, wanted: ExportFormat, *, is_first: bool
) -> AsyncIterator[str]:
    """Yield the clients that have what is `asked`, the newest first, from behind a place.

    Raises:
        Unavailable: The database went away.
    """
    if wanted is ExportFormat.CSV and is_first:
        yield MARK + in_csv([COLUMNS])
    while True:
        async with autocommit(pool) as db:
            found = await clients(db, asked, before=before, limit=PAGE)
        if wanted is ExportFormat.CSV:
            yield in_csv(map(_cells, found))
        else:
            yield "".join([f"{each.model_dump_json()}\n" for each in found])
        if len(found) < PAGE:
            return
        before = (found[-1].created_at, found[-1].client_id)


def _cells(each: ClientView) -> Sequence[object]:
    times = [PreferredTime(tuple(time.days), time.at) for time in each.preferred_times]
    return (
        each.client_id,
        each.phone,
        each.operator_code,
        harmless(joined_tags(each.tags)),
        each.time_zone,
        harmless(each.email),
        harmless(each.full_name),
        harmless(each.comment),
        format_preferred(times),
        harmless(each.external_id),
        each.version,
        each.created_at.isoformat(),
        each.changed_at.isoformat(),
    )


@dataclass(frozen=True, slots=True)
class Suppressed:
    """Which suppressions are asked for, as their list has it."""

    subjects: Collection[str] | None = None
    topic: str | None = None
    reason: str | None = None
    key_ids: Sequence[str] = ()  # of all keys: what is not known to be by one of them names all


async def suppression_lines(
    pool: Pool, asked: Suppressed, before: tuple[Instant, str, str] | None, wanted: ExportFormat
) -> AsyncIterator[str]:
    """Yield suppressions, the newest first, from behind one of them.

    Raises:
        Unavailable: The database went away.
    """
    if wanted is ExportFormat.CSV and before is None:
        yield MARK + in_csv([SUPPRESSION_COLUMNS])
    by_any = " ".join(asked.key_ids) or None
    while True:
        async with autocommit(pool) as db:
            found = await suppressions(
                db,
                before=before,
                limit=PAGE,
                subjects=asked.subjects,
                topic=asked.topic,
                reason=asked.reason,
            )
        found = [_with_key(each, by_any) for each in found]
        if wanted is ExportFormat.CSV:
            yield in_csv(map(_of_suppression, found))
        else:
            yield "".join([f"{each.model_dump_json()}\n" for each in found])
        if len(found) < PAGE:
            return
        last = found[-1]
        before = (last.since, last.subject, last.topic or ALL_TOPICS)


def _with_key(each: SuppressionView, by_any: str | None) -> SuppressionView:
    if each.key_id is not None or each.kind == SuppressedKind.CLIENT:
        return each
    return each.model_copy(update={"key_id": by_any})


def _of_suppression(each: SuppressionView) -> Sequence[object]:
    return (
        harmless(each.subject),
        each.kind,
        harmless(each.topic),
        each.reason,
        harmless(each.source),
        each.since.isoformat(),
        harmless(each.key_id),
    )


async def rejection_lines(
    pool: Pool, import_id: UUID, first: RejectedRows, wanted: ExportFormat
) -> AsyncIterator[str]:
    """Yield the rejected rows of an import that were kept, as the file had them.

    CSV has the file's own columns behind those about the rejection, so that it can be mended and
    imported again.

    Raises:
        Unavailable: The database went away.
    """
    page, delimiter = first, first.delimiter or ","
    if wanted is ExportFormat.CSV:
        yield MARK + in_csv([(*ABOUT_REJECTED, *map(harmless, first.header))], delimiter)
    while page.rows:
        if wanted is ExportFormat.CSV:
            yield in_csv([_rejected(each, first) for each in page.rows], delimiter)
        else:
            yield "".join([f"{each.model_dump_json()}\n" for each in page.rows])
        async with autocommit(pool) as db:
            page = await rejected_rows(db, import_id, after=page.rows[-1].row)


def _rejected(row: RejectedRow, of: RejectedRows) -> Sequence[object]:
    cells = raw_cells(row.raw or "", of.delimiter)
    return (row.reason, row.reason_code, row.line, *map(harmless, cells))

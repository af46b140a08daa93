"""Queries: imports, and the rows that they rejected."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from pydantic import Field
from sqlalchemy import JSON, Row, Select, literal_column, select, text, true, tuple_

from services.catalog import tables
from services.catalog.domain.imports import ImportUnknown, RejectionCode
from services.catalog.files.rejected import telling_cells
from shared.database import Connection
from shared.event import Instant
from shared.http import View


class RejectionCount(View):
    """How often rows were rejected for one reason; a row may have several."""

    column: str | None
    code: RejectionCode
    count: int


class ColumnView(View):
    """A column of a file, and the field that it is read as."""

    name: str
    field: str


class ImportView(View):
    """An import: how far it is, or what came of it."""

    import_id: UUID
    status: str
    rows: int
    created: int
    changed: int
    unchanged: int
    rejected: int
    rejection_counts: list[RejectionCount]
    bytes: int
    lines: int | None
    file_name: str | None
    dry_run: bool
    format: str | None
    charset: str | None
    delimiter: str | None
    columns: list[ColumnView] | None
    ignored_columns: list[str] | None
    failure_reason: str | None
    started_at: Instant
    ended_at: Instant | None


class CellView(View):
    """What stands in a cell of a row, at most its beginning."""

    field: str = Field(examples=["full_name"])
    value: str = Field(examples=["Anna Ivanova"])


class RejectionView(View):
    """A row that was not imported, and why."""

    row: int
    place: int
    line: int | None
    last_line: int | None
    column: str | None
    code: RejectionCode | None = Field(description="None: the import is of an older release.")
    limits: list[int] | None = Field(
        description="That were not kept, in the order in which the reason has them.",
        examples=[[200]],
    )
    reason: str = Field(examples=["7 and ten digits, as in 79161234567"])
    cells: list[CellView] = Field(
        description="What says whose row it is, and what is wrong; none: it is not kept.",
    )


async def import_(db: Connection, import_id: UUID) -> ImportView:
    """Return one import.

    Raises:
        ImportUnknown: No import has this identifier.
    """
    row = (await db.execute(_imports().where(tables.imports.c.import_id == import_id))).first()
    if row is None:
        raise ImportUnknown
    return ImportView.model_validate(row)


async def imports(
    db: Connection, *, before: tuple[Instant, UUID] | None, limit: int
) -> list[ImportView]:
    """Return up to `limit` imports, the newest first, from behind an instant and identifier."""
    newest = (tables.imports.c.started_at, tables.imports.c.import_id)
    page = _imports().order_by(*(column.desc() for column in newest))
    if before is not None:
        page = page.where(tuple_(*newest) < tuple_(*before))
    rows = await db.execute(page.limit(limit))
    return [ImportView.model_validate(row) for row in rows]


# Of each import, the most frequent first.
REJECTION_COUNTS = literal_column(
    """
    (SELECT coalesce(json_agg(counted), '[]') FROM (
        SELECT nullif("column", '') AS "column", code, count FROM import_rejection_counts c
        WHERE c.import_id = imports.import_id ORDER BY count DESC, "column", code
    ) AS counted)
    """,
    type_=JSON,
)


READ_COLUMNS = literal_column(
    """
    CASE WHEN found IS NOT NULL THEN (
        SELECT coalesce(json_agg(json_build_object('name', c -> 0, 'field', c -> 1)), '[]')
        FROM jsonb_array_elements(found -> 'columns') AS c WHERE c ->> 1 IS NOT NULL
    ) END
    """,
    type_=JSON,
)
IGNORED_COLUMNS = literal_column(
    """
    CASE WHEN found IS NOT NULL THEN (
        SELECT coalesce(json_agg(c -> 0), '[]')
        FROM jsonb_array_elements(found -> 'columns') AS c WHERE c ->> 1 IS NULL
    ) END
    """,
    type_=JSON,
)


def _imports() -> Select[tuple[object, ...]]:
    table = tables.imports.c
    return select(
        table.import_id,
        table.status,
        table.row_count.label("rows"),
        table.created_count.label("created"),
        table.changed_count.label("changed"),
        table.unchanged_count.label("unchanged"),
        table.rejected_count.label("rejected"),
        REJECTION_COUNTS.label("rejection_counts"),
        table.size_bytes.label("bytes"),
        table.line_count.label("lines"),
        table.failure_reason,
        table.started_at,
        table.ended_at,
        table.file_name,
        table.is_dry_run.label("dry_run"),
        table.found["format"].astext.label("format"),
        table.found["charset"].astext.label("charset"),
        table.found["delimiter"].astext.label("delimiter"),
        READ_COLUMNS.label("columns"),
        IGNORED_COLUMNS.label("ignored_columns"),
    ).where(table.status != "deleted")


async def rejections(
    db: Connection, import_id: UUID, *, after: tuple[int, int], limit: int
) -> list[RejectionView]:
    """Return up to `limit` rejections of an import, from behind a row and a place in it.

    Raises:
        ImportUnknown: No import has this identifier.
    """
    imports, table = tables.imports, tables.import_rejections
    first = table.alias("first")  # of a row's mistakes, which has the row
    raw = select(first.c.raw).where(
        first.c.import_id == table.c.import_id, first.c.row == table.c.row, first.c.place == 0
    )
    found = select(table, raw.scalar_subquery().label("whole")).where(
        table.c.import_id == import_id, tuple_(table.c.row, table.c.place) > tuple_(*after)
    )
    page = found.order_by(table.c.row, table.c.place).limit(limit).subquery("page")
    query = select(page, imports.c.found).select_from(imports.outerjoin(page, true()))
    query = query.where(imports.c.import_id == import_id, imports.c.status != "deleted")
    rows = (await db.execute(query.order_by(page.c.row, page.c.place))).all()
    if not rows:
        raise ImportUnknown
    return [_rejection(row) for row in rows if row.row is not None]


def _rejection(row: Row[Any]) -> RejectionView:
    about = row.found or {}
    cells = telling_cells(row.whole, about.get("delimiter"), about.get("columns", ()), row.column)
    plain = {name: getattr(row, name) for name in RejectionView.model_fields if name != "cells"}
    return RejectionView(
        **plain, cells=[CellView(field=field, value=value) for field, value in cells]
    )


class RejectedRow(View):
    """A row that was not imported, as the file had it, and all that is wrong with it."""

    row: int
    line: int | None
    last_line: int | None
    reason: str
    reason_code: str | None
    raw: str | None


@dataclass(frozen=True, slots=True)
class RejectedRows:
    """Some rejected rows of an import, and how its file was written."""

    header: Sequence[str]
    delimiter: str | None  # none: it was no table
    rows: Sequence[RejectedRow]


REJECTED_PAGE = 500
REJECTED_ROWS = text("""
    SELECT row, min(line) AS line, min(last_line) AS last_line, min(raw) AS raw,
        string_agg(coalesce("column" || ': ', '') || reason, '; ' ORDER BY place) AS reason,
        string_agg(
            coalesce("column" || ': ', '') || array_to_string(code || CAST(limits AS text[]), ' '),
            '; ' ORDER BY place
        ) FILTER (WHERE code IS NOT NULL) AS reason_code
    FROM import_rejections WHERE import_id = :import_id AND row > :after
    GROUP BY row ORDER BY row LIMIT :limit
""")


async def rejected_rows(db: Connection, import_id: UUID, *, after: int = 0) -> RejectedRows:
    """Return some rows of an import that were rejected and kept, from behind a row.

    Raises:
        ImportUnknown: No import has this identifier.
    """
    table = tables.imports.c
    own = select(table.found).where(table.import_id == import_id, table.status != "deleted")
    about = (await db.execute(own)).one_or_none()
    if about is None:
        raise ImportUnknown
    found = about.found or {}
    values = {"import_id": import_id, "after": after, "limit": REJECTED_PAGE}
    rows = await db.execute(REJECTED_ROWS, values)
    header = [name for name, _ in found.get("columns", ())] or ["row"]
    return RejectedRows(
        header, found.get("delimiter"), [RejectedRow.model_validate(row) for row in rows]
    )

"""Rows that an import rejects: counted by reason, and the first ones kept as they were read."""

from collections import Counter
from collections.abc import Sequence
from operator import attrgetter
from uuid import UUID

from sqlalchemy.dialects.postgresql import insert as upsert

from services.catalog.domain.imports import Rejection
from services.catalog.tables import import_rejection_counts, import_rejections
from shared.database import Connection

ROW_KEPT_BYTES = 8_192  # of a rejected row; a client with everything takes less


async def count_rejections(
    db: Connection, import_id: UUID, rejections: Sequence[Rejection]
) -> None:
    """Count mistakes by their column and code."""
    counted = Counter(
        (mistake.pointer[1:], mistake.code) for each in rejections for mistake in each.field_errors
    )
    rows = [
        {"import_id": import_id, "column": column, "code": code, "count": count}
        for (column, code), count in counted.items()
    ]
    added = upsert(import_rejection_counts)
    total = import_rejection_counts.c.count + added.excluded.count
    keys = ("import_id", "column", "code")
    await db.execute(added.on_conflict_do_update(index_elements=keys, set_={"count": total}), rows)


async def keep_rejections(
    db: Connection, import_id: UUID, rejections: Sequence[Rejection], room: int
) -> None:
    """Keep the first rejections that there is `room` for, with their rows."""
    first = sorted(rejections, key=attrgetter("row"))[:room]
    rows = [
        {
            "import_id": import_id,
            "row": each.row,
            "line": each.line,
            "last_line": each.last_line,
            "place": number,
            "column": mistake.pointer[1:] or None,
            "code": mistake.code,
            "limits": list(mistake.limits),
            "reason": mistake.detail or mistake.code,
            "raw": None if number else _shown(each.raw),
        }
        for each in first
        for number, mistake in enumerate(each.field_errors)
    ]
    if rows:
        await db.execute(upsert(import_rejections).on_conflict_do_nothing(), rows)


def _shown(raw: bytes) -> str:
    """Return a row as text that can be stored: without zeros, and not longer than is kept."""
    return raw[:ROW_KEPT_BYTES].decode("utf-8", "replace").replace("\0", "\ufffd")

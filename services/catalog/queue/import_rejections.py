"""Rows that an import rejects: counted by reason, and the first ones kept as they were read."""

from collections import Counter
from collections.abc import Sequence
from operator import attrgetter
from uuid import UUID

from sqlalchemy import text
from sqlalchemy.dialects.postgresql import insert as upsert

from services.catalog.domain.imports import Rejection
from services.catalog.tables import import_rejection_counts, import_rejections
from shared.database import Connection

# Rows come by the primary key: the one at the limit, and those from the one behind it.
LAST_KEPT = text("""
    SELECT row FROM import_rejections WHERE import_id = :import_id AND place = 0
    ORDER BY row OFFSET :limit - 1 LIMIT 1
""")
DELETE_BEHIND = text("""
    DELETE FROM import_rejections WHERE import_id = :import_id AND row > :last
""")
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
    db: Connection, import_id: UUID, rejections: Sequence[Rejection], limit: int, rejected: int
) -> None:
    """Keep a chunk's rejections, with their rows, that are among the first `limit` of an import.

    Chunks come in any order: of the rejections kept before, those that are no longer among the
    first are deleted. `rejected` is how many the import has, these included.
    """
    own = {"import_id": import_id, "limit": limit}
    is_full = rejected - len(rejections) >= limit
    last = await db.scalar(LAST_KEPT, own) if is_full else None
    first = sorted(rejections, key=attrgetter("row"))[:limit]
    if last is not None:
        first = [each for each in first if each.row < last]
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
    if not rows:
        return
    await db.execute(upsert(import_rejections).on_conflict_do_nothing(), rows)
    if rejected > limit:
        last = await db.scalar(LAST_KEPT, own)
        await db.execute(DELETE_BEHIND, {"import_id": import_id, "last": last})


def _shown(raw: bytes) -> str:
    """Return a row as text that can be stored: without zeros, and not longer than is kept."""
    return raw[:ROW_KEPT_BYTES].decode("utf-8", "replace").replace("\0", "\ufffd")

"""Rows that writers take turns at: clients that an import touches, and the import itself."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Update, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from services.catalog.domain.client import FIELDS, Profile
from services.catalog.tables import import_chunks, import_rejections, imports
from shared.database import Connection
from shared.errors import Place
from shared.event import Instant

# One statement for a chunk's phones, whatever their number. They come as one text: of an array
# the driver would look at each element's type, which costs more than to find the row.
KNOWN = text(f"""
    SELECT client_id, version, {", ".join(FIELDS)} FROM clients
    WHERE phone = ANY(string_to_array(:phones, ','))
""")  # noqa: S608 - names of fields


class Known(msgspec.Struct, frozen=True, gc=False):
    """A client as the log left it."""

    client_id: UUID
    version: int
    profile: Profile


@dataclass(frozen=True, slots=True)
class Counts:
    """What came of a chunk's rows."""

    rows: int
    created: int
    changed: int
    unchanged: int
    rejected: int
    bytes_read: int  # since the import began


COLUMNS = {
    "rows": imports.c.row_count,
    "created": imports.c.created_count,
    "changed": imports.c.changed_count,
    "unchanged": imports.c.unchanged_count,
    "rejected": imports.c.rejected_count,
}


@dataclass(frozen=True, slots=True)
class Own:
    """An import, as long as the request that began this epoch is the last one, and lives."""

    import_id: UUID
    epoch: int


@dataclass(frozen=True, slots=True)
class Rejection:
    """A row that is not imported, numbered from 1, and where it is wrong."""

    row: int
    places: Sequence[Place]


async def known_clients(db: Connection, phones: Collection[str]) -> dict[str, Known]:
    """Return the clients that have `phones`, by phone, as they are just now.

    They are not locked: whoever changes one appends to its stream first, and that fences.
    """
    rows = await db.execute(KNOWN, {"phones": ",".join(phones)})
    return {
        phone: Known(client_id, version, Profile(phone, code, tuple(tags), *rest))
        for client_id, version, phone, code, tags, *rest in rows
    }


async def begin_import(db: Connection, import_id: UUID, now: Instant) -> int | None:
    """Note that an import begins; return its epoch, or none if it was completed before.

    An earlier request for it is overtaken: it may have died, and then nobody else would tell.
    """
    fresh: dict[str, object] = {column.name: 0 for column in COLUMNS.values()} | {
        "size_bytes": 0,
        "status": "running",
        "beat": 0,
        "failure_reason": None,
        "started_at": now,
        "ended_at": None,
    }
    added = upsert(imports).values(import_id=import_id, epoch=1, **fresh)
    taken = added.on_conflict_do_update(
        index_elements=[imports.c.import_id],
        set_=fresh | {"epoch": imports.c.epoch + 1},
        where=imports.c.status != "completed",
    )
    epoch: int | None = await db.scalar(taken.returning(imports.c.epoch))
    if epoch is not None and epoch > 1:
        for table in (import_rejections, import_chunks):
            await db.execute(delete(table).where(table.c.import_id == import_id))
    return epoch


async def begin_chunk(db: Connection, own: Own, chunk: int) -> bool:
    """Note a chunk in the transaction that imports it; False if it is in already.

    So a chunk whose commit was not heard of is counted once.
    """
    values = {"import_id": own.import_id, "epoch": own.epoch, "chunk": chunk}
    added = await db.execute(upsert(import_chunks).values(values).on_conflict_do_nothing())
    return bool(added.rowcount)


async def note_import(
    db: Connection, own: Own, counts: Counts, rejections: Sequence[Rejection]
) -> bool:
    """Add a chunk's `counts` in the transaction that imports it; False if overtaken.

    In any order: a chunk may be done before the one that it follows.
    """
    values: dict[str, Any] = {
        column.name: column + getattr(counts, name) for name, column in COLUMNS.items()
    }
    values["size_bytes"] = func.greatest(imports.c.size_bytes, counts.bytes_read)
    values["beat"] = imports.c.beat + 1
    noted = await db.execute(_own(own).values(**values))
    rows = [
        {
            "import_id": own.import_id,
            "row": each.row,
            "place": number,
            "column": place.pointer[1:] or None,
            "reason": place.detail or place.code,
        }
        for each in rejections
        for number, place in enumerate(each.places)
    ]
    if rows:
        await db.execute(upsert(import_rejections).on_conflict_do_nothing(), rows)
    return bool(noted.rowcount)


async def end_import(db: Connection, own: Own, *, failure: str | None, now: Instant) -> bool:
    """Note that an import has ended, and why if too early; False if overtaken."""
    status = "failed" if failure else "completed"
    values = {"status": status, "failure_reason": failure, "ended_at": now}
    mine = (import_chunks.c.import_id == own.import_id, import_chunks.c.epoch == own.epoch)
    await db.execute(delete(import_chunks).where(*mine))
    return bool((await db.execute(_own(own).values(**values))).rowcount)


async def beat(db: Connection, own: Own) -> None:
    """Show that the request for an import lives."""
    await db.execute(_own(own).values(beat=imports.c.beat + 1))


async def beats(db: Connection) -> dict[Own, int]:
    """Return how often each running import has shown that it lives."""
    running = select(imports.c.import_id, imports.c.epoch, imports.c.beat)
    rows = await db.execute(running.where(imports.c.status == "running"))
    return {Own(import_id, epoch): beat for import_id, epoch, beat in rows}


async def end_lost_import(
    db: Connection, own: Own, beat: int, *, failure: str, now: Instant
) -> bool:
    """Note why an import has failed, and overtake it; False if it lives or has ended."""
    is_lost = (imports.c.beat == beat, imports.c.status == "running")
    values = {"status": "failed", "failure_reason": failure, "ended_at": now}
    ended = _own(own).where(*is_lost).values(**values, epoch=imports.c.epoch + 1)
    return bool((await db.execute(ended)).rowcount)


def _own(own: Own) -> Update:
    mine = (imports.c.import_id == own.import_id, imports.c.epoch == own.epoch)
    return update(imports).where(*mine)

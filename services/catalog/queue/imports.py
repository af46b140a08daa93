"""Rows that an import locks: its own, with its lease, and the clients that it reads."""

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Update, delete, func, select, text, update
from sqlalchemy.dialects.postgresql import insert as upsert

from services.catalog.domain.client import FIELDS, Profile
from services.catalog.domain.imports import Counts, Rejection
from services.catalog.tables import import_chunks, import_rejections, imports
from shared.database import Connection
from shared.event import Instant


class ExistingClient(msgspec.Struct, frozen=True, gc=False):
    """A client as its last event left it."""

    client_id: UUID
    version: int
    registered_at: Instant
    profile: Profile


@dataclass(frozen=True, slots=True)
class ImportLease:
    """The right to write to an import; lost when another request begins a later epoch."""

    import_id: UUID
    epoch: int


# One statement for a chunk's phones, whatever their number. They come as one text: of an array
# the driver would look at each element's type, which costs more than to find the row.
SELECT_CLIENTS = text(f"""
    SELECT client_id, version, created_at, {", ".join(FIELDS)} FROM clients
    WHERE phone = ANY(string_to_array(:phones, ','))
""")  # noqa: S608 - names of fields


async def existing_clients(db: Connection, phones: Collection[str]) -> dict[str, ExistingClient]:
    """Return the clients that have `phones`, by phone, as they are just now.

    They are not locked: whoever changes one appends to its stream first, and that fences.
    """
    rows = await db.execute(SELECT_CLIENTS, {"phones": ",".join(phones)})
    return {
        phone: ExistingClient(client_id, version, since, Profile(phone, code, tuple(tags), *rest))
        for client_id, version, since, phone, code, tags, *rest in rows
    }


COLUMNS = {
    "rows": imports.c.row_count,
    "created": imports.c.created_count,
    "changed": imports.c.changed_count,
    "unchanged": imports.c.unchanged_count,
    "rejected": imports.c.rejected_count,
}


async def begin_import(db: Connection, import_id: UUID, now: Instant) -> int | None:
    """Insert or restart an import; return its epoch, or None if it was completed before.

    An earlier request loses its lease: it may have died, and nothing else would show that.
    """
    fresh: dict[str, object] = {column.name: 0 for column in COLUMNS.values()} | {
        "size_bytes": 0,
        "line_count": 0,
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


async def begin_chunk(db: Connection, lease: ImportLease, chunk: int) -> bool:
    """Insert a chunk in the transaction that imports it; return False if it is there already.

    So a chunk whose commit was not confirmed is counted once.
    """
    values = {"import_id": lease.import_id, "epoch": lease.epoch, "chunk": chunk}
    added = await db.execute(upsert(import_chunks).values(values).on_conflict_do_nothing())
    return bool(added.rowcount)


async def note_import(
    db: Connection, lease: ImportLease, counts: Counts, rejections: Sequence[Rejection]
) -> bool:
    """Add a chunk's `counts` in the transaction that imports it; return False without the lease.

    In any order: a chunk may be done before the one that it follows.
    """
    values: dict[str, Any] = {
        column.name: column + getattr(counts, name) for name, column in COLUMNS.items()
    }
    values["size_bytes"] = func.greatest(imports.c.size_bytes, counts.bytes_read)
    values["line_count"] = func.greatest(imports.c.line_count, counts.lines_read)
    values["beat"] = imports.c.beat + 1
    noted = await db.execute(_leased(lease).values(**values))
    rows = [
        {
            "import_id": lease.import_id,
            "row": each.row,
            "line": each.line,
            "last_line": each.last_line,
            "place": number,
            "column": place.pointer[1:] or None,
            "reason": place.detail or place.code,
        }
        for each in rejections
        for number, place in enumerate(each.field_errors)
    ]
    if rows:
        await db.execute(upsert(import_rejections).on_conflict_do_nothing(), rows)
    return bool(noted.rowcount)


async def end_import(
    db: Connection, lease: ImportLease, *, failure: str | None, now: Instant
) -> bool:
    """Mark an import as ended, with the reason if it failed; return False without the lease."""
    status = "failed" if failure else "completed"
    values = {"status": status, "failure_reason": failure, "ended_at": now}
    own_rows = (import_chunks.c.import_id == lease.import_id, import_chunks.c.epoch == lease.epoch)
    await db.execute(delete(import_chunks).where(*own_rows))
    return bool((await db.execute(_leased(lease).values(**values))).rowcount)


async def beat(db: Connection, lease: ImportLease) -> None:
    """Advance the heartbeat of a running import."""
    await db.execute(_leased(lease).values(beat=imports.c.beat + 1))


async def beats(db: Connection) -> dict[ImportLease, int]:
    """Return the heartbeats of all running imports."""
    running = select(imports.c.import_id, imports.c.epoch, imports.c.beat)
    rows = await db.execute(running.where(imports.c.status == "running"))
    return {ImportLease(import_id, epoch): beat for import_id, epoch, beat in rows}


async def end_lost_import(
    db: Connection, lease: ImportLease, beat: int, *, failure: str, now: Instant
) -> bool:
    """Mark an import as failed and take its lease; return False if it is alive or has ended."""
    is_lost = (imports.c.beat == beat, imports.c.status == "running")
    values = {"status": "failed", "failure_reason": failure, "ended_at": now}
    ended = _leased(lease).where(*is_lost).values(**values, epoch=imports.c.epoch + 1)
    return bool((await db.execute(ended)).rowcount)


def _leased(lease: ImportLease) -> Update:
    own_rows = (imports.c.import_id == lease.import_id, imports.c.epoch == lease.epoch)
    return update(imports).where(*own_rows)

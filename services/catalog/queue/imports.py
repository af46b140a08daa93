"""Rows that an import locks: its own, with its lease, and the clients that it reads."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Update, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from services.catalog.domain.client import FIELDS, Profile
from services.catalog.domain.imports import Counts, Rejection
from services.catalog.tables import import_chunks, import_rejections, imports
from shared.database import Connection, sql
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
SELECT_CLIENTS = sql(
    """
    SELECT client_id, version, created_at, {fields} FROM clients
    WHERE phone = ANY(string_to_array(:phones, ','))
""",
    fields=", ".join(FIELDS),
)


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


@dataclass(frozen=True, slots=True)
class EarlierTry:
    """What is known of an import that was requested before."""

    status: str
    digest: bytes | None  # of the whole file, if it is completed
    chunks: Mapping[int, bytes]  # digests of the chunks that are written, if it is not

    @property
    def end(self) -> int:
        """The number behind the last chunk that is written."""
        return max(self.chunks, default=-1) + 1


NO_TRY = EarlierTry("unknown", None, {})


async def earlier_try(db: Connection, import_id: UUID) -> EarlierTry:
    """Return what an earlier request for an import has written."""
    status = select(imports.c.status, imports.c.digest).where(imports.c.import_id == import_id)
    found = (await db.execute(status)).one_or_none()
    if found is None:
        return NO_TRY
    columns = (import_chunks.c.chunk, import_chunks.c.digest)
    written = select(*columns).where(import_chunks.c.import_id == import_id)
    chunks = {each.chunk: each.digest for each in await db.execute(written)}
    return EarlierTry(found.status, found.digest, chunks)


async def begin_import(
    db: Connection, import_id: UUID, compared: int, now: Instant
) -> ImportLease | None:
    """Insert an import, or go on with it; return its lease.

    None if it is completed, or has more chunks than were `compared` with this file. An earlier
    request loses its lease: it may have died, and nothing else would show that.
    """
    counted: dict[str, object] = dict.fromkeys([each.name for each in COLUMNS.values()], 0)
    counted |= {"size_bytes": 0, "line_count": 0}
    begun: dict[str, object] = {"status": "running", "beat": 0, "started_at": now}
    begun |= {"failure_reason": None, "ended_at": None}
    added = upsert(imports).values(import_id=import_id, epoch=0, **counted, **begun)
    await db.execute(added.on_conflict_do_nothing())
    own_row = imports.c.import_id == import_id
    await db.execute(select(imports.c.import_id).where(own_row).with_for_update())
    earlier = await earlier_try(db, import_id)  # the lock: it writes no more chunks meanwhile
    if earlier.status == "completed" or earlier.end > compared:
        return None
    if not earlier.chunks:  # then what was counted and rejected will be so again
        begun |= counted
        own_rejections = import_rejections.c.import_id == import_id
        await db.execute(delete(import_rejections).where(own_rejections))
    again = update(imports).where(own_row).values(**begun, epoch=imports.c.epoch + 1)
    epoch = await db.scalar(again.returning(imports.c.epoch))
    return ImportLease(import_id, int(epoch or 0))


async def begin_chunk(db: Connection, lease: ImportLease, chunk: int, digest: bytes) -> bool:
    """Insert a chunk in the transaction that imports it; return False if it is there already.

    So a chunk is imported and counted once, whether its commit was confirmed or not.
    """
    values = {"import_id": lease.import_id, "chunk": chunk, "digest": digest}
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


async def complete_import(db: Connection, lease: ImportLease, digest: bytes, now: Instant) -> bool:
    """Mark an import as completed; return False without the lease."""
    values = {"status": "completed", "digest": digest, "ended_at": now}
    is_own = bool((await db.execute(_leased(lease).values(**values))).rowcount)
    if is_own:
        own_chunks = import_chunks.c.import_id == lease.import_id
        await db.execute(delete(import_chunks).where(own_chunks))
    return is_own


async def fail_import(db: Connection, lease: ImportLease, reason: str, now: Instant) -> bool:
    """Mark an import as failed, its chunks stay; return False without the lease."""
    values = {"status": "failed", "failure_reason": reason, "ended_at": now}
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

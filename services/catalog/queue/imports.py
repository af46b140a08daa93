"""Rows that an import locks: its own, with its lease, its chunks and what it has rejected."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Update, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from services.catalog.domain.import_options import DEFAULT_OPTIONS, FileFound, ImportOptions
from services.catalog.domain.imports import (
    DEFAULT_LIMITS,
    Counts,
    ImportEnded,
    ImportRunning,
    ImportUnknown,
    Rejection,
)
from services.catalog.queue.import_rejections import count_rejections, keep_rejections
from services.catalog.tables import (
    import_chunks,
    import_drafts,
    import_rejection_counts,
    import_rejections,
    imports,
)
from shared.database import Connection
from shared.event import Instant


@dataclass(frozen=True, slots=True)
class ImportLease:
    """The right to write to an import; lost when another request begins a later epoch."""

    import_id: UUID
    epoch: int


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


@dataclass(frozen=True, slots=True)
class Declared:
    """What the caller declared of a file."""

    options: ImportOptions = DEFAULT_OPTIONS
    file_name: str | None = None


NOTHING_DECLARED = Declared()
ENDED_FOR_GOOD = ("completed", "deleted", "cancelled")
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
    db: Connection,
    import_id: UUID,
    compared: int,
    now: Instant,
    declared: Declared = NOTHING_DECLARED,
) -> ImportLease | None:
    """Insert an import, or go on with it; return its lease.

    None if it has ended for good, or has more chunks than were `compared` with this file.
    An earlier request loses its lease: it may have died, and nothing else would show that.
    """
    counted: dict[str, object] = dict.fromkeys([each.name for each in COLUMNS.values()], 0)
    counted |= {"size_bytes": 0, "line_count": 0}
    begun: dict[str, object] = {"status": "running", "beat": 0, "started_at": now}
    begun |= {"failure_reason": None, "ended_at": None}
    begun |= {
        "file_name": declared.file_name,
        "options": None
        if declared.options == DEFAULT_OPTIONS
        else msgspec.to_builtins(declared.options),
        "is_dry_run": declared.options.dry_run,
    }
    added = upsert(imports).values(import_id=import_id, epoch=0, **counted, **begun)
    await db.execute(added.on_conflict_do_nothing())
    own_row = imports.c.import_id == import_id
    await db.execute(select(imports.c.import_id).where(own_row).with_for_update())
    earlier = await earlier_try(db, import_id)  # the lock: it writes no more chunks meanwhile
    if earlier.status in ENDED_FOR_GOOD or earlier.end > compared:
        return None
    if not earlier.chunks:  # then what was counted and rejected will be so again
        begun |= counted | {"found": None}
        await _delete_details(db, [import_id])
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
    db: Connection,
    lease: ImportLease,
    counts: Counts,
    rejections: Sequence[Rejection],
    kept: int = DEFAULT_LIMITS.rejections,
) -> bool:
    """Add a chunk's `counts` in the transaction that imports it; return False without the lease.

    In any order: a chunk may be done before the one that it follows. Of the import's rejections
    the first ones are `kept`; beyond them they are only counted.
    """
    values: dict[str, Any] = {
        column.name: column + getattr(counts, name) for name, column in COLUMNS.items()
    }
    values["size_bytes"] = func.greatest(imports.c.size_bytes, counts.bytes_read)
    values["line_count"] = func.greatest(imports.c.line_count, counts.lines_read)
    values["beat"] = imports.c.beat + 1
    noted = _leased(lease).values(**values).returning(imports.c.rejected_count)
    rejected = await db.scalar(noted)
    if rejected is None:
        return False
    if rejections:
        await count_rejections(db, lease.import_id, rejections)
        await keep_rejections(db, lease.import_id, rejections, kept, rejected)
    return True


async def note_found(db: Connection, lease: ImportLease, found: FileFound) -> None:
    """Note what a file turned out to be."""
    await db.execute(_leased(lease).values(found=msgspec.to_builtins(found)))


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


async def cancel_import(db: Connection, import_id: UUID, now: Instant) -> None:
    """Cancel an import that is not completed: its lease is lost, and it is never gone on with.

    Raises:
        ImportUnknown: No import has this identifier.
        ImportEnded: It is completed.
    """
    own_row = imports.c.import_id == import_id
    status = await db.scalar(select(imports.c.status).where(own_row).with_for_update())
    if status is None or status == "deleted":
        raise ImportUnknown
    if status == "completed":
        raise ImportEnded
    if status != "cancelled":
        values = {"status": "cancelled", "ended_at": now, "failure_reason": None}
        await db.execute(
            update(imports).where(own_row).values(**values, epoch=imports.c.epoch + 1)
        )
        for table in (import_chunks, import_drafts):
            await db.execute(delete(table).where(table.c.import_id == import_id))


async def status_of(db: Connection, import_id: UUID) -> str | None:
    """Return the status of an import."""
    found: str | None = await db.scalar(
        select(imports.c.status).where(imports.c.import_id == import_id)
    )
    return found


async def delete_import(db: Connection, import_id: UUID) -> None:
    """Delete all that an import has brought but its clients; its identifier stays taken.

    Raises:
        ImportUnknown: No import has this identifier.
        ImportRunning: It has not ended.
    """
    own_row = imports.c.import_id == import_id
    status = await db.scalar(select(imports.c.status).where(own_row).with_for_update())
    if status is None:
        raise ImportUnknown
    if status == "running":
        raise ImportRunning
    gone = {"status": "deleted", "failure_reason": None, "digest": None}
    await db.execute(update(imports).where(own_row).values(**gone))
    await _delete_details(db, [import_id])


async def delete_ended_imports(db: Connection, *, before: Instant, limit: int) -> int:
    """Delete up to `limit` imports that ended `before`; return how many."""
    ended = select(imports.c.import_id).where(imports.c.ended_at < before)
    oldest = ended.order_by(imports.c.ended_at).limit(limit).with_for_update(skip_locked=True)
    gone = list(await db.scalars(oldest))
    await _delete_details(db, gone)
    await db.execute(delete(imports).where(imports.c.import_id.in_(gone)))
    return len(gone)


async def _delete_details(db: Connection, import_ids: Sequence[UUID]) -> None:
    for table in (import_rejections, import_rejection_counts, import_chunks, import_drafts):
        await db.execute(delete(table).where(table.c.import_id.in_(import_ids)))


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

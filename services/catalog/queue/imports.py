"""Rows that an import locks: its own, with its lease, and the clients that it reads."""

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import Any
from uuid import UUID

import msgspec
from sqlalchemy import Update, delete, func, select, update
from sqlalchemy.dialects.postgresql import insert as upsert

from services.catalog.domain.client import FIELDS, Profile
from services.catalog.domain.imports import (
    DEFAULT_LIMITS,
    Counts,
    ImportRunning,
    ImportUnknown,
    Rejection,
)
from services.catalog.tables import (
    import_chunks,
    import_rejection_counts,
    import_rejections,
    imports,
)
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


ENDED_FOR_GOOD = ("completed", "deleted")
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

    None if it is completed or deleted, or has more chunks than were `compared` with this file.
    An earlier request loses its lease: it may have died, and nothing else would show that.
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
    if earlier.status in ENDED_FOR_GOOD or earlier.end > compared:
        return None
    if not earlier.chunks:  # then what was counted and rejected will be so again
        begun |= counted
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
        await _count_rejections(db, lease.import_id, rejections)
        room = max(0, kept - (rejected - len(rejections)))
        first = sorted(rejections, key=attrgetter("row"))[:room]
        await _keep_rejections(db, lease.import_id, first)
    return True


async def _count_rejections(
    db: Connection, import_id: UUID, rejections: Sequence[Rejection]
) -> None:
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


async def _keep_rejections(
    db: Connection, import_id: UUID, rejections: Sequence[Rejection]
) -> None:
    rows = [
        {
            "import_id": import_id,
            "row": each.row,
            "line": each.line,
            "last_line": each.last_line,
            "place": number,
            "column": mistake.pointer[1:] or None,
            "reason": mistake.detail or mistake.code,
        }
        for each in rejections
        for number, mistake in enumerate(each.field_errors)
    ]
    if rows:
        await db.execute(upsert(import_rejections).on_conflict_do_nothing(), rows)


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
    for table in (import_rejections, import_rejection_counts, import_chunks):
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

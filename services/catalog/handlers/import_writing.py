"""Writing: a chunk of an import, in a transaction of its own."""

from dataclasses import dataclass, replace

from services.catalog.domain.client import ExternalIdTaken, PhoneTaken
from services.catalog.domain.import_options import DEFAULT_OPTIONS, ImportOptions
from services.catalog.domain.imports import Chunk, Counts, ImportCancelled, ImportOvertaken
from services.catalog.handlers.import_plan import counts_of, plan_chunk
from services.catalog.queue import imports as queue
from services.catalog.queue.import_clients import (
    Wanted,
    add_drafts,
    keep_drafts,
    known_clients,
)
from services.catalog.queue.imports import ImportLease
from shared import database, telemetry
from shared.crash import crash_point
from shared.database import Connection, transaction
from shared.errors import Error, StaleVersion, Unavailable
from shared.event_store.postgres import PostgresEventStore, hold_writers
from shared.loop import Backoff

CHUNK_RETRIES = 8  # with the pauses between them they outlast a restart of the database
ROW_OUTCOMES = ("created", "changed", "unchanged", "rejected")


def begin_counting() -> None:
    """Let imported rows be known as none: a rate needs a number before the first one."""
    for outcome in ROW_OUTCOMES:
        telemetry.count("catalog.import.rows", 0, outcome=outcome)


@dataclass(frozen=True, slots=True)
class Writer:
    """What each chunk of an import is written with."""

    store: PostgresEventStore
    lease: ImportLease
    kept: int  # rejections
    options: ImportOptions = DEFAULT_OPTIONS
    alone: bool = False  # others who write events wait


async def lost(db: Connection, lease: ImportLease) -> Error:
    """Return why an import has no lease any more."""
    status = await queue.status_of(db, lease.import_id)
    return ImportCancelled() if status == "cancelled" else ImportOvertaken()


async def import_chunk(writer: Writer, chunk: Chunk, wanted: Wanted) -> None:
    """Import a chunk, again if others wrote the same clients meanwhile or the database left.

    Whoever writes one client is faster than a chunk, so may be it every time: from the second try
    on, others wait.
    """
    backoff = Backoff("catalog.import")
    for _ in range(CHUNK_RETRIES):
        try:
            return await _try_chunk(writer, chunk, wanted)
        except (StaleVersion, PhoneTaken, ExternalIdTaken):
            writer = replace(writer, alone=True)
        except Unavailable as error:
            await backoff.wait(error)
    return await _try_chunk(writer, chunk, wanted)


async def _try_chunk(writer: Writer, chunk: Chunk, wanted: Wanted) -> None:
    with telemetry.span("ImportChunk", {telemetry.BATCH_SIZE: len(chunk.rows)}):
        await _write_chunk(writer, chunk, wanted)


async def _write_chunk(writer: Writer, chunk: Chunk, wanted: Wanted) -> None:
    store, lease = writer.store, writer.lease
    async with transaction(store.pool) as db:
        if not await queue.begin_chunk(db, lease, chunk.number, chunk.digest):
            return  # by this request, unconfirmed, or by an earlier one
        if writer.alone:
            await hold_writers(db)
        known = await known_clients(db, wanted)
        if writer.options.dry_run:
            await add_drafts(db, lease.import_id, wanted, known)
        now = await database.now(db)  # later than the removal of those who had such a phone
        plan = plan_chunk(chunk, known, now, writer.options)
        if writer.options.dry_run:
            await keep_drafts(db, lease.import_id, plan.clients)
        else:
            await store.append_in(db, plan.appends, now=now)
        counts = counts_of(chunk, plan)
        if not await queue.note_import(db, lease, counts, plan.rejections, writer.kept):
            raise await lost(db, lease)
        if chunk.number == 0 and chunk.found:
            await queue.note_found(db, lease, chunk.found)
        crash_point("catalog.import.written")
    crash_point("catalog.import.committed")
    _count(counts, is_dry_run=writer.options.dry_run)


def _count(counts: Counts, *, is_dry_run: bool) -> None:
    """Count rows whose clients are written; a dry run has none."""
    if is_dry_run:
        return
    for outcome in ROW_OUTCOMES:
        telemetry.count("catalog.import.rows", getattr(counts, outcome), outcome=outcome)

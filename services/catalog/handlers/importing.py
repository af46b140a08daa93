"""Importing: clients are written in chunks, each in a transaction of its own."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from uuid import UUID

from services.catalog.domain.import_options import PHONE_ONLY, ImportOptions
from services.catalog.domain.imports import (
    DEFAULT_LIMITS,
    Chunk,
    ImportCancelled,
    ImportDiffers,
    ImportLimits,
    ImportWasDeleted,
)
from services.catalog.handlers.import_plan import wanted_of
from services.catalog.handlers.import_writing import Writer, import_chunk, lost
from services.catalog.queue import imports as queue
from services.catalog.queue.import_clients import Wanted, drop_drafts
from services.catalog.queue.imports import NOTHING_DECLARED, Declared, EarlierTry, ImportLease
from shared import database, telemetry
from shared.crash import crash_point
from shared.database import Pool, autocommit, transaction
from shared.errors import Error, Unavailable
from shared.event_store.postgres import PostgresEventStore

AT_ONCE = 3  # chunks of an import under way; more were no faster
BEAT = timedelta(seconds=2)  # between two heartbeats of an import


async def import_clients(
    store: PostgresEventStore,
    import_id: UUID,
    chunks: AsyncIterator[Chunk],
    limits: ImportLimits = DEFAULT_LIMITS,
    declared: Declared = NOTHING_DECLARED,
) -> None:
    """Register or change a client for each row, as is declared; a bad row never harms a good one.

    Each chunk is one transaction: what dies in the middle leaves whole chunks. A repeated request
    takes the import over and goes on behind them. They are compared first: of another file
    nothing is imported. Of the rejections the first ones are kept.

    Raises:
        ImportWasDeleted: It was, so nothing is known that could be compared.
        ImportCancelled: It was, or is meanwhile.
        ImportDiffers: An earlier request for it has brought another file.
        ImportOvertaken: Another request has taken it over, or it was given up as lost.
        ImportRefused: The file as a whole cannot be read.
        ImportBrokenOff: It did not come to its end.
    """
    begun = await _begin(store.pool, import_id, chunks, declared)
    if begun is None:
        return
    lease = begun.lease
    failure = "it was interrupted here; send it again"
    try:
        async with _beating(store.pool, lease):
            writer = Writer(store, lease, limits.rejections, declared.options)
            last = await _import_all(writer, _chain(begun.missing, chunks))
        failure = ""
    except Error as error:
        failure = "; ".join(each.detail for each in error.field_errors) or str(type(error).__doc__)
        raise
    finally:
        if failure:
            await _fail(store.pool, lease, failure)
    await _complete(store.pool, lease, last or begun.last)


@dataclass(frozen=True, slots=True)
class _Begun:
    lease: ImportLease
    missing: Sequence[Chunk]  # of those that were compared; the others are written
    last: Chunk | None  # of what was compared


async def _begin(
    pool: Pool, import_id: UUID, chunks: AsyncIterator[Chunk], declared: Declared
) -> _Begun | None:
    """Begin an import, or go on with it, behind the chunks that an earlier request has written.

    None if the import was completed before, with the same file. Nothing is changed before all
    that an earlier request has written is compared.

    Raises:
        ImportWasDeleted: It was.
        ImportCancelled: It was.
        ImportDiffers: An earlier request for it has brought another file.
    """
    compared, missing, last = 0, list[Chunk](), None
    while True:
        async with transaction(pool) as db:
            earlier = await queue.earlier_try(db, import_id)
        if earlier.status == "deleted":
            raise ImportWasDeleted
        if earlier.status == "cancelled":
            raise ImportCancelled
        if earlier.status == "completed":
            await _compare_whole(earlier, chunks)
            return None
        while compared < earlier.end:  # a few are missing at the end: some are written at once
            chunk = await anext(chunks, None)
            if chunk is None or earlier.chunks.get(compared, chunk.digest) != chunk.digest:
                raise ImportDiffers
            missing += [] if compared in earlier.chunks else [chunk]
            compared, last = compared + 1, chunk
        async with transaction(pool) as db:
            now = await database.now(db)
            lease = await queue.begin_import(db, import_id, compared, now, declared)
            crash_point("catalog.import.beginning")
        crash_point("catalog.import.begun")
        if lease is not None:
            return _Begun(lease, missing, last)


async def _compare_whole(earlier: EarlierTry, chunks: AsyncIterator[Chunk]) -> None:
    """Read a file that was imported before; its last digest is that of the whole.

    Raises:
        ImportDiffers: It is another one.
    """
    if earlier.digest is None:
        return
    digest = b""
    async for chunk in chunks:
        digest = chunk.digest
    if digest != earlier.digest:
        raise ImportDiffers


async def _fail(pool: Pool, lease: ImportLease, reason: str) -> None:
    async with transaction(pool) as db:
        is_own = await queue.fail_import(db, lease, reason, await database.now(db))
    telemetry.count("catalog.imports", int(is_own), outcome="failed")


async def _complete(pool: Pool, lease: ImportLease, last: Chunk | None) -> None:
    digest = last.digest if last else b""
    async with transaction(pool) as db:
        if last and last.found:
            await queue.note_found(db, lease, last.found)
        await drop_drafts(db, lease.import_id)
        is_own = await queue.complete_import(db, lease, digest, await database.now(db))
        if not is_own:
            raise await lost(db, lease)
        crash_point("catalog.import.completing")
    crash_point("catalog.import.completed")
    telemetry.count("catalog.imports", 1, outcome="completed")


async def _chain(first: Sequence[Chunk], rest: AsyncIterator[Chunk]) -> AsyncIterator[Chunk]:
    for chunk in first:
        yield chunk
    async for chunk in rest:
        yield chunk


@asynccontextmanager
async def _beating(pool: Pool, lease: ImportLease) -> AsyncIterator[None]:
    """Send heartbeats as long as the block lasts, even when no rows arrive."""
    ended: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def beat() -> None:
        while not (await asyncio.wait([ended], timeout=BEAT.total_seconds()))[0]:
            with suppress(Unavailable):  # the reaper cannot see it missing then either
                async with autocommit(pool) as db:
                    await queue.beat(db, lease)

    beats = asyncio.create_task(beat())
    try:
        yield
    finally:
        ended.set_result(None)
        await beats


async def _ahead(chunks: AsyncIterator[Chunk]) -> AsyncIterator[Chunk]:
    """Yield `chunks`; the next one is read while the database works on this one."""
    reading = asyncio.ensure_future(anext(chunks, None))
    try:
        while (chunk := await reading) is not None:
            reading = asyncio.ensure_future(anext(chunks, None))
            yield chunk
    finally:
        reading.cancel()
        await asyncio.gather(reading, return_exceptions=True)


async def _import_all(writer: Writer, chunks: AsyncIterator[Chunk]) -> Chunk | None:
    """Import `chunks`, some at a time, and return the last one; None if there are none.

    One is planned while the database works on the others.

    Those that share a client take turns, for rows of one client build on each other. Where a
    client may lose a phone by one row, and another get it, all do.
    """
    under_way: deque[tuple[asyncio.Task[None], Wanted]] = deque()
    last: Chunk | None = None
    try:
        async for chunk in _ahead(chunks):
            wanted = wanted_of(chunk, writer.options)
            at_once = AT_ONCE if _are_apart(writer.options, wanted) else 1
            while len(under_way) >= at_once or not all(
                _are_disjoint(wanted, others) for _, others in under_way
            ):
                await under_way.popleft()[0]
            last = chunk
            work = import_chunk(writer, chunk, wanted)
            under_way.append((asyncio.create_task(work), wanted))
        while under_way:
            await under_way.popleft()[0]
    except asyncio.CancelledError:
        for task, _ in under_way:
            task.cancel()
        raise
    finally:  # what came before a failure is imported
        await asyncio.gather(*(task for task, _ in under_way), return_exceptions=True)
    return last


def _are_apart(options: ImportOptions, wanted: Wanted) -> bool:
    """Return whether rows that name no client in common cannot get into each other's way."""
    return options.keys in ((), PHONE_ONLY) and not (wanted.client_ids or options.dry_run)


def _are_disjoint(one: Wanted, other: Wanted) -> bool:
    return set(one.phones).isdisjoint(other.phones) and set(one.external_ids).isdisjoint(
        other.external_ids
    )

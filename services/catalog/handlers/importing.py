"""Importing: clients are written in chunks, each in a transaction of its own."""

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, replace
from datetime import timedelta
from uuid import UUID

from services.catalog.domain.client import PhoneTaken, is_phone
from services.catalog.domain.imports import (
    DEFAULT_LIMITS,
    Chunk,
    ImportDiffers,
    ImportLimits,
    ImportOvertaken,
    ImportWasDeleted,
)
from services.catalog.handlers.import_plan import counts_of, plan_chunk
from services.catalog.queue import imports as queue
from services.catalog.queue.imports import EarlierTry, ImportLease
from shared import database, telemetry
from shared.database import Pool, autocommit, transaction
from shared.errors import Error, StaleVersion, Unavailable
from shared.event_store.postgres import PostgresEventStore, hold_writers
from shared.loop import Backoff

AT_ONCE = 3  # chunks of an import under way; more were no faster
CHUNK_RETRIES = 8  # with the pauses between them they outlast a restart of the database
BEAT = timedelta(seconds=2)  # between two heartbeats of an import
ROW_OUTCOMES = ("created", "changed", "unchanged", "rejected")


def begin_counting() -> None:
    """Let imported rows be known as none: a rate needs a number before the first one."""
    for outcome in ROW_OUTCOMES:
        telemetry.count("catalog.import.rows", 0, outcome=outcome)


async def import_clients(
    store: PostgresEventStore,
    import_id: UUID,
    chunks: AsyncIterator[Chunk],
    limits: ImportLimits = DEFAULT_LIMITS,
) -> None:
    """Register or change a client for each row, by phone; a bad row never harms a good one.

    Each chunk is one transaction: what dies in the middle leaves whole chunks. A repeated request
    takes the import over and goes on behind them. They are compared first: of another file
    nothing is imported. Of the rejections the first ones are kept.

    Raises:
        ImportWasDeleted: It was, so nothing is known that could be compared.
        ImportDiffers: An earlier request for it has brought another file.
        ImportOvertaken: Another request has taken it over, or it was given up as lost.
        ImportRefused: The file as a whole cannot be read.
        ImportBrokenOff: It did not come to its end.
    """
    begun = await _begin(store.pool, import_id, chunks)
    if begun is None:
        return
    lease = begun.lease
    failure = "it was interrupted here; send it again"
    try:
        async with _beating(store.pool, lease):
            last = await _import_all(
                _Writer(store, lease, limits.rejections), _chain(begun.missing, chunks)
            )
        failure = ""
    except Error as error:
        failure = "; ".join(each.detail for each in error.field_errors) or str(type(error).__doc__)
        raise
    finally:
        if failure:
            await _fail(store.pool, lease, failure)
    await _complete(store.pool, lease, last or begun.digest)


@dataclass(frozen=True, slots=True)
class _Begun:
    lease: ImportLease
    missing: Sequence[Chunk]  # of those that were compared; the others are written
    digest: bytes  # of what was compared


async def _begin(pool: Pool, import_id: UUID, chunks: AsyncIterator[Chunk]) -> _Begun | None:
    """Begin an import, or go on with it, behind the chunks that an earlier request has written.

    None if the import was completed before, with the same file. Nothing is changed before all
    that an earlier request has written is compared.

    Raises:
        ImportWasDeleted: It was.
        ImportDiffers: An earlier request for it has brought another file.
    """
    compared, missing, digest = 0, list[Chunk](), b""
    while True:
        async with transaction(pool) as db:
            earlier = await queue.earlier_try(db, import_id)
        if earlier.status == "deleted":
            raise ImportWasDeleted
        if earlier.status == "completed":
            await _compare_whole(earlier, chunks)
            return None
        while compared < earlier.end:  # a few are missing at the end: some are written at once
            chunk = await anext(chunks, None)
            if chunk is None or earlier.chunks.get(compared, chunk.digest) != chunk.digest:
                raise ImportDiffers
            missing += [] if compared in earlier.chunks else [chunk]
            compared, digest = compared + 1, chunk.digest
        async with transaction(pool) as db:
            lease = await queue.begin_import(db, import_id, compared, await database.now(db))
        if lease is not None:
            return _Begun(lease, missing, digest)


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


async def _complete(pool: Pool, lease: ImportLease, digest: bytes) -> None:
    async with transaction(pool) as db:
        is_own = await queue.complete_import(db, lease, digest, await database.now(db))
    if not is_own:
        raise ImportOvertaken
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


@dataclass(frozen=True, slots=True)
class _Writer:
    """What each chunk of an import is written with."""

    store: PostgresEventStore
    lease: ImportLease
    kept: int  # rejections
    alone: bool = False  # others who write events wait


async def _import_all(writer: _Writer, chunks: AsyncIterator[Chunk]) -> bytes:
    """Import `chunks`, some at a time, and return the last one's digest; empty if there are none.

    One is planned while the database works on the others.

    Those that share a phone take turns, for rows with one phone build on each other.
    """
    under_way: deque[tuple[asyncio.Task[None], set[str]]] = deque()
    digest = b""
    try:
        async for chunk in _ahead(chunks):
            phones = {phone for row in chunk.rows if is_phone(phone := row.fields.get("phone"))}
            while len(under_way) == AT_ONCE or not all(
                phones.isdisjoint(others) for _, others in under_way
            ):
                await under_way.popleft()[0]
            digest = chunk.digest
            work = _import_chunk(writer, chunk, phones)
            under_way.append((asyncio.create_task(work), phones))
        while under_way:
            await under_way.popleft()[0]
    except asyncio.CancelledError:
        for task, _ in under_way:
            task.cancel()
        raise
    finally:  # what came before a failure is imported
        await asyncio.gather(*(task for task, _ in under_way), return_exceptions=True)
    return digest


async def _import_chunk(writer: _Writer, chunk: Chunk, phones: Collection[str]) -> None:
    """Import a chunk, again if others wrote the same clients meanwhile or the database left.

    Whoever writes one client is faster than a chunk, so may be it every time: from the second try
    on, others wait.
    """
    backoff = Backoff("catalog.import")
    for _ in range(CHUNK_RETRIES):
        try:
            return await _try_chunk(writer, chunk, phones)
        except (StaleVersion, PhoneTaken):
            writer = replace(writer, alone=True)
        except Unavailable as error:
            await backoff.wait(error)
    return await _try_chunk(writer, chunk, phones)


async def _try_chunk(writer: _Writer, chunk: Chunk, phones: Collection[str]) -> None:
    with telemetry.span("ImportChunk", {telemetry.BATCH_SIZE: len(chunk.rows)}):
        await _write_chunk(writer, chunk, phones)


async def _write_chunk(writer: _Writer, chunk: Chunk, phones: Collection[str]) -> None:
    store, lease = writer.store, writer.lease
    async with transaction(store.pool) as db:
        if not await queue.begin_chunk(db, lease, chunk.number, chunk.digest):
            return  # by this request, unconfirmed, or by an earlier one
        if writer.alone:
            await hold_writers(db)
        known = await queue.existing_clients(db, phones)
        now = await database.now(db)  # later than the removal of those who had such a phone
        plan = plan_chunk(chunk, known, now)
        await store.append_in(db, plan.appends, now=now)
        counts = counts_of(chunk, plan)
        if not await queue.note_import(db, lease, counts, plan.rejections, writer.kept):
            raise ImportOvertaken
    for outcome in ROW_OUTCOMES:
        telemetry.count("catalog.import.rows", getattr(counts, outcome), outcome=outcome)

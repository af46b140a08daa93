"""The rows of an import: whose they are, while others take it over, cancel it or end it."""

from dataclasses import replace
from itertools import permutations
from uuid import UUID

import pytest

from services.catalog.domain.imports import Counts, Rejection
from services.catalog.queries import imports as queries
from services.catalog.queries.imports import ImportView
from services.catalog.queue import imports as queue
from services.catalog.queue.imports import ImportLease
from shared.database import Connection, Pool, transaction
from shared.errors import FieldError
from shared.event import Instant

ID = UUID(int=1)
FILE, CHUNK = b"digest of a file", b"digest of a chunk"
BAD = Rejection(2, 3, 3, [FieldError("/phone", "phone", "no phone")])
COUNTS = Counts(
    rows=2, created=1, changed=0, unchanged=0, rejected=1, bytes_read=100, lines_read=3
)


async def begin(db: Connection, now: Instant) -> ImportLease:
    lease = await queue.begin_import(db, ID, 1, now)
    assert lease is not None
    return lease


async def shown(db: Connection) -> ImportView:
    return await queries.import_(db, ID)


async def rejected_rows(db: Connection) -> list[int]:
    found = await queries.rejections(db, ID, after=(0, 0), limit=10)
    return [each.row for each in found]


async def test_who_begins_an_import_again_takes_it_over(catalog_pool: Pool, now: Instant) -> None:
    async with transaction(catalog_pool) as db:
        first = await begin(db, now)
        second = await begin(db, now)

        assert first != second
        assert not await queue.note_import(db, first, COUNTS, [])
        assert not await queue.complete_import(db, first, FILE, now)
        assert not await queue.fail_import(db, first, "it broke off", now)
        assert (await shown(db)).status == "running"
        assert await queue.note_import(db, second, COUNTS, [])
        assert await queue.complete_import(db, second, FILE, now)


@pytest.mark.parametrize("order", list(permutations([[2, 5, 9], [11], [12, 13]])))
async def test_the_first_rejections_are_kept_in_whatever_order_chunks_come(
    catalog_pool: Pool, now: Instant, order: list[list[int]]
) -> None:
    async with transaction(catalog_pool) as db:
        lease = await begin(db, now)
        for rows in order:
            rejections = [Rejection(row, 3, 3, BAD.field_errors) for row in rows]
            counts = replace(COUNTS, rejected=len(rows))
            await queue.note_import(db, lease, counts, rejections, 4)

        assert await rejected_rows(db) == [2, 5, 9, 11]
        assert (await shown(db)).rejected == 6


async def test_an_import_that_was_cancelled_meanwhile_is_not_begun(
    catalog_pool: Pool, now: Instant
) -> None:
    async with transaction(catalog_pool) as db:
        lease = await begin(db, now)
        await queue.cancel_import(db, ID, now)

        assert await queue.begin_import(db, ID, 1, now) is None
        assert not await queue.note_import(db, lease, COUNTS, [])
        assert (await shown(db)).status == "cancelled"


async def test_a_completed_import_is_not_begun_again(catalog_pool: Pool, now: Instant) -> None:
    async with transaction(catalog_pool) as db:
        lease = await begin(db, now)
        await queue.note_import(db, lease, COUNTS, [BAD])
        await queue.complete_import(db, lease, FILE, now)

        assert await queue.begin_import(db, ID, 1, now) is None
        view = await shown(db)
        assert (view.status, view.rows, view.rejected) == ("completed", 2, 1)


async def test_of_an_earlier_try_that_wrote_no_chunk_nothing_is_left(
    catalog_pool: Pool, now: Instant
) -> None:
    async with transaction(catalog_pool) as db:
        lease = await begin(db, now)
        await queue.note_import(db, lease, COUNTS, [BAD])
        assert await rejected_rows(db) == [2]
        await queue.fail_import(db, lease, "it broke off", now)

        await begin(db, now)

        view = await shown(db)
        assert (view.status, view.rows, view.rejected, view.bytes) == ("running", 0, 0, 0)
        assert (view.failure_reason, view.ended_at) == (None, None)
        assert await rejected_rows(db) == []


async def test_what_an_earlier_try_has_written_stays_and_is_counted_once(
    catalog_pool: Pool, now: Instant
) -> None:
    async with transaction(catalog_pool) as db:
        lease = await begin(db, now)
        assert await queue.begin_chunk(db, lease, 0, CHUNK)
        assert not await queue.begin_chunk(db, lease, 0, CHUNK)
        await queue.note_import(db, lease, COUNTS, [BAD])
        await queue.fail_import(db, lease, "it broke off", now)

        assert await queue.begin_import(db, ID, 0, now) is None, "not without comparing it"
        again = await begin(db, now)

        assert not await queue.begin_chunk(db, again, 0, CHUNK)
        assert await queue.begin_chunk(db, again, 1, CHUNK)
        view = await shown(db)
        assert (view.status, view.rows, view.rejected) == ("running", 2, 1)
        assert await rejected_rows(db) == [2]


async def test_chunks_are_counted_in_any_order(catalog_pool: Pool, now: Instant) -> None:
    async with transaction(catalog_pool) as db:
        lease = await begin(db, now)
        for bytes_read in (200, 100):
            counts = Counts(
                rows=2,
                created=1,
                changed=1,
                unchanged=0,
                rejected=0,
                bytes_read=bytes_read,
                lines_read=bytes_read // 10,
            )
            await queue.note_import(db, lease, counts, [])

        view = await shown(db)
        assert (view.rows, view.created, view.changed, view.bytes) == (4, 2, 2, 200)


async def test_an_import_that_beats_is_not_lost(catalog_pool: Pool, now: Instant) -> None:
    async with transaction(catalog_pool) as db:
        lease = await begin(db, now)
        seen = (await queue.beats(db))[lease]
        await queue.beat(db, lease)

        assert not await queue.end_lost_import(db, lease, seen, failure="lost", now=now)
        assert (await shown(db)).status == "running"


@pytest.mark.parametrize("is_completed", [True, False])
async def test_an_import_that_has_ended_is_not_lost(
    catalog_pool: Pool, now: Instant, *, is_completed: bool
) -> None:
    async with transaction(catalog_pool) as db:
        lease = await begin(db, now)
        beat = (await queue.beats(db))[lease]
        if is_completed:
            await queue.complete_import(db, lease, FILE, now)
        else:
            await queue.fail_import(db, lease, "it broke off", now)

        assert await queue.beats(db) == {}
        assert not await queue.end_lost_import(db, lease, beat, failure="lost", now=now)
        assert (await shown(db)).failure_reason != "lost"


async def test_who_was_given_up_as_lost_writes_nothing_more(
    catalog_pool: Pool, now: Instant
) -> None:
    async with transaction(catalog_pool) as db:
        lease = await begin(db, now)
        beat = (await queue.beats(db))[lease]

        assert await queue.end_lost_import(db, lease, beat, failure="lost", now=now)

        assert not await queue.note_import(db, lease, COUNTS, [])
        assert not await queue.complete_import(db, lease, FILE, now)
        view = await shown(db)
        assert (view.status, view.failure_reason, view.rows) == ("failed", "lost", 0)

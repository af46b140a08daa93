"""Imports that nobody ends: whose process died, or was taken for dead."""

import asyncio
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import timedelta
from typing import Any
from uuid import UUID

import pytest
from httpx import AsyncClient
from sqlalchemy import select

from services.catalog import workers
from services.catalog.domain.imports import Chunk, Counts, FileRow, ImportOvertaken
from services.catalog.handlers import import_writing, importing
from services.catalog.handlers.reaping import Reaper
from services.catalog.queue import imports as queue
from services.catalog.queue.imports import ImportLease
from services.catalog.tables import imports
from shared import database
from shared.database import Pool, transaction
from shared.errors import Unavailable
from shared.event_store.postgres import PostgresEventStore
from shared.testing import eventually

ID = UUID(int=1)
LEASE = 15.0  # seconds
FIRST, LAST = (
    Chunk(
        number=number,
        digest=bytes([number]),
        rows=[FileRow(number + 1, number + 2, number + 2, {"phone": f"7916123456{number}"})],
        rejections=[],
        bytes_read=18,
        lines_read=2,
    )
    for number in (0, 1)
)


class Watch:
    """A reaper, and the clock that it looks at."""

    def __init__(self, pool: Pool) -> None:
        self.time = 1_000.0
        self.reaper = Reaper(pool, timedelta(seconds=LEASE), lambda: self.time)

    async def look(self, *, after: float = 0.0) -> bool:
        self.time += after
        return await self.reaper.check()


class Upload:
    """An import under way: it comes to `pauses`, and to its end when it may `go_on`."""

    def __init__(
        self, store: PostgresEventStore, *before: Chunk, after: tuple[Chunk, ...]
    ) -> None:
        self.pauses, self.go_on = asyncio.Event(), asyncio.Event()
        self._before, self._after = before, after
        self.task = asyncio.create_task(importing.import_clients(store, ID, self._chunks()))

    async def _chunks(self) -> AsyncIterator[Chunk]:
        for chunk in self._before:
            yield chunk
        self.pauses.set()
        await self.go_on.wait()
        for chunk in self._after:
            yield chunk


@pytest.fixture
def watch(catalog_pool: Pool) -> Watch:
    return Watch(catalog_pool)


@pytest.fixture
def is_suspended(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no import show that it lives."""
    monkeypatch.setattr(importing, "BEAT", timedelta(hours=1))


async def begin(pool: Pool) -> ImportLease:
    async with transaction(pool) as db:
        lease = await queue.begin_import(db, ID, 0, await database.now(db))
    assert lease is not None
    return lease


async def beat(pool: Pool, lease: ImportLease) -> None:
    async with transaction(pool) as db:
        await queue.beat(db, lease)


async def beats(pool: Pool) -> int:
    async with transaction(pool) as db:
        return int(await db.scalar(select(imports.c.beat)) or 0)


async def shown(http: AsyncClient) -> dict[str, Any]:
    view: dict[str, Any] = (await http.get(f"/imports/{ID}")).json()
    return view


# When


async def test_an_import_is_lost_after_a_whole_lease_without_a_sign_of_life(
    http: AsyncClient, catalog_pool: Pool, watch: Watch
) -> None:
    lease = await begin(catalog_pool)
    async with transaction(catalog_pool) as db:
        await queue.note_import(
            db, lease, Counts(7, 7, 0, 0, 0, bytes_read=70, lines_read=8), [], 10
        )
    before = await shown(http)

    assert not await watch.look()
    assert not await watch.look(after=LEASE)
    assert await shown(http) == before
    assert await watch.look(after=0.1)

    after = await shown(http)
    assert after == before | {
        "status": "failed",
        "failure_reason": "the service that took it ended; what is in stays, send it again",
        "ended_at": after["ended_at"],
    }
    assert after["ended_at"] >= after["started_at"]
    assert not await watch.look(after=LEASE + 1)


async def test_a_sign_of_life_begins_the_lease_anew(catalog_pool: Pool, watch: Watch) -> None:
    lease = await begin(catalog_pool)
    await watch.look()
    await beat(catalog_pool, lease)

    assert not await watch.look(after=LEASE + 1)
    assert not await watch.look(after=LEASE - 1)
    assert await watch.look(after=2)


async def test_to_send_an_import_again_begins_the_lease_anew(
    catalog_pool: Pool, watch: Watch
) -> None:
    await begin(catalog_pool)
    await watch.look()
    await begin(catalog_pool)

    assert not await watch.look(after=LEASE + 1)
    assert await watch.look(after=LEASE + 1)


async def test_a_look_that_failed_begins_the_waiting_anew(
    catalog_pool: Pool, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begin(catalog_pool)
    await watch.look()

    async def away(_: object) -> None:
        raise Unavailable

    with monkeypatch.context() as patched:
        patched.setattr(queue, "beats", away)
        with pytest.raises(Unavailable):
            await watch.look(after=LEASE / 2)

    assert not await watch.look(after=LEASE)
    assert not await watch.look(after=LEASE)
    assert await watch.look(after=1)


async def test_a_look_that_takes_long_counts_from_its_end(
    catalog_pool: Pool, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    await begin(catalog_pool)
    look = queue.beats

    async def slowly(db: Any) -> Any:
        found = await look(db)
        watch.time += LEASE - 1
        return found

    with monkeypatch.context() as patched:
        patched.setattr(queue, "beats", slowly)
        await watch.look()

    assert not await watch.look(after=LEASE)
    assert await watch.look(after=1)


async def test_an_import_that_shows_itself_at_the_last_moment_lives(
    http: AsyncClient, catalog_pool: Pool, watch: Watch, monkeypatch: pytest.MonkeyPatch
) -> None:
    lease = await begin(catalog_pool)
    await watch.look()
    look = queue.beats

    async def too_early(db: Any) -> Any:
        found = await look(db)
        await beat(catalog_pool, lease)
        return found

    monkeypatch.setattr(queue, "beats", too_early)
    await watch.look(after=LEASE + 1)

    assert (await shown(http))["status"] == "running"


async def test_the_worker_ends_what_is_lost_by_itself(
    http: AsyncClient, catalog_pool: Pool
) -> None:
    await begin(catalog_pool)
    reaper, every = Reaper(catalog_pool, timedelta()), timedelta(milliseconds=5)
    worker = asyncio.create_task(workers.end_lost_imports(reaper, every=every))

    async def is_ended() -> bool:
        return bool((await shown(http))["status"] == "failed")

    try:
        await eventually(is_ended, within=120)
    finally:
        worker.cancel()
        await asyncio.gather(worker, return_exceptions=True)


async def test_without_the_database_it_says_so(no_pool: Pool) -> None:
    with pytest.raises(Unavailable):
        await Watch(no_pool).look()


# What the import says about that


async def test_an_import_whose_upload_pauses_lives(
    http: AsyncClient,
    store: PostgresEventStore,
    watch: Watch,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(importing, "BEAT", timedelta(milliseconds=1))
    async with asyncio.timeout(30):
        upload = Upload(store, after=(LAST,))
        await upload.pauses.wait()
        await watch.look()
        before = await beats(store.pool)

        async def has_beaten() -> bool:
            return await beats(store.pool) > before

        await eventually(has_beaten, within=120)
        assert not await watch.look(after=LEASE + 1)
        upload.go_on.set()
        await upload.task

    assert (await shown(http))["status"] == "completed"


async def test_an_import_that_has_ended_shows_no_more_that_it_lives(
    store: PostgresEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(importing, "BEAT", timedelta(milliseconds=1))
    upload = Upload(store, after=(LAST,))
    upload.go_on.set()

    async with asyncio.timeout(30):
        await upload.task

    assert asyncio.all_tasks() == {asyncio.current_task()}


@pytest.mark.usefixtures("is_suspended")
@pytest.mark.parametrize("at_the_end", [False, True])
async def test_an_import_that_wakes_up_after_it_was_given_up_learns_it(
    http: AsyncClient, store: PostgresEventStore, watch: Watch, *, at_the_end: bool
) -> None:
    async with asyncio.timeout(30):
        upload = Upload(store, FIRST, after=() if at_the_end else (LAST,))
        await upload.pauses.wait()

        async def has_rows() -> bool:
            return bool((await shown(http))["rows"])

        await eventually(has_rows, within=120)
        await watch.look()
        assert await watch.look(after=LEASE + 1)
        given_up = await shown(http)
        upload.go_on.set()

        with pytest.raises(ImportOvertaken):
            await upload.task

    assert given_up["status"] == "failed"
    assert await shown(http) == given_up


@pytest.mark.usefixtures("is_suspended")
async def test_a_lost_import_can_be_sent_again(
    http: AsyncClient, store: PostgresEventStore, watch: Watch
) -> None:
    await begin(store.pool)
    await watch.look()
    assert await watch.look(after=LEASE + 1)

    upload = Upload(store, after=(LAST,))
    upload.go_on.set()
    async with asyncio.timeout(30):
        await upload.task

    after = await shown(http)
    assert (after["status"], after["failure_reason"], after["created"]) == ("completed", None, 1)


async def test_after_an_import_is_cancelled_none_of_its_rows_is_written(
    http: AsyncClient, store: PostgresEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    try_chunk = import_writing._try_chunk  # noqa: SLF001 - which is under way
    is_under_way, go_on = asyncio.Event(), asyncio.Event()

    async def slowly(*args: Any) -> None:
        is_under_way.set()
        await go_on.wait()
        await try_chunk(*args)

    monkeypatch.setattr(import_writing, "_try_chunk", slowly)
    async with asyncio.timeout(30):
        upload = Upload(store, FIRST, after=(LAST,))
        await is_under_way.wait()
        await upload.pauses.wait()
        upload.task.cancel()
        go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await upload.task

    view = await shown(http)
    assert (view["status"], view["rows"]) == ("failed", 0)
    assert (await http.get("/clients")).json()["items"] == []


async def test_chunks_that_share_a_phone_are_written_one_after_the_other(
    http: AsyncClient, store: PostgresEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    try_chunk = import_writing._try_chunk  # noqa: SLF001 - which begins and ends
    steps: list[tuple[str, int]] = []

    async def noted(writer: Any, chunk: Chunk, phones: Any) -> None:
        steps.append(("begin", chunk.number))
        await try_chunk(writer, chunk, phones)
        steps.append(("end", chunk.number))

    monkeypatch.setattr(import_writing, "_try_chunk", noted)
    rows = [FIRST.rows[0].fields | {"comment": comment} for comment in ("a", "b", "c")]
    shared = [
        replace(FIRST, number=number, rows=[FileRow(number + 1, number + 2, number + 2, row)])
        for number, row in enumerate(rows)
    ]
    upload = Upload(store, after=(*shared, replace(LAST, number=3)))
    upload.go_on.set()
    async with asyncio.timeout(30):
        await upload.task

    of_shared = [step for step in steps if step[1] < 3]
    assert of_shared == [(step, number) for number in range(3) for step in ("begin", "end")]
    found = {each["phone"]: each for each in (await http.get("/clients")).json()["items"]}
    assert found["79161234560"]["comment"] == "c"
    assert found["79161234560"]["version"] == 3


async def test_some_chunks_are_written_at_once_and_no_more_than_the_memory_is_for(
    store: PostgresEventStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    try_chunk = import_writing._try_chunk  # noqa: SLF001 - which is under way
    under_way, most, are_many = 0, 0, asyncio.Event()

    async def counted(*args: Any) -> None:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        if under_way == importing.AT_ONCE:
            are_many.set()
        await are_many.wait()
        await try_chunk(*args)
        under_way -= 1

    monkeypatch.setattr(import_writing, "_try_chunk", counted)
    chunks = [
        replace(FIRST, number=n, rows=[FileRow(n + 1, n + 2, n + 2, {"phone": f"7916000000{n}"})])
        for n in range(2 * importing.AT_ONCE)
    ]
    upload = Upload(store, after=tuple(chunks))
    upload.go_on.set()
    async with asyncio.timeout(30):
        await upload.task

    assert most == importing.AT_ONCE

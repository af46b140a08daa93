"""The live figures: what is shown of mailings, and that watchers miss nothing of it."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID

import httpx
import msgspec
import pytest
from pydantic import SecretStr
from sqlalchemy import text

from services.stats.domain.live import Pace, expected_end, too_late
from services.stats.handlers.broadcasting import LARGEST_MISSED, Broadcast, TooManyWatchers
from services.stats.handlers.reading import PublicReads
from services.stats.queue import generations
from services.stats.routes import routers
from services.stats.subscriptions import subscriptions
from services.stats.workers.live import Hub
from shared import database, http
from shared.contracts.catalog import (
    Filter,
    MailingChanged,
    MailingCreated,
    MailingDeleted,
    MailingPaused,
    MailingResumed,
    MailingStopped,
    RunBegun,
)
from shared.contracts.dispatcher import State
from shared.contracts.schedule import Daily, Schedule
from shared.contracts.scheduler import RunMissed
from shared.database import Pool, transaction
from shared.event import Event
from shared.testing import eventually, received
from tests.stats.story import MAILING, NOON, Run, apply, key

HOUR = timedelta(hours=1)
run, other = Run(), Run(UUID(int=0xB << 124))
CONTENT: dict[str, Any] = {
    "body": "Hello {{ full_name }}",
    "subject": None,
    "filter": Filter(),
    "starts_at": NOON,
    "ends_at": NOON + HOUR,
    "gateway": "http",
}
EVERY_DAY = Schedule(entries=(Daily(at="12:00", zone="UTC"),))


def created(mailing_id: UUID = MAILING, name: str = "Spring", **more: Any) -> MailingCreated:
    return MailingCreated(mailing_id=mailing_id, name=name, created_at=NOON, **CONTENT | more)


def begun(of: Run = run, *, is_last: bool = True) -> RunBegun:
    return RunBegun(
        run_id=of.id,
        mailing_id=of.mailing_id,
        nominal="once",
        revision=1,
        is_last=is_last,
        proposed_at=NOON,
        begun_at=NOON,
        **CONTENT,
    )


def missed() -> RunMissed:
    return run.missed()


PAUSED = MailingPaused(mailing_id=MAILING, paused_at=NOON)
RESUMED = MailingResumed(mailing_id=MAILING, resumed_at=NOON)
STOPPED = MailingStopped(mailing_id=MAILING, stopped_at=NOON)
DELETED = MailingDeleted(mailing_id=MAILING, deleted_at=NOON)


async def happens(pool: Pool, *events: Event, version: int = 1) -> None:
    """Apply events of mailings, each with the next version."""
    handle = subscriptions()
    for number, each in enumerate(events):
        async with transaction(pool) as db:
            await handle[type(each)](db, [received(each, key(each), version=version + number)])


@pytest.fixture
async def reads(stats_pool: Pool) -> PublicReads:
    return PublicReads(stats_pool, Broadcast(largest=50, largest_of_address=40))


@pytest.fixture
async def api(reads: PublicReads) -> AsyncIterator[httpx.AsyncClient]:
    app = http.create_app("stats", routers, reads.pool, database.business_clock(reads.pool), None)
    app.state.public_reads = reads
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://stats") as client:
        yield client


async def shown(api: httpx.AsyncClient, **parameters: Any) -> list[dict[str, Any]]:
    answer = await api.get("/public/v1/mailings", params=parameters)
    assert answer.status_code == 200, answer.text
    items: list[dict[str, Any]] = answer.json()["items"]
    return items


RECURRING = created(schedule=EVERY_DAY)
CHANGED = MailingChanged(
    mailing_id=MAILING, name="Autumn", changed_at=NOON + HOUR, schedule=EVERY_DAY, **CONTENT
)


@pytest.mark.parametrize(
    ("events", "status"),
    [
        ((created(),), "planned"),
        ((created(), PAUSED), "paused"),
        ((created(), PAUSED, RESUMED), "planned"),
        ((created(), begun()), "running"),
        ((created(), begun(), PAUSED), "paused"),
        ((created(), begun(), run.finished()), "finished"),
        ((created(), begun(), PAUSED, run.finished()), "finished"),
        ((created(), begun(), STOPPED), "stopped"),
        ((created(), missed()), "missed"),
        ((created(), missed(), begun()), "running"),
        ((RECURRING, begun(is_last=False), run.finished()), "planned"),
        ((RECURRING, begun(), run.finished()), "finished"),
        ((RECURRING, begun(), run.finished(), CHANGED), "planned"),
        ((begun(), created()), "running"),
        ((run.scheduled(), run.finished()), "finished"),
    ],
)
async def test_a_mailing_has_the_status_that_its_events_say(
    stats_pool: Pool, api: httpx.AsyncClient, events: tuple[Event, ...], status: str
) -> None:
    await happens(stats_pool, *events)
    assert [each["status"] for each in await shown(api)] == [status]


FAR: dict[str, Any] = {
    "starts_at": datetime(2199, 1, 1, 11, tzinfo=UTC),
    "ends_at": NOON + 10**5 * 24 * HOUR,
}
FOR_LONG = CONTENT | FAR
MADE_ONCE = MailingChanged(mailing_id=MAILING, name="Once", changed_at=NOON, **FOR_LONG)


@pytest.mark.parametrize(
    ("later", "is_recurring", "next_at"),
    [
        (RESUMED, True, "2199-01-01T12:00:00Z"),
        (PAUSED, True, None),
        (STOPPED, True, None),
        (MADE_ONCE, False, None),
    ],
)
async def test_a_mailing_says_whether_it_recurs_and_when_it_runs_next(
    stats_pool: Pool,
    api: httpx.AsyncClient,
    later: Event,
    is_recurring: bool,
    next_at: str | None,
) -> None:
    await happens(stats_pool, created(schedule=EVERY_DAY, **FAR), later)
    [only] = await shown(api)
    assert (only["is_recurring"], only["next_at"]) == (is_recurring, next_at)


async def test_what_is_older_than_the_row_changes_nothing(
    stats_pool: Pool, api: httpx.AsyncClient
) -> None:
    await happens(stats_pool, created(), PAUSED, RESUMED)
    await happens(stats_pool, PAUSED, version=2)
    assert [each["status"] for each in await shown(api)] == ["planned"]


async def test_a_mailing_that_has_not_begun_is_shown_and_a_deleted_one_is_not(
    stats_pool: Pool, api: httpx.AsyncClient
) -> None:
    await happens(stats_pool, created(), created(other.mailing_id, "Autumn"), DELETED)
    [only] = await shown(api)
    assert (only["name"], only["planned"]) == ("Autumn", 0)


async def test_mailings_are_found_by_name_and_status(
    stats_pool: Pool, api: httpx.AsyncClient
) -> None:
    await happens(stats_pool, created(), created(other.mailing_id, "Осень 100%"), begun(other))
    assert [each["name"] for each in await shown(api, q="осень 100%")] == ["Осень 100%"]
    assert [each["name"] for each in await shown(api, status="planned")] == ["Spring"]
    assert await shown(api, q="spr", status="running") == []


async def test_pages_follow_each_other(stats_pool: Pool, reads: PublicReads) -> None:
    await happens(stats_pool, *(created(UUID(int=n)) for n in range(1, 6)))
    app = http.create_app("stats", routers, stats_pool, database.business_clock(stats_pool), None)
    app.state.public_reads = reads
    found: list[str] = []
    cursor: dict[str, str] = {}
    page: dict[str, Any] = {}
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://stats"
    ) as client:
        for _ in range(3):
            page = (await client.get("/public/v1/mailings", params={"limit": 2, **cursor})).json()
            found += [each["mailing_id"] for each in page["items"]]
            cursor = {"cursor": page["next_cursor"]}
    assert found == [str(UUID(int=n)) for n in range(5, 0, -1)]
    assert page["next_cursor"] is None


async def test_a_mailing_is_shown_with_its_runs(stats_pool: Pool, api: httpx.AsyncClient) -> None:
    await happens(stats_pool, created(), begun())
    await apply(stats_pool, [run.planned(0, range(5)), run.ended(0, State.FAILED)])
    answer = await api.get(f"/public/v1/mailings/{MAILING}")
    [only] = answer.json()["runs"]
    assert (only["planned"], only["by_status"]["failed"]) == (5, 1)
    assert (await api.get(f"/public/v1/mailings/{UUID(int=1)}")).status_code == 404


async def test_names_can_be_kept_from_the_public(
    stats_pool: Pool, api: httpx.AsyncClient, reads: PublicReads
) -> None:
    reads.shows_names = False
    await happens(stats_pool, created())
    assert [each["name"] for each in await shown(api)] == [None]
    assert "Spring" not in (await api.get(f"/public/v1/mailings/{MAILING}")).text


async def test_an_answer_is_shared_for_a_second_and_known_by_its_tag(
    stats_pool: Pool, api: httpx.AsyncClient, reads: PublicReads
) -> None:
    reads.shared_s = 3_600
    await happens(stats_pool, created())
    first = await api.get("/public/v1/mailings")
    await happens(stats_pool, created(other.mailing_id))
    second = await api.get("/public/v1/mailings", headers={"If-None-Match": first.headers["etag"]})
    assert second.status_code == 304
    assert first.headers["cache-control"] == "public, max-age=1"


async def test_public_figures_need_no_token(reads: PublicReads) -> None:
    callers = http.Callers(token=SecretStr("c0ffee" * 8))
    app = http.create_app(
        "stats", routers, reads.pool, database.business_clock(reads.pool), None, callers=callers
    )
    app.state.public_reads = reads
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app), base_url="http://stats"
    ) as client:
        assert (await client.get("/public/v1/mailings")).status_code == 200
        assert (await client.get("/v1/mailings")).status_code == 401


class Watcher:
    """Somebody who watches: what came, by kind."""

    def __init__(self, broadcast: Broadcast, last_id: str | None = None) -> None:
        self.broadcast = broadcast
        self.number, first = broadcast.first(last_id)
        self.frames: list[tuple[str, Any]] = []
        self.last_id = ""
        self._read(first)

    def _read(self, frames: bytes) -> None:
        for frame in frames.decode().split("\n\n"):
            fields = dict(line.split(": ", 1) for line in frame.splitlines() if line)
            if "event" in fields:
                self.frames.append((fields["event"], msgspec.json.decode(fields["data"])))
                self.last_id = fields["id"]

    async def next(self) -> tuple[str, Any]:
        before = len(self.frames)
        async with asyncio.timeout(60):
            while len(self.frames) == before:
                self.number, frames = await self.broadcast.after(self.number)
                self._read(frames)
        return self.frames[-1]

    async def until(self, kind: str) -> Any:
        while True:
            found, data = await self.next()
            if found == kind:
                return data


@asynccontextmanager
async def watched(reads: PublicReads) -> AsyncIterator[Broadcast]:
    hub = asyncio.create_task(Hub(reads).run())

    async def is_known() -> bool:
        return reads.broadcast.snapshot is not None

    with reads.broadcast.watching("1.2.3.4"):
        try:
            await eventually(is_known, within=120)
            yield reads.broadcast
        finally:
            hub.cancel()


async def test_who_watches_gets_everything_and_then_what_changes(
    stats_pool: Pool, reads: PublicReads
) -> None:
    await happens(stats_pool, created(), begun())
    async with watched(reads) as broadcast:
        watcher = Watcher(broadcast)
        [(kind, snapshot)] = watcher.frames
        assert (kind, [each["status"] for each in snapshot["mailings"]]) == (
            "snapshot",
            ["running"],
        )
        await apply(stats_pool, [run.planned(0, range(5)), run.ended(0, State.DELIVERED)])
        [only] = (await watcher.until("delta"))["changed"]
        assert (only["planned"], only["by_status"]["delivered"]) == (5, 1)
        await happens(stats_pool, DELETED, version=9)
        assert (await watcher.until("delta"))["gone"] == [str(MAILING)]


async def test_runs_of_a_paused_mailing_count_apart_and_have_no_rate(
    stats_pool: Pool, reads: PublicReads
) -> None:
    await happens(stats_pool, created(), begun())
    await apply(stats_pool, [run.planned(0, range(100))])
    async with watched(reads) as broadcast:
        watcher = Watcher(broadcast)
        totals = watcher.frames[0][1]["totals"]
        assert (totals["running"], totals["paused"]) == (1, 0)
        for client in range(100):
            await apply(stats_pool, [run.ended(client, State.DELIVERED)])
            totals = (await watcher.until("delta"))["totals"]
            if totals["rate_per_s"]:
                break
        assert totals["rate_per_s"] > 0
        await happens(stats_pool, PAUSED, version=9)
        while not totals["paused"]:
            totals = (await watcher.until("delta"))["totals"]
        assert (totals["running"], totals["paused"], totals["rate_per_s"]) == (0, 1, 0.0)


async def test_what_commits_after_a_later_change_is_not_missed(
    stats_pool: Pool, reads: PublicReads
) -> None:
    """By an order of changes instead of open transactions it would be missed for ever."""
    await happens(stats_pool, created(), created(other.mailing_id))
    change = text("UPDATE mailings SET name = :name WHERE mailing_id = :id")
    async with watched(reads) as broadcast:
        watcher = Watcher(broadcast)
        async with transaction(stats_pool) as first:
            await first.execute(change, {"name": "first", "id": MAILING})
            async with transaction(stats_pool) as second:
                await second.execute(change, {"name": "second", "id": other.mailing_id})
            [changed] = (await watcher.until("delta"))["changed"]
            assert changed["name"] == "second"
        [late] = (await watcher.until("delta"))["changed"]
        assert late["name"] == "first"


async def test_who_comes_again_gets_what_was_missed_or_everything(
    stats_pool: Pool, reads: PublicReads
) -> None:
    await happens(stats_pool, created())
    async with watched(reads) as broadcast:
        stays = Watcher(broadcast)
        left_at = stays.last_id
        await happens(stats_pool, PAUSED, version=2)
        await stays.until("delta")
        back = Watcher(broadcast, left_at)
        assert [kind for kind, _ in back.frames] == ["delta"]
        for unknown in ("", "1.other.1", f"{left_at}9", "nonsense", "1.2"):
            assert [kind for kind, _ in Watcher(broadcast, unknown).frames] == ["snapshot"]


async def test_who_comes_between_two_frames_shares_a_snapshot(
    stats_pool: Pool, reads: PublicReads
) -> None:
    await happens(stats_pool, created())
    async with watched(reads) as broadcast:
        assert broadcast.snapshot is not None
        assert broadcast.snapshot() is broadcast.snapshot()


async def test_who_keeps_up_gets_shared_bytes_and_who_has_missed_much_gets_everything() -> None:
    broadcast = Broadcast(largest=2, largest_of_address=2, snapshot=lambda: b"everything")
    for _ in range(3):
        broadcast.send("delta", b"x" * (LARGEST_MISSED // 2 - 100))
    (one, same), (other, bytes_) = [await broadcast.after(2) for _ in range(2)]
    assert (one, other) == (3, 3)
    assert same is bytes_
    assert len((await broadcast.after(1))[1]) > LARGEST_MISSED // 2
    assert await broadcast.after(0) == (3, b"everything")


async def test_after_a_rebuild_everybody_gets_everything(
    stats_pool: Pool, reads: PublicReads
) -> None:
    await happens(stats_pool, created())
    async with watched(reads) as broadcast:
        watcher = Watcher(broadcast)
        async with transaction(stats_pool) as db:
            generation = await generations.begin(db)
            handle = subscriptions(generation)[MailingCreated]
            await handle(db, [received(created(name="Again"), key(created()))])
            await generations.switch(db, generation)
        snapshot = await watcher.until("snapshot")
        assert [each["name"] for each in snapshot["mailings"]] == ["Again"]
        assert watcher.last_id.startswith(f"{generation}.")


async def test_a_mailing_that_goes_has_a_rate_and_an_end(
    stats_pool: Pool, reads: PublicReads
) -> None:
    await happens(stats_pool, created(), begun())
    await apply(stats_pool, [run.planned(0, range(100))])
    async with watched(reads) as broadcast:
        watcher = Watcher(broadcast)
        only: dict[str, Any] = {}
        for client in range(100):
            await apply(stats_pool, [run.ended(client, State.DELIVERED)])
            [only] = (await watcher.until("delta"))["changed"] or [{}]
            if only.get("rate_per_s"):
                break
    assert only["done_at"] is not None


def test_how_fast_a_mailing_goes_is_known_after_two_seconds() -> None:
    pace: Pace[str] = Pace()
    pace.see("a", 100, at=10.0)
    assert pace.rate("a", 11.9) is None
    pace.see("a", 200, at=12.0)
    assert pace.rate("a", 12.0) == 50.0
    pace.see("a", 300, at=14.0)
    assert pace.rate("a", 14.0) == 50.0
    assert pace.rate("a", 40.0) == 0.0
    assert pace.rate("unseen", 40.0) == 0.0


def test_what_will_be_done_when() -> None:
    assert expected_end(100, 10.0, NOON) == NOON + timedelta(seconds=10)
    assert expected_end(100, 0.0, NOON) is None
    assert expected_end(0, 10.0, NOON) is None
    assert too_late(100, 1.0, NOON, NOON + timedelta(seconds=60)) == 40
    assert too_late(100, 10.0, NOON, NOON + timedelta(seconds=60)) == 0
    assert too_late(100, None, NOON, NOON + HOUR) is None


async def test_no_more_watch_than_can_be_served() -> None:
    broadcast = Broadcast(largest=3, largest_of_address=2)
    with broadcast.watching("a"), broadcast.watching("a"):
        with pytest.raises(TooManyWatchers):
            broadcast.admit("a")
        broadcast.admit("b")
        with broadcast.watching("b"), pytest.raises(TooManyWatchers):
            broadcast.admit("c")
    broadcast.admit("a")


async def test_too_many_watchers_are_told_to_come_later(
    api: httpx.AsyncClient, reads: PublicReads
) -> None:
    reads.broadcast.largest = 0
    answer = await api.get("/public/v1/live")
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "30")
    assert answer.json()["type"] == "TooManyWatchers"


async def test_streams_end_when_the_process_does(
    api: httpx.AsyncClient, reads: PublicReads
) -> None:
    streams = [asyncio.create_task(api.get("/public/v1/live")) for _ in range(20)]

    async def all_watch() -> bool:
        return reads.broadcast.watchers == 20

    await eventually(all_watch, within=120)
    reads.broadcast.close()
    async with asyncio.timeout(60):
        answers = await asyncio.gather(*streams)
    assert {each.status_code for each in answers} == {200}
    assert reads.broadcast.watchers == 0


async def test_who_takes_nothing_is_left() -> None:
    broadcast = Broadcast(largest=1, largest_of_address=1)
    asyncio.get_running_loop().call_later(0.05, broadcast.close)
    with pytest.raises(TimeoutError):
        async with broadcast.in_time():
            await asyncio.sleep(20)


async def test_nobody_looks_while_nobody_watches(reads: PublicReads) -> None:
    hub = asyncio.create_task(Hub(reads).run())
    await asyncio.sleep(0)
    assert reads.broadcast.snapshot is None
    hub.cancel()

"""Those who watch: what they cost the statistics, how many are held, and how soon streams end."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from time import perf_counter
from typing import Any, cast
from urllib.parse import urlsplit

import asyncpg
import psutil  # type: ignore[import-untyped] # it has no types

from bench.importing import import_clients
from bench.pipeline import create_mailing, send_mailing
from bench.processes import MIB
from bench.rig import Rig
from bench.waiting import wait_for
from bench.watching.outside import crowd
from bench.watching.pause import pause_to_silence_s
from cli.render import Json
from deploy.local.doors import ADMIN, WEB

STATS = "stats"
WATCHERS, MOST = 1_000, 5_000
MOVING, LARGE = 10, 500  # mailings that change twice a second; those whose frames fill buffers
SILENT = 100  # watchers that do not read
LEAVING = 100  # watchers of a process that ends
SEARCHES_PER_S = 500.0
LOOK_S = 15.0
CHANGE_S = 0.25
LATER = timedelta(days=30)  # when mailings begin that only stand there
WITHIN_S = 60.0
MOVE = """
    UPDATE mailings SET name = split_part(name, '.', 1) || '.' || $1::text
    WHERE name LIKE 'watched%' AND generation = (SELECT current FROM generations)
        AND mailing_id IN (SELECT mailing_id FROM mailings WHERE name LIKE 'watched%' LIMIT $2)
"""
THERE = "SELECT count(*) FROM mailings WHERE name LIKE 'watched%'"


@dataclass(frozen=True)
class Beyond:
    """What one more than the most is answered."""

    status: int
    problem: str
    retry_after: str
    polled_s: float  # how long the same figures took without a stream


@dataclass(frozen=True)
class Door:
    """What comes through the public door, and how long a pause by the other takes meanwhile."""

    streams: int
    searches_per_s: float
    refused_share: float  # of searches: there was no turn for them
    search_p95_s: float
    pause_to_silence_s: float


@dataclass(frozen=True)
class Watching:
    """What those who watch cost, and get."""

    hub_share: float  # of a core: stats with WATCHERS and MOVING mailings, less without watchers
    frames_per_s: float  # that each of them gets
    crowd_share: float  # of a core: the watchers' own
    lag_without_s: float | None  # of statistics, p95, while the pipeline runs
    lag_with_s: float | None
    rate_without: float
    rate_with: float
    held: int
    frames_of_most_per_s: float  # that each of MOST watchers gets
    rss_of_most_mb: float
    beyond: Beyond
    silent_mb: float  # of one watcher that does not read
    stats_ends_s: float
    door_ends_s: float
    door: Door
    machine: dict[str, float]  # while the hub was looked at


async def measure_watching(rig: Rig) -> Watching:
    """Let many watch, alone and while the pipeline runs.

    Raises:
        Failure: Something came to no end.
    """
    await import_clients(rig)
    await _create_watched(rig, MOVING)
    hub_share, frames, crowd_share, machine = await _hub_alone(rig)
    without = await send_mailing(rig)
    async with crowd(_port(rig, STATS), WATCHERS):
        beside = await send_mailing(rig)
    held, frames_of_most, rss, beyond = await _most(rig)
    stats_ends_s, door_ends_s = await _leaving(rig, STATS), await _leaving(rig, WEB)
    door = await _through_the_door(rig)
    await _create_watched(rig, LARGE)  # the last, for they would be in all frames
    silent_mb = await _silent(rig)
    return Watching(
        hub_share=hub_share,
        frames_per_s=frames,
        crowd_share=crowd_share,
        lag_without_s=without.stats_lag_p95_s,
        lag_with_s=beside.stats_lag_p95_s,
        rate_without=without.rate_per_s,
        rate_with=beside.rate_per_s,
        held=held,
        frames_of_most_per_s=frames_of_most,
        rss_of_most_mb=rss,
        beyond=beyond,
        silent_mb=silent_mb,
        stats_ends_s=stats_ends_s,
        door_ends_s=door_ends_s,
        door=door,
        machine=machine,
    )


def _port(rig: Rig, name: str) -> int:
    return urlsplit(rig.stack.env[f"{name.upper()}_URL"]).port or 0


async def _create_watched(rig: Rig, number: int) -> None:
    """Create mailings that begin later and are shown meanwhile."""
    starts_at = datetime.now(UTC) + LATER
    for each in range(number):
        await create_mailing(rig, f"watched {each}", starts_at, tag="nobody")
    async with database(rig) as db:

        async def are_there() -> bool:
            return bool(await db.fetchval(THERE) >= number)

        await wait_for(are_there, "mailings in statistics", WITHIN_S, 0.1)


@asynccontextmanager
async def database(rig: Rig) -> AsyncIterator[asyncpg.Connection]:
    """Give a connection to the database of stats."""
    db = await asyncpg.connect(rig.stack.env["STATS_DATABASE_URL"])
    try:
        yield db
    finally:
        await db.close()


@asynccontextmanager
async def _moving(rig: Rig, number: int) -> AsyncIterator[None]:
    """Let so many mailings change all the time, as if messages of them were sent."""

    async def move() -> None:
        async with database(rig) as db:
            turn = 0
            while True:
                turn += 1
                await db.execute(MOVE, str(turn), number)
                await asyncio.sleep(CHANGE_S)

    task = asyncio.create_task(move())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def _hub_alone(rig: Rig) -> tuple[float, float, float, dict[str, float]]:
    """Return what the hub takes of a core, frames a second of each watcher, what these take."""
    async with _moving(rig, MOVING):
        alone = await _share(rig)
        async with crowd(_port(rig, STATS), WATCHERS) as own:
            await asyncio.sleep(2)
            meter, before, spent = rig.meter(), await own.counts(), own.cpu_s()
            begun = perf_counter()
            share = await _share(rig)
            seconds, after = perf_counter() - begun, await own.counts()
            crowd_share = (own.cpu_s() - spent) / seconds
            frames = (after["frames"] - before["frames"]) / WATCHERS / seconds
    return round(share - alone, 4), round(frames, 2), round(crowd_share, 4), meter.machine()


async def _share(rig: Rig) -> float:
    """Return what stats takes of a core, over a while."""
    process, begun = psutil.Process(rig.pid(STATS)), perf_counter()
    before = sum(process.cpu_times()[:2])
    await asyncio.sleep(LOOK_S)
    return float(sum(process.cpu_times()[:2]) - before) / (perf_counter() - begun)


async def _most(rig: Rig) -> tuple[int, float, float, Beyond]:
    """Return how many are held, frames of each, memory, and what one more is answered."""
    async with _moving(rig, MOVING), crowd(_port(rig, STATS), MOST) as own:
        before, begun = await own.counts(), perf_counter()
        await asyncio.sleep(LOOK_S)
        after, seconds = await own.counts(), perf_counter() - begun
        frames = (after["frames"] - before["frames"]) / MOST / seconds
        rss = psutil.Process(rig.pid(STATS)).memory_info().rss / MIB
        beyond = await _beyond(rig)
        held = after["streams"].get("200", 0) - after["left"]
    return held, round(frames, 2), round(rss, 1), beyond


async def _beyond(rig: Rig) -> Beyond:
    url = rig.stack.env["STATS_URL"]
    answer = await rig.http.get(f"{url}/public/v1/live")
    begun = perf_counter()
    polled = await rig.http.get(f"{url}/public/v1/mailings")
    polled.raise_for_status()
    return Beyond(
        status=answer.status_code,
        problem=cast("Json", answer.json())["type"],
        retry_after=answer.headers.get("retry-after", ""),
        polled_s=round(perf_counter() - begun, 3),
    )


async def _silent(rig: Rig) -> float:
    """Return what a watcher that does not read takes of the memory of stats, in MiB."""
    process = psutil.Process(rig.pid(STATS))
    async with _moving(rig, LARGE), crowd(_port(rig, STATS), 1):
        await asyncio.sleep(LOOK_S)  # frames that are kept for all are there by now
        before = process.memory_info().rss
        async with crowd(_port(rig, STATS), 0, silent=SILENT):
            most = 0
            for _ in range(int(LOOK_S)):
                await asyncio.sleep(1)
                most = max(most, process.memory_info().rss)
    return float(round((most - before) / MIB / SILENT, 3))


async def _leaving(rig: Rig, name: str) -> float:
    """Return how long a process takes to end that some watch; it runs again afterwards."""
    async with crowd(_port(rig, name), LEAVING):
        begun = perf_counter()
        await rig.stack.end(name)
        took = perf_counter() - begun
    await rig.stack.begin(name)
    return round(took, 2)


async def _through_the_door(rig: Rig) -> Door:
    admin = rig.stack.env[f"{ADMIN.upper()}_URL"]

    async def pause(path: str) -> None:
        answer = await rig.http.post(f"{admin}/api/catalog{path}/pause")
        answer.raise_for_status()

    async with crowd(_port(rig, WEB), MOST, searches=SEARCHES_PER_S) as own:
        before, begun = await own.counts(), perf_counter()
        silence_s = await pause_to_silence_s(rig, pause)
        after, seconds = await own.counts(), perf_counter() - begun
    searches = _since(before["searches"], after["searches"])
    number = sum(searches.values())
    return Door(
        streams=after["streams"].get("200", 0) - after["left"],
        searches_per_s=round(number / seconds, 1),
        refused_share=round(1 - searches.get("200", 0) / max(number, 1), 4),
        search_p95_s=round(after["search_p95_s"] or 0.0, 3),
        pause_to_silence_s=round(silence_s, 3),
    )


def _since(before: Json, after: Json) -> dict[str, Any]:
    return {status: number - before.get(status, 0) for status, number in after.items()}

"""What it costs to look at a page that moves, and how soon it shows what has happened."""

import asyncio
import time
from bisect import bisect_left
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from time import perf_counter

import asyncpg
from playwright.async_api import Browser, CDPSession

from bench.page.loading import fresh_page
from bench.pipeline import create_mailing, percentile_95
from bench.rig import Rig
from bench.waiting import wait_for
from bench.watching.measure import database

TABS = 8
RUNNING = 20
CHANGE_S = 0.25
SETTLE_S = 10.0
LOOK_EVERY_S = 0.01
WITHIN_S = 120.0
LIVE = "[data-link=live]"
RUN = """
    UPDATE mailings SET open_count = 1, run_count = 1, planned_count = 10000000,
        delivered_count = delivered_count + 97, failed_count = failed_count + 3
    WHERE generation = (SELECT current FROM generations) AND mailing_id = ANY($1::uuid[])
"""
DELIVERED = """
    SELECT delivered_count FROM mailings
    WHERE generation = (SELECT current FROM generations) AND mailing_id = $1
"""
WATCH = """
    id => {
        window.seen = [];
        const look = () => {
            const own = document.querySelector(`[data-mailing='${id}'] .figures-done`);
            const done = own && Number(own.textContent.split("/")[0].replace(/[^0-9]/g, ""));
            const last = window.seen.at(-1);
            if (own && last?.[1] !== done) {
                requestAnimationFrame(() => window.seen.push([Date.now() / 1000, done]));
            }
        };
        new MutationObserver(look).observe(
            document.body, { childList: true, characterData: true, subtree: true });
    }
"""


@dataclass(frozen=True)
class Living:
    """What a page costs that shows mailings which run."""

    seconds: float
    busy_share: float  # of the main thread
    heap_before_mb: float  # after garbage was collected
    heap_after_mb: float


async def behind_statistics_s(rig: Rig, browser: Browser, url: str) -> float | None:
    """Return how much later than in statistics a figure is on the screen, p95, at full rate."""
    async with fresh_page(browser) as page, database(rig) as db:
        await page.goto(url)
        await page.locator(LIVE).wait_for()
        mailing = await create_mailing(rig, "on the screen", datetime.now(UTC))
        own = page.locator(f"[data-mailing='{mailing['mailing_id']}']")
        await own.wait_for()
        await page.evaluate(WATCH, mailing["mailing_id"])
        known = await _follow(db, mailing["mailing_id"], rig.messages)
        shown: list[tuple[float, int]] = []

        async def is_shown() -> bool:
            nonlocal shown
            shown = await page.evaluate("window.seen")
            return bool(shown and shown[-1][1] >= rig.messages)

        await wait_for(is_shown, "the end of a mailing on the screen", WITHIN_S, 0.5)
    counts = [count for _, count in known]
    later = [
        at - known[place][0]
        for at, count in shown
        if count and (place := bisect_left(counts, count)) < len(known)
    ]
    return percentile_95(later)


async def _follow(
    db: asyncpg.Connection, mailing_id: str, messages: int
) -> list[tuple[float, int]]:
    """Return when statistics had how many, until they have all."""
    known: list[tuple[float, int]] = []
    deadline = perf_counter() + WITHIN_S
    while perf_counter() < deadline:
        count = await db.fetchval(DELIVERED, mailing_id) or 0
        if not known or known[-1][1] != count:
            known.append((time.time(), count))
        if count >= messages:
            break
        await asyncio.sleep(LOOK_EVERY_S)
    return known


async def killed_s(rig: Rig, browser: Browser, url: str) -> tuple[float, float]:
    """Return how soon the page says that stats was killed, and is live when that is back."""
    async with fresh_page(browser) as page:
        await page.goto(url)
        await page.locator(LIVE).wait_for()
        begun = perf_counter()
        await rig.stack.kill("stats")
        await page.locator("[data-link=reconnecting]").wait_for()
        noticed_s = perf_counter() - begun
        await asyncio.sleep(SETTLE_S)  # long enough that it tries less often
        await rig.stack.begin("stats")
        begun = perf_counter()
        await page.locator(LIVE).wait_for()
        return noticed_s, perf_counter() - begun


async def tabs(rig: Rig, browser: Browser, url: str) -> tuple[int, float, float]:
    """Return how many of some tabs stream, when all show what is new, how long requests take."""
    context = await browser.new_context()
    try:
        pages = [await context.new_page() for _ in range(TABS)]
        for each in pages:
            await each.goto(url)
        links = [each.locator("[data-link=live], [data-link=polling]") for each in pages]
        for link in links:
            await link.wait_for()
        streams = [await link.get_attribute("data-link") for link in links].count("live")
        mailing = await create_mailing(rig, "in all tabs", datetime.now(UTC), tag="nobody")
        begun = perf_counter()
        own = f"[data-mailing='{mailing['mailing_id']}']"
        await asyncio.gather(*(each.locator(own).wait_for() for each in pages))
        fresh_s = perf_counter() - begun
        asked = "fetch('/public/v1/mailings?limit=1').then(answer => answer.text())"
        begun = perf_counter()
        await asyncio.gather(*(each.evaluate(asked) for each in pages))
        return streams, fresh_s, perf_counter() - begun
    finally:
        await context.close()


async def live_on(
    rig: Rig, browser: Browser, url: str, mailing_ids: list[str], seconds: float
) -> Living:
    """Look at mailings that run for a while; return what that costs the page."""
    async with fresh_page(browser) as page, running(rig, mailing_ids):
        session = await page.context.new_cdp_session(page)
        await session.send("Performance.enable")
        await page.goto(f"{url}?status=running")
        await page.locator(LIVE).wait_for()
        await asyncio.sleep(SETTLE_S)
        before, begun = await _metrics(session), perf_counter()
        await asyncio.sleep(seconds)
        passed = perf_counter() - begun
        after = await _metrics(session)
        busy = after["TaskDuration"] - before["TaskDuration"]
        return Living(
            seconds=round(passed, 1),
            busy_share=round(busy / passed, 4),
            heap_before_mb=round(before["JSHeapUsedSize"] / 2**20, 2),
            heap_after_mb=round(after["JSHeapUsedSize"] / 2**20, 2),
        )


async def _metrics(session: CDPSession) -> dict[str, float]:
    await session.send("HeapProfiler.collectGarbage")
    found = await session.send("Performance.getMetrics")
    return {each["name"]: each["value"] for each in found["metrics"]}


@asynccontextmanager
async def running(rig: Rig, mailing_ids: list[str]) -> AsyncIterator[None]:
    """Let mailings run as statistics have it, all the time."""

    async def run() -> None:
        async with database(rig) as db:
            while True:
                await db.execute(RUN, mailing_ids)
                await asyncio.sleep(CHANGE_S)

    task = asyncio.create_task(run())
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)

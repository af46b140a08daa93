"""The page's figures: in Chromium, through the door, over the real stack."""

import asyncio
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from bench.importing import import_clients
from bench.page.living import RUNNING, Living, behind_statistics_s, killed_s, live_on, tabs
from bench.page.loading import first_paint_s, first_rows_s, search_s
from bench.pipeline import create_mailing
from bench.rig import Rig
from bench.waiting import wait_for
from bench.watching.measure import database
from deploy.local.doors import WEB, shown
from tests.e2e.browsing import browser

MAILINGS = 2_000
AT_ONCE = 16  # that are being created
SOUGHT = (3, 700, 1_234)  # of them, the first ones: they are not on the first page
LIVE_S = 300.0
LATER = timedelta(days=30)
BUILT_WITHIN_S = 300.0
THERE = "SELECT count(*) FROM mailings WHERE name LIKE 'Listed%'"


@dataclass(frozen=True)
class PageFigures:
    """How soon the page is there, how fresh it is, and what it costs."""

    first_paint_s: float
    first_paint_slow_s: float  # at a quarter of the CPU, and 1.6 Mbit/s
    behind_statistics_s: float | None  # p95, at full rate
    noticed_s: float  # from the death of stats to the page that says so
    live_again_s: float  # from stats that is back to the page that is live
    streams: int  # of eight tabs
    fresh_s: float  # until all of them show a new mailing
    request_s: float  # the slowest of a request of each meanwhile
    mailings: int
    first_rows_s: float
    search_s: float
    living: Living


async def measure_page(rig: Rig) -> PageFigures:
    """Look at the page as people do.

    Raises:
        Failure: It was not built, or something came to no end.
    """
    url = rig.stack.env[f"{WEB.upper()}_URL"]

    async def is_built() -> bool:
        return not shown(rig.home).resolve().name.endswith(".none")

    await wait_for(is_built, "the page to be built", BUILT_WITHIN_S, 0.5)
    await import_clients(rig)
    async with browser() as opened:
        paint_s = await first_paint_s(opened, url)
        slow_s = await first_paint_s(opened, url, is_slow=True)
        behind_s = await behind_statistics_s(rig, opened, url)
        noticed_s, live_s = await killed_s(rig, opened, url)
        streams, fresh_s, request_s = await tabs(rig, opened, url)
        listed = await _create_listed(rig)
        sought = [(f"Listed {each:04}", listed[each]) for each in SOUGHT]
        return PageFigures(
            first_paint_s=round(paint_s, 3),
            first_paint_slow_s=round(slow_s, 3),
            behind_statistics_s=behind_s,
            noticed_s=round(noticed_s, 2),
            live_again_s=round(live_s, 2),
            streams=streams,
            fresh_s=round(fresh_s, 2),
            request_s=round(request_s, 3),
            mailings=MAILINGS,
            first_rows_s=round(await first_rows_s(opened, url), 3),
            search_s=round(await search_s(opened, url, sought), 3),
            living=await live_on(rig, opened, url, listed[-RUNNING:], LIVE_S),
        )


async def _create_listed(rig: Rig) -> list[str]:
    """Create many mailings that begin later; return their identifiers."""
    numbers = iter(range(MAILINGS))
    listed = [""] * MAILINGS
    starts_at = datetime.now(UTC) + LATER

    async def create() -> None:
        for number in numbers:
            name = f"Listed {number:04}"
            made = await create_mailing(rig, name, starts_at, tag="nobody")
            listed[number] = made["mailing_id"]

    async with asyncio.TaskGroup() as tasks:
        for _ in range(AT_ONCE):
            tasks.create_task(create())
    async with database(rig) as db:

        async def are_there() -> bool:
            return bool(await db.fetchval(THERE) >= MAILINGS)

        await wait_for(are_there, "mailings in statistics", 60, 0.2)
    return listed

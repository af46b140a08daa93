"""How soon the page is there: its first paint, its first rows, and what is searched for."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from statistics import median
from time import perf_counter

from playwright.async_api import Browser, CDPSession, Page

TIMES = 5
SLOWER = 4  # the CPU
SLOW_BITS_PER_S, ROUND_TRIP_MS = 1_600_000, 150  # a phone far from the mast
ROW = "[data-mailing]"
TYPE = """
    ([text, id]) => new Promise(found => {
        const field = document.querySelector("input[type=search]");
        const begun = performance.now();
        const look = () => {
            if (document.querySelectorAll("[data-mailing]").length === 1
                && document.querySelector(`[data-mailing='${id}']`)) {
                seen.disconnect();
                requestAnimationFrame(() => found(performance.now() - begun));
            }
        };
        const seen = new MutationObserver(look);
        seen.observe(document.body, { childList: true, subtree: true });
        Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, "value").set.call(field, text);
        field.dispatchEvent(new Event("input", { bubbles: true }));
    })
"""
PAINTED = "performance.getEntriesByName('first-contentful-paint')[0]?.startTime ?? null"


@asynccontextmanager
async def fresh_page(browser: Browser) -> AsyncIterator[Page]:
    """Open a tab of a browser that has never been here."""
    context = await browser.new_context(viewport={"width": 1280, "height": 900})
    try:
        yield await context.new_page()
    finally:
        await context.close()


async def first_paint_s(browser: Browser, url: str, *, is_slow: bool = False) -> float:
    """Return when something of the page was painted first: the median of some visits."""
    return median([await _painted_s(browser, url, is_slow=is_slow) for _ in range(TIMES)])


async def _painted_s(browser: Browser, url: str, *, is_slow: bool) -> float:
    async with fresh_page(browser) as page:
        if is_slow:
            await _slow_down(await page.context.new_cdp_session(page))
        await page.goto(url)
        await page.locator(f"{ROW}, .link-badge").first.wait_for()
        painted = None
        while painted is None:
            painted = await page.evaluate(PAINTED)
    return float(painted) / 1_000


async def _slow_down(session: CDPSession) -> None:
    await session.send("Network.enable")
    await session.send(
        "Network.emulateNetworkConditions",
        {
            "offline": False,
            "latency": ROUND_TRIP_MS,
            "downloadThroughput": SLOW_BITS_PER_S / 8,
            "uploadThroughput": SLOW_BITS_PER_S / 8,
        },
    )
    await session.send("Emulation.setCPUThrottlingRate", {"rate": SLOWER})


async def first_rows_s(browser: Browser, url: str) -> float:
    """Return how long it takes from the address to the first rows: the median of some visits."""
    return median([await _rows_s(browser, url) for _ in range(TIMES)])


async def _rows_s(browser: Browser, url: str) -> float:
    async with fresh_page(browser) as page:
        begun = perf_counter()
        await page.goto(url)
        await page.locator(ROW).first.wait_for()
        return perf_counter() - begun


async def search_s(browser: Browser, url: str, wanted: list[tuple[str, str]]) -> float:
    """Return how long after the last key one is alone in the list: the median of some searches.

    Args:
        browser: Which looks.
        url: Of the page.
        wanted: Names that are sought, and the mailing of each.
    """
    took: list[float] = []
    async with fresh_page(browser) as page:
        await page.goto(url)
        await page.locator(ROW).first.wait_for()
        for name, mailing_id in wanted:
            took.append(await page.evaluate(TYPE, [name, mailing_id]) / 1_000)
    return median(took)

"""A run over time in a real browser, as a chart and as a table; and figures that only grow."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from deploy.local.stack import Stack
from shared.testing import eventually
from tests.e2e.browsing import PATIENCE_S, violations, watched
from tests.e2e.outside import Json, Platform, platform_at

RUSSIAN = {
    "viewport": {"width": 390, "height": 900},
    "locale": "ru-RU",
    "color_scheme": "dark",
}


@pytest.fixture
async def platform(seen: Stack) -> AsyncIterator[Platform]:
    async with platform_at(seen.env) as platform:
        await platform.misbehave(
            latency_ms="5", fail_share=0, throttle_share=0, garbage_share=0, hang_share=0
        )
        yield platform


async def sent(platform: Platform, clients: int) -> Json:
    tag = f"time-{uuid4().hex[:8]}"
    await platform.import_clients(clients, tag=tag, first=9_200_000_000)
    return await platform.create_mailing(tag=tag, name=f"Over time {tag}")


async def finished(platform: Platform, mailing: Json) -> Json:
    """Wait for a mailing's end; return its figures."""

    url = f"{platform.env['STATS_URL']}/v1/mailings/{mailing['mailing_id']}"

    async def is_over() -> Json | None:
        answer = await platform.http.get(url)
        if answer.status_code != 200:
            return None
        found: Json = answer.json()
        return found if all(each["is_finished"] for each in found["runs"]) else None

    figures: Json = await eventually(is_over, within=90)
    return figures


def panel(of: Locator) -> Locator:
    return of.get_by_role("region", name="Over time", exact=True)


async def nobody_is_kept_out(page: Page, own: Locator) -> None:
    assert await violations(page) == []
    box = await own.bounding_box()
    assert box is not None
    assert page.viewport_size is not None
    assert box["x"] + box["width"] <= page.viewport_size["width"]


async def sums(table: Locator) -> list[int]:
    """Return what the columns of a table add up to."""
    rows = await table.locator("tbody tr").all()
    cells = [await row.locator("td").all_inner_texts() for row in rows]
    numbers = [[int(re.sub(r"\D", "", each)) for each in row] for row in cells]
    return [sum(column) for column in zip(*numbers, strict=True)]


async def test_a_row_opens_to_its_series_and_nothing_of_it_is_fetched_before(
    seen: Stack, platform: Platform, opened: Browser
) -> None:
    mailing = await sent(platform, 300)
    counts = (await finished(platform, mailing))["by_status"]
    asked: list[str] = []
    async with watched(opened) as found:
        found.page.on("request", lambda request: asked.append(request.url))
        await found.page.goto(seen.env["WEB_URL"])
        own = found.page.locator(f"[data-mailing='{mailing['mailing_id']}']")
        await expect(own).to_be_visible()
        assert [each for each in asked if re.search(r"/series|/Chart-", each)] == []
        await own.get_by_role("button").click()
        chart = panel(own).get_by_role("img")
        await expect(chart.locator("canvas")).to_be_visible()
        await expect(chart).to_have_attribute(
            "aria-label", re.compile(rf"delivered: {counts['delivered']}\b")
        )
        await panel(own).get_by_role("button", name="In all").click()
        await expect(chart).to_have_attribute("aria-label", re.compile("^In all"))
        await panel(own).get_by_role("button", name="Table").click()
        await expect(panel(own).locator("table")).to_be_visible()
        there = [counts[state] for state in ("delivered", "failed") if counts[state]]

        async def add_up() -> bool:
            return await sums(panel(own).locator("table")) == there

        await eventually(add_up, within=PATIENCE_S)
        assert found.wrong == []


async def test_a_mailing_has_its_series_in_the_admin_page_for_everybody(
    seen: Stack, platform: Platform, opened: Browser
) -> None:
    mailing = await sent(platform, 100)
    await finished(platform, mailing)
    async with watched(opened, **RUSSIAN) as found:
        await found.page.goto(f"{seen.env['ADMIN_URL']}/mailings/{mailing['mailing_id']}")
        own = found.page.locator("section.series")
        await expect(own.locator("canvas")).to_be_visible()
        await nobody_is_kept_out(found.page, own)
        await own.get_by_role("button", name="Таблица").click()
        await expect(own.locator("table")).to_be_visible()
        await nobody_is_kept_out(found.page, own)
        assert found.wrong == []


async def test_what_is_over_is_archived_in_words(
    seen: Stack, platform: Platform, opened: Browser
) -> None:
    mailing = await sent(platform, 5)
    await finished(platform, mailing)
    gone = {"status": 410, "content_type": "application/problem+json"}
    body = json.dumps({"type": "SeriesDeleted", "title": "The run is archived.", "status": 410})
    async with watched(opened) as found:
        await found.page.route("**/series*", lambda route: route.fulfill(body=body, **gone))
        await found.page.goto(seen.env["WEB_URL"])
        own = found.page.locator(f"[data-mailing='{mailing['mailing_id']}']")
        await own.get_by_role("button").click()
        await expect(panel(own)).to_contain_text("The run is archived")


WATCH = """
    id => {
        window.seen = [];
        const look = () => {
            const own = document.querySelector(`[data-mailing='${id}'] .figures-done`);
            if (!own) return;
            const delivered = Number(own.textContent.split(" of ")[0].replace(/[^0-9]/g, ""));
            if (window.seen.at(-1) !== delivered) window.seen.push(delivered);
        };
        look();
        new MutationObserver(look).observe(
            document.body, { childList: true, characterData: true, subtree: true });
    }
"""


async def test_no_figure_goes_back_while_statistics_are_rebuilt_or_killed(
    seen: Stack, platform: Platform, opened: Browser
) -> None:
    await platform.misbehave(latency_ms="40")
    async with watched(opened) as found:
        await found.page.goto(seen.env["WEB_URL"])
        await expect(found.page.locator("[data-link=live]")).to_be_visible()
        mailing = await sent(platform, 20_000)
        own = found.page.locator(f"[data-mailing='{mailing['mailing_id']}']")
        await expect(own).to_be_visible()
        await found.page.evaluate(WATCH, mailing["mailing_id"])
        await platform.rebuild_statistics()
        await seen.kill("stats")
        await seen.begin("stats")
        figures = await asyncio.wait_for(finished(platform, mailing), 90)
        delivered = figures["by_status"]["delivered"]
        await expect(own.locator(".figures-done")).to_have_text(f"{delivered:,} of 20,000")
        shown: list[Any] = await found.page.evaluate("window.seen")
        assert shown == sorted(shown)
        assert len(shown) > 2
        assert delivered + figures["by_status"]["failed"] == 20_000

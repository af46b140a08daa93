"""The public page in a real browser, through the real door, over the real stack."""

import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
import pytest
from playwright.async_api import Browser, Page, expect

from deploy.local.doors import shown
from deploy.local.stack import Stack
from shared.testing import eventually
from tests.e2e.browsing import PATIENCE_S, too_wide, violations, watched
from tests.e2e.outside import Json, Platform, platform_at

# While stats is away its stream breaks, and the door says that nobody answers; nothing else may.
AWAY = re.compile(r"ERR_INCOMPLETE_CHUNKED_ENCODING|status of 50[23]|/public/v1/")


@pytest.fixture
async def platform(seen: Stack) -> AsyncIterator[Platform]:
    async with platform_at(seen.env) as platform:
        await platform.misbehave(
            latency_ms="0", fail_share=0, throttle_share=0, garbage_share=0, hang_share=0
        )
        yield platform


def row(page: Page, mailing: Json) -> Any:
    return page.locator(f"[data-mailing='{mailing['mailing_id']}']")


async def sent(platform: Platform, clients: int = 300, **plan: Any) -> Json:
    tag = f"page-{uuid4().hex[:8]}"
    await platform.import_clients(clients, tag=tag, first=9_100_000_000)
    return await platform.create_mailing(tag=tag, name=f"Spring {tag}", **plan)


async def test_a_mailing_appears_and_counts_to_its_end_by_itself(
    seen: Stack, platform: Platform, opened: Browser
) -> None:
    await platform.misbehave(latency_ms="5", fail_share=0.05)
    async with watched(opened) as found:
        await found.page.goto(seen.env["WEB_URL"])
        await expect(found.page.locator("[data-link=live]")).to_be_visible()
        mailing = await sent(platform)
        own = row(found.page, mailing)
        await expect(own.locator(".status")).to_have_text(re.compile("running|finished"))
        await expect(own.locator(".status")).to_have_text(re.compile("finished"))
        await expect(own.locator("strong")).to_have_text(re.compile("% delivered"))
        await own.get_by_role("button").click()
        [proof] = (
            await platform.get("STATS_URL", "/v1/reconcile", mailing_id=mailing["mailing_id"])
        )["runs"]
        assert proof["reconciles"]
        for state, number in proof["rows_by_status"].items():
            cells = own.locator(f"[data-state={state}] td")
            await expect(cells.first).to_have_text(f"{number:,}")
        assert found.wrong == []


async def test_what_has_not_begun_is_there_and_what_is_sought_is_found(
    seen: Stack, platform: Platform, opened: Browser
) -> None:
    later = "2099-01-01T12:00:00Z"
    mailing = await sent(platform, 1, starts_at=later, ends_at="2099-01-01T13:00:00Z")
    async with watched(opened) as found:
        await found.page.goto(f"{seen.env['WEB_URL']}?status=planned")
        await expect(row(found.page, mailing).locator(".status")).to_have_text(
            re.compile("planned")
        )
        await found.page.get_by_role("searchbox").fill("no such mailing")
        await expect(found.page.get_by_text("No mailing is like this.")).to_be_visible()
        await found.page.get_by_role("searchbox").fill(mailing["name"].upper())
        await expect(row(found.page, mailing)).to_be_visible()
        await expect(found.page).to_have_url(re.compile("q=SPRING"))
        await found.page.reload()
        await expect(row(found.page, mailing)).to_be_visible()
        await platform.command(mailing, "pause")
        await expect(found.page.get_by_text("No mailing is like this.")).to_be_visible()
        assert found.wrong == []


async def test_stats_that_is_killed_is_seen_and_comes_back(
    seen: Stack, platform: Platform, opened: Browser
) -> None:
    mailing = await sent(platform, 50)
    async with watched(opened) as found:
        await found.page.goto(seen.env["WEB_URL"])
        own = row(found.page, mailing)
        await expect(own.locator(".status")).to_have_text(re.compile("finished"))
        await seen.kill("stats")
        away = found.page.locator("[data-link=reconnecting]")
        await expect(away).to_be_visible()
        await expect(own.locator("strong")).to_have_text(re.compile("% delivered"))
        await seen.begin("stats")
        await expect(found.page.locator("[data-link=live]")).to_be_visible()
        await expect(own.locator("strong")).to_have_text(re.compile("% delivered"))
        assert [each for each in found.wrong if not AWAY.search(each)] == []


async def test_eight_tabs_never_hang(seen: Stack, platform: Platform, opened: Browser) -> None:
    async with watched(opened) as found:
        pages = [found.page, *[await found.page.context.new_page() for _ in range(7)]]
        for page in pages:
            await page.goto(seen.env["WEB_URL"])

        async def are_shared() -> bool:
            kinds = [
                await page.locator("[data-link]").get_attribute("data-link") for page in pages
            ]
            return (kinds.count("live"), kinds.count("polling")) == (4, 4)

        await eventually(are_shared, within=PATIENCE_S)
        mailing = await sent(platform, 20)
        for page in pages:
            await expect(row(page, mailing)).to_be_visible()


async def test_no_public_answer_names_a_person(seen: Stack, platform: Platform) -> None:
    mailing = await sent(platform, 5)
    base = seen.env["WEB_URL"]
    async with httpx.AsyncClient(trust_env=False, base_url=base) as client:

        async def is_there() -> bool:
            answer = await client.get(f"/public/v1/mailings/{mailing['mailing_id']}")
            return answer.status_code == 200 and len(answer.json()["runs"]) == 1

        await eventually(is_there, within=120)
        texts = [
            (await client.get(path)).text
            for path in (
                "/public/v1/mailings",
                f"/public/v1/mailings/{mailing['mailing_id']}",
                f"/public/v1/mailings/{mailing['mailing_id']}/series",
            )
        ]
        async with client.stream("GET", "/public/v1/live") as stream:
            async for text in stream.aiter_text():
                texts.append(text)
                if "snapshot" in text:
                    break
    for text in texts:
        assert not re.search(r"79\d{9}|@|Anna|Hello", text)
        assert not re.search(r"client_id|phone|email|body", text)


def loaded(root: Path, page: str) -> set[str]:
    """Return the files that a page names, so that are loaded before anything is shown."""
    return set(re.findall(r'(?:src|href)="/(assets/[^"]+)"', (root / page).read_text()))


def size(root: Path, names: set[str], kind: str) -> int:
    """Return the bytes of those of a kind as they are sent."""
    return sum((root / f"{each}.br").stat().st_size for each in names if each.endswith(kind))


def test_what_is_loaded_first_is_small_and_so_is_what_comes_later(seen: Stack) -> None:
    root = shown(seen.home)
    of_public, of_admin = loaded(root, "public.html"), loaded(root, "admin.html")
    assert 0 < size(root, of_public, ".js") <= 85_000
    assert 0 < size(root, of_public, ".css") <= 25_000
    assert 0 < size(root, of_admin, ".js") <= 150_000
    assert 0 < size(root, of_admin, ".css") <= 25_000
    lazy = {f"assets/{each.name}" for each in (root / "assets").glob("*.js")}
    for name in lazy - of_public - of_admin:
        assert size(root, {name}, ".js") <= 35_000, name


@pytest.mark.parametrize("theme", ["light", "dark"])
@pytest.mark.parametrize(("width", "language"), [(1280, "ru"), (390, "en")])
async def test_nobody_is_kept_out(
    seen: Stack, platform: Platform, opened: Browser, theme: str, width: int, language: str
) -> None:
    mailing = await sent(platform, 3)
    options: dict[str, Any] = {
        "viewport": {"width": width, "height": 900},
        "locale": f"{language}-RU",
        "color_scheme": theme,
    }
    async with watched(opened, **options) as found:
        await found.page.goto(seen.env["WEB_URL"])
        own = row(found.page, mailing)
        await own.get_by_role("button").click()
        await expect(own.locator("[data-state=delivered]")).to_be_visible()
        await expect(own.locator("table")).to_have_count(2)
        await expect(found.page.locator("html")).to_have_attribute("lang", language)
        assert await violations(found.page) == []
        await found.page.set_viewport_size({"width": 320, "height": 900})
        assert await too_wide(found.page) == 0
        assert found.wrong == []

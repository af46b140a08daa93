"""The admin page by the keyboard alone: nobody needs a mouse, and the focus is seen."""

import re
from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Browser, Locator, Page, expect

from deploy.local.stack import Stack
from tests.e2e.browsing import watched
from tests.e2e.outside import Platform, new_tag, platform_at

LONGEST = 120  # steps to anything on a screen


@pytest.fixture
async def platform(seen: Stack) -> AsyncIterator[Platform]:
    async with platform_at(seen.env) as platform:
        await platform.misbehave(
            latency_ms="1000", fail_share=0, throttle_share=0, garbage_share=0, hang_share=0
        )
        yield platform


async def reach(page: Page, wanted: Locator) -> None:
    """Go from one thing to the next until the focus is on the one that is wanted, and is seen."""
    for _ in range(LONGEST):
        if await wanted.evaluate("element => element === document.activeElement"):
            shown = await wanted.evaluate(
                "element => getComputedStyle(element).outlineStyle !== 'none' "
                "|| getComputedStyle(element).boxShadow !== 'none'"
            )
            assert shown, "the focus is not to be seen"
            return
        await page.keyboard.press("Tab")
    raise AssertionError(f"the keyboard does not get to {wanted}")


async def created(page: Page, tag: str) -> None:
    """Fill the form for the 300 clients of a tag, and start."""
    await page.keyboard.press("n")
    await expect(page.get_by_role("heading", level=1)).to_be_focused()
    for label, text in (
        ("Name", f"By keys {tag}"),
        ("Text", "Hello n j k"),
        ("Any of these tags", tag),
    ):
        await reach(page, page.get_by_label(label, exact=True))
        await page.keyboard.type(text)
    await expect(page.locator("[data-clients='300']")).to_be_visible()
    await reach(page, page.get_by_role("button", name="Save and start now"))
    await page.keyboard.press("Enter")
    await reach(page, page.get_by_role("dialog").get_by_role("button", name="Start now"))
    await page.keyboard.press("Enter")
    await expect(page.get_by_role("heading", level=1)).to_have_text(f"By keys {tag}")


async def paused(page: Page) -> None:
    verbs = page.get_by_role("group", name="What can be done with it")
    await reach(page, verbs.get_by_role("button", name="Pause"))
    await page.keyboard.press("Enter")
    await expect(page.locator("[data-why=paused]")).to_be_visible()
    await expect(page.get_by_role("heading", level=1)).to_be_focused()  # its button is gone


async def stopped(page: Page) -> None:
    """Stop the mailing that is shown; at first go back from the question."""
    verbs = page.get_by_role("group", name="What can be done with it")
    stop = verbs.get_by_role("button", name="Stop")
    await reach(page, stop)
    await page.keyboard.press("Enter")
    dialog = page.get_by_role("dialog")
    await expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(stop).to_be_focused()
    await page.keyboard.press("Enter")
    await expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    await reach(page, dialog.get_by_role("button", name="Stop"))
    await page.keyboard.press("Enter")


async def test_a_mailing_is_made_paused_stopped_and_looked_into_without_a_mouse(
    seen: Stack, platform: Platform, opened: Browser
) -> None:
    tag = new_tag()
    await platform.import_clients(300, tag=tag, first=9_300_000_000)
    async with watched(opened) as found:
        page = found.page
        await page.goto(f"{seen.env['ADMIN_URL']}/mailings")
        await expect(page.get_by_role("link", name="New mailing")).to_be_visible()
        await created(page, tag)
        await paused(page)
        await stopped(page)
        await expect(page.get_by_role("heading", level=1)).to_be_focused()
        cancelled = page.locator("[data-state=cancelled] a")
        await expect(cancelled).to_be_visible()
        await reach(page, cancelled)
        await page.keyboard.press("Enter")
        first = page.locator("[data-message] a").first
        await expect(first).to_be_visible()
        await reach(page, first)
        await page.keyboard.press("Enter")
        await expect(page.get_by_role("dialog", name="Message")).to_be_visible()
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await page.go_back()
        await expect(page).to_have_url(re.compile("tab=messages"))
        # Its run may have begun since the page was shown: then a verb is asked for once more.
        assert [each for each in found.wrong if "status of 412" not in each] == []


async def test_keys_move_through_a_list_and_can_be_switched_off(
    seen: Stack, platform: Platform, opened: Browser
) -> None:
    later = {"starts_at": "2099-01-01T12:00:00Z", "ends_at": "2099-01-01T13:00:00Z"}
    for name in ("First", "Second"):
        await platform.create_mailing(tag=new_tag(), name=name, **later)
    async with watched(opened) as found:
        page = found.page
        await page.goto(f"{seen.env['ADMIN_URL']}/mailings")
        await expect(page.get_by_role("link", name="Second").first).to_be_visible()
        await page.keyboard.press("?")
        await expect(page.get_by_role("dialog")).to_contain_text("Search")
        await page.keyboard.press("Escape")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        await page.keyboard.press("j")
        await expect(page.get_by_role("link", name="Second").first).to_be_focused()
        await page.keyboard.press("j")
        await expect(page.get_by_role("link", name="First").first).to_be_focused()
        await page.keyboard.press("/")
        await expect(page.get_by_role("searchbox")).to_be_focused()
        await page.keyboard.type("n?")
        await expect(page.get_by_role("searchbox")).to_have_value("n?")
        await page.get_by_role("link", name="Settings").click()
        await page.get_by_label("Keys for what is often done").uncheck()
        await page.keyboard.press("?")
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("dialog")).to_have_count(0)
        assert found.wrong == []

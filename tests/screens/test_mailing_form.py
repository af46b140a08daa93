"""The form of a mailing: what it begins with, what it keeps, and what it lets be changed."""

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Page, expect

from deploy.local import page as built
from tests.e2e.browsing import browser, watched
from tests.screens.answers import mailings, number
from tests.screens.standing import standing_page

COPY = f"/mailings/new?copy={number(1)}"


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    with standing_page(built.build()) as address:
        yield address


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with browser() as opened, watched(opened, locale="en-GB") as found:
        yield found.page


async def test_a_draft_is_offered_to_what_it_was_typed_for_and_to_nothing_else(
    page: Page, address: str
) -> None:
    text = page.locator("#field-body")
    await page.goto(f"{address}/mailings/new")
    await text.fill("Typed")
    await page.goto(f"{address}{COPY}")
    await expect(text).to_have_value(mailings()[0]["body"])
    await expect(page.locator("[data-draft]")).to_have_count(0)
    await page.goto(f"{address}/mailings/new")
    await expect(text).to_have_value("")
    await page.locator("[data-draft]").get_by_role("button", name="Take it").click()
    await expect(text).to_have_value("Typed")
    await page.get_by_role("button", name="Cancel").click()
    await page.get_by_role("dialog").get_by_role("button", name="Leave").click()
    await page.goto(f"{address}/mailings/new")
    await expect(text).to_have_value("")
    await expect(page.locator("[data-draft]")).to_have_count(0)


async def test_who_has_changed_nothing_leaves_without_a_question(page: Page, address: str) -> None:
    for form in (COPY, f"/mailings/{number(1)}/edit", "/mailings/new"):
        await page.goto(f"{address}{form}")
        await page.get_by_role("button", name="Cancel").click()
        await expect(page.locator("form #field-name")).to_have_count(0)


async def test_what_a_begun_mailing_keeps_cannot_be_typed_over(page: Page, address: str) -> None:
    await page.goto(f"{address}/mailings/{number(1)}/edit")
    await expect(page.locator("#field-name")).to_be_enabled()
    await expect(page.locator("#field-endsAt")).to_be_enabled()
    for name in ("body", "gateway", "tags", "startsAt", "recurs", "priority"):
        await expect(page.locator(f"#field-{name}")).to_be_disabled()


async def test_who_starts_a_mailing_is_told_first_to_how_many_it_writes(
    page: Page, address: str
) -> None:
    planned = next(each for each in mailings() if each["status"] == "created")
    await page.goto(f"{address}/mailings/{planned['mailing_id']}")
    await page.locator("header .btn-outline-success, header .btn-success").first.click()
    await expect(page.get_by_role("dialog").locator("[data-clients]")).to_be_visible()

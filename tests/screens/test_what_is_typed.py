"""What is typed, chosen and corrected on the screens beside the form of a mailing."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, Route, expect

from tests.e2e.browsing import browser, too_wide, watched
from tests.screens.answers import clients, mailings, number


@pytest.fixture
async def page() -> AsyncIterator[Page]:
    async with browser() as opened, watched(opened, locale="en-GB") as found:
        yield found.page


async def test_the_menu_of_a_phone_closes_when_a_screen_is_chosen(
    page: Page, address: str
) -> None:
    await page.set_viewport_size({"width": 390, "height": 800})
    await page.goto(f"{address}/mailings")
    await page.get_by_role("button", name="Toggle navigation").click()
    await page.get_by_role("link", name="Clients").click()
    await expect(page.get_by_role("heading", level=1)).to_have_text("Clients")
    await expect(page.get_by_role("link", name="Imports")).to_be_hidden()


async def test_a_search_keeps_the_caret_where_it_is(page: Page, address: str) -> None:
    await page.goto(f"{address}/clients")
    field = page.locator("#filter-q")
    await field.fill("anna")
    await field.press("Enter")
    await page.wait_for_url("**/clients?q=anna")
    await expect(field).to_be_focused()
    await page.go_back()
    await expect(field).to_have_value("")


async def test_choosing_a_mailing_moves_no_other(page: Page, address: str) -> None:
    await page.goto(f"{address}/mailings")
    boxes = page.locator("table input[type=checkbox]")
    before = await boxes.nth(1).bounding_box()
    await boxes.nth(1).check()
    await expect(page.get_by_text("1 mailing chosen")).to_be_visible()
    assert await boxes.nth(1).bounding_box() == before


@pytest.mark.parametrize("width", [1280, 768, 390])
async def test_a_long_name_without_spaces_pushes_no_column_out_of_the_screen(
    page: Page, address: str, width: int
) -> None:
    named = [mailings()[0] | {"name": "a" * 200}, *mailings()[1:]]
    listed = {"items": named, "next_cursor": None}
    await page.route("**/api/catalog/v1/mailings?*", lambda route: route.fulfill(json=listed))
    await page.set_viewport_size({"width": width, "height": 900})
    await page.goto(f"{address}/mailings")
    await expect(page.get_by_role("link", name="a" * 200)).to_be_visible()
    for each in await page.locator(".cell-menu button").all():
        box = await each.bounding_box()
        assert box is not None
        assert box["x"] + box["width"] <= width
    assert await too_wide(page) == 0


async def test_a_name_that_is_too_long_is_refused_and_not_cut(page: Page, address: str) -> None:
    mistake = {"pointer": "/name", "code": "length", "detail": "1 to 200", "limits": [1, 200]}
    refusal = {"type": "MailingInvalid", "title": "", "status": 422, "errors": [mistake]}

    async def refuse(route: Route) -> None:
        if route.request.method == "PATCH":
            await route.fulfill(status=422, json=refusal)
        else:
            await route.fallback()

    await page.route(f"**/api/catalog/v1/mailings/{number(1)}", refuse)
    await page.goto(f"{address}/mailings/{number(1)}/edit")
    name = page.locator("#field-name")
    await name.fill("a" * 201)
    await expect(name).to_have_value("a" * 201)
    await page.get_by_role("button", name="Save").click()
    await expect(page.locator("#field-name-help")).to_contain_text("Length allowed: 1")
    await expect(name).to_be_focused()


async def test_the_messages_of_a_run_are_a_table_with_names(page: Page, address: str) -> None:
    await page.goto(f"{address}/mailings/{number(1)}?tab=messages&status=failed")
    async with page.expect_download() as begun:
        await page.get_by_role("button", name="Messages as CSV", exact=True).click()
    download = await begun.value
    text = (await download.path()).read_bytes().decode("utf-8-sig")
    assert download.suggested_filename.endswith("-failed.csv")
    head, *rows = text.splitlines()
    assert head.startswith("Name,Phone,E-mail,Status,Reason,Attempts,Last attempt")
    assert rows
    assert "delivered" in text or "failed" in text


async def test_messages_are_found_by_the_e_mail_of_their_client(page: Page, address: str) -> None:
    own = next(each for each in clients() if each["email"])
    await page.goto(f"{address}/mailings/{number(1)}?tab=messages")
    field = page.get_by_label("Phone, e-mail or identifier of a client")
    async with page.expect_request(lambda each: f"client_id={own['client_id']}" in each.url):
        await field.fill(own["email"].title())
    await field.fill("anna.p@example.com")
    await expect(page.get_by_text("No client has this contact.")).to_be_visible()


async def test_the_end_of_a_mailing_moves_along_with_its_start(page: Page, address: str) -> None:
    await page.goto(f"{address}/mailings/new")
    await page.get_by_label("at a time").check()
    start, end = page.locator("#field-startsAt"), page.locator("#field-endsAt")
    await start.fill("2026-12-01T10:00")
    await end.fill("2026-12-02T10:00")
    await start.fill("2026-12-03T09:30")
    await expect(end).to_have_value("2026-12-04T09:30")


async def test_rejected_rows_are_a_file_with_the_name_of_what_was_imported(
    page: Page, address: str
) -> None:
    await page.goto(f"{address}/imports/{number(41)}")
    async with page.expect_download() as begun:
        await page.get_by_role("button", name="Download as CSV").click()
    assert (await begun.value).suggested_filename == "clients-rejected.csv"


async def test_who_saves_a_client_from_its_first_field_sees_that_it_is_saved(
    page: Page, address: str
) -> None:
    async def save(route: Route) -> None:
        answer = await route.fetch()
        is_saved = route.request.method == "PATCH"
        await route.fulfill(json=await answer.json() | ({"version": 9} if is_saved else {}))

    await page.set_viewport_size({"width": 1280, "height": 500})
    await page.route("**/v1/clients/*", save)
    await page.goto(f"{address}/clients/{clients()[0]['client_id']}")
    await page.locator("#client-full_name").fill("Maria")
    await page.locator("#client-full_name").press("Enter")
    await expect(page.get_by_text("Saved.")).to_be_in_viewport()

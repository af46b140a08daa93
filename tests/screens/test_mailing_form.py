"""The form of a mailing: what it begins with, what it keeps, and what it lets be changed."""

from collections.abc import AsyncIterator

import pytest
from playwright.async_api import Page, expect

from tests.e2e.browsing import browser, watched
from tests.screens.answers import mailings, number

COPY = f"/mailings/new?copy={number(1)}"


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


async def test_zones_are_offered_with_their_cities_and_how_far_their_clocks_are_off(
    page: Page, address: str
) -> None:
    await page.goto(f"{address}/mailings/new")
    offered = page.locator("#zones option[value='Europe/Moscow']")
    await expect(offered).to_have_attribute("label", "Moscow, GMT+3")
    await page.get_by_role("button", name="RU").click()
    await expect(offered).to_have_attribute("label", "Москва, Санкт-Петербург, GMT+3")


async def test_a_mailing_to_a_saved_audience_begins_on_the_audiences_screen(
    page: Page, address: str
) -> None:
    await page.goto(f"{address}/audiences/{number(1)}")
    await page.get_by_role("link", name="New mailing to it").click()
    await expect(page.locator("#field-audience option:checked")).to_have_text("Regulars")


async def test_conditions_in_json_are_behind_a_part_that_only_its_reader_closes(
    page: Page, address: str
) -> None:
    await page.goto(f"{address}/audiences/new")
    condition = page.locator("#audience-include")
    summary = page.get_by_text("For experts: conditions in JSON")
    await expect(condition).to_be_hidden()
    await summary.click()
    await condition.fill("{")
    await expect(page.locator("#audience-include-problem")).to_be_visible()
    await condition.fill("")
    await expect(page.locator("#audience-include-problem")).to_have_count(0)
    await expect(condition).to_be_visible()
    await summary.click()
    await expect(condition).to_be_hidden()


async def test_who_starts_a_mailing_is_told_first_to_how_many_it_writes(
    page: Page, address: str
) -> None:
    planned = next(each for each in mailings() if each["status"] == "created")
    await page.goto(f"{address}/mailings/{planned['mailing_id']}")
    await page.locator("header .btn-outline-success, header .btn-success").first.click()
    await expect(page.get_by_role("dialog").locator("[data-clients]")).to_be_visible()


async def test_a_field_is_inserted_into_the_text_that_had_the_caret_last(
    page: Page, address: str
) -> None:
    await page.goto(f"{address}/mailings/new")
    await page.locator("#field-gateway").select_option(label="E-mail (smtp)")
    inserted = page.get_by_role("button", name="full name")
    await page.locator("#field-subject").fill("Dear ")
    await inserted.click()
    await page.locator("#field-html").fill("<p>")
    await inserted.click()
    await page.locator("#field-body").fill("Hello, ")
    await inserted.click()
    for name, before in (("subject", "Dear "), ("html", "<p>"), ("body", "Hello, ")):
        await expect(page.locator(f"#field-{name}")).to_have_value(f"{before}{{{{ full_name }}}}")


async def test_a_start_at_once_is_asked_about_and_one_that_is_planned_is_not(
    page: Page, address: str
) -> None:
    sent: list[str] = []
    page.on("request", lambda each: sent.append(f"{each.method} {each.url.partition('/api')[2]}"))
    await page.goto(f"{address}/mailings/new")
    await page.locator("#field-name").fill("Spring")
    await page.locator("#field-body").fill("Hello")
    await page.get_by_role("button", name="Save and start now").click()
    question = page.get_by_role("dialog")
    await expect(question).to_contain_text("It goes through SMS (http)")
    await expect(question.locator("[data-clients]")).to_be_visible()
    assert "POST /catalog/v1/mailings/preview" in sent
    assert "POST /catalog/v1/mailings" not in sent
    await question.get_by_role("button", name="Start now").click()
    await expect(page.locator("#field-name")).to_have_count(0)
    assert "POST /catalog/v1/mailings" in sent


async def test_enter_in_a_field_saves_no_new_mailing_and_on_the_button_it_does(
    page: Page, address: str
) -> None:
    sent: list[str] = []
    page.on("request", lambda each: sent.append(f"{each.method} {each.url.partition('/api')[2]}"))
    await page.goto(f"{address}/mailings/new")
    await page.locator("#field-body").fill("Hello")
    await page.locator("#begin-at").check()
    await page.locator("#field-name").fill("Spring")
    await page.locator("#field-name").press("Enter")
    await page.get_by_role("button", name="Save as planned").press("Enter")
    await expect(page.locator("#field-name")).to_have_count(0)
    assert sent.count("POST /catalog/v1/mailings") == 1


async def test_what_is_in_the_form_can_be_tested_before_it_is_saved(
    page: Page, address: str
) -> None:
    sent: list[str] = []
    page.on("request", lambda each: sent.append(each.post_data or ""))
    await page.goto(f"{address}/mailings/new")
    await page.locator("#field-body").fill("Hello, not saved")
    await page.get_by_role("button", name="Test…").click()
    dialog = page.get_by_role("dialog")
    await dialog.get_by_label("To").fill("8 916 123-45-67")
    await dialog.get_by_role("button", name="Send").click()
    await expect(dialog.locator("[data-state]")).to_be_visible()
    tests = [each for each in sent if '"to":' in each]
    assert len(tests) == 1
    assert "Hello, not saved" in tests[0]
    assert "79161234567" in tests[0]
    await expect(page.locator("#field-body")).to_have_value("Hello, not saved")


@pytest.mark.parametrize(
    ("gateway", "help_text", "sent_as"),
    [
        ("SMS (http)", "A phone such as 79161234567.", {"phone": "wrong@one"}),
        ("E-mail (smtp)", "An e-mail address such as anna@example.com.", {"email": "wrong one"}),
    ],
)
async def test_a_contact_of_a_test_is_of_the_kind_that_its_gateway_needs(
    page: Page, address: str, gateway: str, help_text: str, sent_as: dict[str, str]
) -> None:
    await page.goto(f"{address}/mailings/new")
    await page.locator("#field-gateway").select_option(label=gateway)
    await page.locator("#field-body").fill("Hello")
    await page.get_by_role("button", name="Test…").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.locator("#test-contact-help")).to_have_text(help_text)
    await dialog.get_by_label("To").fill(*sent_as.values())
    async with page.expect_request("**/v1/test-sends") as asked:
        await dialog.get_by_role("button", name="Send").click()
    sent = (await asked.value).post_data_json or {}
    assert sent["to"] == sent_as


async def test_the_form_says_whom_mails_of_a_gateway_are_from(page: Page, address: str) -> None:
    await page.goto(f"{address}/mailings/new")
    await page.locator("#field-gateway").select_option(label="E-mail (smtp)")
    said = page.locator("#field-sender-help")
    await expect(said).to_contain_text("Empty: Shop <news@shop.example>.")
    await expect(said).to_contain_text("any address @books.example")

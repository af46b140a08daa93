"""The admin page's mailings in a real browser, through the real door, over the real stack."""

import re
import unicodedata
from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from deploy.local.stack import Stack
from tests.e2e.browsing import too_wide, violations, watched
from tests.e2e.outside import Json, Platform, in_seconds, new_tag, platform_at

RUSSIAN = {
    "viewport": {"width": 390, "height": 900},
    "locale": "ru-RU",
    "color_scheme": "dark",
}


@pytest.fixture
async def platform(seen: Stack) -> AsyncIterator[Platform]:
    async with platform_at(seen.env) as platform:
        await platform.misbehave(
            latency_ms="0", fail_share=0, throttle_share=0, garbage_share=0, hang_share=0
        )
        yield platform


def verbs(page: Page) -> Any:
    return page.get_by_role("group", name="What can be done with it")


async def created(page: Page, tag: str) -> None:
    """Fill the form for the 300 clients of a tag, and start."""
    await page.get_by_role("link", name="New mailing").click()
    await page.get_by_label("Name", exact=True).fill(f"By form {tag}")
    await page.get_by_label("Text", exact=True).fill("Hello, ")
    await page.get_by_role("button", name="full name").click()
    await expect(page.get_by_label("Text", exact=True)).to_have_value("Hello, {{ full_name }}")
    await page.get_by_label("Any of these tags").fill(tag)
    await expect(page.locator("[data-clients='300']")).to_be_visible()
    await expect(page.locator("[data-preview]")).to_contain_text("Hello, ")
    assert await violations(page) == []
    await page.get_by_role("button", name="Save and start now").click()
    question = page.get_by_role("dialog")
    await expect(question.locator("[data-clients='300']")).to_be_visible()
    await question.get_by_role("button", name="Start now").click()


async def begun_while_paused(platform: Platform, mailing: Json, resumed_at: str) -> list[Any]:
    """Return the attempts that began a second or more after the pause, and before its end."""
    run = await platform.run(mailing)
    assert run
    late = f"started_at > '{mailing['paused_at']}'::timestamptz + interval '1 s'"
    return await platform.attempts(run, f"{late} AND started_at < '{resumed_at}'")


async def looked_into(page: Page) -> None:
    """Open the first of the messages that were delivered, and close it again."""
    delivered = page.locator("[data-state=delivered]")
    await expect(delivered).to_contain_text("300")
    await delivered.get_by_role("link").click()
    await page.locator("[data-message] a").first.click()
    await expect(page.get_by_role("dialog")).to_contain_text("accepted")
    await expect(page).to_have_url(re.compile("message="))
    await page.keyboard.press("Escape")
    await expect(page.get_by_role("dialog")).to_have_count(0)


async def test_a_mailing_is_created_in_the_form_paused_and_resumed_to_its_end(
    seen: Stack, platform: Platform, opened: Browser
) -> None:
    tag = new_tag()
    await platform.import_clients(300, tag=tag, first=9_200_000_000)
    await platform.misbehave(latency_ms="1000")
    async with watched(opened) as found:
        page = found.page
        await page.goto(f"{seen.env['ADMIN_URL']}/mailings")
        await created(page, tag)
        await expect(page.get_by_role("heading", level=1)).to_have_text(f"By form {tag}")
        await verbs(page).get_by_role("button", name="Pause").click()
        await expect(page.locator("[data-why=paused]")).to_be_visible()
        assert await violations(page) == []
        mailing = await platform.mailing({"mailing_id": page.url.rpartition("/")[2]})
        resumed_at = in_seconds(0)
        await verbs(page).get_by_role("button", name="Resume").click()
        await platform.misbehave(latency_ms="0")
        await expect(page.locator("[data-why=ended]")).to_be_visible()
        await looked_into(page)
        assert await begun_while_paused(platform, mailing, resumed_at) == []
        # Its run may have begun since the page was shown: then a verb is asked for once more.
        assert [each for each in found.wrong if "status of 412" not in each] == []


async def test_who_edits_what_another_has_changed_chooses_field_by_field(
    seen: Stack, platform: Platform, opened: Browser
) -> None:
    tag = new_tag()
    later = {"starts_at": "2099-01-01T12:00:00Z", "ends_at": "2099-01-01T13:00:00Z"}
    mailing = await platform.create_mailing(tag=tag, name="First", **later)
    async with watched(opened) as found:
        page = found.page
        await page.goto(f"{seen.env['ADMIN_URL']}/mailings/{mailing['mailing_id']}/edit")
        await page.get_by_label("Name", exact=True).fill("Mine")
        await platform.change(mailing, name="Theirs", topic="news")
        await page.get_by_role("button", name="Save").click()
        choice = page.get_by_role("dialog")
        await expect(choice.locator("[data-field=name]")).to_contain_text("Theirs")
        await expect(choice.locator("[data-field=topic]")).to_contain_text("not changed")
        await choice.get_by_role("button", name="Apply mine").click()
        await expect(page.get_by_role("heading", level=1)).to_have_text("Mine")
        now = await platform.mailing(mailing)
        assert (now["name"], now["topic"]) == ("Mine", "news")
        await page.get_by_role("link", name="History").click()
        newest = page.locator("[data-event=MailingChanged]").first
        await expect(newest).to_contain_text("Theirs → Mine")
        await expect(page.locator("[data-event=MailingCreated]")).to_be_visible()
        assert [each for each in found.wrong if "status of 412" not in each] == []


async def test_a_planned_mailing_is_postponed_with_its_end(
    seen: Stack, platform: Platform, opened: Browser
) -> None:
    later = {"starts_at": "2099-01-01T12:00:00Z", "ends_at": "2099-01-01T13:00:00Z"}
    mailing = await platform.create_mailing(tag=new_tag(), name="Too early", **later)
    async with watched(opened) as found:
        page = found.page
        await page.goto(f"{seen.env['ADMIN_URL']}/mailings/{mailing['mailing_id']}")
        await verbs(page).get_by_role("button", name="Postpone").click()
        dialog = page.get_by_role("dialog")
        await dialog.get_by_role("button", name="a week later").click()
        await platform.change(mailing, name="Renamed")
        await dialog.get_by_role("button", name="Postpone").click()
        await expect(dialog).to_have_count(0)
        now = await platform.mailing(mailing)
        moved = ("2099-01-08T12:00:00Z", "2099-01-08T13:00:00Z")
        assert (now["starts_at"], now["ends_at"]) == moved
        assert [each for each in found.wrong if "status of 412" not in each] == []


async def test_filters_stand_in_the_address_and_are_asked_of_the_catalog(
    seen: Stack, platform: Platform, opened: Browser
) -> None:
    tag = new_tag()
    later = {"starts_at": "2099-01-01T12:00:00Z", "ends_at": "2099-01-01T13:00:00Z"}
    mailing = await platform.create_mailing(tag=tag, name=f"Autumn {tag}", **later)
    async with watched(opened) as found:
        page = found.page
        row = page.locator(f"[data-mailing='{mailing['mailing_id']}']")
        await page.goto(f"{seen.env['ADMIN_URL']}/mailings?gateway={mailing['gateway']}")
        await page.get_by_role("searchbox").fill(f"autumn {tag}")
        await expect(page.locator("[data-mailing]")).to_have_count(1)
        await expect(row).to_be_visible()
        await page.reload()
        await expect(row).to_be_visible()
        await page.get_by_label("Status").select_option("finished")
        await expect(row).to_have_count(0)
        await page.go_back()
        await expect(row).to_be_visible()
        assert found.wrong == []


# By part of the form: a field, what is typed, the code, and a number of it in both languages.
AT_ONCE = (
    ("name", "n" * 201, "length", ("200", "200")),
    ("body", "", "required", ("Write", "Напишите")),
    ("operatorCodes", "9", "operator_code", ("916", "916")),
    ("tags", "t" * 101, "tags", ("100", "100")),
    ("endsAt", "2020-01-01T12:00", "window_over", ("", "")),
    ("entries-0-expression", "* *", "cron", ("", "")),
)


async def said_of(told: Any, code: str | None, numbers: str, *, in_russian: bool) -> None:
    """Check that a refusal stands there in the reader's words, with the numbers of its limits."""
    if code is not None:
        await expect(told).to_have_attribute("data-code", code)
    await expect(told).to_contain_text(numbers)  # a space that does not break is one too
    text = await told.inner_text()
    is_russian = any("CYRILLIC" in unicodedata.name(each, "") for each in text)
    assert is_russian == in_russian, text


@pytest.mark.parametrize("options", [{}, RUSSIAN], ids=["english", "russian"])
async def test_each_refusal_stands_at_its_field_in_the_language_of_the_page(
    seen: Stack, opened: Browser, options: dict[str, Any]
) -> None:
    in_russian = bool(options)
    async with watched(opened, **options) as found:
        page = found.page
        await page.goto(f"{seen.env['ADMIN_URL']}/mailings/new")
        await page.locator("#field-recurs").check()
        await page.locator("#field-entries-0-kind").select_option("cron")
        # The field itself takes no more than may be; the service refuses it all the same.
        await page.locator("#field-name").evaluate("field => field.removeAttribute('maxlength')")
        for name, typed, _, _ in AT_ONCE:
            await page.locator(f"#field-{name}").fill(typed)
        await page.locator("form button[type=submit]").click()
        for name, _, code, numbers in AT_ONCE:
            told = page.locator(f"#field-{name}-help")
            await said_of(told, code, numbers[in_russian], in_russian=in_russian)
        await expect(page.locator("#field-name")).to_be_focused()
        assert await violations(page) == []
        assert await too_wide(page) == 0
        assert [each for each in found.wrong if "status of 422" not in each] == []


async def sent_to_nobody(page: Page, text: str) -> None:
    """Fill the form for a tag that no client has, and confirm that nobody would get it."""
    await page.locator("#field-name").fill("Refused")
    await page.locator("#field-body").fill(text)
    await expect(page.locator("[data-clients]:not([data-clients='0'])")).to_be_visible()
    await page.locator("#field-tags").fill("nobody-has-it")
    await expect(page.locator("[data-clients='0']")).to_be_visible()
    await page.locator("form button[type=submit]").click()
    await page.get_by_role("dialog").locator(".btn-primary").click()


@pytest.mark.parametrize("options", [{}, RUSSIAN], ids=["english", "russian"])
async def test_a_refusal_of_a_text_a_client_or_a_gateway_stands_at_its_field(
    seen: Stack, platform: Platform, opened: Browser, options: dict[str, Any]
) -> None:
    in_russian = bool(options)
    await platform.import_clients(1, tag=new_tag(), first=9_440_000_000)
    async with watched(opened, **options) as found:
        page, admin = found.page, seen.env["ADMIN_URL"]
        await page.goto(f"{admin}/mailings/new")
        await sent_to_nobody(page, "Hello\nand {{ nme }}")
        told = page.locator("#field-body-help")
        await said_of(told, "unknown_variable", "2", in_russian=in_russian)
        await page.goto(f"{admin}/clients/new")
        await page.locator("#client-phone").fill("123")
        await page.locator("#client-full_name").fill("n" * 201)
        await page.locator("form button[type=submit]").click()
        for name, numbers in (("phone", "79161234567"), ("full_name", "200")):
            told = page.locator(f"#client-{name}-problem")
            await said_of(told, None, numbers, in_russian=in_russian)
        await page.goto(f"{admin}/gateways/http")
        await page.locator("#limit-rate").fill("0")
        await page.locator("#limit-rate").press("Enter")
        told = page.locator("#limit-rate-problem")
        await said_of(told, None, "0,01" if in_russian else "0.01", in_russian=in_russian)
        assert [each for each in found.wrong if "status of 422" not in each] == []

"""What screens say of what is to come and of what is wrong, where it is looked for."""

import re
from asyncio import Event
from contextlib import suppress
from urllib.parse import urlsplit

import pytest
from playwright.async_api import Error, FilePayload, Page, Request, Route, expect

from tests.e2e.browsing import browser, too_wide, watched
from tests.screens.answers import (
    RECURRING,
    RUNNING_CHECK,
    RUNNING_IMPORT,
    live,
    number,
)
from tests.screens.screens import given_up


def posts(page: Page) -> list[str]:
    """Return a list that gets the end of the path of each POST that the page sends."""
    found: list[str] = []

    def note(request: Request) -> None:
        if request.method == "POST":
            found.append(urlsplit(request.url).path.rpartition("/")[2])

    page.on("request", note)
    return found


async def test_what_clocks_and_overlaps_do_to_runs_stands_on_the_mailing_and_in_a_new_form(
    page: Page,
) -> None:
    await page.goto(f"/mailings/{number(RECURRING)}")
    for remark in ("gap", "overlap"):
        await expect(page.locator(f"section [data-remark={remark}]")).to_be_visible()
    await page.goto("/mailings/new")
    await page.locator("#field-recurs").check()
    for remark in ("gap", "overlap"):
        await expect(page.locator(f"aside [data-remark={remark}]")).to_be_visible()


async def test_occurrences_have_their_day_of_the_week(page: Page) -> None:
    await page.goto(f"/mailings/{number(RECURRING)}")
    first = page.locator("section [data-occurrences] li").first
    await expect(first).to_have_text(re.compile("^(begins )?(Sun|Mon|Tue|Wed|Thu|Fri|Sat), "))


async def test_a_mailing_recurs_on_weekdays_by_one_choice(page: Page) -> None:
    weekdays = '"days":["monday","tuesday","wednesday","thursday","friday"]'
    await page.goto("/mailings/new")
    await page.locator("#field-recurs").check()
    async with page.expect_request(lambda each: weekdays in (each.post_data or "")):
        await page.locator("#field-entries-0-kind").select_option(
            label="every weekday (Mon\N{EN DASH}Fri)"
        )
    await expect(page.locator("#field-entries-0-at")).to_be_visible()


async def test_the_filter_of_mailings_says_where_those_between_runs_are_found(page: Page) -> None:
    await page.goto("/mailings")
    running = page.locator("#filter-status option[value=running]")
    await expect(running).to_have_text("running, between runs")


async def test_an_import_says_by_what_rows_know_clients_and_reads_the_next_file_as_the_last(
    page: Page,
) -> None:
    content = b"Phone;E-mail;Town\n79161234567;anna@example.com;spring\n"
    chosen = page.get_by_label("Town is read as")
    await page.goto("/imports/new")
    for name, read_as in (("all.csv", ""), ("rejected.csv", "tags")):
        file: FilePayload = {"name": name, "mimeType": "text/csv", "buffer": content}
        await page.locator("#import-file").set_input_files(file)
        await expect(page.get_by_text(name)).to_be_visible()
        known = page.locator("#import-key option")
        await expect(known).to_have_text(["Phone first", "E-mail first"])
        await expect(chosen).to_have_value(read_as)
        await chosen.select_option("tags")


@pytest.mark.parametrize(
    ("locale", "stays", "help_"),
    [
        ("en-GB", "Go on importing", "The rows that are in stay in"),
        ("ru-RU", "Продолжить импорт", "Загруженные строки останутся"),
    ],
)
async def test_an_import_is_cancelled_by_keys_by_who_was_told_what_comes_of_it(
    address: str, locale: str, stays: str, help_: str
) -> None:
    async with browser() as opened, watched(opened, locale=locale, base_url=address) as found:
        page = found.page
        sent = posts(page)
        await page.goto(f"/imports/{number(RUNNING_IMPORT)}")
        cancel = page.locator(".screen-head .btn-outline-danger")
        dialog = page.get_by_role("dialog")
        await cancel.focus()
        await page.keyboard.press("Enter")
        await expect(dialog).to_contain_text(help_)
        await expect(dialog.get_by_role("button", name=stays)).to_be_focused()
        await page.keyboard.press("Escape")
        await expect(dialog).to_have_count(0)
        await expect(cancel).to_be_focused()
        assert sent == []
        await page.keyboard.press("Enter")
        await expect(dialog.get_by_role("button", name=stays)).to_be_focused()
        await page.keyboard.press("Tab")
        await page.keyboard.press("Enter")
        await expect(dialog).to_have_count(0)
        assert sent == ["cancel"]


async def test_a_check_that_is_cancelled_changes_nothing_and_what_has_ended_is_not_asked_about(
    page: Page,
) -> None:
    await page.goto(f"/imports/{number(RUNNING_CHECK)}")
    await page.locator(".screen-head .btn-outline-danger").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("It has changed nothing.")

    async def end(route: Route) -> None:
        answer = await route.fetch()
        await route.fulfill(json=await answer.json() | {"status": "completed"})

    await page.route(f"**/v1/imports/{number(RUNNING_CHECK)}", end)
    await expect(dialog).to_have_count(0)  # it is asked for each second


async def test_a_file_that_is_being_sent_is_cancelled_only_after_a_question(page: Page) -> None:
    sent = posts(page)
    is_over = Event()

    async def hold(route: Route) -> None:
        await is_over.wait()
        with suppress(Error):  # the page has given it up
            await route.abort()

    await page.route("**/v1/imports?*", hold)
    await page.goto("/imports/new")
    rows: FilePayload = {
        "name": "a.csv",
        "mimeType": "text/csv",
        "buffer": b"phone\n79161234567\n",
    }
    await page.locator("#import-file").set_input_files(rows)
    await page.get_by_role("button", name="Import", exact=True).click()
    dialog = page.get_by_role("dialog")
    for answer in ("Go on importing", "Cancel the import"):
        await page.get_by_role("button", name="Cancel the import…").click()
        assert "cancel" not in sent
        await dialog.get_by_role("button", name=answer).click()
        await expect(dialog).to_have_count(0)
    await expect(page.get_by_text("Cancelled. The rows that are in stay in.")).to_be_visible()
    assert sent[1:] == ["cancel"]
    is_over.set()


async def test_who_is_suppressed_is_marked_in_the_list_of_clients(page: Page) -> None:
    await page.goto("/clients")
    marked = page.locator("tbody tr", has=page.locator("[data-suppressed]"))
    await expect(marked).to_have_count(1)
    await expect(marked).to_contain_text("79261234568")
    await expect(marked).to_contain_text("phone suppressed (some topics)")


async def test_a_contact_that_is_looked_for_among_suppressions_is_shown_or_said_to_be_none(
    page: Page,
) -> None:
    await page.goto("/suppressions?whom=anna@example.com")
    await expect(page.locator("tbody tr").first).to_contain_text("the e-mail anna@example.com")
    none: dict[str, object] = {"items": [], "next_cursor": None}
    await page.route(re.compile("/v1/suppressions[?]"), lambda route: route.fulfill(json=none))
    await page.goto("/suppressions?whom=79161234567")
    await expect(page.locator(".empty")).to_contain_text("Not suppressed")


async def test_the_status_of_the_system_begins_with_what_is_not_well(page: Page) -> None:
    await page.goto("/operations")
    said = page.locator("[data-verdict]")
    await expect(said).to_contain_text("Not all is well")
    await expect(said.locator("li").filter(has_text="Statistics")).to_contain_text(
        "records that could not be applied wait for a decision"
    )
    metrics = re.compile("/metrics$")
    await page.route(metrics, lambda route: route.fulfill(body="kafka_consumer_lag 1"))
    outbox = {"transactions": 1, "events": 1, "age_s": 1, "refused": 0, "held": 0}
    await page.route(re.compile("/v1/outbox$"), lambda route: route.fulfill(json=outbox))
    await page.goto("/operations")
    await expect(said).to_contain_text("All is well")
    await expect(said.locator("li")).to_have_count(0)
    await page.set_viewport_size({"width": 390, "height": 800})
    assert await too_wide(page) == 0


async def test_what_was_set_aside_is_given_up_by_who_was_told_that_it_is_lost(page: Page) -> None:
    decided = posts(page)
    await page.goto("/operations/set-aside?service=stats")
    await given_up(page)
    dialog = page.get_by_role("dialog")
    await expect(dialog).to_contain_text("This cannot be taken back.")
    await expect(dialog.get_by_role("button", name="Cancel")).to_be_focused()
    assert decided == []
    await dialog.get_by_role("button", name="Give up for good").click()
    await expect(dialog).to_have_count(0)
    assert decided == ["discard"]


async def test_mailings_that_keep_an_audience_are_to_be_opened_and_more_of_them_are_counted(
    page: Page,
) -> None:
    named = [{"mailing_id": number(each), "name": f"Needs it {each}"} for each in (1, 2)]
    refused = {"type": "AudienceInUse", "title": "", "mailings": named, "mailing_count": 5}

    async def refuse(route: Route) -> None:
        if route.request.method == "DELETE":
            await route.fulfill(status=409, json=refused)
        else:
            await route.fallback()

    await page.route("**/v1/audiences/*", refuse)
    await page.goto(f"/audiences/{number(1)}")
    await page.locator(".screen-head .btn-outline-danger").click()
    dialog = page.get_by_role("dialog")
    await dialog.locator("[type=submit]").click()
    await expect(dialog.get_by_role("listitem")).to_have_text(
        ["Needs it 1", "Needs it 2", "and 3 others"]
    )
    await expect(dialog.get_by_role("link", name="Needs it 2")).to_have_attribute(
        "href", re.compile(f"/mailings/{number(2)}$")
    )


async def test_a_gateway_names_the_dispatchers_that_cannot_use_it(page: Page) -> None:
    await page.goto("/gateways/sms")
    await expect(page.locator("[data-problem=dispatcher-2]")).to_contain_text("no file at")
    await expect(page.locator(".condition-partly")).to_be_visible()


async def test_everybody_finds_what_was_stopped_and_sees_when_a_mailing_runs_next(
    page: Page,
) -> None:
    await page.goto("/public.html")
    recurring = page.locator(f"[data-mailing='{number(RECURRING)}']")
    await expect(recurring.locator("[data-next]")).to_contain_text("next run")
    await page.get_by_role("button", name="stopped").click()
    shown = [each for each in live() if each["status"] == "stopped"]
    await expect(page.locator("[data-mailing]")).to_have_count(len(shown))
    for state, count in shown[0]["by_status"].items():
        legend = page.locator(f"[data-mailing] .mailing-more .dot-{state}")
        await expect(legend).to_have_count(int(count > 0))

"""One mailing in the admin page: what is asked before it ends, what stays, what a gateway said."""

import re
from collections.abc import AsyncIterator
from http.server import BaseHTTPRequestHandler
from typing import Any

import pytest
from playwright.async_api import Browser, Page, expect

from deploy.local.stack import Stack
from shared.testing import eventually
from tests.e2e.browsing import violations, watched
from tests.e2e.echo import serving
from tests.e2e.outside import Json, Platform, new_tag, platform_at

SCRIPT = "<script>document.title = 'taken over'</script>"
LONG = 64 * 1024  # characters of an answer
SHOWN = 2_048  # of them, at most
REFUSED = re.compile(r"status of 4(04|12)")  # the browser says each refusal, beside the page


@pytest.fixture
async def platform(seen: Stack) -> AsyncIterator[Platform]:
    async with platform_at(seen.env) as platform:
        await platform.misbehave(
            latency_ms="0", fail_share=0, throttle_share=0, garbage_share=0, hang_share=0
        )
        yield platform


class Rude(BaseHTTPRequestHandler):
    """A gateway that refuses everybody, at length."""

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = (SCRIPT + "x" * LONG).encode()
        self.send_response(400)
        self.send_header("Content-Type", "text/html")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


async def opened_mailing(page: Page, seen: Stack, mailing: Json) -> None:
    await page.goto(f"{seen.env['ADMIN_URL']}/mailings/{mailing['mailing_id']}")
    await expect(page.get_by_role("heading", level=1)).to_have_text(mailing["name"])


async def sent_to(platform: Platform, url: str, *, clients: int, **limits: Any) -> Json:
    """Send a mailing through a gateway of its own, which has the same name as its clients' tag."""
    tag = new_tag()
    await platform.import_clients(clients, tag=tag, first=9_430_000_000)
    path = f"{platform.env['DISPATCHER_URL']}/v1/gateways/{tag}"
    made = await platform.http.put(path, json={"kind": "http", "url": url, **limits})
    assert made.is_success, made.text

    async def created() -> Json | None:
        try:
            return await platform.create_mailing(tag=tag, gateway=tag)
        except AssertionError:  # the catalog does not know the gateway yet
            return None

    return await eventually(created, within=120)


async def refused(platform: Platform, url: str) -> Json:
    """Send a mailing to two clients through a gateway that refuses them."""
    mailing = await sent_to(platform, url, clients=2)
    run = await platform.finished(mailing)
    assert (await platform.ledger(run)).by_status == {"failed": 2}
    return mailing


async def test_who_stops_a_mailing_is_told_how_many_are_cancelled_and_a_deleted_one_is_gone(
    seen: Stack, platform: Platform, opened: Browser
) -> None:
    tag = new_tag()
    await platform.import_clients(1_000, tag=tag, first=9_410_000_000)
    await platform.misbehave(latency_ms="1000")
    mailing = await platform.create_mailing(tag=tag)
    await platform.attempted(mailing)
    await platform.command(mailing, "pause")
    run = await platform.stands_still(mailing, over=3)
    await platform.statistics_equal_the_ledger(run)
    async with watched(opened) as found:
        page = found.page
        await opened_mailing(page, seen, mailing)
        verbs = page.get_by_role("group", name="What can be done with it")
        await verbs.get_by_role("button", name="Stop").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text(f"{run['open']:,} messages that are not sent yet")
        await dialog.get_by_role("button", name="Stop").click()
        cancelled = page.locator("[data-state=cancelled]")
        await expect(cancelled).to_contain_text(f"{run['open']:,}")
        await verbs.get_by_role("button", name="Delete").click()
        await dialog.get_by_role("button", name="Delete").click()
        await is_in_no_list(page, mailing, tag)
        await is_gone(page)
        assert [each for each in found.wrong if not REFUSED.search(each)] == []


async def is_in_no_list(page: Page, mailing: Json, tag: str) -> None:
    await expect(page).to_have_url(re.compile(r"/mailings(\?.*)?$"))
    await page.get_by_role("searchbox").fill(tag)
    await expect(page).to_have_url(re.compile(tag))
    await expect(page.locator(f"[data-mailing='{mailing['mailing_id']}']")).to_have_count(0)


async def is_gone(page: Page) -> None:
    """Go back to what was deleted: nothing can be done with it any more."""
    await page.go_back()
    await expect(page.get_by_role("heading", level=1)).to_have_text("There is no such mailing")
    await expect(page.get_by_role("group", name="What can be done with it")).to_have_count(0)


LATER = {"starts_at": "2099-01-01T12:00:00Z", "ends_at": "2099-01-09T12:00:00Z"}
DAILY = {
    "schedule": {"entries": [{"kind": "daily", "at": "09:00", "zone": "Europe/Moscow"}]},
}


@pytest.mark.parametrize(
    ("plan", "consequence"),
    [(LATER, "nothing of it will be sent"), (LATER | DAILY, "None of its later occurrences")],
    ids=["planned", "recurring"],
)
async def test_what_is_only_planned_is_deleted_when_its_consequence_was_shown(
    seen: Stack, platform: Platform, opened: Browser, plan: Json, consequence: str
) -> None:
    tag = new_tag()
    mailing = await platform.create_mailing(tag=tag, **plan)
    async with watched(opened) as found:
        page = found.page
        await opened_mailing(page, seen, mailing)
        verbs = page.get_by_role("group", name="What can be done with it")
        await verbs.get_by_role("button", name="Delete").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text(consequence)
        await dialog.get_by_role("button", name="Delete").click()
        await is_in_no_list(page, mailing, tag)
        await is_gone(page)
        assert [each for each in found.wrong if not REFUSED.search(each)] == []


async def as_it_was(page: Page, seen: Stack, query: str) -> None:
    """Show a list of mailings, and let it stay as it was, whatever becomes of them."""
    admin = seen.env["ADMIN_URL"]
    listed = await page.request.get(f"{admin}/api/catalog/v1/mailings?limit=100&{query}")
    body = await listed.text()
    await page.route(
        "**/api/catalog/v1/mailings?*",
        lambda route: route.fulfill(body=body, content_type="application/json"),
    )
    await page.goto(f"{admin}/mailings?{query}")


async def test_several_are_stopped_at_once_and_of_one_that_is_over_meanwhile_it_is_said(
    seen: Stack, platform: Platform, opened: Browser
) -> None:
    tag = new_tag()
    await platform.import_clients(300, tag=tag, first=9_450_000_000)
    await platform.misbehave(latency_ms="1000")
    mailings = [await platform.create_mailing(tag=tag) for _ in range(3)]
    for mailing in mailings:
        await platform.attempted(mailing)
    async with watched(opened) as found:
        page = found.page
        await as_it_was(page, seen, f"q={tag}&status=running")
        await page.get_by_label("Choose all").check()
        bulk = page.get_by_role("region", name="Chosen mailings")
        await bulk.get_by_role("button", name="Stop (3)").click()
        dialog = page.get_by_role("dialog")
        await expect(dialog).to_contain_text("Stop 3 mailings for good?")
        await platform.command(mailings[0], "stop")
        await dialog.get_by_role("button", name="Stop").click()
        lines = bulk.get_by_role("listitem")
        await expect(lines).to_have_count(3)
        await expect(lines.filter(has_text=": done")).to_have_count(2)
        await expect(lines.filter(has_text="not done: it is stopped by now")).to_have_count(1)
        assert await violations(page) == []
        await page.unroute("**/api/catalog/v1/mailings?*")
        await expect(page.locator("[data-mailing]")).to_have_count(0)
        await expect(lines).to_have_count(3)  # though nothing of the list is chosen any more
        await expect(bulk.get_by_role("status")).to_be_focused()
        assert [each for each in found.wrong if not REFUSED.search(each)] == []


async def test_what_is_open_on_a_mailing_is_open_again_after_a_reload_and_back_closes_it(
    seen: Stack, platform: Platform, opened: Browser
) -> None:
    tag = new_tag()
    await platform.import_clients(3, tag=tag, first=9_420_000_000)
    mailing = await platform.create_mailing(tag=tag)
    await platform.finished(mailing)
    async with watched(opened) as found:
        page = found.page
        await opened_mailing(page, seen, mailing)
        await page.get_by_role("navigation").get_by_role("link", name="Messages").click()
        await page.get_by_label("Status").select_option("delivered")
        await page.locator("[data-message] a").first.click()
        drawer = page.get_by_role("dialog", name="Message")
        await expect(drawer).to_contain_text("accepted")
        address = page.url
        await page.reload()
        await expect(drawer).to_contain_text("accepted")
        await expect(page).to_have_url(address)
        await page.go_back()
        await expect(drawer).to_have_count(0)
        await expect(page.get_by_label("Status")).to_have_value("delivered")
        await page.go_back()
        await expect(page.get_by_label("Status")).to_have_value("")
        await expect(page).to_have_url(re.compile("tab=messages"))
        await page.locator(".who a.small").first.click()
        await a_clients_message_is_open_until_back(page)
        assert found.wrong == []


async def a_clients_message_is_open_until_back(page: Page) -> None:
    await page.get_by_role("table", name="Messages").get_by_role("link").first.click()
    drawer = page.get_by_role("dialog", name="Message")
    await expect(drawer).to_contain_text("accepted")
    await page.go_back()
    await expect(drawer).to_have_count(0)
    await expect(page).to_have_url(re.compile("/clients/"))


async def test_whatever_a_gateway_answers_is_shown_as_text_and_no_more_of_it_than_can_be_read(
    seen: Stack, platform: Platform, opened: Browser
) -> None:
    with serving(Rude) as url:
        mailing = await refused(platform, url)
    async with watched(opened) as found:
        page = found.page
        await opened_mailing(page, seen, mailing)
        failed = page.locator("[data-state=failed]")
        await expect(failed).to_contain_text("2")
        await failed.get_by_role("link").click()
        await page.locator("[data-message] a").first.click()
        attempts = page.get_by_role("dialog", name="Message").locator("[data-attempt]")
        answered = attempts.filter(has=page.locator(".answer"))  # not that it was begun
        await expect(answered).to_have_count(1)
        await expect(answered).to_contain_text("400")
        answer = answered.locator(".answer")
        await expect(answer).to_contain_text(SCRIPT)
        assert len(await answer.inner_text()) <= SHOWN
        assert await page.title() != "taken over"
        assert found.wrong == []


async def test_while_a_gateway_refuses_everything_its_mailing_says_so_and_is_paused_there(
    seen: Stack, platform: Platform, opened: Browser
) -> None:
    with serving(Rude) as url:
        mailing = await sent_to(platform, url, clients=300, rate=10)
        async with watched(opened) as found:
            page = found.page
            await opened_mailing(page, seen, mailing)
            warning = page.get_by_role("alert")
            await expect(warning).to_contain_text("Nearly everything fails")
            await expect(warning).to_contain_text("the gateway answered 400")
            await warning.get_by_role("button", name="Pause").click()
            await expect(page.locator("[data-why=paused]")).to_be_visible()
            await expect(page.locator("header .status-paused")).to_be_visible()
            await expect(page.locator("tbody [data-state]")).to_have_attribute(
                "data-state", "paused"
            )
            await page.goto(f"{seen.env['ADMIN_URL']}/gateways/{mailing['gateway']}")
            await expect(page.locator(".condition-refusing")).to_be_visible()
            assert [each for each in found.wrong if not REFUSED.search(each)] == []

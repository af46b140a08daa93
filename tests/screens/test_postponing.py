"""A mailing that has not begun is postponed from its page, with as much time as before."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from playwright.async_api import Page, Request, Route, expect

from tests.e2e.browsing import browser, watched
from tests.screens.answers import NOW, PLANNED, number, planned

Json = dict[str, Any]
MAILING = f"/mailings/{number(PLANNED)}"
A_DAY_LATER = {"starts_at": "2026-03-04T07:00:00.000Z", "ends_at": "2026-03-04T15:00:00.000Z"}
ZONE = "Europe/Moscow"


@pytest.fixture
async def page(address: str) -> AsyncIterator[Page]:
    options = {"locale": "en-GB", "timezone_id": ZONE, "base_url": address}
    async with browser() as opened, watched(opened, **options) as found:
        await found.page.clock.set_fixed_time(NOW)
        yield found.page


def changes(page: Page) -> list[tuple[str | None, Any]]:
    """Return a list that gets the version and the body of each change that is asked for."""
    found: list[tuple[str | None, Any]] = []

    def note(request: Request) -> None:
        if request.method == "PATCH":
            found.append((request.headers.get("if-match"), request.post_data_json))

    page.on("request", note)
    return found


async def refused_once(page: Page, now: Json, again: Json | None = None) -> None:
    """Let the first change be too late for what there is `now`, and the next be refused again."""
    refusals: list[Json | None] = [{"type": "StaleVersion", "status": 412}, again]

    async def answer(route: Route) -> None:
        if route.request.method == "PATCH" and refusals:
            refusal = refusals.pop(0)
            if refusal is not None:
                body = refusal | {"title": "Too late."}
                await route.fulfill(status=refusal["status"], json=body)
                return
        if route.request.method == "GET" and len(refusals) < 2:
            await route.fulfill(json=now)
            return
        await route.fallback()

    await page.route(f"**/v1{MAILING}", answer)


async def opened(page: Page) -> Any:
    await page.goto(MAILING)
    await page.get_by_role("button", name="Postpone…").click()
    return page.get_by_role("dialog")


async def test_a_mailing_is_postponed_with_its_end(page: Page) -> None:
    sent = changes(page)
    dialog = await opened(page)
    await expect(dialog).to_contain_text(f"by the clocks of {ZONE}")
    go = dialog.get_by_role("button", name="Postpone")
    await expect(go).to_be_disabled()
    await dialog.get_by_role("button", name="a day later").click()
    result = dialog.get_by_role("status")
    await expect(result).to_contain_text("Wed, Mar 4, 10:00 GMT+3")
    await expect(result).to_contain_text("Wed, Mar 4, 18:00 GMT+3 (8 hours)")
    await go.click()
    await expect(dialog).to_have_count(0)
    assert sent == [(f'"{planned()["version"]}"', A_DAY_LATER)]


async def test_what_somebody_has_moved_meanwhile_is_shown_before_it_is_postponed(
    page: Page,
) -> None:
    theirs = {"starts_at": "2026-03-03T08:00:00Z", "ends_at": "2026-03-03T09:00:00Z"}
    await refused_once(page, planned() | theirs | {"version": 8})
    sent = changes(page)
    dialog = await opened(page)
    await dialog.get_by_role("button", name="a day later").click()
    await dialog.get_by_role("button", name="Postpone").click()
    await expect(dialog.get_by_role("alert")).to_contain_text("Somebody else has changed it")
    await expect(dialog).to_contain_text("Tue, Mar 3, 12:00 GMT+3 (1 hour)")
    assert len(sent) == 1
    await dialog.get_by_role("button", name="Postpone").click()
    await expect(dialog).to_have_count(0)
    moved = A_DAY_LATER | {"ends_at": "2026-03-04T08:00:00.000Z"}
    assert sent[1:] == [('"8"', moved)]


@pytest.mark.parametrize(
    ("status", "type_", "said"),
    [
        ("running", "MailingAlreadyRunning", "The mailing has begun: only its name and its end"),
        ("stopped", "MailingAlreadyEnded", "The mailing was stopped or has finished"),
    ],
)
async def test_what_has_begun_or_ended_meanwhile_is_said_to_have(
    page: Page, status: str, type_: str, said: str
) -> None:
    now = planned() | {"status": status, "version": 8}
    await refused_once(page, now, {"type": type_, "status": 409})
    dialog = await opened(page)
    await dialog.get_by_role("button", name="a week later").click()
    await dialog.get_by_role("button", name="Postpone").click()
    await expect(dialog.get_by_role("alert")).to_contain_text(said)


async def test_what_only_its_name_was_changed_of_is_postponed_all_the_same(page: Page) -> None:
    await refused_once(page, planned() | {"name": "Renamed", "version": 8})
    sent = changes(page)
    dialog = await opened(page)
    await dialog.get_by_role("button", name="a day later").click()
    await dialog.get_by_role("button", name="Postpone").click()
    await expect(dialog).to_have_count(0)
    assert sent[1:] == [('"8"', A_DAY_LATER)]


async def test_a_time_that_has_passed_is_refused_at_once(page: Page) -> None:
    dialog = await opened(page)
    await dialog.get_by_label("New start").fill("2026-03-01T14:00")
    await expect(dialog.get_by_role("status")).to_contain_text("This time has passed.")
    await expect(dialog.get_by_role("button", name="Postpone")).to_be_disabled()


async def test_who_moves_the_start_in_the_form_reads_that_the_end_has_moved_along(
    page: Page,
) -> None:
    await page.goto(f"{MAILING}/edit")
    await page.get_by_label("From", exact=True).fill("2026-03-05T10:30")
    await expect(page.get_by_label("Until", exact=True)).to_have_value("2026-03-05T18:30")
    said = page.get_by_text("It has moved along")
    await expect(said).to_be_visible()
    await page.get_by_label("Until", exact=True).fill("2026-03-05T19:00")
    await expect(said).to_have_count(0)

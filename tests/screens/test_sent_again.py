"""What was sent again: when that is offered, for whom, and who is counted once everywhere."""

from collections.abc import Awaitable, Callable
from typing import Any

import pytest
from playwright.async_api import Page, Route, expect

from tests.screens.answers import NOW, counts, example, figures, live, mailings, number, runs

Json = dict[str, Any]
MAILING = f"/mailings/{number(5)}"
FIRST = number(11)
BY_MESSAGE, BY_CLIENT = counts(0, 0, 237, 7), counts(0, 0, 239)


def answer(body: Json) -> Callable[[Route], Awaitable[None]]:
    """Return what answers a request with a body."""
    return lambda route: route.fulfill(json=body)


async def show(page: Page, status: str, *listed: Json) -> None:
    """Open a mailing of which 237 messages were delivered and 7 failed, with these runs."""
    known = {
        "planned": 244,
        "by_status": BY_MESSAGE,
        "recipients": {"clients": 239, "by_status": BY_CLIENT},
    }
    of_live = live()[4] | known | {"status": status}
    of_stats = figures(number(5)) | known
    of_stats["runs"] = [of_stats["runs"][0] | {"run_id": FIRST, "by_status": BY_MESSAGE}]
    answers: dict[str, Json] = {
        f"**/v1{MAILING}": mailings()[4] | {"status": status},
        "**/v1/runs?*": {"items": listed, "next_cursor": None},
        "**/api/stats/v1/mailings/*": of_stats,
        "**/public/v1/mailings": {
            "items": [of_live],
            "next_cursor": None,
            "as_of": NOW,
            "lag_s": 0.2,
        },
    }
    for path, body in answers.items():
        await page.route(path, answer(body))
    await page.route("**/public/v1/live", lambda route: route.fulfill(status=503))
    await page.goto(MAILING)


def run(**values: object) -> Json:
    return runs()[0] | {"mailing_id": number(5), "finished_at": NOW, "open": 0} | values


@pytest.mark.parametrize(
    ("status", "others", "said"),
    [
        ("stopped", [], "The mailing is stopped: nothing of it is sent again."),
        (
            "finished",
            [run(run_id=number(12), resent_from=FIRST, finished_at=None)],
            "What was sent again has not ended yet.",
        ),
    ],
)
async def test_where_nothing_may_be_sent_again_it_is_not_offered_and_said_why(
    page: Page, status: str, others: list[Json], said: str
) -> None:
    await show(page, status, run(), *others)
    await expect(page.get_by_text(said)).to_be_visible()
    await expect(page.get_by_role("button", name="Send again…")).to_have_count(0)


@pytest.mark.parametrize(
    ("clients", "unreachable", "said"),
    [(1, 1, "It goes to 0 clients."), (3, 1, "It goes to 2 clients.")],
)
async def test_those_who_lack_the_contact_are_not_said_to_get_it(
    page: Page, clients: int, unreachable: int, said: str
) -> None:
    dry = example("dispatcher", "ResendView", clients=clients, unreachable=unreachable, run=None)
    await page.route("**/resend", answer(dry))
    await show(page, "finished", run())
    await page.get_by_role("button", name="Send again…").click()
    dialog = page.get_by_role("dialog")
    await expect(dialog.locator("[data-resend]")).to_have_text(said)
    await expect(dialog).to_contain_text("1 client without the phone or e-mail")
    go = dialog.get_by_role("button", name="Send again")
    await expect(go).to_be_enabled(enabled=clients > unreachable)


async def test_who_was_sent_a_message_again_counts_once_on_every_screen(page: Page) -> None:
    await show(page, "finished", run())
    by_client = page.locator("[data-clients-delivered='239']")
    await expect(by_client).to_have_text("239 clients: 239 delivered")
    await expect(page.locator(".counts")).to_contain_text("244messages in all")
    await page.goto("/mailings")
    own = page.locator(f"[data-mailing='{number(5)}']")
    await expect(own.locator(".cell-done")).to_have_text("100% delivered")
    await expect(own.locator(".fill-failed")).to_have_attribute("width", "0")
    await page.goto("/public.html")
    await expect(own.locator(".mailing-figures")).to_have_text("239 of 239 100% delivered")
    await expect(own.locator(".mailing-more")).not_to_contain_text("failed")

"""A mailing's screen says one thing at a time, and what it counts is what it lists."""

import asyncio
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.async_api import Page, Request, Route, expect

from tests.e2e.browsing import violations
from tests.screens.answers import (
    NOW,
    PLANNED,
    RECURRING,
    counts,
    example,
    figures,
    gateways,
    live_runs,
    mailings,
    messages,
    number,
    runs,
    usage,
    why,
)

Json = dict[str, Any]
MAILING = f"/mailings/{number(1)}"
FIRST, AGAIN = number(11), number(12)


async def answered(page: Page, path: str, body: object) -> None:
    """Let a path be answered by something else from now on."""

    async def answer(route: Route) -> None:
        if route.request.method == "GET":
            await route.fulfill(json=body)
        else:
            await route.fallback()

    await page.route(path, answer)


def asked(page: Page, path: str, name: str) -> list[str]:
    """Return a list that gets what each request of a path asks for by a parameter."""
    found: list[str] = []

    def note(request: Request) -> None:
        url = urlsplit(request.url)
        if url.path.endswith(path):
            found.extend(parse_qs(url.query).get(name, ["-"]))

    page.on("request", note)
    return found


def of(mailing: int, **values: object) -> Json:
    return mailings()[mailing - 1] | values


def in_runs(first: Json, again: Json) -> Json:
    """Return figures of the mailing's two runs."""
    found = figures(number(1))
    common = found["runs"][0]
    own = [
        common | {"run_id": run, "by_status": known, "planned": sum(known.values())}
        for run, known in ((FIRST, first), (AGAIN, again))
    ]
    return found | {"runs": own}


@pytest.mark.parametrize(
    ("status", "code", "said", "run"),
    [
        ("paused", "sending", "The mailing is paused.", "paused"),
        ("running", "paused", "It goes on in a moment.", "sending"),
        ("stopped", "paused", "It is being stopped", "stopped"),
    ],
)
async def test_what_has_not_followed_the_mailing_yet_contradicts_nothing(
    page: Page, status: str, code: str, said: str, run: str
) -> None:
    held = [{"of": "mailing", "since": NOW, "by": None}] if code == "paused" else []
    listed = [each | {"paused": held} for each in runs()]
    await answered(page, f"**/v1{MAILING}", of(1, status=status))
    await answered(page, "**/v1/runs?*", {"items": listed, "next_cursor": None})
    await answered(page, "**/v1/runs/*/why", why("") | {"code": code})
    await page.goto(MAILING)
    sentence = page.locator("[data-why]")
    await expect(sentence).to_contain_text(said)
    await expect(sentence).not_to_contain_text("/s")
    await expect(page.locator("tbody [data-state]").first).to_have_attribute("data-state", run)


async def test_a_mailing_that_has_begun_to_send_is_not_shown_as_planned(page: Page) -> None:
    await answered(page, f"**/v1{MAILING}", of(1, status="created"))
    await page.goto(MAILING)
    await expect(page.locator("header .status-running")).to_be_visible()
    await expect(page.get_by_role("button", name="Start now")).to_have_count(0)


async def test_that_there_is_no_run_is_said_when_it_is_known(page: Page) -> None:
    is_known = asyncio.Event()

    async def hold(route: Route) -> None:
        await is_known.wait()
        await route.fulfill(json={"items": [], "next_cursor": None})

    await page.route("**/v1/runs?*", hold)
    await page.goto(f"/mailings/{number(RECURRING)}")
    runs_of = page.get_by_role("region", name="Runs")
    await expect(runs_of).to_have_text("Loading…")
    is_known.set()
    await expect(runs_of).to_contain_text("It has not run yet.")
    planned = page.get_by_role("region", name="What is planned")
    await expect(planned).to_contain_text("Its first run begins")


async def test_what_has_not_begun_says_when_it_begins_for_how_many_and_leads_to_its_form(
    page: Page,
) -> None:
    await page.goto(f"/mailings/{number(PLANNED)}")
    planned = page.get_by_role("region", name="What is planned")
    await expect(planned).to_contain_text("It begins Tue, Mar 3")
    await expect(planned.locator("[data-clients]")).to_be_visible()
    await expect(page.get_by_text("There are no messages.")).to_have_count(0)
    await expect(page.get_by_role("region", name="Runs")).to_have_text("It has not run yet.")
    await planned.get_by_role("link").click()
    await expect(page.locator("#field-startsAt")).to_be_enabled()


async def test_while_nearly_everything_fails_it_is_said_why_and_to_be_paused(page: Page) -> None:
    failed = counts(100, 0, 1, 112)
    reason = example(
        "dispatcher", "ReasonView", status="failed", reason="sender_not_allowed", count=112
    )
    other = reason | {"status": "delivered", "reason": "accepted", "count": 5_000}
    await answered(page, "**/api/stats/v1/mailings/*", in_runs(failed, counts()))
    await answered(page, "**/reasons", {"items": [other, reason], "next_cursor": None})
    paused = asked(page, "/pause", "")
    await page.goto(MAILING)
    warning = page.get_by_role("alert")
    await expect(warning).to_contain_text("112 of 113 messages")
    await expect(warning).to_contain_text("the sender is not allowed")
    await expect(page.locator("[data-why]")).not_to_contain_text("It is being sent")
    assert await violations(page) == []
    await warning.get_by_role("button", name="Pause").click()
    await expect(warning.get_by_role("button", name="Pause")).to_be_enabled()
    assert len(paused) == 1


async def test_a_gateway_that_refuses_nearly_everything_is_not_said_to_send(page: Page) -> None:
    answers = {"accepted": 0, "refused": 113, "not_processed": 0, "unknown": 0}
    refusing = gateways()[0] | {"together": usage(0, 0, 0) | {"answers": answers}}
    await answered(page, "**/v1/gateways", {"items": [refusing], "next_cursor": None})
    await page.goto("/gateways")
    await expect(page.locator(".condition-refusing")).to_be_visible()
    await expect(page.get_by_text("Messages go out.")).to_have_count(0)


async def test_a_count_leads_to_the_messages_of_just_those_runs_that_it_counts(
    page: Page,
) -> None:
    listed = [each for each in messages() if each["status"] == "failed"]
    known = in_runs(counts(0, 0, 234, 5), counts(0, 0, 3, 2))
    await answered(page, "**/api/stats/v1/mailings/*", known)
    await answered(page, "**/v1/messages?*", {"items": listed, "next_cursor": None})
    of_runs = asked(page, "/v1/messages", "run_id")
    await page.goto(MAILING)
    await page.locator(".counts [data-state=failed] a").click()
    await expect(page.locator("[data-message]")).to_have_count(2)
    await expect(page.locator("#run")).to_have_value("")
    assert sorted(of_runs) == [FIRST, AGAIN]
    of_runs.clear()
    await page.locator("#run").select_option(AGAIN)
    await expect(page.locator(".counts [data-state=failed]")).to_contain_text("2")
    await expect(page.locator("[data-message]")).to_have_count(1)
    assert of_runs == [AGAIN]


async def test_a_chart_says_of_which_run_it_is_and_shows_another(page: Page) -> None:
    charted = asked(page, "/series", "run_id")
    await page.goto(MAILING)
    choice = page.get_by_role("region", name="Over time").get_by_role("combobox")
    await expect(choice).to_have_value(FIRST)
    await choice.select_option(AGAIN)
    await expect(choice).to_have_value(AGAIN)
    await expect(page.locator(".series-chart[data-drawn]")).to_be_visible()
    assert {*charted} == {FIRST, AGAIN}


@pytest.mark.parametrize(
    ("values", "said"),
    [
        (
            {"status": "failed", "reason": "no_email"},
            "Nothing was tried: the client has no e-mail",
        ),
        ({"status": "planned", "reason": None}, "Nothing was tried yet."),
    ],
)
async def test_of_what_will_never_be_tried_it_is_said_why(
    page: Page, values: Json, said: str
) -> None:
    message = example("dispatcher", "MessageWithAttempts", attempts_log=[], **values)
    await answered(page, "**/v1/messages/*", message)
    await page.goto(f"{MAILING}?tab=messages&message=message-1")
    await expect(page.get_by_role("dialog")).to_contain_text(said)


async def test_who_was_refused_is_said_and_an_empty_answer_has_no_box(page: Page) -> None:
    attempt = example("dispatcher", "AttemptView", reason="recipient_550", answer="")
    message = example("dispatcher", "MessageWithAttempts", status="failed", attempts_log=[attempt])
    await answered(page, "**/v1/messages/*", message)
    await page.goto(f"{MAILING}?tab=messages&message=message-1")
    dialog = page.get_by_role("dialog")
    await expect(dialog.locator("[data-attempt]")).to_contain_text("refused this address (550)")
    await expect(dialog.locator(".answer")).to_have_count(0)


async def test_in_all_states_a_share_is_of_what_was_delivered_and_without_messages_there_is_none(
    page: Page,
) -> None:
    def done(at: int) -> str:
        return f"[data-mailing='{number(at)}'] .cell-done"

    await page.goto("/mailings")
    await expect(page.locator(done(1))).to_have_text("62% delivered")
    await expect(page.locator(done(5))).to_have_text("24% delivered")  # it was stopped
    await expect(page.locator(done(RECURRING))).not_to_contain_text("%")
    await page.goto("/public.html")
    of_stopped = page.locator(f"[data-mailing='{number(5)}'] .mailing-figures")
    await expect(of_stopped).to_have_text("1,200 of 5,000 24% delivered")
    planned = page.locator(f"[data-mailing='{number(RECURRING)}']")
    await expect(planned.locator(".mailing-figures, .mailing-bar")).to_have_count(0)


async def test_everybody_sees_which_of_two_runs_was_sent_again(page: Page) -> None:
    first = live_runs(number(1))
    again = first["runs"][0] | {"run_id": AGAIN, "nominal": None}
    await answered(page, "**/public/v1/mailings/*", first | {"runs": [again, *first["runs"]]})
    await page.goto("/public.html")
    await page.locator("[data-mailing] .mailing-name button").first.click()
    names = page.get_by_role("region", name="Runs").locator("tbody th")
    await expect(names).to_have_text(["sent again", "once"])


async def test_everybody_sees_that_a_run_of_a_paused_mailing_is_paused(page: Page) -> None:
    await page.goto("/public.html")
    await page.locator(f"[data-mailing='{number(2)}'] .mailing-name button").click()
    of_run = page.get_by_role("region", name="Runs").locator("tbody tr")
    await expect(of_run).to_contain_text("paused")
    await expect(of_run).to_contain_text("2,000 / 9,000")
    await expect(of_run).not_to_contain_text("still going")


async def test_everybody_sees_what_is_paused_counted_apart(page: Page) -> None:
    await page.goto("/public.html")
    await expect(page.locator("main p").first).to_have_text(
        "1 running · 212/s · 1 paused · 163,302 messages delivered"
    )


async def test_whom_a_filter_selects_is_said_in_words(page: Page) -> None:
    selects: Json = {"operator_codes": [], "tags": ["spring"], "exclude": {"has_email": False}}
    said = "Any of the tags: spring; But not: Without an e-mail address"
    change = {"field": "filter", "before": None, "after": selects}
    event = example("catalog", "MailingEventView", changes=[change], by=None, causation_id=None)
    await answered(page, "**/events?*", {"items": [event], "next_cursor": None})
    await page.goto(f"{MAILING}?tab=history")
    await expect(page.locator("[data-event] dd")).to_have_text(said)
    audience = example("catalog", "AudienceView", filter=selects)
    await answered(page, "**/v1/audiences?*", {"items": [audience], "next_cursor": None})
    await page.goto("/audiences")
    await expect(page.locator("tbody td li")).to_have_text(said.split("; "))

"""The screens of the page, and how each comes to stand still."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from playwright.async_api import Page

from tests.screens.answers import PLANNED, RUNNING_IMPORT, number

Step = Callable[[Page], Awaitable[None]]


async def nothing(_: Page) -> None:
    """The screen is ready as it is."""


def press(name: str) -> Step:
    """Return a step that presses the first thing with a mark, `[data-…]` or a selector."""

    async def step(page: Page) -> None:
        await page.locator(name).first.click()

    return step


async def given_up(page: Page) -> None:
    """Decide to give up what was set aside first, as far as the question that follows."""
    await page.locator("tbody .btn").first.click()
    await page.locator("#decide-reason").fill("It is mended")
    await page.locator(".modal .btn-outline-danger").click()


@dataclass(frozen=True)
class Screen:
    """A screen by its address; `step` opens what is not there at first, `ready` is there then."""

    name: str
    address: str
    ready: str = "h1"
    step: Step = nothing
    is_compared: bool = False


CHART = ".series-chart[data-drawn]"
MAILING = f"/mailings/{number(1)}"
NOT_BEGUN = f"/mailings/{number(PLANNED)}"

SCREENS = (
    Screen("public", "/public.html", "[data-mailing]", is_compared=True),
    Screen(
        "public-opened",
        "/public.html",
        CHART,
        press("[data-mailing] .mailing-name button"),
        is_compared=True,
    ),
    Screen("mailings", "/mailings", "[data-mailing] .stacked", is_compared=True),
    Screen(
        "mailings-chosen",
        "/mailings",
        "section .btn-outline-danger",
        press("[data-mailing] input[type=checkbox]"),
    ),
    Screen(
        "mailings-menu",
        "/mailings",
        ".dropdown-menu.show",
        press("[data-mailing] .dropdown-toggle"),
    ),
    Screen("mailing", MAILING, CHART, is_compared=True),
    Screen(
        "mailing-stop", MAILING, ".modal.show .btn-danger", press("header .btn-outline-danger")
    ),
    Screen("planned", NOT_BEGUN, "[data-planned] [data-clients]"),
    Screen("postponed", NOT_BEGUN, "#postpone-start", press("header [data-verb=postpone]")),
    Screen("messages", f"{MAILING}?tab=messages", "[data-message]"),
    Screen(
        "message",
        f"{MAILING}?tab=messages&message=message-3",
        ".offcanvas.show [data-attempt]",
    ),
    Screen("reasons", f"{MAILING}?tab=reasons", "section table"),
    Screen("text", f"{MAILING}?tab=text", "section pre"),
    Screen("history", f"{MAILING}?tab=history", "[data-event]"),
    Screen("recurring", f"/mailings/{number(3)}", "section"),
    Screen("new-mailing", "/mailings/new", "#field-name", is_compared=True),
    Screen("edit-mailing", f"{MAILING}/edit", "#field-name"),
    Screen("clients", "/clients", "[data-suppressed]", is_compared=True),
    Screen("clients-none", "/clients?q=nobody", "h1"),
    Screen("client", f"/clients/{number(31)}", ".panel tbody tr", is_compared=True),
    Screen(
        "client-deleted",
        f"/clients/{number(31)}",
        "#erase-true",
        press(".screen-head .btn-outline-danger"),
    ),
    Screen("new-client", "/clients/new", "#client-phone"),
    Screen("imports", "/imports", "tbody tr"),
    Screen("import", f"/imports/{number(41)}", "tbody tr", is_compared=True),
    Screen(
        "import-cancelled",
        f"/imports/{number(RUNNING_IMPORT)}",
        ".modal.show .btn-danger",
        press(".screen-head .btn-outline-danger"),
    ),
    Screen("new-import", "/imports/new", "#import-file"),
    Screen("audiences", "/audiences", "tbody tr"),
    Screen("audience", f"/audiences/{number(1)}", "#audience-tags"),
    Screen("new-audience", "/audiences/new", "#audience-tags"),
    Screen("suppressions", "/suppressions", "tbody tr"),
    Screen("suppress", "/suppressions", "#kind-phone", press(".screen-head .btn-primary")),
    Screen("gateways", "/gateways", "tbody tr", is_compared=True),
    Screen("gateway", "/gateways/smtp", "#test-to"),
    Screen("operations", "/operations", ".facts .tabular", is_compared=True),
    Screen("set-aside", "/operations/set-aside?service=stats", "tbody tr"),
    Screen("decide", "/operations/set-aside?service=stats", "#decide-reason", press("tbody .btn")),
    Screen("given-up", "/operations/set-aside?service=stats", ".modal.show .btn-danger", given_up),
    Screen("settings", "/settings", "#settings-zone"),
    Screen("nowhere", "/nowhere"),
)

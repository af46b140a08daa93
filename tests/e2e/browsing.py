"""A browser from packages, and pages of it on which nothing may go wrong unseen."""

import fcntl
import json
import os
import subprocess
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from playwright.async_api import Browser, Page, async_playwright, expect

from deploy.local import page
from deploy.local.node import install, node
from shared.testing import eventually

SOURCE = Path(__file__).with_name("browser")
# How long tests wait for what is to be seen; three stacks and browsers may share two cores.
PATIENCE_S = 60.0
expect.set_options(timeout=PATIENCE_S * 1_000)
# Not the package's own: those switch off what keeps pages apart.
AXE_TAGS = ("wcag2a", "wcag2aa", "wcag21aa", "wcag22aa")
ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--font-render-hinting=none",
    "--disable-lcd-text",
    "--hide-scrollbars",
)
# Fonts of a package, and no others: text looks the same, and is as wide, on each machine.
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig>
  <dir>{fonts}</dir>
  <cachedir>{cache}</cachedir>
  <selectfont><rejectfont>
    <glob>*/DejaVuMath*</glob><glob>*/DejaVuSerif*</glob>
    <glob>*Condensed*</glob><glob>*ExtraLight*</glob>
  </rejectfont></selectfont>
  <alias binding="same">
    <family>sans-serif</family><prefer><family>DejaVu Sans</family></prefer>
  </alias>
  <alias binding="same">
    <family>system-ui</family><prefer><family>DejaVu Sans</family></prefer>
  </alias>
  <alias binding="same">
    <family>monospace</family><prefer><family>DejaVu Sans Mono</family></prefer>
  </alias>
</fontconfig>
"""


@contextmanager
def _alone(folder: Path) -> Iterator[None]:
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "browser.lock").open("ab") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def folder() -> Path:
    return page.store() / "browser"


def chromium() -> str:
    """Return where the browser is: CHROMIUM, or what a package has."""
    if "CHROMIUM" in os.environ:
        return os.environ["CHROMIUM"]
    with _alone(page.store()):
        work = folder()
        install(SOURCE, work, time.monotonic() + 180, "--omit=dev")
        unpacked = work / "node_modules" / ".browser"
        unpacked.mkdir(exist_ok=True)
        done = subprocess.run(  # noqa: S603 - ours
            [str(node()), "path.mjs"],
            cwd=work,
            env={**os.environ, "TMPDIR": str(unpacked)},
            capture_output=True,
            text=True,
            check=True,
        )
    return done.stdout.strip()


def fonts() -> Path:
    """Return the description of the fonts that the browser has."""
    work = folder() / "node_modules"
    found = work / ".fonts.conf"
    of_package = work / "dejavu-fonts-ttf" / "ttf"
    new = found.with_name(f".fonts.{os.getpid()}")
    new.write_text(FONTS.format(fonts=of_package, cache=work / ".fonts"))
    new.replace(found)  # of two who run tests none reads half of it
    return found


def axe() -> str:
    """Return the source of axe, which finds what keeps people out."""
    return (folder() / "node_modules" / "axe-core" / "axe.min.js").read_text()


@dataclass
class Watched:
    """A page, and all that went wrong on it."""

    page: Page
    wrong: list[str] = field(default_factory=list)

    def watch(self) -> None:
        def failed(request: Any) -> None:
            # What the page gives up itself is no failure: a search that was typed over.
            if request.failure != "net::ERR_ABORTED":
                self.wrong.append(f"{request.url}: {request.failure}")

        def said(message: Any) -> None:
            self.wrong.append(f"console: {message.text} ({message.location['url']})")

        self.page.on("console", said)
        self.page.on("pageerror", lambda error: self.wrong.append(f"error: {error}"))
        self.page.on("requestfailed", failed)


@asynccontextmanager
async def browser() -> AsyncIterator[Browser]:
    """Open a browser that looks the same on each machine."""
    async with async_playwright() as playwright:
        path = chromium()
        opened = await playwright.chromium.launch(
            executable_path=path,
            args=list(ARGUMENTS),
            env={**os.environ, "FONTCONFIG_FILE": str(fonts())},
        )
        try:
            yield opened
        finally:
            await opened.close()


@asynccontextmanager
async def watched(opened: Browser, **options: Any) -> AsyncIterator[Watched]:
    """Open a page in a context of its own; nothing may go wrong on it that is not in `wrong`."""
    settings = {
        "viewport": {"width": 1280, "height": 900},
        "locale": "en-US",
        "reduced_motion": "reduce",  # what moves is between two states when it is looked at
    } | options
    context = await opened.new_context(**settings)
    context.set_default_timeout(PATIENCE_S * 1_000)
    try:
        found = Watched(await context.new_page())
        found.watch()
        yield found
    finally:
        await context.close()


async def violations(page: Page, only: Sequence[str] = ()) -> list[str]:
    """Return what keeps people out, by all rules of WCAG, or by those that are named."""
    rules = {"type": "rule", "values": only} if only else {"type": "tag", "values": AXE_TAGS}
    if not await page.evaluate("'axe' in window"):
        await page.evaluate(axe())
    found = await page.evaluate(
        "rules => axe.run({runOnly: rules}).then(found => JSON.stringify("
        "found.violations.map(each => [each.id, each.nodes.map(node => node.html)])))",
        rules,
    )
    return [f"{name}: {nodes}" for name, nodes in json.loads(found)]


async def too_wide(page: Page) -> int:
    """Return how many pixels a page is wider than its window, once it has been drawn for that."""
    wider = "document.documentElement.scrollWidth - document.documentElement.clientWidth"

    async def fits() -> bool:
        return int(await page.evaluate(wider)) <= 0

    with suppress(AssertionError):
        await eventually(fits, within=PATIENCE_S)
    return int(await page.evaluate(wider))

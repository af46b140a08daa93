"""Each screen in each theme, language and width: nobody is kept out, and it looks as it did."""

import base64
from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path

import pytest
from playwright.async_api import Browser, Page, expect

from shared.testing import eventually
from tests.e2e.browsing import Watched, browser, too_wide, violations, watched
from tests.screens.answers import NOW
from tests.screens.screens import SCREENS, Screen

WIDTHS = (1280, 390)
LANGUAGES = ("en", "ru")
# In the other theme nothing is otherwise but colours.
OF_THEMES: tuple[tuple[str, list[str]], ...] = (("light", []), ("dark", ["color-contrast"]))
PICTURES = Path(__file__).with_name("pictures")
SHARE = 0.002  # of a picture that may differ
COMES_WITHIN_S = 20.0  # what a screen asks for behind what it shows first
DIFFERENT = """async ([one, other]) => {
  const pixels = async (base64) => {
    const bytes = Uint8Array.from(atob(base64), (each) => each.charCodeAt(0));
    const image = await createImageBitmap(new Blob([bytes], { type: "image/png" }));
    const context = new OffscreenCanvas(image.width, image.height).getContext("2d");
    context.drawImage(image, 0, 0);
    return context.getImageData(0, 0, image.width, image.height);
  };
  const [a, b] = [await pixels(one), await pixels(other)];
  if (a.width !== b.width || a.height !== b.height) return 1;
  let count = 0;
  for (let at = 0; at < a.data.length; at += 4) {
    const far = [0, 1, 2].some((part) => Math.abs(a.data[at + part] - b.data[at + part]) > 16);
    if (far) count += 1;
  }
  return count / (a.data.length / 4);
}"""


@pytest.fixture
async def opened() -> AsyncIterator[Browser]:
    async with browser() as opened:
        yield opened


async def show(found: Watched, address: str, screen: Screen) -> None:
    """Show a screen, until it has all that it is to have."""
    await found.page.clock.set_fixed_time(NOW)
    await found.page.goto(f"{address}{screen.address}")
    await screen.step(found.page)
    await expect(found.page.locator(screen.ready).first).to_be_visible()
    await expect(found.page.locator(".skeleton, .skeleton-row")).to_have_count(0)
    await expect(found.page.locator(".fade:not(.show), .offcanvas.showing")).to_have_count(0)


async def picture(page: Page) -> bytes:
    return await page.screenshot(animations="disabled", caret="hide")


async def difference(page: Page, png: bytes) -> float:
    """Return by which share a page still differs from a picture, once all of it has come."""
    known, share = base64.b64encode(png).decode(), 1.0

    async def is_alike() -> bool:
        nonlocal share
        seen = base64.b64encode(await picture(page)).decode()
        async with await page.context.new_page() as other:
            share = 0 if seen == known else await other.evaluate(DIFFERENT, [seen, known])
        return share <= SHARE

    with suppress(AssertionError):
        await eventually(is_alike, within=COMES_WITHIN_S, every=0.2)
        return 0
    return share


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("language", LANGUAGES)
async def test_nobody_is_kept_out_of_any_screen(
    address: str, opened: Browser, language: str, width: int
) -> None:
    options = {
        "viewport": {"width": width, "height": 900},
        "locale": f"{language}-RU",
        "timezone_id": "Europe/Moscow",
    }
    wrong: list[str] = []
    for screen in SCREENS:
        async with watched(opened, **options) as found:
            await show(found, address, screen)
            for theme, rules in OF_THEMES:
                await found.page.evaluate(
                    "theme => document.documentElement.dataset.bsTheme = theme", theme
                )
                kept_out = await violations(found.page, rules)
                wrong += [f"{screen.name}, {theme}: {each}" for each in kept_out]
            for narrow in (width, 320):
                await found.page.set_viewport_size({"width": narrow, "height": 900})
                if wider := await too_wide(found.page):
                    wrong.append(f"{screen.name}: {wider} px wider than {narrow}")
            wrong += [f"{screen.name}: {each}" for each in found.wrong]
    assert not wrong, "\n".join(wrong)


@pytest.mark.parametrize(
    ("theme", "language", "width"), [("light", "en", 1280), ("dark", "ru", 390)]
)
async def test_ten_screens_look_as_they_did(
    address: str,
    opened: Browser,
    pytestconfig: pytest.Config,
    theme: str,
    language: str,
    width: int,
) -> None:
    is_renewed = pytestconfig.getoption("--update-pictures", default=False)
    options = {
        "viewport": {"width": width, "height": 900},
        "locale": f"{language}-RU",
        "timezone_id": "Europe/Moscow",
        "color_scheme": theme,
    }
    differ: list[str] = []
    compared = [screen for screen in SCREENS if screen.is_compared]
    assert len(compared) == 10
    for screen in compared:
        file = PICTURES / f"{screen.name}-{width}.png"
        async with watched(opened, **options) as found:
            await show(found, address, screen)
            if is_renewed:
                file.write_bytes(await picture(found.page))
            elif share := await difference(found.page, file.read_bytes()):
                differ.append(f"{file.name}: {share:.2%}; `--update-pictures` renews it")
    assert not differ, "\n".join(differ)

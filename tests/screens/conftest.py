"""The built page before answers that never change, and the option that renews its pictures."""

from collections.abc import AsyncIterator, Iterator

import pytest
from playwright.async_api import Page

from deploy.local import page as built
from tests.e2e.browsing import browser, watched
from tests.screens.answers import NOW
from tests.screens.standing import standing_page


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--update-pictures", action="store_true", help="let them be as it looks now")


@pytest.fixture(scope="session")
def address() -> Iterator[str]:
    with standing_page(built.build()) as address:
        yield address


@pytest.fixture
async def page(address: str) -> AsyncIterator[Page]:
    async with browser() as opened, watched(opened, locale="en-GB", base_url=address) as found:
        await found.page.clock.set_fixed_time(NOW)
        yield found.page

"""The fixtures: the whole stack, one of each kind per run."""

import asyncio
from collections.abc import AsyncIterator, Callable, Generator, Iterator, Mapping
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from functools import partial
from pathlib import Path

import pytest
from playwright.async_api import Browser

from deploy.local.doors import DOORS, shown
from deploy.local.services import GATEWAY
from deploy.local.stack import ALL, Stack
from shared.testing import eventually
from tests.e2e.browsing import browser
from tests.e2e.echo import echo_gateway
from tests.e2e.outside import Platform, platform_at
from tests.otlp import Collector, collecting, hanging_collector
from tests.stacks import PreparedStack

HERE = Path(__file__).parent
SHARED = ("fragile", "seen", "stack")

# Short, so that what a test waits for comes soon. A lease must outlast the timeout by 2 s.
SOON: Mapping[str, str] = {
    "LOG_FORMAT": "json",
    "TOPIC_PARTITIONS": "3",
    "DISPATCHER_HTTP_GATEWAY_IDEMPOTENT": "true",
    "DISPATCHER_HTTP_GATEWAY_TIMEOUT": "PT2S",
    "DISPATCHER_SMTP_GATEWAY_TIMEOUT": "PT2S",
    "DISPATCHER_BACKOFF_BASE": "PT0.2S",
    "DISPATCHER_BACKOFF_CAP": "PT1S",
    "DISPATCHER_LEASE": "PT4S",
    "CATALOG_RELAY_LEASE": "PT2S",
    "SCHEDULER_RELAY_LEASE": "PT2S",
    "DISPATCHER_RELAY_LEASE": "PT2S",
}


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Let tests of one shared stack come one after the other; the others keep their order."""
    here = [n for n, each in enumerate(items) if each.path.is_relative_to(HERE)]
    for n, each in zip(here, sorted((items[n] for n in here), key=_stack_of), strict=True):
        items[n] = each


def _stack_of(item: pytest.Item | None) -> str:
    """Return the fixture of the shared stack that a test uses; nothing if it uses none."""
    names = getattr(item, "fixturenames", ())
    if "shared_stacks" not in names:
        return ""
    return next(each for each in SHARED if each in names)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(
    item: pytest.Function, nextitem: pytest.Item | None
) -> Generator[None]:
    """End the shared stack behind the last test that uses it: other tests want its cores."""
    stacks = item.funcargs.get("shared_stacks")
    yield
    if isinstance(stacks, SharedStacks) and not _stack_of(nextitem):
        stacks.close()


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Give what gets the spans of `stack`."""
    with collecting() as collector:
        yield collector


@contextmanager
def running(stack: Stack) -> Iterator[None]:
    """Start a stack, and stop it at the end."""
    asyncio.run(stack.start())
    try:
        yield
    finally:
        asyncio.run(stack.stop())


class SharedStacks:
    """The stacks that tests share, one at a time: one that nobody uses costs CPU all the same."""

    def __init__(self, folders: pytest.TempPathFactory) -> None:
        self._folders = folders
        self._name, self._open = "", ExitStack()
        self._stack: Stack | None = None

    def get(self, name: str, opened: Callable[[Path], AbstractContextManager[Stack]]) -> Stack:
        """Return the stack that is running if it has this name; else end it and open this one."""
        if self._stack is None or self._name != name:
            self.close()
            self._stack = self._open.enter_context(opened(self._folders.mktemp(name)))
            self._name = name
        return self._stack

    def close(self) -> None:
        """End what is running."""
        self._stack = None
        self._open.close()


@pytest.fixture(scope="session")
def shared_stacks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SharedStacks]:
    stacks = SharedStacks(tmp_path_factory)
    with closing(stacks):
        yield stacks


@contextmanager
def for_all(home: Path, collector: Collector) -> Iterator[Stack]:
    said: list[str] = []
    traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "DISPATCHER_TRACED_ONE_IN": "10"}
    whole = PreparedStack(
        home, {**SOON, **traced}, ALL, ("--idempotent",), said.append, ephemeral=True
    )
    with running(whole):
        yield whole


@contextmanager
def to_break(home: Path) -> Iterator[Stack]:
    said: list[str] = []
    parts = [name for name in ALL if name != GATEWAY]
    with echo_gateway() as url, hanging_collector() as collector:
        settings = {
            **SOON,
            "DISPATCHER_HTTP_GATEWAY_URL": url,
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
            "OTEL_BSP_MAX_QUEUE_SIZE": "64",
            "DISPATCHER_TRACED_ONE_IN": "1",
        }
        whole = PreparedStack(home, settings, parts, report=said.append, ephemeral=True)
        with running(whole):
            yield whole


@contextmanager
def with_page(home: Path) -> Iterator[Stack]:
    said: list[str] = []
    whole = PreparedStack(
        home, SOON, (*DOORS, *ALL), ("--idempotent",), said.append, ephemeral=True
    )

    async def is_built() -> bool:
        return not shown(whole.home).resolve().name.endswith(".none")

    with running(whole):
        asyncio.run(eventually(is_built, within=180, every=0.2))
        yield whole


@pytest.fixture
def stack(shared_stacks: SharedStacks, collector: Collector) -> Stack:
    """Give a stack whose gateway is idempotent, for tests that break nothing but the gateway."""
    return shared_stacks.get("stack", partial(for_all, collector=collector))


@pytest.fixture
async def platform(stack: Stack) -> AsyncIterator[Platform]:
    async with platform_at(stack.env) as platform:
        await platform.misbehave(
            latency_ms="0", fail_share=0, throttle_share=0, garbage_share=0, hang_share=0
        )
        yield platform


@pytest.fixture
def fragile(shared_stacks: SharedStacks) -> Stack:
    """Give a stack for tests that break things; its gateway repeats all that it hears.

    Its collector takes connections and nothing else: so all that is shown holds in spite of it.
    """
    return shared_stacks.get("fragile", to_break)


@pytest.fixture
async def fragile_platform(fragile: Stack) -> AsyncIterator[Platform]:
    async with platform_at(fragile.env) as platform:
        yield platform


@pytest.fixture
def seen(shared_stacks: SharedStacks) -> Stack:
    """Give a stack with the page, which is built."""
    return shared_stacks.get("seen", with_page)


@pytest.fixture
async def opened() -> AsyncIterator[Browser]:
    async with browser() as opened:
        yield opened

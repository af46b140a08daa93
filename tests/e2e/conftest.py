"""The fixtures: the whole stack, one of each kind per run."""

import asyncio
from collections.abc import AsyncIterator, Iterator, Mapping

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


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Give what gets the spans of `stack`."""
    with collecting() as collector:
        yield collector


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory, collector: Collector) -> Iterator[Stack]:
    """Give a stack whose gateway is idempotent, for tests that break nothing but the gateway."""
    said: list[str] = []
    home = tmp_path_factory.mktemp("stack")
    traced = {"OTEL_EXPORTER_OTLP_ENDPOINT": collector.url, "DISPATCHER_TRACED_ONE_IN": "10"}
    settings = {**SOON, **traced}
    whole = Stack(home, settings, ALL, ("--idempotent",), said.append, ephemeral=True)
    asyncio.run(whole.start())
    try:
        yield whole
    finally:
        asyncio.run(whole.stop())


@pytest.fixture
async def platform(stack: Stack) -> AsyncIterator[Platform]:
    async with platform_at(stack.env) as platform:
        await platform.misbehave(
            latency_ms="0", fail_share=0, throttle_share=0, garbage_share=0, hang_share=0
        )
        yield platform


@pytest.fixture(scope="session")
def fragile(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give a stack for tests that break things; its gateway repeats all that it hears.

    Its collector takes connections and nothing else: so all that is shown holds in spite of it.
    """
    said: list[str] = []
    home = tmp_path_factory.mktemp("fragile")
    parts = [name for name in ALL if name != GATEWAY]
    with echo_gateway() as url, hanging_collector() as collector:
        settings = {
            **SOON,
            "DISPATCHER_HTTP_GATEWAY_URL": url,
            "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
            "OTEL_BSP_MAX_QUEUE_SIZE": "64",
            "DISPATCHER_TRACED_ONE_IN": "1",
        }
        whole = Stack(home, settings, parts, report=said.append, ephemeral=True)
        asyncio.run(whole.start())
        try:
            yield whole
        finally:
            asyncio.run(whole.stop())


@pytest.fixture
async def fragile_platform(fragile: Stack) -> AsyncIterator[Platform]:
    async with platform_at(fragile.env) as platform:
        yield platform


@pytest.fixture(scope="session")
def seen(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """Give a stack with the page, which is built."""
    said: list[str] = []
    home = tmp_path_factory.mktemp("seen")
    stack = Stack(home, SOON, (*DOORS, *ALL), ("--idempotent",), said.append, ephemeral=True)

    async def start() -> None:
        await stack.start()

        async def is_built() -> bool:
            return not shown(stack.home).resolve().name.endswith(".none")

        await eventually(is_built, within=180, every=0.2)

    asyncio.run(start())
    try:
        yield stack
    finally:
        asyncio.run(stack.stop())


@pytest.fixture
async def opened() -> AsyncIterator[Browser]:
    async with browser() as opened:
        yield opened

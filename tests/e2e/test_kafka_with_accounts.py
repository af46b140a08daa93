"""An encrypted Kafka, in which each service may do what `python -m deploy.strimzi` says."""

import asyncio
import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError, TopicAuthorizationFailedError

from deploy.local.services import MAIL
from deploy.local.stack import ALL
from shared.contracts.dispatcher import MESSAGES
from shared.kafka.access import connection
from tests.e2e.accounts import PASSWORDS, StackWithAccounts, administrator
from tests.e2e.conftest import SOON
from tests.e2e.outside import Platform, new_tag, platform_at


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[StackWithAccounts]:
    """Give a stack with accounts."""
    said: list[str] = []
    home = tmp_path_factory.mktemp("accounts")
    parts = [name for name in ALL if name != MAIL]
    whole = StackWithAccounts(home, SOON, parts, ("--idempotent",), said.append, ephemeral=True)
    asyncio.run(whole.start())
    try:
        yield whole
    finally:
        asyncio.run(whole.stop())


@pytest.fixture
async def platform(stack: StackWithAccounts) -> AsyncIterator[Platform]:
    async with platform_at(stack.env) as platform:
        yield platform


async def test_a_mailing_is_sent_and_counted_and_nothing_that_a_service_does_is_refused(
    stack: StackWithAccounts, platform: Platform
) -> None:
    tag = new_tag()
    await platform.import_clients(1_000, tag=tag)
    run = await platform.finished(await platform.create_mailing(tag=tag))

    ledger = await platform.statistics_equal_the_ledger(run)
    rebuilt = operate(stack, "stats", "services.stats", "rebuild")
    positions = operate(stack, "dispatcher", "shared.kafka", "positions", "dispatcher")
    again = await platform.statistics_equal_the_ledger(run)

    assert ledger.by_status == again.by_status == {"delivered": 1_000}
    assert (rebuilt.returncode, positions.returncode) == (0, 0), (rebuilt, positions)
    assert stack.denied() == []


async def test_an_account_may_not_write_what_another_service_publishes(
    stack: StackWithAccounts,
) -> None:
    producer = AIOKafkaProducer(**connection(stack.servers("stats")))
    await producer.start()
    try:
        with pytest.raises(TopicAuthorizationFailedError):
            await producer.send_and_wait(MESSAGES.name, b"{}", key=b"k")
    finally:
        await producer.stop()


async def test_nobody_enters_without_the_password_or_the_authoritys_certificate(
    stack: StackWithAccounts,
) -> None:
    right = stack.servers("stats")

    for servers in (
        right.replace(PASSWORDS["stats"], "guessed"),
        right.partition("?")[0],  # trusts those that the machine trusts
        right.partition("@")[2].partition("?")[0],  # openly
    ):
        with pytest.raises((KafkaConnectionError, KafkaError)):
            async with administrator(servers):
                pass


def operate(
    stack: StackWithAccounts, account: str, module: str, *arguments: str
) -> "subprocess.CompletedProcess[str]":
    """Run one of the commands for those who operate, as a service's account."""
    return subprocess.run(  # noqa: S603 - ours
        [sys.executable, "-m", module, *arguments],
        env={**os.environ, **stack.env, "KAFKA_SERVERS": stack.servers(account)},
        capture_output=True,
        text=True,
        check=False,
    )

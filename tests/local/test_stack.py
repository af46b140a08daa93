"""The real PostgreSQL under the stack, in a path with spaces."""

import asyncio
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import asyncpg
import pytest

from deploy.local.errors import AlreadyRunning
from deploy.local.home import PROJECT
from deploy.local.ports import Ports
from deploy.local.postgres import url
from deploy.local.record import Record, is_alive
from deploy.local.stack import Stack

pytestmark = pytest.mark.postgres

SUPERVISOR = """
import asyncio, sys
from pathlib import Path
from deploy.local.stack import Stack

async def main():
    await Stack(Path(sys.argv[1]), parts=["postgres"], ephemeral=True).start()
    print("ready", flush=True)
    await asyncio.sleep(60)

asyncio.run(main())
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    return tmp_path / "a home, with spaces"


@pytest.fixture
async def stack(home: Path) -> AsyncIterator[Stack]:
    stack = Stack(home, parts=["postgres"], ephemeral=True)
    yield stack
    await stack.stop()


async def query(address: str, text: str) -> object:
    db = await asyncpg.connect(address)
    try:
        return await db.fetchval(text)
    finally:
        await db.close()


async def test_data_survives_the_death_of_the_server(stack: Stack) -> None:
    await stack.start()
    await query(stack.env["POSTGRES_URL"], "CREATE TABLE t AS SELECT generate_series(1, 1000)")

    await stack.kill("postgres")
    await stack.begin("postgres")

    assert await query(stack.env["POSTGRES_URL"], "SELECT count(*) FROM t") == 1000


async def test_a_second_stack_in_the_same_home_says_that_it_is_running(
    stack: Stack, home: Path
) -> None:
    await stack.start()

    with pytest.raises(AlreadyRunning, match="already running"):
        await Stack(home, parts=["postgres"], ephemeral=True).start()


async def test_what_a_killed_supervisor_leaves_behind_is_ended_and_its_data_kept(
    stack: Stack, home: Path
) -> None:
    supervisor = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", SUPERVISOR, str(home)),
        stdout=asyncio.subprocess.PIPE,
        cwd=PROJECT,
    )
    assert supervisor.stdout
    async with asyncio.timeout(30):
        while await supervisor.stdout.readline() != b"ready\n":
            pass
    orphan = Record(stack.home.record).entries()["postgres"]
    address = url(Ports(stack.home.ports).kept["postgres"], "postgres")
    await query(address, "CREATE TABLE t AS SELECT generate_series(1, 1000)")
    supervisor.send_signal(signal.SIGKILL)
    await supervisor.wait()
    assert is_alive(orphan)

    await stack.start()

    assert not is_alive(orphan)
    assert await query(stack.env["POSTGRES_URL"], "SELECT count(*) FROM t") == 1000


async def test_an_ephemeral_stack_leaves_no_data_behind(stack: Stack) -> None:
    await stack.start()
    await stack.stop()

    assert not stack.home.data.exists()
    assert not stack.home.fallback.exists()


def test_a_stack_outlives_the_loop_that_it_was_started_in(home: Path) -> None:
    stack = Stack(home, parts=["postgres"], ephemeral=True)

    asyncio.run(stack.start())
    try:
        assert asyncio.run(query(stack.env["POSTGRES_URL"], "SELECT 1")) == 1
    finally:
        asyncio.run(stack.stop())

    assert stack.pid("postgres") is None

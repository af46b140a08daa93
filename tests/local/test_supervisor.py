"""Starting, ending, and starting again; on small programs."""

import asyncio
import os
import signal
import sys
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from deploy.local.errors import StackError
from deploy.local.part import Part
from deploy.local.process import Command, until
from deploy.local.record import Record
from deploy.local.supervisor import Supervisor

GOOD = "import time, pathlib; pathlib.Path('ready').touch(); time.sleep(60)"
STUBBORN = "import signal; signal.signal(15, signal.SIG_IGN); " + GOOD
BAD = "print('the disk is full'); raise SystemExit(3)"


@pytest.fixture
def said() -> list[str]:
    return []


@pytest.fixture
async def supervisor(tmp_path: Path, said: list[str]) -> AsyncIterator[Supervisor]:
    supervisor = Supervisor(Record(tmp_path / "record.json"), said.append)
    yield supervisor
    await supervisor.stop_all(["part"], at_once=True)


@pytest.fixture
def part(tmp_path: Path) -> Callable[[str], Part]:
    async def is_ready() -> bool:
        return (tmp_path / "ready").exists()

    async def prepare() -> None:
        (tmp_path / "ready").unlink(missing_ok=True)

    def make(program: str) -> Part:
        command = Command(
            arguments=[sys.executable, "-c", program],
            log=tmp_path / "part.log",
            environment=os.environ,
            folder=tmp_path,
        )
        return Part(
            name="part", command=command, is_ready=is_ready, prepare=prepare, stop_within_s=0.2
        )

    return make


async def test_a_part_is_on_record_while_it_runs(
    supervisor: Supervisor, part: Callable[[str], Part], tmp_path: Path
) -> None:
    record = Record(tmp_path / "record.json")

    await supervisor.start(part(GOOD))
    assert record.entries()["part"].pid == supervisor.pid("part")

    await supervisor.stop_all(["part"])
    assert record.entries() == {}


async def test_a_part_that_ends_before_it_is_ready_is_an_error_with_its_last_words(
    supervisor: Supervisor, part: Callable[[str], Part]
) -> None:
    with pytest.raises(StackError, match=r"(?s)exit code 3 before it was ready.*disk is full"):
        await supervisor.start(part(BAD))


async def test_a_killed_part_stays_down_until_it_is_begun_again(
    supervisor: Supervisor, part: Callable[[str], Part], said: list[str]
) -> None:
    await supervisor.start(part(GOOD))
    watch = asyncio.create_task(supervisor.watch())

    await supervisor.kill("part")
    assert supervisor.pid("part") is None

    await supervisor.begin("part")
    assert supervisor.pid("part") is not None
    assert not [line for line in said if "ended" in line]
    watch.cancel()


async def test_a_part_that_dies_is_started_again(
    supervisor: Supervisor, part: Callable[[str], Part], said: list[str]
) -> None:
    await supervisor.start(part(GOOD))
    first = supervisor.pid("part")
    assert first
    watch = asyncio.create_task(supervisor.watch())

    os.kill(first, signal.SIGSEGV)

    async def runs_again() -> bool:
        return supervisor.pid("part") not in {None, first} and "is ready" in said[-1]

    assert await until(runs_again, within_s=60)
    assert "ended with signal SIGSEGV; starting it again in 0.5 s" in said[1]
    watch.cancel()


async def test_a_part_that_does_not_listen_is_killed(
    supervisor: Supervisor, part: Callable[[str], Part]
) -> None:
    await supervisor.start(part(STUBBORN))

    await supervisor.stop_all(["part"])

    assert supervisor.pid("part") is None


async def test_what_was_never_started_cannot_be_begun(supervisor: Supervisor) -> None:
    with pytest.raises(StackError, match="no part here"):
        await supervisor.begin("part")


async def test_a_part_has_variables_of_its_own_until_it_is_begun_again(
    supervisor: Supervisor, part: Callable[[str], Part], tmp_path: Path
) -> None:
    tell = "import os, pathlib; pathlib.Path('told').write_text(os.environ.get('TOLD', '')); "
    await supervisor.start(part(tell + GOOD))

    for variables in ({"TOLD": "once"}, {}):
        await supervisor.kill("part")
        assert supervisor.exit_code("part") == -signal.SIGKILL
        await supervisor.begin("part", variables)

        assert supervisor.exit_code("part") is None
        assert (tmp_path / "told").read_text() == variables.get("TOLD", "")

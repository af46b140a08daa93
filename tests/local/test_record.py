"""Which processes were started, and which may be ended."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.record import Entry, Record, birth, is_alive

# It hears Ctrl-C also if who runs the tests does not, as what a shell runs in the background.
LISTENS = "import signal, time; signal.signal(2, signal.default_int_handler)"
SLEEP = [sys.executable, "-c", f"{LISTENS}; print(flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(15, signal.SIG_IGN); print(flush=True); time.sleep(60)",
]


@pytest.fixture
def record(tmp_path: Path) -> Record:
    return Record(tmp_path / "record.json")


@pytest.fixture
def child() -> Iterator["subprocess.Popen[bytes]"]:
    yield from _running(SLEEP)


@pytest.fixture
def stubborn_child() -> Iterator["subprocess.Popen[bytes]"]:
    yield from _running(STUBBORN)


def _running(command: list[str]) -> Iterator["subprocess.Popen[bytes]"]:
    with subprocess.Popen(command, stdout=subprocess.PIPE) as process:  # noqa: S603 (see above)
        assert process.stdout
        process.stdout.readline()  # it has begun
        yield process
        process.kill()


def test_what_is_on_record_is_there_for_the_next_supervisor(
    record: Record, child: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    record.add("a child", child.pid)

    entries = Record(tmp_path / "record.json").entries()

    assert list(entries) == ["a child"]
    assert is_alive(entries["a child"])


def test_an_orphan_is_ended_by_its_signal(
    record: Record, child: "subprocess.Popen[bytes]"
) -> None:
    record.add("a child", child.pid, signal.SIGINT)

    assert record.end_orphans() == ["a child"]

    assert (
        child.wait(60) == -signal.SIGINT or child.returncode == 1
    )  # python turns it into an error
    assert record.entries() == {}


def test_an_orphan_that_does_not_listen_is_killed(
    record: Record, stubborn_child: "subprocess.Popen[bytes]"
) -> None:
    record.add("a child", stubborn_child.pid)

    record.end_orphans(within_s=0.1)

    assert stubborn_child.wait(60) == -signal.SIGKILL


def test_a_process_that_only_has_the_same_id_is_left_alone(
    record: Record, child: "subprocess.Popen[bytes]", tmp_path: Path
) -> None:
    text = Entry(child.pid, "another birth", signal.SIGTERM)
    (tmp_path / "record.json").write_text(
        f'{{"a child": {{"pid": {text.pid}, "birth": "{text.birth}", "stop": 15}}}}'
    )

    assert record.end_orphans() == []

    assert child.poll() is None


def test_a_process_that_has_ended_is_not_alive_even_before_anybody_asks_how(
    record: Record, child: "subprocess.Popen[bytes]"
) -> None:
    record.add("a child", child.pid)
    child.kill()
    assert child.stdout
    child.stdout.read()  # ends with the process, which is a zombie then

    assert record.end_orphans(within_s=5) == [] or birth(child.pid) is None


def test_a_process_keeps_its_birth(child: "subprocess.Popen[bytes]") -> None:
    assert birth(child.pid) == birth(child.pid) is not None


def test_a_process_differs_in_its_birth_from_an_older_one(
    child: "subprocess.Popen[bytes]",
) -> None:
    assert birth(child.pid) != birth(os.getpid())


def test_what_was_removed_is_forgotten(record: Record, child: "subprocess.Popen[bytes]") -> None:
    record.add("a child", child.pid)

    record.remove("a child")

    assert record.end_orphans() == []
    assert child.poll() is None

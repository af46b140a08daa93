"""The commands about the stack, where nothing runs or what runs is nobody's any more."""

import os
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from cli import Exit, stack
from deploy.local.broker import Broker
from deploy.local.home import PROJECT, Home
from deploy.local.process import Command, run
from deploy.local.record import Record
from tests.cli.conftest import Mailings


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "home")
    home.make()
    return home


@pytest.fixture
def orphan(home: Home) -> Iterator["subprocess.Popen[bytes]"]:
    """Give a part that runs, whose supervisor does not."""
    with subprocess.Popen(["/bin/sleep", "60"]) as process:
        Record(home.record).add("postgres", process.pid)
        yield process
        process.kill()


def test_where_nothing_runs_that_is_said(mailings: Mailings) -> None:
    assert "nothing runs here" in mailings("status").out
    assert mailings("status", "-o", "json").json == []
    assert "nothing runs here" in mailings("down").out
    assert mailings("env").code == Exit.UNAVAILABLE


@pytest.mark.usefixtures("orphan")
def test_what_nobody_looks_after_is_shown_with_a_warning(mailings: Mailings) -> None:
    result = mailings("status")

    assert "postgres  ready" in result.out
    assert "`./mailings down` ends it" in result.err


def test_what_nobody_looks_after_is_ended(
    mailings: Mailings, orphan: "subprocess.Popen[bytes]"
) -> None:
    assert "ended: postgres" in mailings("down").out
    assert orphan.wait(60) != 0


def test_a_part_that_there_is_not_is_told_with_those_that_there_are(mailings: Mailings) -> None:
    result = mailings("up", "--only", "pager")

    assert result.code == Exit.USAGE
    assert "There is no pager; there are web, admin, postgres, kafka, gateway, mail" in result.err


@pytest.mark.parametrize(
    ("options", "missing"),
    [
        ((), "postgres and kafka"),
        (("--only", "kafka"), "postgres"),
        (("--kafka", "h:1"), "postgres"),
    ],
)
def test_services_do_not_start_without_their_stores(
    mailings: Mailings, options: tuple[str, ...], missing: str
) -> None:
    result = mailings("up", "--only", "catalog", *options)

    assert result.code == Exit.USAGE
    assert f"Services need {missing}:" in result.err


def test_only_statistics_can_be_rebuilt(mailings: Mailings) -> None:
    assert mailings("rebuild", "clients").code == Exit.USAGE


def test_settings_of_the_file_reach_services_but_not_the_addresses_of_another_stack(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = (
        *("CATALOG_RELAY_LEASE=8s", "STATS_HTTP_DRAIN=8s", "CATALOG_DATABASE_URL=", "OTHER=1"),
        *("DISPATCHER_HTTP_GATEWAY_URL=http://gateway/", "KAFKA_SERVERS=elsewhere:9092"),
    )
    (tmp_path / ".env").write_text("\n".join(lines))
    monkeypatch.setattr(stack, "PROJECT", tmp_path)
    monkeypatch.setenv("STATS_HTTP_DRAIN", "9s")

    assert stack.settings() == {
        "CATALOG_RELAY_LEASE": "8s",
        "DISPATCHER_HTTP_GATEWAY_URL": "http://gateway/",
        "STATS_HTTP_DRAIN": "9s",
    }


def command_lines() -> str:
    """Return what everybody sees of all processes."""
    found = []
    for path in Path("/proc").glob("[0-9]*/cmdline"):
        with suppress(OSError):  # it has ended
            found.append(path.read_text())
    return "\n".join(found)


@pytest.mark.parametrize(
    ("options", "is_detached"), [(("--postgres={}",), False), (("--postgres", "{}"), True)]
)
def test_a_password_stands_in_no_list_of_processes(
    home: Home, options: tuple[str, ...], *, is_detached: bool
) -> None:
    secret = f"secret{home.path.stat().st_ino}"
    address = f"postgresql://someone:{secret}@127.0.0.1:1/postgres"
    detach = ["--detach"] if is_detached else []
    given = [option.format(address) for option in options]
    environment = {**os.environ, "MAILINGS_HOME": str(home.path), "PYTHONPATH": str(PROJECT)}
    command = [sys.executable, "-P", "-m", "cli"]
    starting = subprocess.Popen(  # noqa: S603 - ourselves
        [*command, "up", "--only", "gateway", *given, *detach],
        env=environment,
        cwd=PROJECT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        end = time.monotonic() + 60
        while not home.env.exists() and time.monotonic() < end:
            time.sleep(0.1)
        seen = command_lines()
    finally:
        subprocess.run([*command, "down"], env=environment, cwd=PROJECT, check=True)  # noqa: S603
        starting.wait(30)

    assert "deploy.local.gateway" in seen
    assert secret not in seen


def test_what_a_stack_keeps_is_for_its_owner_alone(home: Home) -> None:
    (home.data / "messages.log").touch(mode=0o644)
    home.make()
    home.write_addresses({"CATALOG_DATABASE_URL": "postgresql://someone:secret@host/catalog"})

    assert mode(home.env) == 0o600
    assert mode(home.env.parent) == mode(home.logs) == 0o700
    assert mode(home.data) == 0o711  # PostgreSQL may run as another user
    assert mode(home.data / "messages.log") == 0o600


async def test_what_a_part_writes_is_for_its_owner_alone(home: Home) -> None:
    script = "import os; os.mkdir('made'); open('made/log', 'w').close()"
    await run(
        "test",
        Command(
            arguments=[sys.executable, "-c", script],
            log=home.log("test"),
            environment={},
            folder=home.data,
        ),
    )

    assert mode(home.data / "made") == 0o700
    assert mode(home.data / "made" / "log") == 0o600


async def test_what_kafka_has_kept_is_closed_when_it_starts_again(home: Home) -> None:
    (home.data / "kafka").mkdir(mode=0o755)
    broker = Broker(
        java=Path("java"), jars=(), data=home.data, port=1, controller=2, log=home.log("kafka")
    )

    prepare = broker.part().prepare
    assert prepare is not None
    await prepare()

    assert mode(home.data / "kafka") == 0o700


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)

"""The commands about the stack, where nothing runs or what runs is nobody's any more."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from cli import Exit, stack
from deploy.local.home import Home
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
    assert orphan.wait(5) != 0


def test_a_part_that_there_is_not_is_told_with_those_that_there_are(mailings: Mailings) -> None:
    result = mailings("up", "--only", "web")

    assert result.code == Exit.USAGE
    assert "There is no web; there are postgres, kafka, gateway, catalog" in result.err


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

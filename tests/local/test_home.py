"""The folder of a stack."""

import subprocess
from pathlib import Path

import pytest

from deploy.local.errors import AlreadyRunning
from deploy.local.home import LOG_KEPT_BYTES, Home


@pytest.fixture
def home(tmp_path: Path) -> Home:
    home = Home(tmp_path / "with spaces, and ümlauts")
    home.make()
    return home


def test_a_home_has_one_supervisor_at_a_time(home: Home) -> None:
    with home.lock(), pytest.raises(AlreadyRunning, match="already running"):
        home.lock()


def test_a_home_is_free_again_when_its_supervisor_is_gone(home: Home) -> None:
    home.lock().close()

    home.lock().close()


def test_addresses_are_read_as_they_were_told(home: Home) -> None:
    addresses = {"CATALOG_URL": "http://127.0.0.1:8001", "ODD": "a 'b' $c"}

    home.write_addresses(addresses)

    assert home.addresses() == addresses


def test_a_shell_reads_addresses_as_they_were_told(home: Home) -> None:
    home.write_addresses({"ODD": "a 'b' $c"})

    said = subprocess.run(  # noqa: S603 (a path that the test made)
        ["/bin/sh", "-c", '. "$0"; printf %s "$ODD"', str(home.env)],
        capture_output=True,
        text=True,
        check=True,
    )

    assert said.stdout == "a 'b' $c"


def test_a_long_log_moves_aside(home: Home) -> None:
    log = home.log("catalog")
    log.write_bytes(bytes(LOG_KEPT_BYTES + 1))

    home.log("catalog")

    assert not log.exists()
    assert log.with_suffix(".log.old").exists()

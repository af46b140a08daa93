"""Whom PostgreSQL runs as, and where that account can go."""

from pathlib import Path

import pytest

from deploy.local.account import Account, can_enter, sweep, unprivileged
from deploy.local.home import Home

STRANGER = Account(user=65_533, group=65_533)


@pytest.fixture
def folder() -> Path:
    return Path("/usr/bin")  # open to everybody, unlike the folders that pytest makes


def test_a_stranger_enters_what_is_open(folder: Path) -> None:
    assert can_enter(folder, STRANGER)


def test_a_stranger_does_not_enter_what_lies_below_a_closed_folder(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    (closed / "open").mkdir(mode=0o755)

    assert not can_enter(closed / "open", STRANGER)
    assert not can_enter(closed / "not made yet", STRANGER)


def test_we_ourselves_go_anywhere(tmp_path: Path) -> None:
    assert can_enter(tmp_path, None)


def test_root_becomes_somebody_else(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 0)

    account = unprivileged()

    assert account
    assert account.user != 0


def test_others_stay_who_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("os.geteuid", lambda: 1000)

    assert unprivileged() is None


def test_what_lies_outside_is_swept_away_with_its_home(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("deploy.local.account.OUTSIDE", tmp_path)
    kept, gone = tmp_path / "mailings-kept", tmp_path / "mailings-gone"
    for folder, home in ((kept, Home(tmp_path)), (gone, Home(tmp_path / "gone"))):
        folder.mkdir()
        (folder / "home").write_text(str(home.path))

    sweep()

    assert kept.exists()
    assert not gone.exists()

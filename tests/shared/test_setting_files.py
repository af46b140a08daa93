"""Settings come from files of secrets too: each in a file of its own, in a folder."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from services.catalog.settings import Settings
from services.dispatcher.settings import Settings as DispatcherSettings
from shared.settings import DatabaseSettings, read

ROOT = Path(__file__).parents[2]
URL = "postgresql://catalog:secret@postgres/catalog"


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.chdir(tmp_path)  # where no `.env` of a developer is
    for name in [*os.environ]:
        if name.startswith(("CATALOG_", "DISPATCHER_", "KAFKA_", "LOG_")):
            monkeypatch.delenv(name)
    folder = tmp_path / "secrets"
    folder.mkdir()
    (folder / "CATALOG_DATABASE_URL").write_text(f"{URL}\n")
    monkeypatch.setenv("SECRETS_DIR", str(folder))
    monkeypatch.setenv("KAFKA_SERVERS", "kafka")
    return folder


def refusal(capsys: pytest.CaptureFixture[str]) -> str:
    with pytest.raises(SystemExit) as refused:
        read(Settings)
    assert refused.value.code == 2
    return capsys.readouterr().err


def test_a_file_that_is_called_as_a_setting_is_its_value(secrets: Path) -> None:
    (secrets / "CATALOG_HTTP_PORT").write_text("9001\n")

    settings = read(Settings)

    assert (str(settings.database_url), settings.http_port) == (URL, 9001)


def test_a_token_is_a_file_as_well_and_its_last_line_break_no_part_of_it(secrets: Path) -> None:
    (secrets / "DISPATCHER_DATABASE_URL").write_text(URL)
    (secrets / "DISPATCHER_HTTP_GATEWAY_TOKEN").write_text("abc\n")

    token = read(DispatcherSettings).http_gateway_token

    assert token is not None
    assert token.get_secret_value() == "abc"


@pytest.mark.parametrize("is_in_file", [False, True])
def test_what_is_in_the_environment_or_in_the_file_of_settings_wins(
    secrets: Path, monkeypatch: pytest.MonkeyPatch, *, is_in_file: bool
) -> None:
    other = "postgresql://catalog@elsewhere/catalog"
    if is_in_file:
        Path(".env").write_text(f"CATALOG_DATABASE_URL={other}\n")
    else:
        monkeypatch.setenv("CATALOG_DATABASE_URL", other)

    assert secrets.exists()
    assert str(read(Settings).database_url) == other


def test_the_folder_may_be_named_in_the_file_of_settings(
    secrets: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("SECRETS_DIR")
    Path(".env").write_text(f"SECRETS_DIR={secrets}\n")

    settings = read(Settings)

    assert (str(settings.database_url), settings.secrets_dir) == (URL, secrets)


def test_jobs_read_the_same_files(secrets: Path) -> None:
    assert secrets.exists()
    assert str(read(DatabaseSettings, "CATALOG_").database_url) == URL


def test_files_are_read_as_kubernetes_lays_them_down(secrets: Path) -> None:
    (secrets / "..2026").mkdir()
    (secrets / "CATALOG_DATABASE_URL").rename(secrets / "..2026" / "CATALOG_DATABASE_URL")
    (secrets / "..data").symlink_to("..2026")
    (secrets / "CATALOG_DATABASE_URL").symlink_to("..data/CATALOG_DATABASE_URL")

    assert str(read(Settings).database_url) == URL


def test_a_misspelled_file_is_refused(secrets: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (secrets / "CATALOG_DATABASE_ULR").write_text(URL)

    said = refusal(capsys)

    meant = "; CATALOG_DATABASE_URL is meant?"
    assert said == f"CATALOG_DATABASE_ULR: there is no such setting{meant}\n"


def test_a_folder_that_is_not_there_is_refused(
    secrets: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SECRETS_DIR", str(secrets / "other"))

    assert refusal(capsys) == "SECRETS_DIR: there is no such folder\n"


def test_a_secret_that_is_no_text_is_refused_by_its_name(
    secrets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (secrets / "CATALOG_DATABASE_URL").write_bytes(b"\xff")

    said = refusal(capsys)

    assert said == "SECRETS_DIR/CATALOG_DATABASE_URL: it cannot be read as UTF-8 text\n"


def test_what_is_wrong_in_a_file_is_told_without_its_value(
    secrets: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (secrets / "CATALOG_DATABASE_URL").write_text("postgresql://c:secret@host:port/c")

    said = refusal(capsys)

    assert said.startswith("CATALOG_DATABASE_URL: ")
    assert "secret@" not in said


def test_the_migrations_take_their_addresses_from_files(secrets: Path) -> None:
    (secrets / "CATALOG_DATABASE_URL").write_text("postgresql://c:secret@127.0.0.1:1/c")

    done = subprocess.run(
        [sys.executable, "-m", "shared.migrate", "catalog"],
        cwd=secrets,
        env={"PATH": "", "PYTHONPATH": str(ROOT), "SECRETS_DIR": str(secrets)},
        capture_output=True,
        text=True,
        check=False,
        timeout=60,
    )

    assert done.stderr.startswith("PostgreSQL of catalog cannot be reached: ")
    assert "secret@" not in done.stderr

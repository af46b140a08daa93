"""The secrets of a stack on one machine are made once, and each reader sees its own."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from deploy.env_example import SERVICES
from deploy.passwords import make

ROOT = Path(__file__).parents[2]


def files(folder: Path) -> dict[str, str]:
    found = (path for path in folder.rglob("*") if path.is_file())
    return {str(path.relative_to(folder)): path.read_text() for path in found}


def test_each_reader_gets_what_it_needs_and_no_more(tmp_path: Path) -> None:
    make(tmp_path, SERVICES)

    urls = {name: f"{name.upper()}_DATABASE_URL" for name in SERVICES}
    assert set(files(tmp_path)) == {
        "postgres/POSTGRES_PASSWORD",
        *(f"postgres/{name}" for name in SERVICES),
        *(f"{name}/{url}" for name, url in urls.items()),
        *(f"migrate/{url}" for url in urls.values()),
        "catalog/CATALOG_CONTACT_KEYS",
        "catalog/UNSUBSCRIBE_KEYS",
        "dispatcher/UNSUBSCRIBE_KEYS",
    }
    assert len({path.read_text() for path in tmp_path.glob("*/UNSUBSCRIBE_KEYS")}) == 1


def test_an_address_has_the_account_and_the_password_of_its_service(tmp_path: Path) -> None:
    make(tmp_path, SERVICES)

    found = files(tmp_path)
    for name in SERVICES:
        password = found[f"postgres/{name}"]
        url = f"postgresql://{name}:{password}@postgres:5432/{name}"
        assert found[f"{name}/{name.upper()}_DATABASE_URL"] == url
        assert found[f"migrate/{name.upper()}_DATABASE_URL"] == url


def test_no_two_passwords_are_the_same_and_none_can_be_guessed(tmp_path: Path) -> None:
    for each in ("one", "two"):
        make(tmp_path / each, SERVICES)

    passwords = [path.read_text() for path in tmp_path.glob("*/postgres/*")]
    assert len(set(passwords)) == len(passwords) == 2 * (len(SERVICES) + 1)
    assert all(re.fullmatch(r"[\w-]{43}", each) for each in passwords)


def test_what_is_there_stays(tmp_path: Path) -> None:
    make(tmp_path, SERVICES, "abc")
    before = files(tmp_path)

    make(tmp_path, SERVICES, "abc")

    assert files(tmp_path) == before


@pytest.mark.parametrize("left", range(17))
def test_what_a_start_that_was_cut_off_has_left_is_completed(tmp_path: Path, left: int) -> None:
    make(tmp_path, SERVICES, "abc")
    whole = files(tmp_path)
    paths = sorted(path for path in tmp_path.rglob("*") if path.is_file())
    paths.sort(key=lambda path: path.parent.name != "postgres")  # passwords are made first
    for path in paths[left:]:
        path.unlink()
    (tmp_path / "postgres" / ".catalog").write_text("hal")
    (tmp_path / "postgres" / ".catalog").chmod(0o444)

    make(tmp_path, SERVICES, "abc")

    found = files(tmp_path)
    assert set(found) - {"postgres/.catalog"} == set(whole)
    for name in SERVICES:
        assert found[f"postgres/{name}"] in found[f"{name}/{name.upper()}_DATABASE_URL"]


def test_the_gateways_secrets_are_the_dispatchers_alone_and_go_when_they_are_taken_away(
    tmp_path: Path,
) -> None:
    make(tmp_path, SERVICES, "abc", "def")
    assert {name: text for name, text in files(tmp_path).items() if text in {"abc", "def"}} == {
        "dispatcher/DISPATCHER_HTTP_GATEWAY_TOKEN": "abc",
        "dispatcher/DISPATCHER_SMTP_GATEWAY_PASSWORD": "def",
    }

    make(tmp_path, SERVICES)

    assert not {"abc", "def"} & set(files(tmp_path).values())


def test_the_token_of_the_apis_is_that_of_each_service_and_goes_when_it_is_taken_away(
    tmp_path: Path,
) -> None:
    make(tmp_path, SERVICES, "", "", "ghi")
    assert {name for name, text in files(tmp_path).items() if text == "ghi"} == {
        f"{name}/{name.upper()}_API_TOKEN" for name in SERVICES
    }

    make(tmp_path, SERVICES)

    assert "ghi" not in files(tmp_path).values()


def test_the_files_cannot_be_written_and_other_accounts_can_read_them(tmp_path: Path) -> None:
    make(tmp_path, SERVICES)

    modes = {path.stat().st_mode & 0o777 for path in tmp_path.rglob("*") if path.is_file()}
    assert modes == {0o444}


@pytest.mark.parametrize("token", ["", "abc\n"])
@pytest.mark.parametrize(
    ("option", "file"),
    [
        ("--token", "dispatcher/DISPATCHER_HTTP_GATEWAY_TOKEN"),
        ("--smtp-password", "dispatcher/DISPATCHER_SMTP_GATEWAY_PASSWORD"),
        ("--api-token", "stats/STATS_API_TOKEN"),
    ],
)
def test_the_command_takes_a_secret_from_a_file_and_shows_none(
    tmp_path: Path, option: str, file: str, token: str
) -> None:
    (tmp_path / "token").write_text(token)
    folder = tmp_path / "secrets"

    done = subprocess.run(  # noqa: S603 - a module of ours
        [
            *(sys.executable, "-m", "deploy.passwords", str(folder)),
            *(option, str(tmp_path / "token"), "--services", *SERVICES),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.stdout, done.stderr, done.returncode) == ("secrets: all are there\n", "", 0)
    given = folder / file
    assert (given.read_text() if given.exists() else "") == token.strip()


def test_a_token_that_cannot_be_read_ends_the_command(tmp_path: Path) -> None:
    done = subprocess.run(  # noqa: S603 - a module of ours
        [
            *(sys.executable, "-m", "deploy.passwords", str(tmp_path)),
            *("--token", str(tmp_path / "none"), "--services", *SERVICES),
        ],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.startswith("mailings secrets: ")
    assert files(tmp_path) == {}
